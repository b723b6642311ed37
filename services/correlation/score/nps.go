package score

import (
	"fmt"

	"github.com/touchstone-cx/touchstone/services/correlation/cell"
)

func onlyNPS(m Measure) string {
	if (m.Kind == NPS || m.Kind == ENPS) && m.Min == 0 && m.Max == 10 {
		return ""
	}
	if !m.isQuestion() {
		return "it is for questions"
	}
	return fmt.Sprintf("the NPS is a statistic of exactly the scale 0 to 10 of a question of kind nps or enps; this one is asked on %d to %d", m.Min, m.Max)
}

func promoterScore(m Measure) string {
	if m.Kind == ENPS {
		return "net promoter score among employees"
	}
	return "net promoter score"
}

func npsSentence(m Measure) string {
	return fmt.Sprintf("The %s of %s: percentage of answers 9 and 10 minus percentage of answers 0 to 6, with Wald's interval.", promoterScore(m), m.ID)
}

func npsAdjustedSentence(m Measure) string {
	return fmt.Sprintf("The %s of %s with three answers added, ¾ promoter, 1½ passive and ¾ detractor (adjusted Wald): better than nps for few answers.", promoterScore(m), m.ID)
}

// nps is 100 (P − D) ÷ n. The variance of the person's value +1, 0 or −1 has the divisor n. Wald's limits are given as they
// come and may pass ±100; with all answers alike the interval has no width. nps_adjusted has neither fault.
func nps(d Measure, s *cell.Sample) Result {
	return difference(d, s, promoter, detractor, "promoters", "passives", "detractors")
}

func npsAdjusted(d Measure, s *cell.Sample) Result {
	p, x, n, why := twoSides(d, s, promoter, detractor)
	if why != "" {
		return suppressed(why)
	}
	r := net(float64(p)+0.75, float64(x)+0.75, float64(n)+3)
	r.N, r.Coverage, r.Interval.Method = n, coverage(n, s), "adjusted wald"
	r.Interval.Low, r.Interval.High = max(-100, r.Interval.Low), min(100, r.Interval.High)
	r.explain = func() Explanation {
		return Explanation{
			Formula:    fmt.Sprintf("100 × (%d.75 − %d.75) ÷ %d", p, x, n+3),
			Quantities: sideQuantities(p, x, n, "promoters", "passives", "detractors"),
		}
	}
	return r
}

func promoter(v int64) bool { return v >= 9 }

func detractor(v int64) bool { return v <= 6 }
