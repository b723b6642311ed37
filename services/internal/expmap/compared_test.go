package expmap_test

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
)

const (
	stated  = mapv1.Baseline_BASELINE_STATED
	last    = mapv1.Baseline_BASELINE_LAST
	history = mapv1.Baseline_BASELINE_HISTORY
)

// comparing is the whole map with gaps, what was felt, transfers and friction.
func comparing(t *testing.T) *mapv1.Map {
	p := whole(t)
	p.Questions[2].Baselines = []mapv1.Baseline{history, stated}
	p.Questions = append(p.Questions, &mapv1.Question{
		Id: "wait_felt", Kind: mapv1.QuestionKind_QUESTION_KIND_PERCEIVED, ScaleMin: 0, ScaleMax: 30, Touchpoints: []string{"booking_call"},
		Perceives: "wait", UnitsPerPoint: 60,
	})
	p.LinkedMetrics = append(
		p.LinkedMetrics, &mapv1.LinkedMetric{Id: "handed", Kind: mapv1.LinkedKind_LINKED_KIND_CONTACT_TRANSFERS},
		&mapv1.LinkedMetric{Id: "strain", Kind: mapv1.LinkedKind_LINKED_KIND_JOURNEY_FRICTION, Journey: "treatment", LongestDays: 120, Hold: "talk"},
	)
	return p
}

func TestWhatAnswersAreComparedWith(t *testing.T) {
	m := compile(t, comparing(t))
	want := []expmap.Compared{{Question: "easy", Baseline: stated, Expectations: []string{"easy_expected"}}, {Question: "easy", Baseline: history}}
	if got := m.Compared(); !reflect.DeepEqual(got, want) {
		t.Errorf("compared %+v", got)
	}
	if got := m.Perceived(); !slices.Equal(got, []expmap.Perceived{{Question: "wait_felt", Metric: "wait", Factor: 60_000, Resolution: 1000}}) {
		t.Errorf("perceived %+v", got)
	}
	if got, want := expmap.Derived(m.Proto), (map[string]int64{
		"repeat": 3600, "repeat_base": 1, "again": 3600, "again_base": 1, "to_treatment": 3600, "to_treatment_base": 1,
		"handed": 1, "handed_base": 1, "strain": 1, "strain_base": 1,
		"easy_gap_stated": 1, "easy_expected_stated": 1, "easy_gap_history": 1000, "easy_expected_history": 1000,
		"wait_felt_gap_felt": 1000, "wait_felt_counted": 1000,
	}); !maps.Equal(got, want) {
		t.Errorf("derived %v", got)
	}
	handed, strain := m.Linked["handed"], m.Linked["strain"]
	if handed.Resolution() != 1 || strain.Resolution() != 1 || m.Linked["again"].Resolution() != 3600 || m.Linked["to_treatment"].Resolution() != 3600 {
		t.Error("resolutions of linked metrics")
	}
	if !slices.Equal(strain.Except, []string{"laboratory"}) || strain.Hold != "talk" || !slices.Equal(strain.First, []string{"booking_call"}) || !slices.Equal(handed.Except, []string{"laboratory"}) {
		t.Errorf("%+v, %+v", handed, strain)
	}
	if !handed.CountsAt("consultation") || handed.CountsAt("laboratory") || !strain.CountsAt("booking_call") || strain.CountsAt("consultation") {
		t.Error("places of transfers and friction")
	}
}

