package survey

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	surveyv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/survey/v1"
	"github.com/touchstone-cx/touchstone/services/survey/state"
)

// What an answer says in facts, by the kind of its question; only what the map counts is said.
func TestFactsOfAnswers(t *testing.T) {
	question := func(id string, kind mapv1.QuestionKind, choices ...int32) *mapv1.Question {
		q := &mapv1.Question{Id: id, Kind: kind, Touchpoints: []string{"call"}}
		for _, v := range choices {
			q.Choices = append(q.Choices, &mapv1.Choice{Value: v})
		}
		return q
	}
	by, err := compile(&mapv1.Map{
		Organisation: "acme", Themes: []*mapv1.Theme{{Id: "price"}, {Id: "waiting"}, {Id: "food"}},
		Questions: []*mapv1.Question{
			question("nps", mapv1.QuestionKind_QUESTION_KIND_NPS), question("why", mapv1.QuestionKind_QUESTION_KIND_TEXT), question("why_price", mapv1.QuestionKind_QUESTION_KIND_YES_NO),
			question("why_waiting", mapv1.QuestionKind_QUESTION_KIND_YES_NO), question("used", mapv1.QuestionKind_QUESTION_KIND_MULTIPLE, 1, 2, 3), question("used_1", mapv1.QuestionKind_QUESTION_KIND_YES_NO),
			question("used_2", mapv1.QuestionKind_QUESTION_KIND_YES_NO), question("order", mapv1.QuestionKind_QUESTION_KIND_RANKING, 1, 2), question("order_1", mapv1.QuestionKind_QUESTION_KIND_RATING),
			question("order_2", mapv1.QuestionKind_QUESTION_KIND_RATING),
		},
	}, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, language string
		step           uint32
		x              *surveyv1.SavedAnswer
		want           []string
	}{
		{"a point", "en", 1, &surveyv1.SavedAnswer{Question: "nps", Values: []int32{7}}, []string{"nps=7"}},
		{"a text", "en-GB", 1, &surveyv1.SavedAnswer{Question: "why", SealedText: []byte("x"), Sentiment: -400, Themes: []string{"price", "food"}}, []string{"why=-400", "why_price=1", "why_waiting=0"}},
		{"a text whose sentiment nobody knows", "de", 1, &surveyv1.SavedAnswer{Question: "why", SealedText: []byte("x"), Themes: []string{"waiting"}}, []string{"why_price=0", "why_waiting=1"}},
		{"several", "en", 1, &surveyv1.SavedAnswer{Question: "used", Values: []int32{2, 3}}, []string{"used_1=0", "used_2=1"}},
		{"an order", "en", 1, &surveyv1.SavedAnswer{Question: "order", Values: []int32{2, 1}}, []string{"order_2=1", "order_1=2"}},
		{"skipped", "en", 1, &surveyv1.SavedAnswer{Question: "nps"}, nil},
		{"taken back", "en", 2, &surveyv1.SavedAnswer{Question: "nps"}, []string{"nps retracted"}},
		{"taken back, of several", "en", 2, &surveyv1.SavedAnswer{Question: "used"}, []string{"used_1 retracted", "used_2 retracted"}},
		{"no longer asked", "en", 1, &surveyv1.SavedAnswer{Question: "gone", Values: []int32{1}}, nil},
	} {
		var got []string
		i := &state.Invitation{Step: c.step, AskedIn: c.language, Context: &surveyv1.Context{Touchpoint: "call"}, Source: "acd", Interaction: "c1"}
		for _, f := range factsOf(by, state.ID{1}, i, c.x) {
			what := "retracted"
			if a := f.GetAnswer(); a != nil {
				what = fmt.Sprintf("=%d", a.GetValue())
				if f.GetId() != factID(state.ID{1}, a.GetQuestion()) || a.GetText() != "" || a.GetInteraction().GetId() != "c1" {
					t.Errorf("%s: %v", c.name, f)
				}
				got = append(got, a.GetQuestion()+what)
				continue
			}
			if f.GetRetraction().GetInteraction().GetId() != "c1" {
				t.Errorf("%s: %v", c.name, f)
			}
			_, q, _ := strings.Cut(f.GetId(), ":")
			got = append(got, q+" "+what)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestConditions(t *testing.T) {
	for _, c := range []struct {
		expression string
		want       bool
	}{
		{"", true},
		{`metrics["wait"] > 60.0 && outcome == "answered"`, true},
		{`metrics["talk"] > 0.0`, false}, // not measured
		{`attributes["plan"] == "gold" || touchpoint == "shop"`, true},
		{`metrics["wait"]`, false}, // no condition at all
	} {
		when, err := interactionCondition(c.expression)
		if err != nil {
			t.Errorf("%s: %v", c.expression, err)
			continue
		}
		if got := when.holds(map[string]any{
			"touchpoint": "call", "channel": "", "team": "", "outcome": "answered", "attributes": map[string]string{"plan": "gold"}, "metrics": map[string]float64{"wait": 90},
		}); got != c.want {
			t.Errorf("%s holds: %v", c.expression, got)
		}
	}
	if _, err := interactionCondition("nothing > 1"); err == nil {
		t.Error("a condition over nothing was read")
	}
}
