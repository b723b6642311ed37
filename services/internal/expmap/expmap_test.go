package expmap_test

import (
	"testing"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
)

// small returns a correct map that uses every kind of thing.
func small() *mapv1.Map {
	return &mapv1.Map{
		Organisation: "acme", Name: "Acme", Zone: "Europe/Berlin",
		Channels: []*mapv1.Channel{{Id: "voice"}, {Id: "chat"}},
		Teams:    []*mapv1.Team{{Id: "Care.North"}, {Id: "care-2"}},
		Metrics: []*mapv1.Metric{
			{Id: "wait", Unit: "s", Resolution: 1000, Better: mapv1.Better_BETTER_LOWER},
			{Id: "value", Unit: "EUR", Resolution: 100},
		},
		Outcomes: []*mapv1.Outcome{{Id: "answered"}, {Id: "abandoned"}},
		Questions: []*mapv1.Question{
			{Id: "recommend", Kind: mapv1.QuestionKind_QUESTION_KIND_NPS, ScaleMax: 10, Touchpoints: []string{"help"}},
			{Id: "satisfied", Kind: mapv1.QuestionKind_QUESTION_KIND_CSAT, ScaleMin: 1, ScaleMax: 5, Touchpoints: []string{"help", "visit"}},
		},
		Attributes: []*mapv1.Attribute{{Id: "segment", Values: []string{"consumer", "business"}}},
		Breakdowns: []string{"channel", "team", "attribute:segment"},
		ServiceLevels: []*mapv1.ServiceLevel{{
			Id: "sl20", Metric: "wait", Threshold: 20, Boundary: mapv1.Boundary_BOUNDARY_AT_MOST,
			Outcomes: []string{"answered"}, Of: []string{"answered", "abandoned"},
		}},
		Touchpoints: []*mapv1.Touchpoint{
			{Id: "help", Channels: []string{"voice"}, Metrics: []string{"wait"}, FunctionalOwner: "head", OperationalOwner: "floor"},
			{Id: "visit", FunctionalOwner: "head", OperationalOwner: "floor", Direction: mapv1.Direction_DIRECTION_OUTBOUND},
		},
	}
}

func with(change func(*mapv1.Map)) *mapv1.Map {
	p := small()
	change(p)
	return p
}

func compile(t testing.TB, p *mapv1.Map) *expmap.Map {
	t.Helper()
	m, problems := expmap.Compile(p, 1)
	if len(problems) > 0 {
		t.Fatalf("problems: %v", problems)
	}
	return m
}

func TestCompileBuildsTheTables(t *testing.T) {
	p := small()
	m := compile(t, p)
	if m.Organisation != "acme" || m.Version != 1 || m.Zone.String() != "Europe/Berlin" {
		t.Errorf("head: %s %d %s", m.Organisation, m.Version, m.Zone)
	}
	if _, ok := m.Touchpoints["help"].Channels["voice"]; !ok || m.Touchpoints["visit"].Channels != nil || m.Touchpoints["visit"].Metrics != nil {
		t.Error("a touchpoint's channels and metrics are those listed, nil for any")
	}
	if m.Metrics["wait"].Resolution != 1000 || m.Questions["recommend"].Max != 10 || m.ServiceLevels["sl20"].GetThreshold() != 20 {
		t.Error("metrics, questions and service levels are found by id")
	}
	if got := m.Breakdowns; len(got) != 3 || got[2].Kind != expmap.Segment || got[2].Attribute != "segment" || got[2].String() != "attribute:segment" {
		t.Errorf("breakdowns: %v", got)
	}
	p.Touchpoints[0].Name = "changed later"
	if m.Proto.GetTouchpoints()[0].GetName() != "" {
		t.Error("the map must not change with the message it was compiled from")
	}
}

func TestDefaults(t *testing.T) {
	m := compile(t, with(func(p *mapv1.Map) { p.Zone, p.Breakdowns = "", nil }))
	if m.Zone.String() != "UTC" || len(m.Breakdowns) != 2 || m.Breakdowns[0].Kind != expmap.Channel || m.Breakdowns[1].Kind != expmap.Team {
		t.Errorf("zone %s, breakdowns %v", m.Zone, m.Breakdowns)
	}
}

