package expmap_test

import (
	"fmt"
	"os"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
)

// closed fills every gap of a map, so that those a test plants are all there are.
func closed(p *mapv1.Map) *mapv1.Map {
	p = proto.CloneOf(p)
	paired := map[string]bool{}
	pair := func(q *mapv1.Question, m, t string) {
		id := fmt.Sprintf("closed_%d", len(p.Pairings))
		if key := q.GetId() + m + t; !paired[key] {
			paired[key] = true
			p.Pairings = append(p.Pairings, &mapv1.Pairing{Id: id, Question: q.GetId(), Metric: m, Touchpoint: t, Sign: mapv1.Sign_SIGN_NEGATIVE})
		}
	}
	p.Surveys = nil // what they leave open is told only of maps that have any: see TestCoverageOfSurveys
	p.Pairings, p.Targets = nil, []*mapv1.Target{{Score: "interactions.count", Value: 1, Cascades: true}}
	stages, roles := map[string]bool{}, map[string]bool{}
	for _, t := range p.Touchpoints {
		if len(t.Steps) == 0 {
			t.Steps = []*mapv1.ProcessStep{{Id: "closed", Place: mapv1.Place_PLACE_FRONT_STAGE}}
		}
		if len(t.Metrics) == 0 {
			t.Metrics = []string{p.Metrics[0].GetId()}
		}
		if !slices.ContainsFunc(p.Questions, func(q *mapv1.Question) bool { return slices.Contains(q.GetTouchpoints(), t.GetId()) }) {
			p.Questions[0].Touchpoints = append(p.Questions[0].Touchpoints, t.GetId())
		}
		stages[t.GetStage()], roles[t.GetFunctionalOwner()], roles[t.GetOperationalOwner()] = true, true, true
		// Every question and metric that meet somewhere are paired where they meet first.
		for _, q := range p.Questions {
			for _, m := range t.Metrics {
				if slices.Contains(q.GetTouchpoints(), t.GetId()) && !paired[q.GetId()+m] {
					paired[q.GetId()+m] = true
					pair(q, m, t.GetId())
				}
			}
		}
	}
	for _, q := range p.Questions {
		q.UnpairedBecause = ""
	}
	p.Stages = slices.DeleteFunc(p.Stages, func(s *mapv1.Stage) bool { return !stages[s.GetId()] })
	for id := range stages {
		if !slices.ContainsFunc(p.Stages, func(s *mapv1.Stage) bool { return s.GetId() == id }) {
			p.Stages = append(p.Stages, &mapv1.Stage{Id: id})
		}
	}
	for id := range roles {
		if !slices.ContainsFunc(p.Roles, func(r *mapv1.Role) bool { return r.GetId() == id }) {
			p.Roles = append(p.Roles, &mapv1.Role{Id: id})
		}
	}
	for i, r := range p.Roles {
		p.Touchpoints[0].Steps = append(p.Touchpoints[0].Steps, &mapv1.ProcessStep{Id: fmt.Sprintf("closed_%d", i), Place: mapv1.Place_PLACE_BACK_STAGE, Owner: r.GetId()})
	}
	return p
}

func listed(c *expmap.Coverage) []string {
	var all []string
	for _, g := range c.Gaps {
		all = append(all, fmt.Sprintf("%s: %s %s", g.Kind, g.Thing, g.ID))
	}
	return all
}

