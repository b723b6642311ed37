package scoreservice

import (
	"context"
	"fmt"
	"math"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
)

const (
	hour  = scorev1.Window_WINDOW_1H
	weeks = scorev1.Window_WINDOW_28D
)

func TestGetCountsWhatWasFolded(t *testing.T) {
	k := newKit(t)
	at := monday.Add(-10 * time.Minute)
	k.fold(
		sealed("1", 0, call(at, "call", "north", "answered", 10_000)),
		sealed("2", 0, call(at, "call", "south", "answered", 30_000)),
		sealed("3", 0, call(at, "call", "south", "abandoned", -1)),
		sealed("4", 0, call(at, "shop", "", "answered", 20_000)),
		sealed("5", 0, answer(at, "call", "recommend", 10)),
		sealed("6", 0, answer(at, "shop", "recommend", 3)),
		sealed("7", 0, answer(at, "shop", "recommend", 9)),
	)
	touch := &scorev1.Scope{Touchpoint: "call"}
	for _, c := range []struct {
		id    string
		scope *scorev1.Scope
		value float64
		n     int64
	}{
		{"interactions.count", nil, 4, 4},
		{"interactions.count", touch, 3, 3},
		{"interactions.count", &scorev1.Scope{Touchpoint: "call", Team: "south"}, 2, 2},
		{"interactions.count", &scorev1.Scope{Channel: "phone"}, 4, 4},
		{"wait.mean", touch, 20, 2},
		{"wait.mean", nil, 20, 3},
		{"wait.p90", nil, 30, 3},
		{"in_time", touch, 100.0 / 3, 3},
		{"outcome.abandoned.share", touch, 100.0 / 3, 3},
		{"recommend.nps", touch, 100, 1},
		{"recommend.nps", nil, 100.0 / 3, 3}, // the sum of its touchpoints
		{"recommend.share.3", nil, 100.0 / 3, 3},
	} {
		for range 2 { // computed, and remembered
			s := k.get(c.id, c.scope, hour)
			if s.Value == nil || math.Abs(s.GetValue()-c.value) > 1e-9 || s.GetN() != c.n {
				t.Errorf("%s %v: %v of %d, want %v of %d (%s)", c.id, c.scope, s.Value, s.GetN(), c.value, c.n, s.GetSuppressed())
			}
		}
	}
	s := k.get("wait.mean", touch, scorev1.Window_WINDOW_UNSPECIFIED)
	if s.GetRef().GetWindow() != weeks || s.GetRef().GetOrganisation() != "default" {
		t.Errorf("defaults are filled in: %v", s.GetRef())
	}
	if s.GetUnit() != "s" || s.GetPosition() != 1 || s.GetMapVersion() != 1 || !s.GetAsOf().AsTime().Equal(monday) ||
		!s.GetNewestFactAt().AsTime().Equal(at) || s.GetInterval().GetMethod() != "t" || math.Abs(s.GetCoverage()-2.0/3) > 1e-12 || s.GetSimulated() {
		t.Errorf("envelope: %v", s)
	}
	// 28 days end with today in Berlin.
	if !s.GetTo().AsTime().Equal(time.Date(2026, 3, 2, 23, 0, 0, 0, time.UTC)) {
		t.Errorf("to %v", s.GetTo().AsTime())
	}
	if s := k.get("satisfied.top2", nil, hour); s.Value != nil || s.GetSuppressed() != "no answers" {
		t.Errorf("nothing asked: %v", s)
	}
	k.advance(2 * time.Hour)
	if s := k.get("wait.mean", touch, hour); s.Value != nil || s.GetSuppressed() != "no measured values" {
		t.Errorf("slid out: %v", s)
	}
	if s := k.get("interactions.count", touch, hour); s.GetValue() != 0 || s.Value == nil {
		t.Errorf("a count of nothing is 0: %v", s)
	}
}

// TestBytesReturn: a correction changes the score, its retraction brings the bytes back.
func TestBytesReturn(t *testing.T) {
	k := newKit(t)
	at := monday.Add(-time.Minute)
	for i := range 40 {
		k.fold(sealed(fmt.Sprint("base", i), 0, call(at, "call", "north", "answered", int64(i)*1500)))
	}
	bytes := func() string {
		s := k.get("wait.mean", &scorev1.Scope{Touchpoint: "call"}, hour)
		s = proto.Clone(s).(*scorev1.Score)
		s.Position = 0
		return s.String()
	}
	before := bytes()
	k.fold(sealed("x", 1, call(at, "call", "north", "answered", 99_000)))
	k.fold(sealed("x", 2, call(at, "call", "north", "answered", 1_000)))
	if bytes() == before {
		t.Error("a fact moves the score")
	}
	r := sealed("x", 3, nil)
	r.Kind = 1
	k.fold(r)
	if got := bytes(); got != before {
		t.Errorf("retracted:\n%s\nwant\n%s", got, before)
	}
}

