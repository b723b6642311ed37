package scoreservice

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
)

// staged puts call into the stage use and shop into buy, both of the journey life, and site into help, which is of none.
func staged(m *mapv1.Map) {
	m.Stages = []*mapv1.Stage{{Id: "buy"}, {Id: "use"}, {Id: "help"}, {Id: "leave"}}
	m.Journeys = []*mapv1.Journey{{Id: "life", Stages: []string{"buy", "use"}}, {Id: "goodbye", Stages: []string{"leave"}}}
	m.Touchpoints[0].Stage, m.Touchpoints[1].Stage, m.Touchpoints[2].Stage = "use", "buy", "help"
}

func stagedKit(t testing.TB) *kit {
	k := newKit(t)
	k.apply("default", 2, staged)
	k.fold(
		sealed("1", 0, call(monday, "call", "north", "answered", 10_000)),
		sealed("2", 0, call(monday, "shop", "south", "answered", 30_000)),
		sealed("3", 0, call(monday, "site", "north", "answered", 50_000)),
		sealed("4", 0, call(monday, "call", "south", "abandoned", 20_000)),
		sealed("5", 0, answer(monday, "call", "recommend", 10)),
		sealed("6", 0, answer(monday, "shop", "recommend", 0)),
		sealed("7", 0, answer(monday, "call", "satisfied", 4)),
	)
	return k
}

func TestStagesAndJourneysAreSums(t *testing.T) {
	k := stagedKit(t)
	for _, c := range []struct {
		id    string
		scope *scorev1.Scope
		value float64
		n     int64
	}{
		{"interactions.count", &scorev1.Scope{Stage: "use"}, 2, 2},
		{"interactions.count", &scorev1.Scope{Stage: "buy"}, 1, 1},
		{"interactions.count", &scorev1.Scope{Journey: "life"}, 3, 3},
		{"interactions.count", nil, 4, 4},
		{"wait.mean", &scorev1.Scope{Journey: "life"}, 20, 3},
		{"wait.mean", &scorev1.Scope{Journey: "life", Team: "south"}, 25, 2},
		{"wait.mean", &scorev1.Scope{Stage: "use", Channel: "phone"}, 15, 2},
		{"recommend.nps", &scorev1.Scope{Journey: "life"}, 0, 2},
		{"recommend.nps", &scorev1.Scope{Stage: "use"}, 100, 1},
		{"interactions.count", &scorev1.Scope{Stage: "leave"}, 0, 0},
		{"interactions.count", &scorev1.Scope{Journey: "goodbye"}, 0, 0},
	} {
		for range 2 { // computed, and remembered
			s := k.get(c.id, c.scope, hour)
			if s.Value == nil || s.GetValue() != c.value || s.GetN() != c.n {
				t.Errorf("%s %v: %v of %d, want %v of %d (%s)", c.id, c.scope, s.Value, s.GetN(), c.value, c.n, s.GetSuppressed())
			}
			if got := s.GetRef().GetScope(); got.GetStage() != c.scope.GetStage() || got.GetJourney() != c.scope.GetJourney() || got.GetTouchpoint() != "" {
				t.Errorf("named %v, asked for %v", got, c.scope)
			}
		}
	}
	if s := k.get("wait.mean", &scorev1.Scope{Stage: "leave"}, hour); s.Value != nil || s.GetSuppressed() == "" {
		t.Errorf("a stage without touchpoints: %v", s)
	}
	// A touchpoint that changes its stage takes its history along.
	k.apply("default", 3, func(m *mapv1.Map) { staged(m); m.Touchpoints[2].Stage = "leave" })
	if s := k.get("wait.mean", &scorev1.Scope{Stage: "leave"}, hour); s.GetValue() != 50 {
		t.Errorf("%v", s)
	}
	resp, err := k.svc.ExplainScore(context.Background(), &scorev1.ExplainScoreRequest{Ref: &scorev1.ScoreRef{Score: "wait.mean", Scope: &scorev1.Scope{Journey: "life"}, Window: hour}})
	if err != nil {
		t.Fatal(err)
	}
	var cells []string
	for _, c := range resp.GetCells() {
		cells = append(cells, c.GetTouchpoint()+" "+c.GetOutcome())
	}
	if !slices.Equal(cells, []string{"call abandoned", "call answered", "shop answered"}) || resp.GetFormula() != "60000 ÷ 3 ÷ 1000" {
		t.Errorf("%v %s", cells, resp.GetFormula())
	}
}

