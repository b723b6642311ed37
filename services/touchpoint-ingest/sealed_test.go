package ingest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	"github.com/touchstone-cx/touchstone/services/internal/bus"
	"github.com/touchstone-cx/touchstone/services/internal/bus/bustest"
)

func tellSealed(t *testing.T, js jetstream.JetStream, org string, before time.Time) {
	t.Helper()
	b, err := proto.Marshal(&factv1.RecordedBatch{SealedBeforeMs: before.UnixMilli()})
	if err == nil {
		_, err = js.Publish(soon(t), bus.SealedSubject(org), b)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Older facts are refused from when it is told that they are sealed, listed with the reason, and others are recorded.
func TestSealedFactsAreRefused(t *testing.T) {
	g := open(t)
	ctx := g.acd()
	old := helpCall("old")
	old.GetInteraction().OccurredAt = timestamppb.New(time.Now().AddDate(-3, 0, 0))
	send := func(f *factv1.Fact) *ingestv1.Refusal {
		t.Helper()
		r, err := g.client.Publish(ctx, &ingestv1.PublishRequest{Facts: []*factv1.Fact{f}})
		if err != nil {
			t.Fatal(err)
		}
		return r.GetResults()[0].GetRefusal()
	}
	if why := send(old); why != nil {
		t.Fatal(why)
	}
	tellSealed(t, g.bus.JS(), "other", time.Now())
	tellSealed(t, g.bus.JS(), "acme", time.Now().AddDate(-2, 0, 0))
	var why *ingestv1.Refusal
	for end := time.Now().Add(patience); why == nil && time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		why = send(old)
	}
	if why.GetReason() != ingestv1.Reason_REASON_SEALED || why.GetField() != "interaction.occurred_at" || why.GetRemedy() == "" {
		t.Fatal(why)
	}
	if why := send(helpCall("new")); why != nil {
		t.Error(why)
	}
}

// What is sealed is known at the start, never goes back, and is found where it was not heard.
func TestSealsAreRead(t *testing.T) {
	b := bustest.New(t)
	day := time.Date(2024, 10, 1, 0, 0, 0, 0, time.UTC)
	tellSealed(t, b.JS(), "acme", day)
	s := &seals{js: b.JS()}
	if err := s.open(soon(t)); err != nil {
		t.Fatal(err)
	}
	if s.before("acme") != day.UnixMilli() || s.before("other") != 0 {
		t.Fatal(s.before("acme"), s.before("other"))
	}
	tellSealed(t, b.JS(), "acme", day.AddDate(0, -1, 0))
	tellSealed(t, b.JS(), "other", day)
	if err := s.open(soon(t)); err != nil || s.before("acme") != day.UnixMilli() || s.before("other") != day.UnixMilli() {
		t.Fatal(s.before("acme"), s.before("other"), err)
	}
}

// Who checks a map learns how far back it can count.
func TestCheckMapTellsWhatIsSealed(t *testing.T) {
	s := newMapService(t, func(string) bool { return true })
	if _, err := s.ApplyMap(t.Context(), &mapv1.ApplyMapRequest{Map: smallMap("default")}); err != nil {
		t.Fatal(err)
	}
	s.sealed = func(string) int64 { return time.Date(2024, 10, 1, 0, 0, 0, 0, time.UTC).UnixMilli() }
	for zone, want := range map[string]bool{"": false, "Europe/Berlin": true} {
		m := smallMap("default")
		m.Zone = zone
		r, err := s.CheckMap(t.Context(), &mapv1.CheckMapRequest{Map: m})
		if err != nil {
			t.Fatal(err)
		}
		if got := slices.ContainsFunc(r.GetRecounts(), func(s string) bool { return strings.Contains(s, "before 2024-10-01 is sealed") }); got != want {
			t.Errorf("zone %q: %q", zone, r.GetRecounts())
		}
	}
}

// Who asks about a customer, or forgets one, reads what the stream still holds: it may begin anywhere.
func TestPersonsOfATrimmedStream(t *testing.T) {
	o := openOffice(t)
	o.publish(noted("gone", 1, "bo", "one"), noted("kept", 1, "bo", "two"))
	s, err := o.bus.JS().Stream(soon(t), bus.StreamFact)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Purge(soon(t), jetstream.WithPurgeSequence(2)); err != nil {
		t.Fatal(err)
	}
	if lines := o.about("bo"); len(lines) != 1 || !strings.Contains(lines[0], "kept") {
		t.Errorf("about: %q", lines)
	}
	if r := o.forget("bo"); r.GetFacts() != 1 || !r.GetKeyDeleted() {
		t.Errorf("forgotten: %v", r)
	}
}
