package correlation

import (
	"maps"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	"github.com/touchstone-cx/touchstone/services/correlation/state"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
)

// A map asks for a recount exactly when what the state counts by is something else.
func TestCountingChangesExactlyWhenTheMapRecounts(t *testing.T) {
	base := &mapv1.Map{
		Organisation: "acme", Attributes: []*mapv1.Attribute{{Id: "topic", Values: []string{"bill", "line"}}},
		Journeys: []*mapv1.Journey{{Id: "join", Stages: []string{"order", "use"}}}, Stages: []*mapv1.Stage{{Id: "order"}, {Id: "use"}},
		Touchpoints: []*mapv1.Touchpoint{
			{Id: "shop", Stage: "order", FunctionalOwner: "a", OperationalOwner: "b"},
			{Id: "call", Stage: "use", FunctionalOwner: "a", OperationalOwner: "b"},
			{Id: "books", Stage: "use", FunctionalOwner: "a", OperationalOwner: "b", BackStage: true},
		},
		LinkedMetrics: []*mapv1.LinkedMetric{
			{Id: "repeat", Kind: mapv1.LinkedKind_LINKED_KIND_NEXT_CONTACT, Topic: "topic"},
			{Id: "joined", Kind: mapv1.LinkedKind_LINKED_KIND_JOURNEY_TIME, Journey: "join", LongestDays: 30},
			{Id: "handed", Kind: mapv1.LinkedKind_LINKED_KIND_CONTACT_TRANSFERS},
			{Id: "strain", Kind: mapv1.LinkedKind_LINKED_KIND_JOURNEY_FRICTION, Journey: "join", Hold: "hold"},
		},
		Metrics: []*mapv1.Metric{{Id: "hold", Unit: "s", Resolution: 1000}, {Id: "talk", Unit: "s", Resolution: 1000}},
		Questions: []*mapv1.Question{
			{Id: "easy", Kind: mapv1.QuestionKind_QUESTION_KIND_CES2, ScaleMin: 1, ScaleMax: 7, Touchpoints: []string{"call"}, Baselines: []mapv1.Baseline{1, 3}},
			{Id: "hoped", Kind: mapv1.QuestionKind_QUESTION_KIND_EXPECTATION, ScaleMin: 1, ScaleMax: 7, Touchpoints: []string{"call"}, About: "easy"},
			{Id: "held", Kind: mapv1.QuestionKind_QUESTION_KIND_PERCEIVED, ScaleMin: 0, ScaleMax: 60, Touchpoints: []string{"call"}, Perceives: "hold", UnitsPerPoint: 60},
		},
	}
	compile := func(change func(*mapv1.Map)) *expmap.Map {
		p := proto.CloneOf(base)
		change(p)
		m, problems := expmap.Compile(p, 1)
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		return m
	}
	old := compile(func(*mapv1.Map) {})
	res := map[string]int64{}
	declare(res, old.Proto)
	want := map[string]int64{
		"repeat": 3600, "repeat_base": 1, "joined": 3600, "joined_base": 1, "handed": 1, "handed_base": 1, "strain": 1, "strain_base": 1,
		"hold": 1000, "talk": 1000, "easy": 1, "hoped": 1, "held": 1, "held_gap_felt": 1000, "held_counted": 1000,
		"easy_gap_stated": 1, "easy_expected_stated": 1, "easy_gap_history": 1000, "easy_expected_history": 1000,
	}
	if !maps.Equal(res, want) {
		t.Errorf("resolutions %v", res)
	}
	c := countingOf(old, res)
	if len(c.Linked) != 4 || c.Linked[1].Kind != state.JourneyTime || c.Linked[1].Base != "joined_base" || c.Linked[2].Topic != "topic" ||
		c.Linked[0].Kind != state.Transfers || !slices.Equal(c.Linked[0].Except, []string{"books"}) || c.Linked[3].Hold != "hold" {
		t.Errorf("linked %+v", c.Linked)
	}
	if len(c.Gaps) != 2 || c.Gaps[0].Baseline != state.Stated || !slices.Equal(c.Gaps[0].Expectations, []string{"hoped"}) ||
		c.Gaps[1].Baseline != state.History || c.Gaps[1].Gap != "easy_gap_history" || c.Gaps[1].Expected != "easy_expected_history" {
		t.Errorf("gaps %+v", c.Gaps)
	}
	if want := (state.Perceived{Question: "held", Metric: "hold", Factor: 60_000, Gap: "held_gap_felt", Counted: "held_counted"}); len(c.Perceived) != 1 || c.Perceived[0] != want {
		t.Errorf("perceived %+v", c.Perceived)
	}
	recounted := 0
	for name, change := range map[string]func(*mapv1.Map){
		"nothing":          func(*mapv1.Map) {},
		"no linked metric": func(p *mapv1.Map) { p.LinkedMetrics = nil },
		"one less":         func(p *mapv1.Map) { p.LinkedMetrics = p.LinkedMetrics[:1] },
		"another order":    func(p *mapv1.Map) { slices.Reverse(p.LinkedMetrics) },
		"a name":           func(p *mapv1.Map) { p.LinkedMetrics[0].Name = "Again" },
		"no topic":         func(p *mapv1.Map) { p.LinkedMetrics[0].Topic = "" },
		"some touchpoints": func(p *mapv1.Map) { p.LinkedMetrics[0].Touchpoints = []string{"shop", "call"} },
		"another longest":  func(p *mapv1.Map) { p.LinkedMetrics[1].LongestDays = 31 },
		"another kind": func(p *mapv1.Map) {
			p.LinkedMetrics[0] = &mapv1.LinkedMetric{Id: "repeat", Kind: mapv1.LinkedKind_LINKED_KIND_JOURNEY_TIME, Journey: "join"}
		},
		"another hold":     func(p *mapv1.Map) { p.LinkedMetrics[3].Hold = "talk" },
		"no hold":          func(p *mapv1.Map) { p.LinkedMetrics[3].Hold = "" },
		"one baseline":     func(p *mapv1.Map) { p.Questions[0].Baselines = p.Questions[0].Baselines[:1] },
		"baselines turned": func(p *mapv1.Map) { slices.Reverse(p.Questions[0].Baselines) },
		"three baselines":  func(p *mapv1.Map) { p.Questions[0].Baselines = []mapv1.Baseline{1, 2, 3} },
		"another expectation": func(p *mapv1.Map) {
			q := proto.CloneOf(p.Questions[1])
			q.Id = "wanted"
			p.Questions = append(p.Questions, q)
		},
		"another importance": func(p *mapv1.Map) {
			q := proto.CloneOf(p.Questions[1])
			q.Id, q.Kind = "matters", mapv1.QuestionKind_QUESTION_KIND_IMPORTANCE
			p.Questions = append(p.Questions, q)
		},
		"other units":       func(p *mapv1.Map) { p.Questions[2].UnitsPerPoint = 1 },
		"units left out":    func(p *mapv1.Map) { p.Questions[2].UnitsPerPoint = 0 },
		"another perceived": func(p *mapv1.Map) { p.Questions[2].Perceives = "talk" },
		"nothing perceived": func(p *mapv1.Map) { p.Questions = p.Questions[:2] },
		"another stage":     func(p *mapv1.Map) { p.Touchpoints[1].Stage = "order" },
		"front-stage":       func(p *mapv1.Map) { p.Touchpoints[2].BackStage = false },
		"another zone":      func(p *mapv1.Map) { p.Zone = "Europe/Berlin" },
		"another metric":    func(p *mapv1.Map) { p.Metrics = append(p.Metrics, &mapv1.Metric{Id: "wait", Unit: "s", Resolution: 1}) },
		"another minimum":   func(p *mapv1.Map) { p.Minimums = &mapv1.Minimums{Answers: 5} },
		"a new breakdown":   func(p *mapv1.Map) { p.Breakdowns = []string{"channel", "team", "attribute:topic"} },
		"named breakdowns":  func(p *mapv1.Map) { p.Breakdowns = []string{"channel", "team"} },
	} {
		m := compile(change)
		recounts := expmap.Recounts(old, m) != nil
		if recounts != (countingOf(old, nil).String() != countingOf(m, nil).String()) || recounts != (old.CountingDigest() != m.CountingDigest()) {
			t.Errorf("%s: recounts %v, of %s", name, recounts, countingOf(m, nil))
		}
		if recounts {
			recounted++
		}
	}
	if recounted != 19 {
		t.Errorf("%d of the changes recount", recounted)
	}
}
