package ingest

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	"github.com/touchstone-cx/touchstone/services/internal/bus"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
	"github.com/touchstone-cx/touchstone/services/internal/fold"
	"github.com/touchstone-cx/touchstone/services/internal/fold/memstore"
	"github.com/touchstone-cx/touchstone/services/internal/seal"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/all"
)

// aLog is an assembler by itself: what it would publish is read from what it holds before a flush.
type aLog struct {
	t     *testing.T
	a     *assembler
	at    time.Time
	seq   uint64
	store fold.Store
}

func newLog(t *testing.T, maps *expmap.Registry, b *bus.Bus, store fold.Store) *aLog {
	t.Helper()
	dir := t.TempDir()
	hasher, err := seal.OpenHasher(dir)
	if err != nil {
		t.Fatal(err)
	}
	n := &natives{rec: &Recorder{maps: maps, clock: time.Now, refusals: &refusals{}}, formats: all.Formats(), hasher: hasher}
	l := &aLog{t: t, a: newAssembler(soon(t), n, b, slog.New(slog.DiscardHandler)), at: time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC), store: store}
	if err := l.a.Load(store); err != nil {
		t.Fatal(err)
	}
	return l
}

// hears applies lines that came at a moment of the log, none for a tick, and returns the facts that came of them.
func (l *aLog) hears(after time.Duration, lines ...string) (facts []string) {
	l.t.Helper()
	for _, f := range l.records(after, lines...) {
		facts = append(facts, fmt.Sprintf("%s v%d %s", f.GetId(), f.GetVersion(), f.GetInteraction().GetOutcome()))
	}
	return facts
}

// records is hears with the facts as they are.
func (l *aLog) records(after time.Duration, lines ...string) (facts []*factv1.Fact) {
	l.t.Helper()
	l.seq++
	b := &ingestv1.NativeEvents{Format: "asterisk-queue-log", ReceivedAt: timestamppb.New(l.at.Add(after))}
	f := l.a.n.format(b.GetFormat())
	o := l.a.n.options("acme", l.a.feed(&openCall{org: "acme", source: "acd", format: f.Name}))
	for _, line := range lines {
		for _, e := range f.Parse(format.Delivery{Body: []byte(line), ReceivedAt: l.at}, o).Events {
			b.Events = append(b.Events, &ingestv1.NativeEvent{Call: e.Call, Id: e.ID, Name: e.Name, At: timestamppb.New(e.At), Fields: e.Fields})
		}
	}
	data, err := proto.Marshal(b)
	if err == nil {
		err = l.a.Apply(fold.Message{Sequence: l.seq, Subject: bus.NativeSubject("acme", "acd"), Data: data})
	}
	if err != nil {
		l.t.Fatal(err)
	}
	for _, all := range l.a.facts {
		facts = append(facts, all...)
	}
	clear(l.a.facts) // as if they were on disk
	var w fold.Write
	if err := l.a.Flush(&w); err != nil {
		l.t.Fatal(err)
	}
	if w.Expect, err = l.store.Position(); err != nil {
		l.t.Fatal(err)
	}
	w.Position = fold.Position{Created: l.at, Sequence: l.seq}
	if err := l.store.Commit(&w); err != nil {
		l.t.Fatal(err)
	}
	return facts
}

func (l *aLog) wants(got []string, want ...string) {
	l.t.Helper()
	if strings.Join(got, "; ") != strings.Join(want, "; ") {
		l.t.Errorf("%q, want %q", got, want)
	}
}

// TestCallsThatNeverEnd: closed as unterminated by the log's clock, told anew when the end comes after all, forgotten in the
// end; and all of it the same after a restart in between.
func TestCallsThatNeverEnd(t *testing.T) {
	g := open(t)
	g.feeding(soon(t), &mapv1.FeedRule{Touchpoint: "help"})
	maps, err := expmap.NewRegistry(soon(t), g.bus.JS())
	if err != nil {
		t.Fatal(err)
	}
	defer maps.Close()
	store, err := memstore.New().Open("calls")
	if err != nil {
		t.Fatal(err)
	}
	l := newLog(t, maps, g.bus, store)
	enter := func(call string) string { return fmt.Sprintf("1772438400|%s|support|NONE|ENTERQUEUE||1|1\n", call) }
	gone := func(call string) string { return fmt.Sprintf("1772438433|%s|support|NONE|ABANDON|1|1|33\n", call) }
	l.wants(l.hears(0, enter("1.1")))
	l.wants(l.hears(time.Minute, enter("2.1"), gone("2.1")), "2.1/1 v2 given_up")
	l.wants(l.hears(5 * time.Hour))
	again := newLog(t, maps, g.bus, store)
	again.seq = l.seq
	again.wants(again.hears(7*time.Hour), "1.1/1 v1 unterminated")
	again.wants(again.hears(8 * time.Hour))
	again.wants(again.hears(9*time.Hour, gone("1.1")), "1.1/1 v2 given_up")
	again.wants(again.hears(40*24*time.Hour, enter("3.1")))
	if n := len(again.a.calls); n != 1 {
		t.Errorf("%d calls are remembered, want the new one alone", n)
	}
}
