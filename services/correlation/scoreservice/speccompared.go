package scoreservice

import (
	"fmt"
	"slices"
	"time"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	"github.com/touchstone-cx/touchstone/services/correlation/score"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
)

// compared adds what a map declares for its measures to be compared with: floors, limits, expectations and one another.
func compared(m *expmap.Map, s *score.Spec) {
	metric := func(id string) *score.Measure {
		if i := slices.IndexFunc(s.Metrics, func(x score.Measure) bool { return x.ID == id }); i >= 0 {
			return &s.Metrics[i]
		}
		return nil // of a map that was never checked
	}
	for _, p := range m.Proto.GetMetrics() {
		if p.Floor != nil {
			metric(p.GetId()).Floor = p.Floor
		}
	}
	for _, p := range m.Proto.GetLinkedMetrics() {
		if p.Limit != nil {
			metric(p.GetId()).Limit = limitOf(p)
		}
	}
	questions := make(map[string]*score.Measure, len(s.Questions))
	for i := range s.Questions {
		questions[s.Questions[i].ID] = &s.Questions[i]
	}
	for _, p := range m.Proto.GetQuestions() {
		q := questions[p.GetId()]
		if q == nil {
			continue // it has values of its parts alone
		}
		if p.Floor != nil {
			floor := float64(p.GetFloor())
			q.Floor = &floor
		}
		x := &score.Compared{}
		for _, b := range p.GetBaselines() {
			x.Gaps = append(x.Gaps, gapOf(p.GetId(), b))
		}
		if felt := metric(p.GetPerceives()); felt != nil && q.Kind == score.Perceived {
			q.Better, x.Worth = felt.Better, fmt.Sprintf("%d %s of %s", max(1, p.GetUnitsPerPoint()), felt.Unit, felt.ID)
			x.Gaps = append(x.Gaps, score.Gap{
				Name: "gap_felt", Measure: expmap.FeltGapMeasure(q.ID), Baseline: expmap.CountedMeasure(q.ID),
				Unit: felt.Unit, Resolution: felt.Resolution, Words: "what was counted of " + felt.ID,
			})
		}
		if len(x.Gaps) > 0 {
			q.Compared = x
		}
	}
	for _, p := range m.Proto.GetRatios() {
		if r := (score.Ratio{
			ID: p.GetId(), Over: measures(p.GetOver(), metric), Under: measures(p.GetUnder(), metric), Outcomes: p.GetOutcomes(),
			AbsentIsZero: p.GetAbsentIsZero(), ShareOfCases: p.GetShareOfCases(), Better: betterOf(p.GetBetter()),
		}); len(r.Over) == len(p.GetOver()) && len(r.Under) == len(p.GetUnder()) && len(r.Over) > 0 {
			s.Ratios = append(s.Ratios, r)
		}
	}
}

func measures(ids []string, metric func(string) *score.Measure) []score.Measure {
	var out []score.Measure
	for _, id := range ids {
		if m := metric(id); m != nil {
			out = append(out, *m)
		}
	}
	return out
}

// limitOf returns the limit of a linked metric. To come back in time is bad, all else that ends in time is good.
func limitOf(p *mapv1.LinkedMetric) *score.Limit {
	l := &score.Limit{Value: p.GetLimit(), Cases: "contacts", Better: 1}
	switch p.GetKind() {
	case mapv1.LinkedKind_LINKED_KIND_CONTACT_TRANSFERS:
		l.Counts = true
		return l
	case mapv1.LinkedKind_LINKED_KIND_JOURNEY_FRICTION:
		l.Counts, l.Cases = true, "completed journeys"
		return l
	case mapv1.LinkedKind_LINKED_KIND_JOURNEY_TIME:
		l.Cases = "journeys"
	default:
		l.Better = -1
	}
	l.Base = expmap.LinkedBase(p.GetId())
	l.Decides = time.Duration(p.GetLimit() * float64(time.Hour))
	// Beyond some 300 h histograms are not exact, but where nothing beyond is looked for, none is needed.
	l.Longest = l.Decides >= expmap.LongestOf(p) && p.GetLimit() > expmap.ExactUnits
	return l
}

func gapOf(question string, b mapv1.Baseline) score.Gap {
	g := score.Gap{
		Measure: expmap.GapMeasure(question, b), Baseline: expmap.ExpectedMeasure(question, b), Unit: "points", Resolution: expmap.GapResolution(b),
	}
	switch b {
	case mapv1.Baseline_BASELINE_STATED:
		g.Name, g.Words = "gap_stated", "what they said they expected"
	case mapv1.Baseline_BASELINE_LAST:
		g.Name, g.Words = "gap_last", "their last answer before it about the same touchpoint"
	default:
		g.Name, g.Words = "gap_history", "the mean of all their answers before it"
	}
	return g
}