func TestStretches(t *testing.T) {
	k := newKit(t)
	k.fold(sealed("1", 0, call(monday.Add(-90*time.Minute), "call", "", "answered", 10_000)))
	get := func(from, to time.Time) *scorev1.Score {
		ref := &scorev1.ScoreRef{Score: "wait.mean", From: timestamppb.New(from)}
		if !to.IsZero() {
			ref.To = timestamppb.New(to)
		}
		resp, err := k.svc.GetScore(context.Background(), &scorev1.GetScoreRequest{Ref: ref})
		if err != nil {
			t.Fatal(err)
		}
		return resp.GetScore()
	}
	if s := get(monday.Add(-2*time.Hour), time.Time{}); s.GetN() != 1 || !s.GetFrom().AsTime().Equal(time.Date(2026, 3, 2, 8, 30, 0, 0, time.UTC)) {
		t.Errorf("%v", s)
	}
	if s := get(monday.Add(-2*time.Hour), monday.Add(-time.Hour-31*time.Minute)); s.GetN() != 0 {
		t.Errorf("%v", s)
	}
}

func TestWhatCannotBeAsked(t *testing.T) {
	k := newKit(t)
	now := timestamppb.New(monday)
	for _, c := range []struct {
		ref          *scorev1.ScoreRef
		field, words string
	}{
		{&scorev1.ScoreRef{Score: "wait.maen"}, "ref.score", `Did you mean "wait.mean"`},
		{&scorev1.ScoreRef{Score: "wait.mean", Scope: &scorev1.Scope{Touchpoint: "cal"}}, "ref.scope.touchpoint", `Did you mean "call"`},
		{&scorev1.ScoreRef{Score: "wait.mean", Scope: &scorev1.Scope{Touchpoint: "fax"}}, "ref.scope.touchpoint", "call, shop, site"},
		{&scorev1.ScoreRef{Score: "wait.mean", Scope: &scorev1.Scope{Channel: "phnoe"}}, "ref.scope.channel", `Did you mean "phone"`},
		{&scorev1.ScoreRef{Score: "wait.mean", Scope: &scorev1.Scope{Team: "east"}}, "ref.scope.team", "north, south"},
		{&scorev1.ScoreRef{Score: "wait.mean", Scope: &scorev1.Scope{Segment: "plan"}}, "ref.scope.segment", "attribute=value"},
		{&scorev1.ScoreRef{Score: "wait.mean", Scope: &scorev1.Scope{Segment: "plan=silver"}}, "ref.scope.segment", "basic, gold"},
		{&scorev1.ScoreRef{Score: "wait.mean", Scope: &scorev1.Scope{Segment: "paln=gold"}}, "ref.scope.segment", `Did you mean "plan"`},
		{&scorev1.ScoreRef{Score: "wait.mean", Scope: &scorev1.Scope{Channel: "phone", Team: "north"}}, "ref.scope", "one of"},
		{&scorev1.ScoreRef{Score: "wait.mean", Window: hour, From: now}, "ref.window", "one of the two"},
		{&scorev1.ScoreRef{Score: "wait.mean", To: now}, "ref.from", "without a start"},
		{&scorev1.ScoreRef{Score: "wait.mean", From: now, To: timestamppb.New(monday.Add(-time.Hour))}, "ref.to", "before"},
		{&scorev1.ScoreRef{Score: "wait.mean", From: &timestamppb.Timestamp{Nanos: -5}}, "ref.from", "valid"},
		{&scorev1.ScoreRef{Score: "wait.mean", Window: 99}, "ref.window", "no such window"},
		{nil, "ref.score", "no score"},
	} {
		_, err := k.svc.GetScore(context.Background(), &scorev1.GetScoreRequest{Ref: c.ref})
		wantField(t, err, c.field, c.words)
	}
	k.apply("default", 2, func(m *mapv1.Map) { m.Breakdowns = []string{"channel"} })
	_, err := k.svc.GetScore(context.Background(), &scorev1.GetScoreRequest{Ref: &scorev1.ScoreRef{Score: "wait.mean", Scope: &scorev1.Scope{Team: "north"}}})
	wantField(t, err, "ref.scope", "keeps no breakdown team")
}

// TestOrganisationsAreApart: what a caller may not see does not exist for it, in the same words.
func TestOrganisationsAreApart(t *testing.T) {
	k := newKit(t)
	k.foldInto("other", sealed("1", 0, call(monday, "call", "", "answered", 1000)))
	if s := k.get("interactions.count", nil, hour); s.GetN() != 0 {
		t.Errorf("another organisation's calls count: %v", s)
	}
	get := func(ctx context.Context, organisation string) error {
		_, err := k.svc.GetScore(ctx, &scorev1.GetScoreRequest{Ref: &scorev1.ScoreRef{Organisation: organisation, Score: "interactions.count"}})
		return err
	}
	if err := get(as("other"), "other"); err != nil {
		t.Error(err)
	}
	hidden, missing := get(as("other"), "default"), get(as("other"), "nobody")
	if fault.KindOf(hidden) != fault.NotFound || fault.KindOf(missing) != fault.NotFound {
		t.Errorf("%v, %v", hidden, missing)
	}
	ctx := as("other")
	if _, err := k.svc.ListScores(ctx, &scorev1.ListScoresRequest{}); fault.KindOf(err) != fault.NotFound {
		t.Error(err)
	}
	if _, err := k.svc.BatchGetScores(ctx, &scorev1.BatchGetScoresRequest{Refs: []*scorev1.ScoreRef{{Score: "interactions.count"}}}); fault.KindOf(err) != fault.NotFound {
		t.Error(err)
	}
}