// What answers are compared with otherwise is counted again, and what only reads is not.
func TestComparisonsRecount(t *testing.T) {
	old := compile(t, comparing(t))
	easy := func(p *mapv1.Map) *mapv1.Question { return p.Questions[2] }
	felt := func(p *mapv1.Map) *mapv1.Question { return p.Questions[len(p.Questions)-1] }
	for name, c := range map[string]struct {
		change func(*mapv1.Map)
		want   string // "" for none
	}{
		"a baseline more": {
			func(p *mapv1.Map) { easy(p).Baselines = append(easy(p).Baselines, last) },
			"The baseline last of the question easy is new: its answers are compared through all of history.",
		},
		"a baseline less": {
			func(p *mapv1.Map) { easy(p).Baselines = easy(p).Baselines[:1] },
			"The baseline stated of the question easy goes: its cells are dropped.",
		},
		"another expectation": {
			func(p *mapv1.Map) { p.Questions[3].Id = "easy_hoped" },
			"What customers expected of the question easy is asked by other questions than before.",
		},
		"other units": {
			func(p *mapv1.Map) { felt(p).UnitsPerPoint = 1 },
			"The question wait_felt is compared with another metric, or in other units, than before.",
		},
		"another metric": {
			func(p *mapv1.Map) { felt(p).Perceives = "talk" },
			"The question wait_felt is compared with another metric, or in other units, than before.",
		},
		"nothing felt": {
			func(p *mapv1.Map) { p.Questions = p.Questions[:len(p.Questions)-1] },
			"The question wait_felt is compared with the metric wait no longer: its cells are dropped.",
		},
		"more felt": {
			func(p *mapv1.Map) {
				p.Questions = append(p.Questions, &mapv1.Question{
					Id: "talk_felt", Kind: mapv1.QuestionKind_QUESTION_KIND_PERCEIVED, ScaleMax: 30, Touchpoints: []string{"booking_call"}, Perceives: "talk",
				})
			},
			"The question talk_felt is compared with the metric talk now: its answers are compared through all of history.",
		},
		"hold":            {func(p *mapv1.Map) { p.LinkedMetrics[4].Hold = "" }, "The linked metric strain follows other interactions than before."},
		"friction gone":   {func(p *mapv1.Map) { p.LinkedMetrics = p.LinkedMetrics[:4] }, "The linked metric strain goes: its cells are dropped."},
		"transfers there": {func(p *mapv1.Map) { p.LinkedMetrics[3].Touchpoints = []string{"booking_call"} }, "The linked metric handed follows other interactions than before."},
		"order":           {func(p *mapv1.Map) { slices.Reverse(easy(p).Baselines); slices.Reverse(p.LinkedMetrics) }, ""},
		"wording":         {func(p *mapv1.Map) { easy(p).Text, felt(p).Text = "How easy?", "How long?" }, ""},
		"limit":           {func(p *mapv1.Map) { p.LinkedMetrics[3].Limit = new(float64) }, ""},
		"another importance": {func(p *mapv1.Map) {
			p.Questions[4].Id = "easy_is_important"
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := comparing(t)
			c.change(p)
			new := compile(t, p)
			if got := strings.Join(expmap.Recounts(old, new), " "); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if (old.CountingDigest() == new.CountingDigest()) != (c.want == "") {
				t.Error("the counting digest says otherwise")
			}
			if (expmap.Recounts(new, old) == nil) != (c.want == "") {
				t.Error("the other way round says otherwise")
			}
		})
	}
}

// The integers of a derived measure keep their meaning, too.
func TestDerivedMeasuresNeverBecomeOthers(t *testing.T) {
	old := compile(t, comparing(t))
	for name, c := range map[string]struct {
		field  string
		change func(*mapv1.Map)
	}{
		"hours become a count": {"linked_metrics[1].kind", func(p *mapv1.Map) {
			p.LinkedMetrics[1].Kind = mapv1.LinkedKind_LINKED_KIND_CONTACT_TRANSFERS
		}},
		"a count becomes hours": {"linked_metrics[3].kind", func(p *mapv1.Map) { p.LinkedMetrics[3].Kind = mapv1.LinkedKind_LINKED_KIND_NEXT_CONTACT }},
		"one count another": {"", func(p *mapv1.Map) {
			p.LinkedMetrics[4] = &mapv1.LinkedMetric{Id: "strain", Kind: mapv1.LinkedKind_LINKED_KIND_CONTACT_TRANSFERS}
		}},
		"felt of another resolution": {"questions[7].perceives", func(p *mapv1.Map) {
			p.Questions[7].Perceives, p.Questions[7].Touchpoints = "results_time", []string{"laboratory"}
		}},
		"felt of the same": {"", func(p *mapv1.Map) { p.Questions[7].Perceives = "talk" }},
		"a gap becomes a metric": {"metrics[2].id", func(p *mapv1.Map) {
			p.Questions[2].Baselines = nil
			p.Metrics[2].Id, p.Touchpoints[2].Metrics = "easy_gap_history", []string{"easy_gap_history"}
		}},
		"a gap becomes a question": {"questions[1].id", func(p *mapv1.Map) {
			p.Questions[2].Baselines = nil
			p.Questions[1].Id = "easy_expected_stated"
		}},
		"a gap becomes a linked metric": {"linked_metrics[3].id", func(p *mapv1.Map) {
			p.Questions[2].Baselines = nil
			p.LinkedMetrics[3].Id = "easy_gap_stated"
		}},
	} {
		t.Run(name, func(t *testing.T) {
			p := comparing(t)
			c.change(p)
			problems := expmap.Incompatible(old, compile(t, p))
			if c.field == "" && len(problems) > 0 || c.field != "" && (len(problems) != 1 || problems[0].GetField() != c.field) {
				t.Errorf("problems: %v", problems)
			}
		})
	}
	// And a metric's id is not taken by a gap.
	p := whole(t)
	p.Metrics = append(p.Metrics, &mapv1.Metric{Id: "easy_gap_stated", Unit: "s", Resolution: 1})
	if problems := expmap.Incompatible(compile(t, p), old); len(problems) != 1 || problems[0].GetField() != "questions[2].id" {
		t.Errorf("problems: %v", problems)
	}
	p.Questions[2].Baselines = []mapv1.Baseline{stated}
	if _, problems := expmap.Compile(p, 1); len(problems) != 1 || problems[0].GetField() != "questions[2].id" {
		t.Errorf("problems: %v", problems)
	}
}
