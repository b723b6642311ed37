package scoreservice

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
)

// withGaps declares what satisfaction is compared with, and how long the wait felt.
func withGaps(m *mapv1.Map) {
	staged(m)
	m.Metrics[0].Better = mapv1.Better_BETTER_LOWER
	m.Questions[1].Baselines = []mapv1.Baseline{mapv1.Baseline_BASELINE_STATED, mapv1.Baseline_BASELINE_HISTORY}
	m.Questions = append(m.Questions,
		&mapv1.Question{Id: "expected", Kind: mapv1.QuestionKind_QUESTION_KIND_EXPECTATION, ScaleMin: 1, ScaleMax: 5, Touchpoints: []string{"call"}, About: "satisfied"},
		&mapv1.Question{Id: "felt_wait", Kind: mapv1.QuestionKind_QUESTION_KIND_PERCEIVED, ScaleMax: 60, Touchpoints: []string{"call"}, Perceives: "wait", UnitsPerPoint: 60})
	m.Minimums = &mapv1.Minimums{Answers: 2}
	m.CxScores = []*mapv1.CxScore{{Id: "cx", Parts: []*mapv1.CxPart{{Score: "satisfied.gap_stated", Weight: 1, Worst: -2, Best: 2}}}}
}

// gapKit counts what the fold would: gaps and what they are from, at the answers.
func gapKit(t testing.TB) *kit {
	k := newKit(t)
	k.apply("default", 2, withGaps)
	k.fresh()
	stated, history := mapv1.Baseline_BASELINE_STATED, mapv1.Baseline_BASELINE_HISTORY
	var facts []*factv1.RecordedFact
	for i, x := range []struct{ experienced, stated, history int64 }{{4, 5, 3500}, {2, 4, 2500}, {5, 4, 4667}} {
		for measure, v := range map[string]int64{
			"satisfied":                                  x.experienced,
			expmap.GapMeasure("satisfied", stated):       x.experienced - x.stated,
			expmap.ExpectedMeasure("satisfied", stated):  x.stated,
			expmap.GapMeasure("satisfied", history):      1000*x.experienced - x.history,
			expmap.ExpectedMeasure("satisfied", history): x.history,
			expmap.FeltGapMeasure("felt_wait"):           int64(i) * 30_000,
			expmap.CountedMeasure("felt_wait"):           90_000,
		} {
			facts = append(facts, sealed(fmt.Sprint(i, measure), 0, answer(monday, "call", measure, v)))
		}
	}
	k.fold(facts...)
	return k
}

func TestGapsEverywhere(t *testing.T) {
	k := gapKit(t)
	for _, sc := range []*scorev1.Scope{nil, {Touchpoint: "call"}, {Stage: "use"}} {
		s := k.get("satisfied.gap_stated", sc, hour)
		if s.GetValue() != -2.0/3 || s.GetN() != 3 || s.GetUnit() != "points" || s.GetInterval().GetMethod() != "t" || s.GetGap().GetExperienced() != 11.0/3 || s.GetGap().GetBaseline() != 13.0/3 {
			t.Errorf("%v: %v", sc, s)
		}
	}
	if s := k.get("satisfied.gap_history", nil, hour); s.GetValue() != 0.111 || s.GetGap().GetExperienced() != 11.0/3 || math.Abs(s.GetGap().GetBaseline()-10.667/3) > 1e-12 {
		t.Errorf("%v", s)
	}
	if s := k.get("felt_wait.gap_felt", nil, hour); s.GetValue() != 30 || s.GetUnit() != "s" || s.GetGap().GetExperienced() != 120 || s.GetGap().GetBaseline() != 90 {
		t.Errorf("%v", s)
	}
	if s := k.get("satisfied.mean", nil, hour); s.GetGap() != nil || s.GetValue() != 11.0/3 {
		t.Errorf("%v", s)
	}
	if s := k.get("cx", nil, hour); s.GetComposite().GetSurveyN() != 3 || s.GetComposite().GetProcess() != 0 || s.Value == nil {
		t.Errorf("a gap is of the survey part: %v", s)
	}
	if got := strings.Join(k.list(&scorev1.Filter{Window: hour, Touchpoints: []string{"call", "shop"}, Scores: []string{"satisfied.gap*", "felt_wait.*"}, NoOrganisation: true}, 10), ", "); got !=
		"felt_wait.gap_felt call, satisfied.gap_stated call, satisfied.gap_history call" {
		t.Error(got)
	}
	// Under its minimum nothing is told, neither side of it.
	k.apply("default", 3, func(m *mapv1.Map) { withGaps(m); m.Minimums.Answers = 4 })
	if s := k.get("satisfied.gap_stated", nil, hour); s.Value != nil || s.GetGap() != nil || s.GetSuppressed() != "fewer than 4 answers" {
		t.Errorf("%v", s)
	}
	e, err := k.svc.ExplainScore(context.Background(), &scorev1.ExplainScoreRequest{Ref: &scorev1.ScoreRef{Score: "satisfied.gap_stated", Window: hour}})
	if err != nil || len(e.GetCells())+len(e.GetQuantities()) > 0 {
		t.Errorf("%v %v", e, err)
	}
}

func TestExplainShowsBothSidesOfAGap(t *testing.T) {
	k := gapKit(t)
	k.apply("default", 3, func(m *mapv1.Map) { withGaps(m); m.Minimums = nil })
	e, err := k.svc.ExplainScore(context.Background(), &scorev1.ExplainScoreRequest{Ref: &scorev1.ScoreRef{Score: "satisfied.gap_stated", Window: hour}})
	if err != nil {
		t.Fatal(err)
	}
	q := e.GetQuantities()
	if e.GetFormula() != "-2 ÷ 3" || q[0].GetName() != "experienced = 11 ÷ 3" || q[1].GetName() != "what they said they expected = 13 ÷ 3" ||
		len(e.GetCells()) != 2 || e.GetCells()[0].GetSum() != "-2" || e.GetCells()[1].GetSum() != "13" {
		t.Errorf("%v", e)
	}
}
