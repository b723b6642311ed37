package cli_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
)

func (f *fake) PublishNative(_ context.Context, req *ingestv1.PublishNativeRequest) (*ingestv1.PublishNativeResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.away > 0 {
		f.away--
		return nil, status.Error(codes.Unavailable, "the bus is away")
	}
	f.native = append(f.native, req)
	return &ingestv1.PublishNativeResponse{Events: uint32(strings.Count(string(req.GetBody()), "\n"))}, nil
}

func (f *fake) RehearseNative(context.Context, *ingestv1.RehearseNativeRequest) (*ingestv1.RehearseNativeResponse, error) {
	return f.rehearse, nil
}

func (f *fake) ListFormats(context.Context, *ingestv1.ListFormatsRequest) (*ingestv1.ListFormatsResponse, error) {
	return &ingestv1.ListFormatsResponse{Formats: []*ingestv1.NativeFormat{{Name: "asterisk-queue-log", Title: "Asterisk queue_log"}, {Name: "zendesk", Title: "Zendesk webhooks", Signed: true}}}, nil
}

// bodies returns all lines delivered.
func (f *fake) bodies() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var b strings.Builder
	for _, req := range f.native {
		b.Write(req.GetBody())
	}
	return b.String()
}

func appendTo(t *testing.T, name, text string) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = f.WriteString(text)
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestTailGoesOn: each line once, over two runs, an incomplete line, a Touchstone that was away and a rotated file.
func TestTailGoesOn(t *testing.T) {
	f := &fake{away: 1}
	run := f.run(t)
	file := filepath.Join(t.TempDir(), "queue_log")
	tail := func(more ...string) string {
		t.Helper()
		out, _, err := run(append([]string{"tail", file, "-o", "acme", "--source", "pbx", "--once"}, more...)...)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	appendTo(t, file, "one\ntwo\nthr")
	if out := tail(); !strings.Contains(out, "2 events of source pbx") || !strings.Contains(out, "line 2") {
		t.Error(out)
	}
	appendTo(t, file, "ee\n")
	tail()
	if got := f.bodies(); got != "one\ntwo\nthree\n" {
		t.Errorf("%q", got)
	}
	if err := os.Rename(file, file+".1"); err != nil {
		t.Fatal(err)
	}
	appendTo(t, file, "four\n")
	tail()
	if got := f.bodies(); got != "one\ntwo\nthree\nfour\n" {
		t.Errorf("%q", got)
	}
	tail("--again")
	if got := f.bodies(); got != "one\ntwo\nthree\nfour\nfour\n" {
		t.Errorf("%q", got)
	}
}

// TestTailFollowsRotation: while it runs, the file is moved away and another begins; the last line of the old one counts too.
func TestTailFollowsRotation(t *testing.T) {
	f := &fake{}
	f.run(t)
	file := filepath.Join(t.TempDir(), "queue_log")
	appendTo(t, file, "one\n")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, _, err := command(ctx, "", "tail", file, "--server", f.address, "-o", "acme", "--source", "pbx")
		ended <- err
	}()
	await := func(want string) {
		t.Helper()
		for limit := time.Now().Add(20 * time.Second); f.bodies() != want; time.Sleep(20 * time.Millisecond) {
			if time.Now().After(limit) {
				t.Fatalf("%q, want %q", f.bodies(), want)
			}
		}
	}
	await("one\n")
	appendTo(t, file, "two\n")
	if err := os.Rename(file, file+".1"); err != nil {
		t.Fatal(err)
	}
	appendTo(t, file, "three\n")
	await("one\ntwo\nthree\n")
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestRehearsalFitsAScreen(t *testing.T) {
	f := &fake{rehearse: &ingestv1.RehearseNativeResponse{Events: 40, Open: 2, Ignored: map[string]uint32{"PAUSE": 7, "ADDMEMBER": 9}}}
	call := &factv1.Fact{Content: &factv1.Fact_Interaction{Interaction: &factv1.Interaction{Touchpoint: "help_line", Outcome: "answered"}}}
	for range 30 {
		f.rehearse.Records = append(f.rehearse.Records, &ingestv1.RehearsedRecord{Id: "1", Summary: "a call", Fact: call})
	}
	for i := range 500 {
		f.rehearse.Problems = append(f.rehearse.Problems, &ingestv1.NativeProblem{Line: uint32(i + 1), Message: "The line has " + strings.Repeat("x", i%15) + " fields.", Remedy: "Send whole lines."})
	}
	f.rehearse.Records = append(f.rehearse.Records, &ingestv1.RehearsedRecord{Id: "2", Summary: "a call to sales", Refusal: &ingestv1.Refusal{Message: "There is no rule for sales.", Remedy: "Add one."}})
	run := f.run(t)
	file := filepath.Join(t.TempDir(), "log")
	appendTo(t, file, "x\n")
	out, _, err := run("rehearse", "asterisk-queue-log", file, "-o", "acme", "--source", "pbx")
	if err == nil || !strings.Contains(err.Error(), "501") {
		t.Errorf("%v", err)
	}
	if n := strings.Count(out, "\n"); n > 45 {
		t.Errorf("%d lines are more than a screen", n)
	}
	for _, want := range []string{"nothing was stored", "30  answered  help_line", "Send whole lines.", "more kinds", "2 calls of which nothing", "9 ADDMEMBER, 7 PAUSE"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
}

func TestFormatsAreListed(t *testing.T) {
	out, _, err := (&fake{}).run(t)("formats")
	if err != nil || !strings.Contains(out, "zendesk") || !strings.Contains(out, "yes") {
		t.Errorf("%v %s", err, out)
	}
}
