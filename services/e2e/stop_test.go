package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	adminv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/admin/v1"
	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/e2e/instance"
	"github.com/touchstone-cx/touchstone/services/e2e/traffic"
)

// life returns n deliveries.
func life(n int, seed uint64) []*factv1.Fact {
	l := traffic.NewLife(seed, 0, time.Now())
	l.Settled = true
	facts := make([]*factv1.Fact, n)
	for i := range facts {
		facts[i] = l.Next()
	}
	return facts
}

// SIGTERM ends it cleanly and soon, also while somebody watches and publishes; started again it goes on where it was.
func TestStopsAndGoesOn(t *testing.T) {
	i := started(t)
	c := i.Clients()
	apply(t, c.Maps, traffic.Map("acme"))
	publish(t, c.Ingest, "acme", "pbx", life(2000, 1)...)
	before := verified(t, c.Admin)
	if _, err := c.Scores.WatchScores(t.Context(), &scorev1.WatchScoresRequest{Refs: []*scorev1.ScoreRef{ref("acme", "wait.mean", "")}}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Ingest.PublishStream(t.Context()); err != nil {
		t.Fatal(err)
	}
	for round := range 2 {
		began := time.Now()
		code, err := i.Terminate(10 * time.Second)
		if err != nil || code != 0 {
			t.Fatalf("SIGTERM: it ended with %d after %s: %v", code, time.Since(began), err)
		}
		t.Logf("round %d: stopped after %s", round, time.Since(began).Round(time.Millisecond))
		began = time.Now()
		begin(t, i)
		t.Logf("round %d: ready again after %s", round, time.Since(began).Round(time.Millisecond))
		if after := verified(t, c.Admin); after.GetLiveHash() != before.GetLiveHash() || after.GetPosition() != before.GetPosition() {
			t.Errorf("before %v, after %v", before, after)
		}
	}
}

// An import that is killed in the middle goes on where it was, and counts every row once.
func TestImportGoesOn(t *testing.T) {
	i := started(t)
	dir := t.TempDir()
	apply(t, i.Clients().Maps, traffic.Map("acme"))
	const rows = 150_000
	var b bytes.Buffer
	b.WriteString("call,at,seconds\n")
	for n := range rows {
		fmt.Fprintf(&b, "c%d,2026-03-%02d 10:%02d:%02d,%d\n", n, 1+n%28, n/60%60, n%60, n%300)
	}
	file, mapping := filepath.Join(dir, "calls.csv"), filepath.Join(dir, "mapping.yaml")
	write(t, file, b.String())
	write(t, mapping, `organisation: acme
source: csv
format: csv
zone: UTC
facts:
  - interaction:
      id: "{call}"
      occurred_at: {format: "2006-01-02 15:04:05", value: "{at}"}
      touchpoint: call
      metrics:
        - metric: wait
          value: {column: seconds}
`)
	interrupt(t, i, rows/5, syscall.SIGKILL, "import", file, "--mapping", mapping)
	interrupt(t, i, rows/2, syscall.SIGINT, "import", file, "--mapping", mapping)
	stood := settled(t, i.Clients().Admin).GetFacts()
	r := command(t, i, "import", file, "--mapping", mapping)
	if r.Code != 0 {
		t.Fatalf("the third import ended with %d: %s", r.Code, r.Err)
	}
	if stood < rows && !strings.Contains(r.Err, "going on after row") {
		t.Errorf("the third import began anew:\n%s", r.Err)
	}
	if st := settled(t, i.Clients().Admin); st.GetFacts() != rows {
		t.Errorf("%d facts, want %d", st.GetFacts(), rows)
	}
	s, err := i.Clients().Scores.GetScore(t.Context(), &scorev1.GetScoreRequest{Ref: &scorev1.ScoreRef{Organisation: "acme", Score: "wait.mean", Window: scorev1.Window_WINDOW_ALL}})
	if err != nil {
		t.Fatal(err)
	}
	if s.GetScore().GetN() != rows || !near(s.GetScore().GetValue(), 149.5) {
		t.Errorf("mean wait %v of %d, want 149.5 of %d", s.GetScore().GetValue(), s.GetScore().GetN(), rows)
	}
	if r := command(t, i, "import", file, "--mapping", mapping); r.Code != 0 || !contains(r.Out, "nothing to do") {
		t.Errorf("a fourth import ended with %d: %s%s", r.Code, r.Out, r.Err)
	}
}

// interrupt runs a command until so many facts are counted, and ends it by a signal.
func interrupt(t *testing.T, i *instance.Instance, facts uint64, sig syscall.Signal, args ...string) {
	t.Helper()
	c := i.Command(t.Context(), args...)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	for until := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		st, err := i.Clients().Admin.GetStatus(t.Context(), &adminv1.GetStatusRequest{})
		if err == nil && st.GetFacts() > facts {
			break
		}
		if time.Now().After(until) {
			t.Fatalf("the import does not come forward: %v, %v", st, err)
		}
	}
	if err := c.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err == nil {
		t.Logf("the import was done before %s", sig)
	}
}

func write(t *testing.T, file, content string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
