package outbox_test

import (
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/touchstone-cx/touchstone/services/survey/channel"
	"github.com/touchstone-cx/touchstone/services/survey/channel/channeltest"
	"github.com/touchstone-cx/touchstone/services/survey/channel/outbox"
	"github.com/touchstone-cx/touchstone/services/survey/gate"
)

func TestConforms(t *testing.T) {
	for _, medium := range []gate.Medium{gate.Email, gate.SMS, gate.Webhook, gate.Link} {
		t.Run(medium.String(), func(t *testing.T) {
			channeltest.Exercise(t, func(t *testing.T) channeltest.Fixture { return start(t, medium) })
		})
	}
}

func start(t *testing.T, medium gate.Medium) channeltest.Fixture {
	dir := filepath.Join(t.TempDir(), "outbox")
	c, err := outbox.New(outbox.Config{Dir: dir}, medium, "surveys@example.org", ticking())
	if err != nil {
		t.Fatal(err)
	}
	return channeltest.Fixture{
		Channel: c,
		Can:     []channeltest.Answer{channeltest.PutOff, channeltest.Down},
		Set: func(a channeltest.Answer) {
			err := os.RemoveAll(dir)
			if a == channeltest.Accept {
				err = os.Mkdir(dir, 0o700)
			}
			if err != nil {
				t.Fatal(err)
			}
		},
		Received: func() []channeltest.Received { return received(t, dir) },
		Secrets:  []string{dir},
		Stop:     func() {},
	}
}

// ticking is a clock that is never twice at the same millisecond, so that names sort by it.
func ticking() func() time.Time {
	tick := make(chan time.Time, 1)
	tick <- time.Date(2026, 11, 25, 14, 0, 0, 0, time.UTC)
	return func() time.Time {
		now := <-tick
		tick <- now.Add(time.Millisecond)
		return now
	}
}

func received(t *testing.T, dir string) (all []channeltest.Received) {
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(files)
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		x := channeltest.Received{ID: strings.TrimSuffix(regexp.MustCompile(`^\d{8}T\d{6}\.\d{3}Z-`).ReplaceAllString(filepath.Base(file), ""), filepath.Ext(file)), Text: string(data)}
		if filepath.Ext(file) == ".eml" {
			x.To, x.Text = eml(t, string(data))
		}
		all = append(all, x)
	}
	return all
}

func eml(t *testing.T, data string) (to, text string) {
	m, err := mail.ReadMessage(strings.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	addresses, err := m.Header.AddressList("To")
	if err != nil || len(addresses) != 1 || m.Header.Get("Bcc") != "" {
		t.Fatalf("%v, %v", addresses, err)
	}
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	part, err := multipart.NewReader(m.Body, params["boundary"]).NextRawPart()
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(quotedprintable.NewReader(part))
	if err != nil {
		t.Fatal(err)
	}
	return addresses[0].Address, string(body)
}

func TestFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "outbox")
	at := time.Date(2026, 11, 25, 14, 3, 9, 7e6, time.UTC)
	for medium, extension := range map[gate.Medium]string{gate.Email: ".eml", gate.SMS: ".txt", gate.Webhook: ".txt", gate.Link: ".txt"} {
		c, err := outbox.New(outbox.Config{Dir: dir}, medium, "surveys@example.org", func() time.Time { return at })
		if err != nil {
			t.Fatal(err)
		}
		m := channeltest.Message(medium, int(medium))
		r, err := c.Send(t.Context(), m)
		want := "20261125T140309.007Z-" + m.ID + extension
		if err != nil || !r.Delivered || r.ProviderID != want {
			t.Errorf("%s: %+v, %v", medium, r, err)
		}
		info, err := os.Stat(filepath.Join(dir, want))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", medium, info, err)
		}
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder: %v, %v", info, err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestRefusesSettings(t *testing.T) {
	if _, err := outbox.New(outbox.Config{}, gate.SMS, "surveys@example.org", time.Now); err == nil {
		t.Error("no folder is none")
	}
	if _, err := outbox.New(outbox.Config{Dir: t.TempDir()}, gate.Email, "Surveys", time.Now); err == nil {
		t.Error("a sender without an address")
	}
}

var _ channel.Channel = (*outbox.Channel)(nil)
