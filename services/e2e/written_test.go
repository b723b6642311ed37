package e2e

import (
	"fmt"
	"math"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
)

// What is written, chosen and ranked is in scores: a text by its sentiment, each theme, choice and rank as a question of its own.
func TestTextsChoicesAndRanks(t *testing.T) {
	to := aim(t)
	const org = "written"
	m := &mapv1.Map{
		Organisation: org,
		Touchpoints:  []*mapv1.Touchpoint{{Id: "call", FunctionalOwner: "a", OperationalOwner: "b"}},
		Questions: []*mapv1.Question{
			{Id: "nps", Kind: mapv1.QuestionKind_QUESTION_KIND_NPS, ScaleMax: 10, Touchpoints: []string{"call"}},
			{Id: "why", Kind: mapv1.QuestionKind_QUESTION_KIND_TEXT, Touchpoints: []string{"call"}},
			{Id: "used", Kind: mapv1.QuestionKind_QUESTION_KIND_MULTIPLE, Touchpoints: []string{"call"}, Choices: []*mapv1.Choice{{Value: 1, Label: "App"}, {Value: 2, Label: "Site"}}},
			{Id: "first", Kind: mapv1.QuestionKind_QUESTION_KIND_RANKING, Touchpoints: []string{"call"}, Choices: []*mapv1.Choice{{Value: 1, Label: "Speed"}, {Value: 2, Label: "Cost"}}},
			{Id: "against", Kind: mapv1.QuestionKind_QUESTION_KIND_COMPARISON, ScaleMin: -1, ScaleMax: 1, Touchpoints: []string{"call"}},
			{
				Id: "because", Kind: mapv1.QuestionKind_QUESTION_KIND_REASON, About: "nps", ScaleMin: 1, ScaleMax: 2, Touchpoints: []string{"call"},
				Choices: []*mapv1.Choice{{Value: 1, Label: "Wait"}, {Value: 2, Label: "Price"}},
			},
		},
		Themes: []*mapv1.Theme{{Id: "waiting", Words: []*mapv1.ThemeWords{{Language: "en", Words: []string{"wait"}}}}},
	}
	apply(t, to.Maps, m)
	at := timestamppb.New(time.Now().Add(-time.Hour))
	n := 0
	var facts []*factv1.Fact
	for question, values := range map[string][]int64{
		"why": {-801, -50, 450, 1000}, "why_waiting": {1, 1, 0, 0}, "used_1": {1, 0, 0, 0}, "used_2": {1, 1, 1, 0}, "first_1": {1, 2}, "first_2": {2, 1},
		"against": {-1, -1, 0, 1}, "because": {1, 2, 2, 2},
	} {
		for _, v := range values {
			n++
			facts = append(facts, &factv1.Fact{Id: fmt.Sprint(n), Content: &factv1.Fact_Answer{Answer: &factv1.Answer{
				Question: question, Value: v, AboutTime: at, Touchpoint: "call", CustomerId: "carol",
			}}})
		}
	}
	publish(t, to.Ingest, org, "survey", facts...)
	settled(t, to.Admin)
	for score, want := range map[string]float64{
		"why.mean": 14.975, "why.negative": 50, "why.count": 4, "why_waiting.share.1": 50, "used_1.share.1": 25, "used_2.share.1": 75, "first_1.mean": 1.5,
		"first_2.share.2": 50, "against.mean": -0.25, "against.share.-1": 50, "because.share.2": 75,
	} {
		s, err := to.Scores.GetScore(t.Context(), &scorev1.GetScoreRequest{Ref: &scorev1.ScoreRef{
			Organisation: org, Score: score, Scope: &scorev1.Scope{Touchpoint: "call"}, Window: scorev1.Window_WINDOW_24H,
		}})
		if err != nil {
			t.Errorf("%s: %v", score, err)
		} else if v := s.GetScore(); v.Value == nil || math.Abs(v.GetValue()-want) > 1e-9 {
			t.Errorf("%s is %v, want %v", score, v, want)
		}
	}
	verified(t, to.Admin)
}
