package scoreservice

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/correlation/state"
	"github.com/touchstone-cx/touchstone/services/internal/wire"
)

// disputed is a step of the dispute about a fact of pbx: raised by a, ruled by b.
func disputed(f *factv1.RecordedFact, version uint64, ruling factv1.Ruling) *factv1.RecordedFact {
	d := &factv1.RecordedDispute{Kind: f.Kind, Source: f.Source, Id: f.Id, Owner: "head", Reason: "a bot took it", RaisedBy: "a", Ruling: ruling}
	if ruling != factv1.Ruling_RULING_UNSPECIFIED {
		d.RuledBy = "b"
	}
	return &factv1.RecordedFact{
		Source: state.DisputeSource, Id: state.DisputeID(wire.Identity("default", f.Kind, []byte(f.Source), []byte(f.Id), nil, nil)),
		Version: version, Kind: factv1.Kind_KIND_DISPUTE, Digest: make([]byte, 16), Content: &factv1.RecordedFact_Dispute{Dispute: d},
	}
}

const (
	ruledOut    = factv1.Ruling_RULING_EXCLUDED
	ruledCounts = factv1.Ruling_RULING_COUNTED
	unruled     = factv1.Ruling_RULING_UNSPECIFIED
)

// inWords is a score with what disputes do to it: value, open, ruled out, value with all, value with none; "-" where unset.
func inWords(s *scorev1.Score) string {
	num := func(v *float64) string {
		if v == nil {
			return "-"
		}
		return fmt.Sprintf("%.4g", *v)
	}
	c := s.GetContested()
	if c == nil {
		return num(s.Value)
	}
	return fmt.Sprintf("%s %d %d %s %s", num(s.Value), c.GetOpen(), c.GetExcluded(), num(c.WithAll), num(c.WithoutAll))
}

