package expmap_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
)

// harmless are changes after which nothing is counted again.
func harmless() map[string]func(*mapv1.Map) {
	return map[string]func(*mapv1.Map){
		"new touchpoint": func(p *mapv1.Map) {
			p.Touchpoints = append(p.Touchpoints, &mapv1.Touchpoint{Id: "extra", FunctionalOwner: "a", OperationalOwner: "b"})
		},
		"new channel": func(p *mapv1.Map) { p.Channels = append(p.Channels, &mapv1.Channel{Id: "post"}) },
		"new team":    func(p *mapv1.Map) { p.Teams = append(p.Teams, &mapv1.Team{Id: "west"}) },
		"new metric":  func(p *mapv1.Map) { p.Metrics = append(p.Metrics, &mapv1.Metric{Id: "hold", Unit: "s", Resolution: 1}) },
		"new outcome": func(p *mapv1.Map) { p.Outcomes = append(p.Outcomes, &mapv1.Outcome{Id: "other"}) },
		"new value":   func(p *mapv1.Map) { p.Attributes[0].Values = append(p.Attributes[0].Values, "wholesale") },
		"new question": func(p *mapv1.Map) {
			p.Questions = append(p.Questions, &mapv1.Question{Id: "easy", Kind: mapv1.QuestionKind_QUESTION_KIND_CES2, ScaleMin: 1, ScaleMax: 7, Touchpoints: []string{"help"}})
		},
		"new attribute": func(p *mapv1.Map) {
			p.Attributes = append(p.Attributes, &mapv1.Attribute{Id: "tariff", Values: []string{"s"}})
		},
		"name":               func(p *mapv1.Map) { p.Touchpoints[0].Name = "Help line" },
		"owner":              func(p *mapv1.Map) { p.Touchpoints[0].FunctionalOwner = "someone" },
		"wording":            func(p *mapv1.Map) { p.Questions[0].Text = "Would you?" },
		"better":             func(p *mapv1.Map) { p.Metrics[1].Better = mapv1.Better_BETTER_HIGHER },
		"boundary":           func(p *mapv1.Map) { p.ServiceLevels[0].Boundary = mapv1.Boundary_BOUNDARY_BELOW },
		"threshold":          func(p *mapv1.Map) { p.ServiceLevels[0].Threshold = 30 },
		"removed touchpoint": func(p *mapv1.Map) { p.Touchpoints = p.Touchpoints[:1]; p.Questions[1].Touchpoints = []string{"help"} },
		"removed metric":     func(p *mapv1.Map) { p.Metrics = p.Metrics[:1] },
		"kind, same scale":   func(p *mapv1.Map) { p.Questions[1].Kind = mapv1.QuestionKind_QUESTION_KIND_RATING },
		"reorganisation": func(p *mapv1.Map) {
			p.Teams[0].Placements = []*mapv1.Placement{{Parent: "care-2", From: "2026-07-01"}}
		},
		"target": func(p *mapv1.Map) { p.Targets = []*mapv1.Target{{Score: "wait.mean", Value: 20}} },
		"formula": func(p *mapv1.Map) {
			s := p.ServiceLevels[0]
			s.Of, s.Abandons, s.Abandoned = nil, mapv1.Abandons_ABANDONS_FAIL, []string{"abandoned"}
		},
		"order": func(p *mapv1.Map) { p.Breakdowns[0], p.Breakdowns[1] = p.Breakdowns[1], p.Breakdowns[0] },
	}
}

func TestAdditionsRemovalsAndReadingChangesRecountNothing(t *testing.T) {
	old := compile(t, small())
	for name, change := range harmless() {
		t.Run(name, func(t *testing.T) {
			new := compile(t, with(change))
			if reasons := expmap.Recounts(old, new); reasons != nil {
				t.Errorf("recounts: %v", reasons)
			}
			if problems := expmap.Incompatible(old, new); problems != nil {
				t.Errorf("incompatible: %v", problems)
			}
			if old.CountingDigest() != new.CountingDigest() {
				t.Error("the counting digest differs")
			}
		})
	}
}

