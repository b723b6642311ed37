package scoreservice

import (
	"reflect"
	"testing"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	"github.com/touchstone-cx/touchstone/services/correlation/score"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
)

// TestSpecTakesWhatTheMapDeclares: every value of the contract's enumerations has its own meaning for scores.
func TestSpecTakesWhatTheMapDeclares(t *testing.T) {
	p := &mapv1.Map{
		Metrics: []*mapv1.Metric{{Id: "wait", Unit: "s", Resolution: 1000}},
		LinkedMetrics: []*mapv1.LinkedMetric{
			{Id: "repeat", Kind: mapv1.LinkedKind_LINKED_KIND_NEXT_CONTACT},
			{Id: "moved", Kind: mapv1.LinkedKind_LINKED_KIND_JOURNEY_TIME},
			{Id: "handed", Kind: mapv1.LinkedKind_LINKED_KIND_CONTACT_TRANSFERS},
			{Id: "strain", Kind: mapv1.LinkedKind_LINKED_KIND_JOURNEY_FRICTION},
		},
		Outcomes: []*mapv1.Outcome{{Id: "answered"}, {Id: "abandoned"}, {Id: "left"}},
		Questions: []*mapv1.Question{
			{Id: "felt", Kind: mapv1.QuestionKind_QUESTION_KIND_EMOTION, ScaleMin: 1, ScaleMax: 3, Choices: []*mapv1.Choice{
				{Value: 1, Label: "angry", Feeling: mapv1.Feeling_FEELING_NEGATIVE},
				{Value: 2, Label: "calm", Feeling: mapv1.Feeling_FEELING_NEUTRAL},
				{Value: 3, Label: "glad", Feeling: mapv1.Feeling_FEELING_POSITIVE},
			}},
		},
		ServiceLevels: []*mapv1.ServiceLevel{{
			Id: "sl", Metric: "wait", Threshold: 20, Boundary: mapv1.Boundary_BOUNDARY_AT_MOST, Outcomes: []string{"answered"},
			Abandons: mapv1.Abandons_ABANDONS_SHORT_LEFT_OUT, Abandoned: []string{"abandoned"}, Short: 5, LeftOther: []string{"left"},
		}},
	}
	wait := score.Measure{ID: "wait", Unit: "s", Resolution: 1000}
	want := score.Spec{
		Metrics: []score.Measure{
			wait,
			{ID: "repeat", Unit: "h", Resolution: 3600},
			{ID: "repeat_base", Unit: "contacts", Resolution: 1},
			{ID: "moved", Unit: "h", Resolution: 3600},
			{ID: "moved_base", Unit: "journeys", Resolution: 1},
			{ID: "handed", Unit: "transfers", Resolution: 1},
			{ID: "handed_base", Unit: "contacts", Resolution: 1},
			{ID: "strain", Unit: "points", Resolution: 1},
			{ID: "strain_base", Unit: "journeys", Resolution: 1},
		},
		Outcomes: []string{"answered", "abandoned", "left"},
		Questions: []score.Measure{{ID: "felt", Kind: score.Emotion, Resolution: 1, Min: 1, Max: 3, Options: []score.Option{
			{Value: 1, Label: "angry", Feeling: score.Negative}, {Value: 2, Label: "calm"}, {Value: 3, Label: "glad", Feeling: score.Positive},
		}}},
		ServiceLevels: []score.ServiceLevel{{
			ID: "sl", Metric: wait, Threshold: 20, AtMost: true, Outcomes: []string{"answered"},
			Abandons: score.ShortLeftOut, Abandoned: []string{"abandoned"}, Short: 5, LeftOther: []string{"left"},
		}},
	}
	if got := Spec(&expmap.Map{Proto: p}); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}

	distinct(t, mapv1.QuestionKind_name, func(v int32) any { return kindOf(mapv1.QuestionKind(v)) })
	distinct(t, mapv1.Facet_name, func(v int32) any { return facetOf(mapv1.Facet(v)) })
	distinct(t, mapv1.Abandons_name, func(v int32) any { return abandonsOf(mapv1.Abandons(v)) })
}

// distinct checks that no two declared values mean the same; of the enumerations that must be set, 0 is none.
func distinct(t *testing.T, names map[int32]string, of func(int32) any) {
	t.Helper()
	seen := map[any]string{}
	for v, name := range names {
		if v == 0 && name == "QUESTION_KIND_UNSPECIFIED" {
			continue
		}
		if other, twice := seen[of(v)]; twice {
			t.Errorf("%s and %s mean the same", name, other)
		}
		seen[of(v)] = name
	}
}