// TestBothValuesByHand: waits of 10, 20 and 60 s at call, answers 10 and 0; contested are the wait of 20 s, ruled out that of
// 60 s and the answer 0.
func TestBothValuesByHand(t *testing.T) {
	k := newKit(t)
	at := monday.Add(-10 * time.Minute)
	facts := []*factv1.RecordedFact{
		sealed("1", 0, call(at, "call", "north", "answered", 10_000)),
		sealed("2", 0, call(at, "call", "south", "answered", 20_000)),
		sealed("3", 0, call(at, "call", "south", "abandoned", 60_000)),
		sealed("4", 0, call(at, "shop", "", "answered", 30_000)),
		sealed("5", 0, answer(at, "call", "recommend", 10)),
		sealed("6", 0, answer(at, "call", "recommend", 0)),
	}
	k.fold(facts...)
	touch, south, shop := &scorev1.Scope{Touchpoint: "call"}, &scorev1.Scope{Team: "south"}, &scorev1.Scope{Touchpoint: "shop"}
	if got := inWords(k.get("wait.mean", touch, hour)); got != "30" {
		t.Errorf("before: %s", got)
	}
	k.fold(disputed(facts[1], 1, unruled), disputed(facts[2], 1, unruled), disputed(facts[2], 2, ruledOut), disputed(facts[5], 2, ruledOut))
	want := []struct {
		id    string
		scope *scorev1.Scope
		said  string
	}{
		{"wait.mean", touch, "15 1 1 30 10"},
		{"wait.mean", nil, "20 1 1 30 20"},
		{"wait.mean", south, "20 1 1 40 -"},
		{"wait.mean", shop, "30"},
		{"wait.p90", touch, "20 1 1 60 10"},
		{"interactions.count", touch, "2 1 1 3 1"},
		{"interactions.count", shop, "1"},
		{"in_time", touch, "50 1 1 33.33 100"}, // under 20 s and answered: only the wait of 10 s
		{"outcome.abandoned.share", touch, "0 1 1 33.33 0"},
		{"recommend.nps", touch, "100 0 1 0 100"},
		{"recommend.nps", nil, "100 0 1 0 100"},
	}
	for _, c := range want {
		if got := inWords(k.get(c.id, c.scope, hour)); got != c.said {
			t.Errorf("%s %v: %s, want %s", c.id, c.scope, got, c.said)
		}
	}
	if got := k.get("wait.mean", touch, scorev1.Window_WINDOW_5M); got.Contested != nil {
		t.Errorf("outside of the window: %v", got.GetContested())
	}

	// Every RPC says the same.
	ctx := context.Background()
	ref := func(id string, scope *scorev1.Scope) *scorev1.ScoreRef {
		return &scorev1.ScoreRef{Score: id, Scope: scope, Window: hour}
	}
	var refs []*scorev1.ScoreRef
	for _, c := range want {
		refs = append(refs, ref(c.id, c.scope))
	}
	batch, err := k.svc.BatchGetScores(ctx, &scorev1.BatchGetScoresRequest{Refs: refs})
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range want {
		if got := inWords(batch.GetScores()[i]); got != c.said {
			t.Errorf("batch %s %v: %s, want %s", c.id, c.scope, got, c.said)
		}
	}
	list, err := k.svc.ListScores(ctx, &scorev1.ListScoresRequest{Filter: &scorev1.Filter{Window: hour, Scores: []string{"wait.mean"}}})
	if err != nil || len(list.GetScores()) != 3 || inWords(list.GetScores()[0]) != "20 1 1 30 20" || inWords(list.GetScores()[1]) != "15 1 1 30 10" {
		t.Errorf("list: %v, %v", list, err)
	}
	series, err := k.svc.GetSeries(ctx, &scorev1.GetSeriesRequest{Ref: ref("wait.mean", touch), Step: scorev1.Step_STEP_QUARTER_HOUR})
	if err != nil {
		t.Fatal(err)
	}
	var steps []string
	for _, s := range series.GetScores() {
		if s.GetN() > 0 {
			steps = append(steps, inWords(s))
		}
	}
	if !slices.Equal(steps, []string{"15 1 1 30 10"}) {
		t.Errorf("series: %q", steps)
	}
	why, err := k.svc.ExplainScore(ctx, &scorev1.ExplainScoreRequest{Ref: ref("wait.mean", touch)})
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, q := range why.GetQuantities() {
		if strings.Contains(q.GetName(), "contested") || strings.Contains(q.GetName(), "ruled") || strings.Contains(q.GetName(), "of them") {
			told = append(told, q.GetName()+" = "+q.GetValue())
		}
	}
	if inWords(why.GetScore()) != "15 1 1 30 10" || strings.Join(told, "; ") != "contested = 1; ruled out = 1; value with all of them counted = 30; value with all of them left out = 10" {
		t.Errorf("explain: %s, %q", inWords(why.GetScore()), told)
	}

	// Ruled to count, it is no longer contested; taken back, a fact is nothing that could count.
	k.fold(disputed(facts[1], 2, ruledCounts), sealed("3", 1, factv1.Kind_KIND_INTERACTION))
	if got := inWords(k.get("wait.mean", touch, hour)); got != "15" {
		t.Errorf("settled: %s", got)
	}
}

// The facts behind a score are namedFacts where the log is at hand.
func TestExplainNamesTheContested(t *testing.T) {
	k := newKit(t)
	k.svc = New(k.r, namedFacts{})
	at := monday.Add(-10 * time.Minute)
	f := sealed("1", 0, call(at, "call", "north", "answered", 12_500))
	k.fold(f, sealed("2", 0, call(at, "call", "north", "answered", 1_000)), disputed(f, 1, unruled))
	why, err := k.svc.ExplainScore(context.Background(), &scorev1.ExplainScoreRequest{Ref: &scorev1.ScoreRef{Score: "wait.mean", Window: hour}})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(why.GetQuantities(), func(q *scorev1.Quantity) bool {
		return q.GetName() == "contested: fact 0" && q.GetValue() == "12.5"
	}) {
		t.Errorf("%v", why.GetQuantities())
	}
}

type namedFacts struct{ Facts }

func (namedFacts) Names(_ context.Context, facts []*state.Fact) (out []string, err error) {
	for _, f := range facts {
		out = append(out, fmt.Sprintf("fact %d", f.Number))
	}
	return out, nil
}