func TestCountingChangesRecount(t *testing.T) {
	old := compile(t, small())
	for name, change := range map[string]func(*mapv1.Map){
		"zone":              func(p *mapv1.Map) { p.Zone = "Europe/London" },
		"agents":            func(p *mapv1.Map) { p.AgentScores = mapv1.AgentScores_AGENT_SCORES_SELF_AND_LEADER },
		"fewer breakdowns":  func(p *mapv1.Map) { p.Breakdowns = p.Breakdowns[:2] },
		"default instead":   func(p *mapv1.Map) { p.Breakdowns = nil },
		"another attribute": func(p *mapv1.Map) { p.Attributes[0].Id, p.Breakdowns[2] = "tariff", "attribute:tariff" },
	} {
		t.Run(name, func(t *testing.T) {
			new := compile(t, with(change))
			if len(expmap.Recounts(old, new)) == 0 || len(expmap.Recounts(new, old)) == 0 {
				t.Error("no recount")
			}
			if old.CountingDigest() == new.CountingDigest() {
				t.Error("the counting digest is the same")
			}
		})
	}
}

func TestMeaningOfIntegersNeverChanges(t *testing.T) {
	old := compile(t, small())
	for field, change := range map[string]func(*mapv1.Map){
		"metrics[0].unit":        func(p *mapv1.Map) { p.Metrics[0].Unit = "min" },
		"metrics[0].resolution":  func(p *mapv1.Map) { p.Metrics[0].Resolution = 1 },
		"questions[1].scale_max": func(p *mapv1.Map) { p.Questions[1].ScaleMax = 7 },
		"questions[1].id":        func(p *mapv1.Map) { p.Metrics, p.Questions[1].Id = p.Metrics[:1], "value" },
		"metrics[1].id":          func(p *mapv1.Map) { p.Metrics[1].Id, p.Questions = "recommend", p.Questions[1:] },
	} {
		t.Run(field, func(t *testing.T) {
			problems := expmap.Incompatible(old, compile(t, with(change)))
			if len(problems) != 1 || problems[0].GetField() != field {
				t.Errorf("problems: %v", problems)
			}
		})
	}
}

func TestDigestsAreEqualExactlyWhenNothingRecounts(t *testing.T) {
	changes := harmless()
	names := make([]string, 0, len(changes))
	for name := range changes {
		// Two changes may not both name the same thing or take away what the other changes.
		if name != "removed metric" && name != "removed touchpoint" {
			names = append(names, name)
		}
	}
	draw := func(t *rapid.T, label string) *expmap.Map {
		p := small()
		all := []string{"channel", "team", "attribute:segment"}
		p.Breakdowns = rapid.Permutation(all).Draw(t, label+" breakdowns")[:rapid.IntRange(2, 3).Draw(t, label+" n")]
		p.Zone = rapid.SampledFrom([]string{"", "UTC", "Europe/Berlin", "America/Los_Angeles"}).Draw(t, label+" zone")
		for i, name := range rapid.SliceOfNDistinct(rapid.SampledFrom(names), 0, 4, rapid.ID[string]).Draw(t, label+" changes") {
			if changes[name](p); name == "new team" {
				p.Teams[len(p.Teams)-1].Id = fmt.Sprintf("west%d", i)
			}
		}
		m, problems := expmap.Compile(p, 1)
		if len(problems) > 0 {
			t.Fatalf("problems: %v", problems)
		}
		return m
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := draw(t, "a"), draw(t, "b")
		if same := a.CountingDigest() == b.CountingDigest(); same != (expmap.Recounts(a, b) == nil) {
			t.Fatalf("equal digests: %v, recounts: %v", same, expmap.Recounts(a, b))
		}
	})
}
