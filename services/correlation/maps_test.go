package correlation

import (
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
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
	if res["repeat"] != 3600 || res["repeat_base"] != 1 || res["joined"] != 3600 || res["joined_base"] != 1 {
		t.Errorf("resolutions %v", res)
	}
	if c := countingOf(old, res); len(c.Linked) != 2 || !c.Linked[0].Journey || c.Linked[0].Base != "joined_base" || c.Linked[1].Topic != "topic" {
		t.Errorf("linked %+v", c.Linked)
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
		"another stage":    func(p *mapv1.Map) { p.Touchpoints[1].Stage = "order" },
		"front-stage":      func(p *mapv1.Map) { p.Touchpoints[2].BackStage = false },
		"another zone":     func(p *mapv1.Map) { p.Zone = "Europe/Berlin" },
		"another metric":   func(p *mapv1.Map) { p.Metrics = append(p.Metrics, &mapv1.Metric{Id: "wait", Unit: "s", Resolution: 1}) },
		"another minimum":  func(p *mapv1.Map) { p.Minimums = &mapv1.Minimums{Answers: 5} },
		"a new breakdown":  func(p *mapv1.Map) { p.Breakdowns = []string{"channel", "team", "attribute:topic"} },
		"named breakdowns": func(p *mapv1.Map) { p.Breakdowns = []string{"channel", "team"} },
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
	if recounted != 10 {
		t.Errorf("%d of the changes recount", recounted)
	}
}
