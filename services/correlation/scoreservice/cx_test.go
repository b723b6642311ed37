package scoreservice

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
)

// withCx declares a CX score of satisfied (asked at call), recommend (at call and shop) and wait (everywhere).
func withCx(m *mapv1.Map) {
	staged(m)
	m.Metrics[0].Better = mapv1.Better_BETTER_LOWER
	m.CxScores = []*mapv1.CxScore{{Id: "cx", Parts: []*mapv1.CxPart{
		{Score: "satisfied.mean", Weight: 1, Worst: 1, Best: 5},
		{Score: "recommend.mean", Weight: 1, Worst: 0, Best: 10},
		{Score: "wait.mean", Weight: 1, Worst: 100, Best: 0},
	}}}
	m.Touchpoints[1].Importance = 2
}

// cxKit has at call two waits of 10 s and 20 s, satisfied 5 and recommend 5; at shop a wait of 40 s and recommend 10; at site
// a wait of 50 s.
func cxKit(t testing.TB) *kit {
	k := newKit(t)
	k.apply("default", 2, withCx)
	k.fold(
		sealed("1", 0, call(monday, "call", "north", "answered", 10_000)), sealed("2", 0, call(monday, "call", "south", "answered", 20_000)),
		sealed("3", 0, call(monday, "shop", "south", "answered", 40_000)), sealed("4", 0, call(monday, "site", "north", "answered", 50_000)),
		sealed("5", 0, answer(monday, "call", "satisfied", 5)), sealed("6", 0, answer(monday, "call", "recommend", 5)),
		sealed("7", 0, answer(monday, "shop", "recommend", 10)),
	)
	return k
}

func TestCxScoreEverywhere(t *testing.T) {
	k := cxKit(t)
	for _, c := range []struct {
		scope           *scorev1.Scope
		survey, process float64 // −1: not known
		surveyN         int64
		processN        int64
		value           float64
	}{
		// satisfied 100, recommend 50; wait 15 s is 85.
		{&scorev1.Scope{Touchpoint: "call"}, 75, 85, 2, 2, 80},
		{&scorev1.Scope{Stage: "use"}, 75, 85, 2, 2, 80},
		{&scorev1.Scope{Touchpoint: "shop"}, 100, 60, 1, 1, 80},
		{&scorev1.Scope{Touchpoint: "site"}, -1, 50, 0, 1, 50},
		// call and shop have weights 1 × 2 and 2 × 1: equal.
		{&scorev1.Scope{Journey: "life"}, 87.5, 72.5, 3, 3, 80},
		// site has half their weight, in the process part only.
		{nil, 87.5, (2*85 + 2*60 + 50) / 5.0, 3, 4, (87.5 + 68) / 2},
		{&scorev1.Scope{Stage: "use", Channel: "phone"}, -1, 85, 0, 2, math.NaN()},
		{&scorev1.Scope{Stage: "leave"}, -1, -1, 0, 0, math.NaN()},
	} {
		s := k.get("cx", c.scope, hour)
		x := s.GetComposite()
		part := func(v *float64) float64 {
			if v == nil {
				return -1
			}
			return *v
		}
		if math.Abs(part(x.Survey)-c.survey) > 1e-9 || math.Abs(part(x.Process)-c.process) > 1e-9 || x.GetSurveyN() != c.surveyN || x.GetProcessN() != c.processN {
			t.Errorf("%v: %v", c.scope, x)
		}
		if (s.Value == nil) != math.IsNaN(c.value) || s.Value != nil && math.Abs(s.GetValue()-c.value) > 1e-9 || s.GetN() != c.surveyN+c.processN {
			t.Errorf("%v: %v of %d (%s), want %v", c.scope, s.Value, s.GetN(), s.GetSuppressed(), c.value)
		}
		weights := map[bool]float64{}
		for _, p := range x.GetParts() {
			weights[p.GetSurvey()] += p.GetWeight()
		}
		for half, w := range weights {
			if math.Abs(w-1) > 1e-9 {
				t.Errorf("%v: weights of %v add up to %v", c.scope, half, w)
			}
		}
		batch, err := k.svc.BatchGetScores(context.Background(), &scorev1.BatchGetScoresRequest{Refs: []*scorev1.ScoreRef{{Score: "wait.mean", Window: hour}, {Score: "cx", Scope: c.scope, Window: hour}}})
		if err != nil {
			t.Fatal(err)
		}
		if !proto.Equal(batch.GetScores()[1], s) || batch.GetScores()[0].GetComposite() != nil {
			t.Errorf("in a batch: %v", batch.GetScores())
		}
		series, err := k.svc.GetSeries(context.Background(), &scorev1.GetSeriesRequest{Ref: &scorev1.ScoreRef{Score: "cx", Scope: c.scope, Window: scorev1.Window_WINDOW_ALL}, Step: scorev1.Step_STEP_DAY})
		if err != nil {
			t.Fatal(err)
		}
		if all := series.GetScores(); s.GetN() == 0 && len(all) != 0 || s.GetN() > 0 && (len(all) != 1 || !proto.Equal(all[0].GetComposite(), x)) {
			t.Errorf("%v: %v", c.scope, all)
		}
	}
	got := k.list(&scorev1.Filter{Window: hour, ByStage: true}, 1000)
	for _, n := range []string{"cx", "cx @use", "cx @buy", "cx call", "cx shop", "cx site"} {
		found := 0
		for _, x := range got {
			if x == n {
				found++
			}
		}
		if found != 1 {
			t.Errorf("%s is there %d times: %s", n, found, strings.Join(got, ", "))
		}
	}
}

