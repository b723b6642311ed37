package expmap_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
)

func TestLinkedMetricsKnowWhomTheyFollow(t *testing.T) {
	m := compile(t, whole(t))
	repeat, again, treatment := m.Linked["repeat"], m.Linked["again"], m.Linked["to_treatment"]
	if repeat.Topic != "insurance" || !slices.Equal(repeat.Touchpoints, []string{"booking_call"}) || repeat.Longest != 30*24*time.Hour {
		t.Errorf("repeat %+v", repeat)
	}
	if again.Touchpoints != nil || !slices.Equal(again.Except, []string{"laboratory"}) || again.Longest != 60*24*time.Hour {
		t.Errorf("again %+v", again)
	}
	if !slices.Equal(treatment.First, []string{"booking_call"}) || !slices.Equal(treatment.Last, []string{"consultation", "laboratory"}) {
		t.Errorf("treatment %+v", treatment)
	}
	for _, c := range []struct {
		l          *expmap.Linked
		touchpoint string
		want       bool
	}{
		{repeat, "booking_call", true},
		{repeat, "consultation", false},
		{again, "consultation", true},
		{again, "laboratory", false},
		{treatment, "booking_call", true},
		{treatment, "consultation", false},
	} {
		if c.l.CountsAt(c.touchpoint) != c.want {
			t.Errorf("%s counts at %s: %v", c.l.ID, c.touchpoint, !c.want)
		}
	}
	if m.LinkedOf("again_base") != again || m.LinkedOf("again") != again || m.LinkedOf("wait") != nil || m.LinkedOf("_base") != nil {
		t.Error("measures of linked metrics are not found")
	}
}

// What other interactions are followed by is counted again; what only reads is not.
func TestLinkedMetricsRecount(t *testing.T) {
	old := compile(t, whole(t))
	for name, c := range map[string]struct {
		change func(*mapv1.Map)
		want   string // "" for none
	}{
		"new": {func(p *mapv1.Map) {
			p.LinkedMetrics = append(p.LinkedMetrics, &mapv1.LinkedMetric{Id: "more", Kind: mapv1.LinkedKind_LINKED_KIND_NEXT_CONTACT})
		}, "The linked metric more is new: customers are followed through all of history."},
		"gone":          {func(p *mapv1.Map) { p.LinkedMetrics = p.LinkedMetrics[:2] }, "The linked metric to_treatment goes: its cells are dropped."},
		"topic":         {func(p *mapv1.Map) { p.LinkedMetrics[0].Topic = "" }, "The linked metric repeat follows other interactions than before."},
		"longest":       {func(p *mapv1.Map) { p.LinkedMetrics[1].LongestDays = 61 }, "The linked metric again follows other interactions than before."},
		"longest, said": {func(p *mapv1.Map) { p.LinkedMetrics[1].LongestDays = 60 }, ""},
		"back-stage":    {func(p *mapv1.Map) { p.Touchpoints[2].BackStage = false }, "The linked metric again follows other interactions than before."},
		"journey": {
			func(p *mapv1.Map) { slices.Reverse(p.Journeys[0].Stages) },
			"The linked metric to_treatment follows other interactions than before.",
		},
		"name":     {func(p *mapv1.Map) { p.LinkedMetrics[0].Name = "Again" }, ""},
		"order":    {func(p *mapv1.Map) { slices.Reverse(p.LinkedMetrics); slices.Reverse(p.Touchpoints) }, ""},
		"minimums": {func(p *mapv1.Map) { p.Minimums.Answers = 30 }, ""},
		"new touchpoint": {func(p *mapv1.Map) {
			p.Stages = append(p.Stages, &mapv1.Stage{Id: "stay"})
			p.Touchpoints = append(p.Touchpoints, &mapv1.Touchpoint{Id: "extra", Stage: "stay", FunctionalOwner: "director", OperationalOwner: "director"})
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := whole(t)
			c.change(p)
			new := compile(t, p)
			if got := strings.Join(expmap.Recounts(old, new), " "); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if (old.CountingDigest() == new.CountingDigest()) != (c.want == "") {
				t.Error("the counting digest says otherwise")
			}
		})
	}
}

func TestLinkedMetricsNeverBecomeOthers(t *testing.T) {
	old := compile(t, whole(t))
	for name, c := range map[string]struct {
		field  string
		change func(*mapv1.Map)
	}{
		"a metric": {"metrics[2].id", func(p *mapv1.Map) {
			p.LinkedMetrics = slices.Delete(p.LinkedMetrics, 1, 2)
			p.Metrics[2].Id, p.Touchpoints[2].Metrics = "again", []string{"again"}
		}},
		"a question": {"questions[1].id", func(p *mapv1.Map) {
			p.LinkedMetrics = slices.Delete(p.LinkedMetrics, 1, 2)
			p.Questions[1].Id = "again_base"
		}},
		"from a metric": {"linked_metrics[1].id", func(p *mapv1.Map) {
			p.LinkedMetrics[1].Id, p.Metrics, p.Touchpoints[2].Metrics = "results_time", p.Metrics[:2], nil
		}},
		"from a question": {"linked_metrics[1].id", func(p *mapv1.Map) {
			p.LinkedMetrics[1].Id, p.Questions = "work_here", slices.Delete(p.Questions, 1, 2)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			p := whole(t)
			c.change(p)
			problems := expmap.Incompatible(old, compile(t, p))
			if len(problems) != 1 || problems[0].GetField() != c.field {
				t.Errorf("problems: %v", problems)
			}
		})
	}
}