func TestBatchIsOfOnePosition(t *testing.T) {
	k := newKit(t)
	stop := make(chan struct{})
	folded := make(chan struct{})
	go func() {
		defer close(folded)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				k.fold(sealed(fmt.Sprint("c", i), 0, call(monday, []string{"call", "shop"}[i%2], "", "answered", 1000)))
			}
		}
	}()
	refs := []*scorev1.ScoreRef{
		{Score: "interactions.count"},
		{Score: "interactions.count", Scope: &scorev1.Scope{Touchpoint: "call"}},
		{Score: "interactions.count", Scope: &scorev1.Scope{Touchpoint: "shop"}},
		{Score: "wait.count", Window: hour},
	}
	for range 200 {
		resp, err := k.svc.BatchGetScores(context.Background(), &scorev1.BatchGetScoresRequest{Refs: refs})
		if err != nil {
			t.Fatal(err)
		}
		s := resp.GetScores()
		if s[0].GetValue() != s[1].GetValue()+s[2].GetValue() || s[0].GetPosition() != s[3].GetPosition() || s[3].GetN() != int64(s[3].GetPosition()) {
			t.Fatalf("%v", s)
		}
	}
	close(stop)
	<-folded

	_, err := k.svc.BatchGetScores(context.Background(), &scorev1.BatchGetScoresRequest{Refs: []*scorev1.ScoreRef{
		{Score: "interactions.count"}, {Score: "wait.maen"}, {Score: "interactions.count", Organisation: "other"},
	}})
	wantField(t, err, "refs[1].score", "wait.mean")
	if e := err.(*fault.Error); len(e.Violations) != 2 || e.Violations[1].Field != "refs[2].organisation" {
		t.Errorf("%v", e.Violations)
	}
}

// TestAnotherGeneration: after a rebuild nothing of the old state is remembered.
func TestAnotherGeneration(t *testing.T) {
	k := newKit(t)
	k.fold(sealed("1", 0, call(monday, "call", "", "answered", 1000)))
	if s := k.get("interactions.count", nil, hour); s.GetN() != 1 {
		t.Errorf("%v", s)
	}
	k.fresh()
	k.fold(sealed("2", 0, call(monday, "call", "", "answered", 1000)), sealed("3", 0, call(monday, "call", "", "answered", 1000)))
	if s := k.get("interactions.count", nil, hour); s.GetN() != 2 {
		t.Errorf("%v", s)
	}
}

func BenchmarkGet(b *testing.B) {
	for _, c := range []struct {
		name  string
		ref   *scorev1.ScoreRef
		fresh bool
	}{
		{"touchpoint 1h, nothing new", &scorev1.ScoreRef{Score: "wait.mean", Scope: &scorev1.Scope{Touchpoint: "call"}, Window: hour}, false},
		{"touchpoint 1h", &scorev1.ScoreRef{Score: "wait.mean", Scope: &scorev1.Scope{Touchpoint: "call"}, Window: hour}, true},
		{"touchpoint 1h p90", &scorev1.ScoreRef{Score: "wait.p90", Scope: &scorev1.Scope{Touchpoint: "call"}, Window: hour}, true},
		{"touchpoint 28d", &scorev1.ScoreRef{Score: "wait.mean", Scope: &scorev1.Scope{Touchpoint: "call"}, Window: weeks}, true},
		{"organisation 28d", &scorev1.ScoreRef{Score: "wait.mean", Window: weeks}, true},
	} {
		b.Run(c.name, func(b *testing.B) {
			k := newKit(b)
			for i := range 2000 {
				at := monday.Add(-time.Duration(i) * 1800 * time.Millisecond)
				k.fold(
					sealed(fmt.Sprint("c", i), 0, call(at, []string{"call", "shop", "site"}[i%3], "north", []string{"answered", "abandoned"}[i%5/4], int64(i*i)%300_000)),
					sealed(fmt.Sprint("d", i), 0, call(at.Add(-time.Duration(i)*time.Hour), []string{"call", "shop", "site"}[i%3], "north", "answered", int64(i*i)%300_000)),
				)
			}
			req := &scorev1.GetScoreRequest{Ref: c.ref}
			if !c.fresh {
				k.get("wait.mean", c.ref.Scope, c.ref.Window)
			}
			for b.Loop() {
				if c.fresh {
					clear(k.r.samples.byKey)
				}
				if _, err := k.svc.GetScore(context.Background(), req); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