// A CX score counts what is contested of its parts, and tells no values.
func TestContestedOfCxScores(t *testing.T) {
	k := cxKit(t)
	wait, satisfied := sealed("1", 0, call(monday, "call", "north", "answered", 10_000)), sealed("5", 0, answer(monday, "call", "satisfied", 5))
	k.fold(disputed(wait, 1, unruled), disputed(satisfied, 2, ruledOut))
	for _, c := range []struct {
		scope *scorev1.Scope
		want  string
	}{
		{nil, "1 1"},
		{&scorev1.Scope{Touchpoint: "call"}, "1 1"},
		{&scorev1.Scope{Stage: "use"}, "1 1"},
		{&scorev1.Scope{Touchpoint: "shop"}, "0 0"},
		{&scorev1.Scope{Team: "north"}, "1 0"},
	} {
		x := k.get("cx", c.scope, hour).GetContested()
		if got := fmt.Sprint(x.GetOpen(), x.GetExcluded()); got != c.want || x != nil && (x.WithAll != nil || x.WithoutAll != nil) {
			t.Errorf("%v: %v, want %s", c.scope, x, c.want)
		}
	}
}

// Of employees' answers nothing is said: it would tell of single ones.
func TestNothingContestedOfEmployees(t *testing.T) {
	k := newKit(t)
	k.apply("default", 2, func(m *mapv1.Map) {
		m.Questions = append(m.Questions, &mapv1.Question{Id: "staff", Kind: mapv1.QuestionKind_QUESTION_KIND_ENPS, ScaleMax: 10, Touchpoints: []string{"call"}})
	})
	k.fresh()
	at := monday.Add(-30 * time.Hour)
	var all []*factv1.RecordedFact
	for i := range 12 {
		all = append(all, sealed(fmt.Sprint(i), 0, answer(at, "call", "staff", 10)))
	}
	k.fold(all...)
	k.fold(disputed(all[0], 1, unruled), disputed(all[1], 2, ruledOut))
	s := k.get("staff.nps", nil, weeks)
	if s.GetN() != 11 || s.GetContested() != nil {
		t.Errorf("%v", s)
	}
}

// A watch tells a dispute that moves no number yet, the ruling that does, and its undoing.
func TestWatchTellsDisputes(t *testing.T) {
	k := newKit(t)
	at := monday.Add(-10 * time.Minute)
	f := sealed("1", 0, call(at, "call", "north", "answered", 10_000))
	k.fold(f, sealed("2", 0, call(at, "call", "north", "answered", 20_000)))
	w := watchOf(t, k.client(), &scorev1.WatchScoresRequest{Refs: []*scorev1.ScoreRef{{Score: "wait.mean", Scope: &scorev1.Scope{Touchpoint: "call"}, Window: hour}}})
	next := func(want string) {
		t.Helper()
		r := w.next()
		if len(r.GetChanges()) != 1 || inWords(r.GetChanges()[0].GetScore()) != want {
			t.Fatalf("%v, want %s", r, want)
		}
	}
	next("15")
	k.fold(disputed(f, 1, unruled))
	next("15 1 0 15 20")
	k.fold(disputed(f, 2, ruledOut))
	next("20 0 1 15 20")
	k.fold(disputed(f, 3, unruled))
	next("15 1 0 15 20")
	k.fold(disputed(f, 4, ruledCounts))
	next("15")
}

// Another organisation's scores are the same to the byte, with disputes next door or without.
func TestDisputesOfOthers(t *testing.T) {
	k := newKit(t)
	f := sealed("1", 0, call(monday.Add(-10*time.Minute), "call", "north", "answered", 10_000))
	k.fold(f)
	k.foldInto("other", proto.CloneOf(f))
	k.fold(disputed(f, 2, ruledOut))
	resp, err := k.svc.GetScore(context.Background(), &scorev1.GetScoreRequest{Ref: &scorev1.ScoreRef{Organisation: "other", Score: "wait.mean", Window: hour}})
	if err != nil || inWords(resp.GetScore()) != "10" {
		t.Errorf("%v, %v", resp, err)
	}
}