func TestCoverageListsExactlyThePlantedGaps(t *testing.T) {
	p := closed(example(t, "telecom/map.yaml").Proto)
	p.Ratios = nil // of metrics that nobody asks about
	p.Metrics = slices.DeleteFunc(p.Metrics, func(m *mapv1.Metric) bool {
		return !slices.ContainsFunc(p.Pairings, func(x *mapv1.Pairing) bool { return x.GetMetric() == m.GetId() })
	})
	compile(t, p)
	if len(p.Touchpoints) < 84 || len(p.Stages) != 7 {
		t.Fatalf("%d touchpoints, %d stages", len(p.Touchpoints), len(p.Stages))
	}
	c := expmap.Cover(p)
	if len(c.Gaps) > 0 || c.Paired != len(p.Questions) || c.Questions != len(p.Questions) || c.Excused != 0 {
		t.Fatalf("%d of %d paired, gaps %v", c.Paired, c.Questions, listed(c))
	}

	n := len(p.Questions)
	p.Touchpoints[83].Metrics = nil
	p.Touchpoints[40].Steps = nil
	p.Touchpoints = append(p.Touchpoints,
		&mapv1.Touchpoint{
			Id: "kiosk", Stage: p.Touchpoints[0].GetStage(), Metrics: []string{"wait"}, FunctionalOwner: p.Roles[0].GetId(), OperationalOwner: p.Roles[0].GetId(),
			Steps: p.Touchpoints[1].GetSteps()[:1],
		},
		&mapv1.Touchpoint{ // never met by customers: that nothing is asked is no gap
			Id: "warehouse", Stage: p.Touchpoints[0].GetStage(), Metrics: []string{"wait"}, FunctionalOwner: p.Roles[0].GetId(), OperationalOwner: p.Roles[0].GetId(),
			Steps: p.Touchpoints[1].GetSteps()[:1], BackStage: true,
		},
	)
	p.Targets = nil // one each, but for one
	for _, x := range p.Touchpoints {
		if x.GetId() != p.Touchpoints[7].GetId() {
			p.Targets = append(p.Targets, &mapv1.Target{Score: "interactions.count", Touchpoint: x.GetId(), Value: 1})
		}
	}
	p.Questions = append(p.Questions,
		&mapv1.Question{Id: "friendly", Kind: mapv1.QuestionKind_QUESTION_KIND_RATING, ScaleMin: 1, ScaleMax: 5, Touchpoints: []string{"help_line"}},
		&mapv1.Question{Id: "anything_else", Kind: mapv1.QuestionKind_QUESTION_KIND_YES_NO, ScaleMax: 1, Touchpoints: []string{"help_line"}, UnpairedBecause: "it opens the free text"},
		&mapv1.Question{Id: "given_up", Kind: mapv1.QuestionKind_QUESTION_KIND_YES_NO, ScaleMax: 1, Touchpoints: []string{"help_line"}},
	)
	p.Metrics = append(p.Metrics, &mapv1.Metric{Id: "applause", Unit: "times", Resolution: 1})
	p.Pairings = append(p.Pairings, &mapv1.Pairing{
		Id: "retired", Question: "given_up", Metric: "wait", Touchpoint: "help_line", Sign: mapv1.Sign_SIGN_NEGATIVE, Life: mapv1.Life_LIFE_RETIRED,
	})
	p.Stages = append(p.Stages, &mapv1.Stage{Id: "dream"})
	p.Roles = append(p.Roles, &mapv1.Role{Id: "adviser"})
	compile(t, p) // a gap is no error
	c = expmap.Cover(p)
	want := []string{
		"unmeasured: touchpoint " + p.Touchpoints[83].GetId(),
		"without steps: touchpoint " + p.Touchpoints[40].GetId(),
		"without target: touchpoint " + p.Touchpoints[7].GetId(),
		"without question: touchpoint kiosk",
		"unpaired: question friendly",
		"unpaired: question given_up",
		"unpaired with a reason: question anything_else",
		"unasked: metric applause",
		"without touchpoints: stage dream",
		"owns nothing: role adviser",
	}
	if got := listed(c); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if want := fmt.Sprintf("%d of %d questions are paired with a metric.", n, n+3); c.Headline() != want {
		t.Errorf("%s, want %s", c.Headline(), want)
	}
	for _, g := range c.Gaps {
		if g.Note == "" {
			t.Errorf("no note: %+v", g)
		}
	}
	if ids := c.Of(expmap.Unpaired); !slices.Equal(ids, []string{"friendly", "given_up"}) {
		t.Error(ids)
	}
}

func TestTargetsCascadeToWhereTheirScoreExists(t *testing.T) {
	without := func(targets ...*mapv1.Target) []string {
		p := whole(t)
		p.Targets = targets
		compile(t, p)
		return expmap.Cover(p).Of(expmap.WithoutTarget)
	}
	all := []string{"booking_call", "consultation", "laboratory"}
	for name, c := range map[string]struct {
		target *mapv1.Target
		want   []string
	}{
		"of the organisation alone":       {&mapv1.Target{Score: "interactions.count"}, all},
		"cascading":                       {&mapv1.Target{Score: "interactions.count", Cascades: true}, nil},
		"cascading, of a metric":          {&mapv1.Target{Score: "wait.mean", Cascades: true}, []string{"laboratory"}},
		"cascading, of a service level":   {&mapv1.Target{Score: "sl20", Cascades: true}, []string{"laboratory"}},
		"cascading, of a question":        {&mapv1.Target{Score: "recommend.nps", Cascades: true}, []string{"laboratory"}},
		"of a stage":                      {&mapv1.Target{Score: "interactions.count", Stage: "visit", Cascades: true}, []string{"booking_call"}},
		"of a journey":                    {&mapv1.Target{Score: "cx", Journey: "treatment", Cascades: true}, nil},
		"of a journey, not cascading":     {&mapv1.Target{Score: "cx", Journey: "treatment"}, all},
		"cascading, of a channel's share": {&mapv1.Target{Score: "interactions.count", Channel: "voice", Cascades: true}, all},
		"of a touchpoint's team":          {&mapv1.Target{Score: "interactions.count", Touchpoint: "laboratory", Team: "north"}, all[:2]},
	} {
		if got := without(c.target); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v are without target, want %v", name, got, c.want)
		}
	}
}

func TestCoverageOfAnEmptyMap(t *testing.T) {
	c := expmap.Cover(nil)
	if c.Headline() != "0 of 0 questions are paired with a metric." || c.Gaps == nil || len(c.Gaps) > 0 {
		t.Errorf("%+v", c)
	}
}

// TestCoverageKnowsWhatRatiosDivideBy: nobody is to be asked about staffing or invitations.
func TestCoverageKnowsWhatRatiosDivideBy(t *testing.T) {
	data, err := os.ReadFile("testdata/scores.yaml")
	if err != nil {
		t.Fatal(err)
	}
	m, problems := expmap.CheckYAML("scores.yaml", data)
	if m == nil {
		t.Fatal(problems)
	}
	p := m.Proto
	p.Ratios = append(p.Ratios, &mapv1.Ratio{Id: "busy", Over: []string{"quality"}, Under: []string{"staffed"}})
	if got := expmap.Cover(p).Of(expmap.Unasked); !slices.Equal(got, []string{"talk", "hold", "acw", "quality"}) {
		t.Errorf("%v", got)
	}
	// A target of a ratio holds where all that is summed in it is measured.
	p.Targets = []*mapv1.Target{{Score: "aht", Value: 240, Cascades: true}}
	if got := expmap.Cover(p).Of(expmap.WithoutTarget); !slices.Equal(got, []string{"letter"}) {
		t.Errorf("%v", got)
	}
}
