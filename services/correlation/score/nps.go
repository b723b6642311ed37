package score

import (
	"fmt"
	"math"

	"github.com/touchstone-cx/touchstone/services/correlation/cell"
)

func onlyNPS(m Measure) string {
	if m.Kind == NPS && m.Min == 0 && m.Max == 10 {
		return ""
	}
	if !m.isQuestion() {
		return "it is for questions"
	}
	return fmt.Sprintf("the NPS is a statistic of exactly the scale 0 to 10 of a question of kind nps; this one is asked on %d to %d", m.Min, m.Max)
}

func npsSentence(m Measure) string {
	return fmt.Sprintf("The net promoter score of %s: percentage of answers 9 and 10 minus percentage of answers 0 to 6, with Wald's interval.", m.ID)
}

func npsAdjustedSentence(m Measure) string {
	return fmt.Sprintf("The net promoter score of %s with three answers added, ¾ promoter, 1½ passive and ¾ detractor (adjusted Wald): better than nps for few answers.", m.ID)
}

// nps is 100 (P − D) ÷ n. The variance of the person's value +1, 0 or −1 has the divisor n. Wald's limits are given as they
// come and may pass ±100; with all answers alike the interval has no width. nps_adjusted has neither fault.
func nps(d Measure, s *cell.Sample) Result {
	p, x, n, why := promoters(d, s)
	if why != "" {
		return suppressed(why)
	}
	r := net(float64(p), float64(x), float64(n))
	r.N, r.Coverage, r.Interval.Method = n, coverage(n, s), "wald"
	r.explain = func() Explanation {
		return Explanation{Formula: fmt.Sprintf("100 × (%d − %d) ÷ %d", p, x, n), Quantities: npsQuantities(p, x, n)}
	}
	return r
}

func npsAdjusted(d Measure, s *cell.Sample) Result {
	p, x, n, why := promoters(d, s)
	if why != "" {
		return suppressed(why)
	}
	r := net(float64(p)+0.75, float64(x)+0.75, float64(n)+3)
	r.N, r.Coverage, r.Interval.Method = n, coverage(n, s), "adjusted wald"
	r.Interval.Low, r.Interval.High = max(-100, r.Interval.Low), min(100, r.Interval.High)
	r.explain = func() Explanation {
		return Explanation{Formula: fmt.Sprintf("100 × (%d.75 − %d.75) ÷ %d", p, x, n+3), Quantities: npsQuantities(p, x, n)}
	}
	return r
}

func net(p, d, n float64) Result {
	share := (p - d) / n
	v := 100 * share
	se := 100 * math.Sqrt(max(0, (p+d)/n-share*share)/n)
	return Result{Value: &v, SE: &se, Interval: &Interval{Low: v - z95*se, High: v + z95*se}}
}

func promoters(d Measure, s *cell.Sample) (promoters, detractors, n int64, why string) {
	m := totals(s)
	if why := noDistribution(d, m); why != "" {
		return 0, 0, 0, why
	}
	bins := d.bins(s)
	lo, counts := s.Counts()
	for i, n := range counts {
		switch v, _ := bins.Bounds(lo + int32(i)); {
		case v >= 9:
			promoters += n
		case v <= 6:
			detractors += n
		}
	}
	return promoters, detractors, m.N, ""
}

func npsQuantities(p, d, n int64) []Quantity {
	return []Quantity{{"promoters", whole(p)}, {"passives", whole(n - p - d)}, {"detractors", whole(d)}, {"n", whole(n)}}
}