func TestLookupByBytesDoesNotAllocate(t *testing.T) {
	m := compile(t, small())
	team, touchpoint := []byte("Care.North"), []byte("help")
	if n := testing.AllocsPerRun(100, func() {
		if _, ok := m.Teams[string(team)]; !ok || m.Touchpoints[string(touchpoint)] == nil {
			t.Error("not found")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestProblems(t *testing.T) {
	question := func(kind mapv1.QuestionKind, lo, hi int32) func(*mapv1.Map) {
		return func(p *mapv1.Map) {
			p.Questions[0].Kind, p.Questions[0].ScaleMin, p.Questions[0].ScaleMax = kind, lo, hi
		}
	}
	for name, c := range map[string]struct {
		field  string
		change func(*mapv1.Map)
	}{
		"bad organisation":      {"organisation", func(p *mapv1.Map) { p.Organisation = "Acme Ltd" }},
		"unknown zone":          {"zone", func(p *mapv1.Map) { p.Zone = "Europe/Berlim" }},
		"machine's zone":        {"zone", func(p *mapv1.Map) { p.Zone = "Local" }},
		"no touchpoint":         {"touchpoints", func(p *mapv1.Map) { p.Touchpoints, p.Questions = nil, nil }},
		"bad touchpoint id":     {"touchpoints[1].id", func(p *mapv1.Map) { p.Touchpoints[1].Id = "Visit!" }},
		"bad team id":           {"teams[0].id", func(p *mapv1.Map) { p.Teams[0].Id = "1st" }},
		"touchpoint twice":      {"touchpoints[1].id", func(p *mapv1.Map) { p.Touchpoints[1].Id = "help" }},
		"channel twice":         {"channels[1].id", func(p *mapv1.Map) { p.Channels[1].Id = "voice" }},
		"unknown channel":       {"touchpoints[0].channels[0]", func(p *mapv1.Map) { p.Touchpoints[0].Channels[0] = "voise" }},
		"channel listed twice":  {"touchpoints[0].channels[1]", func(p *mapv1.Map) { p.Touchpoints[0].Channels = []string{"voice", "voice"} }},
		"unknown metric":        {"touchpoints[0].metrics[0]", func(p *mapv1.Map) { p.Touchpoints[0].Metrics[0] = "waits" }},
		"no functional owner":   {"touchpoints[0].functional_owner", func(p *mapv1.Map) { p.Touchpoints[0].FunctionalOwner = "" }},
		"no operational owner":  {"touchpoints[1].operational_owner", func(p *mapv1.Map) { p.Touchpoints[1].OperationalOwner = " " }},
		"unknown direction":     {"touchpoints[0].direction", func(p *mapv1.Map) { p.Touchpoints[0].Direction = 9 }},
		"no unit":               {"metrics[0].unit", func(p *mapv1.Map) { p.Metrics[0].Unit = "" }},
		"no resolution":         {"metrics[0].resolution", func(p *mapv1.Map) { p.Metrics[0].Resolution = 0 }},
		"reserved metric":       {"metrics[1].id", func(p *mapv1.Map) { p.Metrics[1].Id = "interactions" }},
		"reserved question":     {"questions[0].id", func(p *mapv1.Map) { p.Questions[0].Id = "outcome" }},
		"question named metric": {"questions[0].id", func(p *mapv1.Map) { p.Questions[0].Id = "wait" }},
		"level named question":  {"service_levels[0].id", func(p *mapv1.Map) { p.ServiceLevels[0].Id = "recommend" }},
		"no kind":               {"questions[0].kind", question(0, 0, 10)},
		"nps 1 to 10":           {"questions[0].scale_max", question(mapv1.QuestionKind_QUESTION_KIND_NPS, 1, 10)},
		"ces1 1 to 7":           {"questions[0].scale_max", question(mapv1.QuestionKind_QUESTION_KIND_CES1, 1, 7)},
		"ces2 1 to 5":           {"questions[0].scale_max", question(mapv1.QuestionKind_QUESTION_KIND_CES2, 1, 5)},
		"csat 1 to 100":         {"questions[0].scale_max", question(mapv1.QuestionKind_QUESTION_KIND_CSAT, 1, 100)},
		"yes_no 1 to 2":         {"questions[0].scale_max", question(mapv1.QuestionKind_QUESTION_KIND_YES_NO, 1, 2)},
		"rating of two points":  {"questions[0].scale_max", question(mapv1.QuestionKind_QUESTION_KIND_RATING, 0, 1)},
		"scale upside down":     {"questions[0].scale_max", question(mapv1.QuestionKind_QUESTION_KIND_RATING, 5, 1)},
		"question nowhere":      {"questions[0].touchpoints", func(p *mapv1.Map) { p.Questions[0].Touchpoints = nil }},
		"unknown touchpoint":    {"questions[1].touchpoints[1]", func(p *mapv1.Map) { p.Questions[1].Touchpoints[1] = "visits" }},
		"value with a space":    {"attributes[0].values[1]", func(p *mapv1.Map) { p.Attributes[0].Values[1] = "big business" }},
		"value twice":           {"attributes[0].values[1]", func(p *mapv1.Map) { p.Attributes[0].Values[1] = "consumer" }},
		"unknown breakdown":     {"breakdowns[0]", func(p *mapv1.Map) { p.Breakdowns[0] = "chanel" }},
		"undeclared attribute":  {"breakdowns[2]", func(p *mapv1.Map) { p.Breakdowns[2] = "attribute:segments" }},
		"breakdown twice":       {"breakdowns[1]", func(p *mapv1.Map) { p.Breakdowns[1] = "channel" }},
		"level of no metric":    {"service_levels[0].metric", func(p *mapv1.Map) { p.ServiceLevels[0].Metric = "recommend" }},
		"threshold 12.5":        {"service_levels[0].threshold", func(p *mapv1.Map) { p.ServiceLevels[0].Threshold = 12.5 }},
		"threshold 301":         {"service_levels[0].threshold", func(p *mapv1.Map) { p.ServiceLevels[0].Threshold = 301 }},
		"no boundary":           {"service_levels[0].boundary", func(p *mapv1.Map) { p.ServiceLevels[0].Boundary = 0 }},
		"unknown outcome":       {"service_levels[0].of[1]", func(p *mapv1.Map) { p.ServiceLevels[0].Of[1] = "abandonned" }},
		"success not in of":     {"service_levels[0].outcomes[0]", func(p *mapv1.Map) { p.ServiceLevels[0].Of = []string{"abandoned"} }},
	} {
		t.Run(name, func(t *testing.T) {
			m, problems := expmap.Compile(with(c.change), 1)
			if m != nil || len(problems) == 0 {
				t.Fatal("accepted")
			}
			found := false
			for _, p := range problems {
				found = found || p.GetField() == c.field
				if p.GetMessage() == "" || p.GetRemedy() == "" {
					t.Errorf("a problem without message or remedy: %v", p)
				}
			}
			if !found {
				t.Errorf("no problem at %s: %v", c.field, problems)
			}
		})
	}
}

func TestAllProblemsAreReportedAtOnce(t *testing.T) {
	_, problems := expmap.Compile(with(func(p *mapv1.Map) {
		p.Zone = "Nowhere"
		p.Touchpoints[0].FunctionalOwner = ""
		p.Touchpoints[0].Channels[0] = "voise"
	}), 1)
	if len(problems) != 3 {
		t.Fatalf("%d problems: %v", len(problems), problems)
	}
	want := `The channel "voise" is not declared. Did you mean "voice"?`
	if problems[1].GetMessage() != want {
		t.Errorf("got %q, want %q", problems[1].GetMessage(), want)
	}
}

func TestNoMapIsAProblem(t *testing.T) {
	if m, problems := expmap.Compile(nil, 1); m != nil || len(problems) != 1 {
		t.Error(m, problems)
	}
	if m, problems := expmap.Compile(new(mapv1.Map), 1); m != nil || len(problems) == 0 {
		t.Error(m, problems)
	}
}
