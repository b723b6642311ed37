package e2e

import (
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
)

// What is made of several facts is found behind its score, and its map's change counts history again by itself: calls handed
// on, of which one metric was declared from the beginning and the others come later.
func TestDerivedMeasures(t *testing.T) {
	to := aim(t)
	const org = "derived"
	owned := func(id, stage string) *mapv1.Touchpoint {
		return &mapv1.Touchpoint{Id: id, Stage: stage, FunctionalOwner: "a", OperationalOwner: "b"}
	}
	m := &mapv1.Map{
		Organisation: org, Channels: []*mapv1.Channel{{Id: "voice"}, {Id: "mail"}},
		Touchpoints: []*mapv1.Touchpoint{owned("call", "ask"), owned("repair", "mend")},
		Stages:      []*mapv1.Stage{{Id: "ask"}, {Id: "mend"}}, Journeys: []*mapv1.Journey{{Id: "fix", Stages: []string{"ask", "mend"}}},
		Metrics:       []*mapv1.Metric{{Id: "hold", Unit: "s", Resolution: 1000}},
		LinkedMetrics: []*mapv1.LinkedMetric{{Id: "handed", Kind: mapv1.LinkedKind_LINKED_KIND_CONTACT_TRANSFERS}},
		Questions: []*mapv1.Question{
			{Id: "easy", Kind: mapv1.QuestionKind_QUESTION_KIND_CES2, ScaleMin: 1, ScaleMax: 7, Touchpoints: []string{"call"}},
			{Id: "easy_expected", Kind: mapv1.QuestionKind_QUESTION_KIND_EXPECTATION, ScaleMin: 1, ScaleMax: 7, Touchpoints: []string{"call"}, About: "easy"},
		},
	}
	apply(t, to.Maps, m)
	began := time.Now().Add(-6 * time.Hour)
	leg := func(id string, hours int, contact, touchpoint, channel string) *factv1.Fact {
		return &factv1.Fact{Id: id, Content: &factv1.Fact_Interaction{Interaction: &factv1.Interaction{
			OccurredAt: timestamppb.New(began.Add(time.Duration(hours) * time.Hour)), Touchpoint: touchpoint, Channel: channel, ContactId: contact, CustomerId: "carol",
		}}}
	}
	publish(t, to.Ingest, org, "pbx", leg("a", 0, "one", "call", "voice"), leg("b", 1, "one", "call", "voice"), leg("c", 2, "two", "call", "mail"), leg("d", 3, "", "repair", "mail"))
	settled(t, to.Admin)

	behind := func(score string) (ids []string, value float64) {
		t.Helper()
		ref := &scorev1.ScoreRef{Organisation: org, Score: score, Scope: &scorev1.Scope{Touchpoint: "call"}, Window: scorev1.Window_WINDOW_24H}
		list, err := to.Scores.ListFacts(t.Context(), &scorev1.ListFactsRequest{Organisation: org, Ref: ref})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range list.GetFacts() {
			ids = append(ids, f.GetId())
		}
		slices.Sort(ids)
		s, err := to.Scores.GetScore(t.Context(), &scorev1.GetScoreRequest{Ref: ref})
		if err != nil {
			t.Fatal(err)
		}
		return ids, s.GetScore().GetValue()
	}
	// Contact one was handed on once, and two never: at their first legs.
	if ids, mean := behind("handed.mean"); !slices.Equal(ids, []string{"a", "c"}) || mean != 0.5 {
		t.Errorf("transfers %v of %v", mean, ids)
	}
	story, err := to.Scores.GetFact(t.Context(), &scorev1.GetFactRequest{Organisation: org, Source: "pbx", Id: "a"})
	if err != nil || len(story.GetStories()) != 1 {
		t.Fatal(story, err)
	}
	told := false
	for _, e := range story.GetStories()[0].GetEffects() {
		if ref := e.GetAfter().GetRef(); ref.GetScore() == "handed.mean" && ref.GetScope().GetTouchpoint() == "call" && ref.GetScope().GetChannel() == "" {
			// Without a, contact one has b alone, and no transfer.
			told = true
			if e.GetBefore().GetValue() != 0 || e.GetAfter().GetValue() != 0.5 {
				t.Errorf("effect of a leg: %v to %v", e.GetBefore().GetValue(), e.GetAfter().GetValue())
			}
		}
	}
	if !told {
		t.Errorf("the leg does not tell its transfers: %v", story)
	}

	m.LinkedMetrics = append(m.LinkedMetrics, &mapv1.LinkedMetric{Id: "strain", Kind: mapv1.LinkedKind_LINKED_KIND_JOURNEY_FRICTION, Journey: "fix", Hold: "hold"})
	m.Questions[0].Baselines = []mapv1.Baseline{mapv1.Baseline_BASELINE_STATED, mapv1.Baseline_BASELINE_LAST, mapv1.Baseline_BASELINE_HISTORY}
	check, err := to.Maps.CheckMap(t.Context(), &mapv1.CheckMapRequest{Map: m})
	if err != nil || len(check.GetProblems()) > 0 || len(check.GetRecounts()) != 4 {
		t.Fatal(check, err)
	}
	apply(t, to.Maps, m)
	for until := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		// Four interactions, and one change of channel.
		ids, sum := behind("strain.mean")
		if slices.Equal(ids, []string{"a"}) && sum == 5 {
			break
		}
		if time.Now().After(until) {
			t.Fatalf("friction %v of %v", sum, ids)
		}
	}
	verified(t, to.Admin)
}