func TestCxScoreExplainedToItsCells(t *testing.T) {
	k := cxKit(t)
	resp, err := k.svc.ExplainScore(context.Background(), &scorev1.ExplainScoreRequest{Ref: &scorev1.ScoreRef{Score: "cx", Scope: &scorev1.Scope{Journey: "life"}, Window: hour}})
	if err != nil {
		t.Fatal(err)
	}
	if resp.GetFormula() != "0.5 × 87.5 + 0.5 × 72.5" || resp.GetScore().GetValue() != 80 {
		t.Errorf("%s %v", resp.GetFormula(), resp.GetScore())
	}
	var all, cells []string
	for _, q := range resp.GetQuantities() {
		all = append(all, q.GetName()+": "+q.GetValue())
	}
	for _, want := range []string{"importance of shop: 2", "interactions of call: 2", "process part = (0.5 × 85 + 0.5 × 60) ÷ (0.5 + 0.5): 72.5", "points of wait.mean of shop = 100 × (40 − 100) ÷ (0 − 100), from 0 to 100: 60"} {
		if !strings.Contains(strings.Join(all, "\n"), want) {
			t.Errorf("%s is missing in\n%s", want, strings.Join(all, "\n"))
		}
	}
	for _, c := range resp.GetCells() {
		cells = append(cells, fmt.Sprint(c.GetTouchpoint(), " ", c.GetN(), " ", c.GetSum(), " of ", c.GetScore()))
	}
	if got, want := strings.Join(cells, ", "), "call 1 5 of satisfied.mean, call 1 5 of recommend.mean, shop 1 10 of recommend.mean, call 2 30000 of wait.mean, shop 1 40000 of wait.mean"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	// Who asks for the facts is told where they are.
	_, err = k.r.Resolve(k.Current("default"), &scorev1.ScoreRef{Score: "cx"}, monday)
	wantField(t, err, "ref.score", "one of its parts")
	for _, id := range k.r.Headlines(k.Current("default")) {
		if _, err := k.r.Resolve(k.Current("default"), &scorev1.ScoreRef{Score: id}, monday); err != nil {
			t.Error(err)
		}
	}
}

