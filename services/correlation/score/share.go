package score

import (
	"fmt"
	"math"

	"github.com/touchstone-cx/touchstone/services/correlation/cell"
)

// z95 is the 97.5% quantile of the normal distribution.
const z95 = 1.959963984540054

// proportion is hits of n in percent with Wilson's interval; n must be at least 1, hits from 0 to n.
func proportion(hits, n int64) Result {
	p, size := float64(hits)/float64(n), float64(n)
	z2 := z95 * z95 / size
	middle := (p + z2/2) / (1 + z2)
	half := z95 / (1 + z2) * math.Sqrt(p*(1-p)/size+z2/(4*size))
	low, high := 100*max(0, middle-half), 100*min(1, middle+half)
	if hits == 0 {
		low = 0 // exactly, where rounding would leave a trace
	}
	if hits == n {
		high = 100
	}
	return Result{
		Value: ptr(100 * p), N: n, SE: ptr(100 * math.Sqrt(p*(1-p)/size)),
		Interval: &Interval{Low: low, High: high, Method: "wilson"},
		explain: func() Explanation {
			return Explanation{Formula: fmt.Sprintf("100 × %d ÷ %d", hits, n), Quantities: []Quantity{{"cases that count", whole(hits)}, {"n", whole(n)}}}
		},
	}
}

func onlyTop2(m Measure) string {
	switch m.Kind {
	case CSAT, CES2, Rating:
		return ""
	case Metric:
		return "it is for questions"
	case Perceived:
		return "it is for questions of which higher points are better"
	default:
		return "it is for satisfaction, ease (CES 2.0) and rating questions"
	}
}

func top2Sentence(m Measure) string {
	return fmt.Sprintf("The share of answers to %s at the two best points of its scale, %d and %d, with Wilson's interval.", m.ID, m.Max-1, m.Max)
}

// top2 is the share of answers at the two highest points of the scale.
func top2(d Measure, s *cell.Sample) Result {
	return shareOf(d, s, func(v int64) bool { return v >= d.Max-1 })
}

// shareOf is the share of answers for which hit is true. Answers are whole points and lie in bins of their own.
func shareOf(d Measure, s *cell.Sample, hit func(int64) bool) Result {
	m := totals(s)
	if why := noDistribution(d, m); why != "" {
		return suppressed(why)
	}
	bins := d.bins(s)
	var hits int64
	lo, counts := s.Counts()
	for i, n := range counts {
		if v, _ := bins.Bounds(lo + int32(i)); n != 0 && hit(v) {
			hits += n
		}
	}
	r := proportion(hits, m.N)
	r.Coverage = coverage(m.N, s)
	return r
}

// Shares returns the statistics "share.<v>" of a question, one for each point of its scale; nil for metrics and texts.
func Shares(m Measure) []Statistic {
	if !m.isQuestion() || m.Kind == Text { // a sentiment has no points that were offered
		return nil
	}
	var all []Statistic
	for v := m.Min; v <= m.Max; v++ {
		all = append(all, Statistic{
			Name: "share." + whole(v), Lacks: always, Unit: percent, Distribution: true,
			Better: func(m Measure) int { return betterShare(m, v) },
			Sentence: func(m Measure) string {
				answer := whole(v)
				if label := m.option(v).Label; label != "" {
					answer += fmt.Sprintf(" (%q)", label)
				}
				return fmt.Sprintf("The share of answers to %s that are %s, with Wilson's interval.", m.ID, answer)
			},
			Compute: func(m Measure, s *cell.Sample) Result { return shareOf(m, s, func(x int64) bool { return x == v }) },
		})
	}
	return all
}

func outcomeSentence(outcome string) string {
	return fmt.Sprintf("The share of interactions that ended %s, of those whose outcome is known, with Wilson's interval.", outcome)
}

// outcomeShare leaves interactions without an outcome out of both parts, as a blank answer is left out; coverage says how
// many are left.
func outcomeShare(outcome string, s *cell.Sample) Result {
	known := s.Offered() - s.Interactions[""]
	if known <= 0 {
		if s.Offered() > 0 {
			return suppressed("no interactions with a known outcome")
		}
		return suppressed("no interactions")
	}
	r := proportion(s.Interactions[outcome], known)
	r.Coverage = coverage(known, s)
	return r
}
