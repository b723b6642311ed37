package channel_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/touchstone-cx/touchstone/services/internal/fault"
	"github.com/touchstone-cx/touchstone/services/survey/channel"
)

func TestID(t *testing.T) {
	if got := channel.ID([16]byte{0xab, 15: 1}, 1); got != "ab000000000000000000000000000001-1" {
		t.Error(got)
	}
}

func TestBackoff(t *testing.T) {
	b := channel.Backoff{First: time.Minute, Most: 10 * time.Minute, Attempts: 6}
	for attempt, want := range []time.Duration{time.Minute, time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 10 * time.Minute, 10 * time.Minute} {
		if got := b.Delay(attempt); got != want {
			t.Errorf("attempt %d: %s, want %s", attempt, got, want)
		}
	}
	put := channel.Later("x")
	put.After = time.Hour
	for name, c := range map[string]struct {
		attempt int
		err     error
		delay   time.Duration
		again   bool
	}{
		"again":        {1, channel.Later("x"), time.Minute, true},
		"any error":    {2, errors.New("x"), 2 * time.Minute, true},
		"as asked":     {2, put, time.Hour, true},
		"permanent":    {1, channel.Refused("x"), 0, false},
		"wrapped":      {1, fmt.Errorf("y: %w", channel.Refused("x")), 0, false},
		"the last":     {6, channel.Later("x"), 0, false},
		"but one":      {5, channel.Later("x"), 10 * time.Minute, true},
		"beyond count": {7, put, 0, false},
	} {
		if delay, again := b.Next(c.attempt, c.err); delay != c.delay || again != c.again {
			t.Errorf("%s: %s, %t", name, delay, again)
		}
	}
}

// Delays never fall, never exceed the most and never overflow.
func TestBackoffHolds(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		first := rapid.Int64Range(1, 1<<62).Draw(rt, "first")
		b := channel.Backoff{First: time.Duration(first), Most: time.Duration(rapid.Int64Range(first, 1<<63-1).Draw(rt, "most")), Attempts: 1000}
		last := time.Duration(0)
		for attempt := 1; attempt < 100; attempt++ {
			d := b.Delay(attempt)
			if d < last || d < b.First || d > b.Most {
				rt.Fatalf("attempt %d: %d after %d", attempt, d, last)
			}
			last = d
		}
		if last != b.Most {
			rt.Fatalf("it ends at %d", last)
		}
	})
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 25, 14, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, " 90 ": 90 * time.Second, "0": 0, "-5": 0, "1.5": 0, "soon": 0, "99999999999999999": 24 * time.Hour, "18446744073709551616": 0,
		"Wed, 25 Nov 2026 14:02:00 GMT": 2 * time.Minute, "Wed, 25 Nov 2026 13:02:00 GMT": 0, "Wed, 25 Nov 2099 14:02:00 GMT": 24 * time.Hour,
	} {
		if got := channel.RetryAfter(http.Header{"Retry-After": {text}}, now); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

// An error of the network says why in words of ours: those of the library name hosts and paths.
func TestUnreachable(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	wrap := func(err error) error { return &url.Error{Op: "Post", URL: "https://secret.example/AC1", Err: err} }
	for name, c := range map[string]struct {
		ctx  context.Context
		err  error
		want string
	}{
		"name":        {t.Context(), &net.DNSError{Name: "secret.example"}, "its name is not known"},
		"refused":     {t.Context(), &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, "it refuses connections"},
		"timeout":     {t.Context(), os.ErrDeadlineExceeded, "no answer in time"},
		"certificate": {t.Context(), x509.UnknownAuthorityError{}, "not trusted"},
		"host":        {t.Context(), x509.HostnameError{Host: "secret.example", Certificate: &x509.Certificate{}}, "not trusted"},
		"other":       {t.Context(), errors.New("secret.example broke"), "the connection broke"},
		"cancelled":   {ended, errors.New("secret.example broke"), "broken off"},
	} {
		err := channel.Unreachable(c.ctx, "It", wrap(c.err))
		if !strings.Contains(err.Error(), c.want) || strings.Contains(fmt.Sprintf("%+v", err), "secret") || channel.Permanent(err) {
			t.Errorf("%s: %+v", name, err)
		}
	}
	if err := channel.Unreachable(ended, "It", errors.New("x")); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestReadSecret(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	if got, err := channel.ReadSecret("f", write("good", " s3cret\n")); err != nil || got != "s3cret" {
		t.Errorf("%q, %v", got, err)
	}
	for name, path := range map[string]string{"none": "", "missing": filepath.Join(dir, "missing"), "empty": write("empty", " \n"), "folder": dir} {
		if _, err := channel.ReadSecret("f", path); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestProviderID(t *testing.T) {
	for in, want := range map[string]string{"SM1": "SM1", "": "", "a b": "", "a\nb": "", "é": "", strings.Repeat("a", 129): "", "<x@y>": "<x@y>"} {
		if got := channel.ProviderID(in); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}

func TestLoopback(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "LOCALHOST": true, "127.0.0.1": true, "127.9.9.9": true, "::1": true, "[::1]": true, "::ffff:127.0.0.1": true,
		"": false, "0.0.0.0": false, "10.0.0.1": false, "localhost.example": false, "127.0.0.1.example": false, "2130706433": false,
	} {
		if got := channel.Loopback(host); got != want {
			t.Errorf("%q: %t", host, got)
		}
	}
}
