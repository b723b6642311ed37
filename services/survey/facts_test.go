package survey

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	surveyv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/survey/v1"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
	"github.com/touchstone-cx/touchstone/services/survey/page"
	"github.com/touchstone-cx/touchstone/services/survey/state"
)

// What an answer says in facts, by the kind of its question; only what the map counts is said.
func TestFactsOfAnswers(t *testing.T) {
	question := func(id string, kind mapv1.QuestionKind, choices ...int32) *mapv1.Question {
		q := &mapv1.Question{Id: id, Text: id + "?", Kind: kind, Touchpoints: []string{"call"}, UnpairedBecause: "a test"}
		if kind == mapv1.QuestionKind_QUESTION_KIND_NPS {
			q.ScaleMax = 10
		}
		for _, v := range choices {
			q.Choices = append(q.Choices, &mapv1.Choice{Value: v, Label: fmt.Sprint("Choice ", v)})
		}
		return q
	}
	theme := func(id string) *mapv1.Theme {
		return &mapv1.Theme{Id: id, Words: []*mapv1.ThemeWords{{Language: "en", Words: []string{id}}}}
	}
	then := aMap(func(_ *mapv1.Survey, m *mapv1.Map) {
		m.Themes = []*mapv1.Theme{theme("price"), theme("waiting")}
		m.Questions = append(m.Questions, question("nps", mapv1.QuestionKind_QUESTION_KIND_NPS), question("why", mapv1.QuestionKind_QUESTION_KIND_TEXT),
			question("used", mapv1.QuestionKind_QUESTION_KIND_MULTIPLE, 1, 2, 5), question("order", mapv1.QuestionKind_QUESTION_KIND_RANKING, 1, 2, 4))
	})
	now := proto.CloneOf(then) // what came later was not looked for and not offered
	now.Themes = append(now.Themes, theme("parking"))
	now.Questions[4].Choices = append(now.Questions[4].Choices, &mapv1.Choice{Value: 6, Label: "Choice 6"})
	by, askedBy := built(t, now), built(t, then)
	for _, c := range []struct {
		name, language string
		step           uint32
		x              *surveyv1.SavedAnswer
		want           []string
	}{
		{"a point", "en", 1, &surveyv1.SavedAnswer{Question: "nps", Values: []int32{7}}, []string{"nps=7"}},
		{"a text", "en-GB", 1, &surveyv1.SavedAnswer{Question: "why", SealedText: []byte("x"), Sentiment: -400, Themes: []string{"price", "gone"}}, []string{"why=-400", "why_price=1", "why_waiting=0"}},
		{"a text whose sentiment nobody knows", "de", 1, &surveyv1.SavedAnswer{Question: "why", SealedText: []byte("x"), Themes: []string{"waiting"}}, []string{"why_price=0", "why_waiting=1"}},
		{"several", "en", 1, &surveyv1.SavedAnswer{Question: "used", Values: []int32{2, 5}}, []string{"used_1=0", "used_2=1", "used_5=1"}},
		{"an order", "en", 1, &surveyv1.SavedAnswer{Question: "order", Values: []int32{2, 4, 1}}, []string{"order_2=1", "order_4=2", "order_1=3"}},
		{"skipped", "en", 1, &surveyv1.SavedAnswer{Question: "nps"}, nil},
		{"taken back", "en", 2, &surveyv1.SavedAnswer{Question: "nps"}, []string{"nps retracted"}},
		{"taken back, of several", "en", 2, &surveyv1.SavedAnswer{Question: "used"}, []string{"used_1 retracted", "used_2 retracted", "used_5 retracted", "used_6 retracted"}},
		{"taken back, a text", "en", 2, &surveyv1.SavedAnswer{Question: "why"}, []string{"why retracted", "why_price retracted", "why_waiting retracted", "why_parking retracted"}},
		{"no longer asked", "en", 1, &surveyv1.SavedAnswer{Question: "gone", Values: []int32{1}}, nil},
	} {
		var got []string
		i := &state.Invitation{Step: c.step, AskedIn: c.language, Context: &surveyv1.Context{Touchpoint: "call"}, Source: "acd", Interaction: "c1"}
		for _, f := range factsOf(by, askedBy, state.ID{1}, i, c.x) {
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

// What triggers and questions hang on, as the gates and the pages meet it.
func TestConditions(t *testing.T) {
	for _, c := range []struct {
		expression string
		want       bool
	}{
		{"", true},
		{`metrics["wait"] > 60.0 && outcome == "answered"`, true},
		{`metrics["talk"] > 0.0`, false}, // not measured
		{`attributes["plan"] == "gold" || touchpoint == "shop"`, true},
	} {
		by := built(t, aMap(func(s *mapv1.Survey, m *mapv1.Map) {
			s.Trigger.When, s.Trigger.DelayMinutes = c.expression, 5
			m.Metrics = append(m.Metrics, &mapv1.Metric{Id: "talk", Name: "Talk", Unit: "s", Resolution: 1000})
		}))
		x := &factv1.Interaction{
			Touchpoint: "call", Outcome: "answered", Attributes: map[string]string{"plan": "gold"},
			Metrics: []*factv1.MetricValue{{Metric: "wait", Amount: &factv1.MetricValue_Value{Value: 90_000}}},
		}
		a := by.byID["help"]
		if got := a.triggered(interactionOf(by, x)); got != c.want || a.delay() != 5*time.Minute {
			t.Errorf("%s holds: %v, after %s", c.expression, got, a.delay())
		}
	}
	ease := built(t, aMap()).byID["help"].page.Questions[1]
	for points, want := range map[int32]bool{8: true, 9: false} {
		if got := ease.When(page.Answers{"recommend": {Values: []int32{points}}}); got != want {
			t.Errorf("asked after %d: %v", points, got)
		}
	}
	if ease.When(page.Answers{}) || !slices.Equal(ease.Needs, []string{"recommend"}) {
		t.Errorf("asked without what it needs: %v", ease.Needs)
	}
}

// A page has a question's words in each language of the survey: without region where the region has none of its own.
func TestWordsOfPages(t *testing.T) {
	p := built(t, aMap(func(s *mapv1.Survey, m *mapv1.Map) {
		s.Languages = []string{"en", "pt-BR"}
		s.Published = []*mapv1.Published{{Language: "pt", Text: "Mudou."}}
		m.Questions[0].Wordings = []*mapv1.Wording{{Language: "pt", Text: "Recomendaria?"}}
		m.Questions[1].Wordings = []*mapv1.Wording{{Language: "pt-BR", Text: "Foi fácil?"}}
	})).byID["help"].page
	for language, want := range map[string]string{"en": "How likely are you to recommend Acme?", "pt-BR": "Recomendaria?"} {
		if got := p.Questions[0].Wordings[language].Text; got != want {
			t.Errorf("%s: %q", language, got)
		}
	}
	if len(p.Published) != 1 || p.Published["pt-BR"] != "Mudou." {
		t.Errorf("%v", p.Published)
	}
}

// built is a map as the service has it.
func built(t testing.TB, p *mapv1.Map) *compiled {
	t.Helper()
	m, wrong := expmap.Compile(p, 1)
	if len(wrong) > 0 {
		t.Fatal(wrong)
	}
	return compile(m)
}