// TestCallMovesCxScores: one call without an answer moves the CX score of its touchpoint, of the stage and of the
// organisation; the survey part stays.
func TestCallMovesCxScores(t *testing.T) {
	k := cxKit(t)
	// The same survey part wherever it is asked, so that it does not follow the weights.
	k.fold(sealed("8", 0, answer(monday, "shop", "recommend", 5)))
	w := watchOf(t, k.client(), &scorev1.WatchScoresRequest{Filter: &scorev1.Filter{Scores: []string{"cx"}, Window: hour, ByStage: true}})
	before := map[string]*scorev1.Score{}
	for _, c := range w.next().GetChanges() {
		before[name(c.GetScore())] = c.GetScore()
	}
	began := time.Now()
	k.fold(sealed("9", 0, call(monday, "call", "north", "answered", 90_000)))
	moved := map[string]bool{}
	for len(moved) < 3 {
		for _, c := range w.next().GetChanges() {
			s, old := c.GetScore(), before[name(c.GetScore())]
			moved[name(s)] = true
			if *c.Previous != old.GetValue() || s.GetValue() >= old.GetValue() || s.GetComposite().GetProcess() >= old.GetComposite().GetProcess() {
				t.Errorf("%s: %v → %v", name(s), old, s)
			}
			if got := s.GetComposite(); math.Abs(got.GetSurvey()-75) > 1e-9 || got.GetSurveyN() != old.GetComposite().GetSurveyN() || got.GetProcessN() != old.GetComposite().GetProcessN()+1 {
				t.Errorf("%s: the survey part moved: %v → %v", name(s), old.GetComposite(), got)
			}
		}
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("it took %v", took)
	}
	for _, n := range []string{"cx", "cx @use", "cx call"} {
		if !moved[n] {
			t.Errorf("%s did not move: %v", n, moved)
		}
	}
}

// TestHalvesAreWatched: a change that leaves the value as it is and moves its parts is a change.
func TestHalvesAreWatched(t *testing.T) {
	a := &scorev1.Score{Value: proto.Float64(50), Composite: &scorev1.Composite{Survey: proto.Float64(40), Process: proto.Float64(60)}}
	b := &scorev1.Score{Value: proto.Float64(50), Composite: &scorev1.Composite{Survey: proto.Float64(60), Process: proto.Float64(40)}}
	if sameNumbers(a, b) || !sameNumbers(a, proto.CloneOf(a)) || sameNumbers(a, &scorev1.Score{Value: proto.Float64(50)}) {
		t.Error("the parts are not looked at")
	}
}

func TestExperienceIndexWhereAllThreeAreAsked(t *testing.T) {
	k := newKit(t)
	k.apply("default", 2, func(m *mapv1.Map) {
		staged(m)
		for id, f := range map[string]mapv1.Facet{"done": mapv1.Facet_FACET_SUCCESS, "easy": mapv1.Facet_FACET_EFFORT, "felt": mapv1.Facet_FACET_EMOTION} {
			at := []string{"call", "shop"}
			if id == "felt" {
				at = []string{"call"}
			}
			m.Questions = append(m.Questions, &mapv1.Question{Id: id, Kind: mapv1.QuestionKind_QUESTION_KIND_RATING, ScaleMin: 1, ScaleMax: 7, Touchpoints: at, Facet: f})
		}
	})
	k.fresh()
	k.fold(
		sealed("1", 0, answer(monday, "call", "done", 7)), sealed("2", 0, answer(monday, "call", "done", 1)), sealed("3", 0, answer(monday, "call", "easy", 6)),
		sealed("4", 0, answer(monday, "shop", "done", 1)), sealed("5", 0, answer(monday, "shop", "easy", 1)),
	)
	if s := k.get("experience_index", nil, hour); s.Value != nil || s.GetSuppressed() != "unknown: no emotion" {
		t.Errorf("%v", s)
	}
	k.fold(sealed("6", 0, answer(monday, "call", "felt", 2)))
	for _, scope := range []*scorev1.Scope{nil, {Touchpoint: "call"}, {Stage: "use"}, {Journey: "life"}} {
		if s := k.get("experience_index", scope, hour); s.GetValue() != 0 || s.Value == nil || s.GetN() != 4 || s.StandardError == nil || s.GetComposite() != nil {
			t.Errorf("%v: %v", scope, s)
		}
	}
	if s := k.get("experience_index", &scorev1.Scope{Touchpoint: "shop"}, hour); s.Value != nil || !strings.Contains(s.GetSuppressed(), "no touchpoint here") {
		t.Errorf("%v", s)
	}
	if got := strings.Join(k.list(&scorev1.Filter{Scores: []string{"experience_index"}, Window: hour, ByStage: true}, 10), ", "); got != "experience_index, experience_index @use, experience_index call" {
		t.Error(got)
	}
	resp, err := k.svc.ExplainScore(context.Background(), &scorev1.ExplainScoreRequest{Ref: &scorev1.ScoreRef{Score: "experience_index", Window: hour}})
	if err != nil || resp.GetFormula() != "(0 + 100 + -100) ÷ 3" || len(resp.GetCells()) != 3 {
		t.Errorf("%v %v", resp, err)
	}
}