func TestStagesThatCannotBeAsked(t *testing.T) {
	k := stagedKit(t)
	for _, c := range []struct {
		scope        *scorev1.Scope
		field, words string
	}{
		{&scorev1.Scope{Stage: "ues"}, "ref.scope.stage", `Did you mean "use"`},
		{&scorev1.Scope{Stage: "renew"}, "ref.scope.stage", "buy, help, leave, use"},
		{&scorev1.Scope{Journey: "lief"}, "ref.scope.journey", `Did you mean "life"`},
		{&scorev1.Scope{Touchpoint: "call", Stage: "use"}, "ref.scope", "Give one of them"},
		{&scorev1.Scope{Stage: "use", Journey: "life"}, "ref.scope", "Give one of them"},
		{&scorev1.Scope{Stage: "use", Channel: "phone", Team: "north"}, "ref.scope", "one of"},
		{&scorev1.Scope{Stage: "use", Team: "east"}, "ref.scope.team", "north, south"},
	} {
		_, err := k.svc.GetScore(context.Background(), &scorev1.GetScoreRequest{Ref: &scorev1.ScoreRef{Score: "wait.mean", Scope: c.scope}})
		wantField(t, err, c.field, c.words)
		_, err = k.svc.BatchGetScores(context.Background(), &scorev1.BatchGetScoresRequest{Refs: []*scorev1.ScoreRef{{Score: "wait.mean"}, {Score: "wait.mean", Scope: c.scope}}})
		wantField(t, err, strings.Replace(c.field, "ref", "refs[1]", 1), c.words)
	}
	k.apply("default", 3, nil)
	_, err := k.svc.GetScore(context.Background(), &scorev1.GetScoreRequest{Ref: &scorev1.ScoreRef{Score: "wait.mean", Scope: &scorev1.Scope{Stage: "use"}}})
	var e *fault.Error
	if wantField(t, err, "ref.scope.stage", "declares no stage"); errors.As(err, &e) && e.Message != `ref.scope.stage: The stage "use" is not declared.` {
		t.Error(e.Message)
	}
}

func TestListByStageAndUnit(t *testing.T) {
	k := stagedKit(t)
	k.apply("default", 3, func(m *mapv1.Map) { reorganised("2026-02-16")(m); staged(m) })
	count := []string{"interactions.count"}
	for _, c := range []struct {
		f    *scorev1.Filter
		want string
	}{
		{&scorev1.Filter{Scores: count, ByStage: true, ByJourney: true}, "interactions.count, interactions.count #life, interactions.count @buy, interactions.count @help, interactions.count @use, " +
			"interactions.count call, interactions.count shop, interactions.count site"},
		{&scorev1.Filter{Scores: count, ByStage: true, NoOrganisation: true, Touchpoints: []string{"call", "site"}}, "interactions.count @help, interactions.count @use, interactions.count call, interactions.count site"},
		{&scorev1.Filter{Scores: []string{"satisfied.top2", "wait.sum"}, ByStage: true, NoOrganisation: true}, "wait.sum @buy, wait.sum @help, wait.sum @use, satisfied.top2 @use, " +
			"wait.sum call, satisfied.top2 call, wait.sum shop, wait.sum site"},
		// north stood in east only before it had a call.
		{&scorev1.Filter{Scores: count, ByTeam: true, ByStage: true, Touchpoints: []string{"call"}}, "interactions.count, " +
			"interactions.count //company, interactions.count //north, interactions.count //south, interactions.count //west, " +
			"interactions.count @use, interactions.count @use//company, interactions.count @use//north, interactions.count @use//south, interactions.count @use//west, " +
			"interactions.count call, interactions.count call//company, interactions.count call//north, interactions.count call//south, interactions.count call//west"},
	} {
		for _, size := range []int32{1, 4, 1000} {
			if got := strings.Join(k.list(c.f, size), ", "); got != c.want {
				t.Errorf("%v in pages of %d:\n%s\nwant\n%s", c.f, size, got, c.want)
			}
		}
	}
	_, err := k.svc.newWatch(context.Background(), &scorev1.WatchScoresRequest{Refs: []*scorev1.ScoreRef{{Score: "wait.mean"}}, Filter: &scorev1.Filter{ByStage: true}})
	wantField(t, err, "filter", "one of the two")
}
