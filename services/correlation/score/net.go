package score

import (
	"fmt"
	"math"

	"github.com/touchstone-cx/touchstone/services/correlation/cell"
)

func onlyFeelings(m Measure) string {
	switch {
	case m.Kind != Emotion:
		return "it is for emotion questions"
	case !m.has(Positive) && !m.has(Negative):
		return "none of its choices is declared positive or negative"
	}
	return ""
}

func netSentence(m Measure) string {
	return fmt.Sprintf("The net emotion of %s: percentage of answers that are a positive feeling minus percentage that are a negative one, with Wald's interval.", m.ID)
}

// netEmotion is the share of good feelings minus that of bad ones.
func netEmotion(d Measure, s *cell.Sample) Result {
	felt := func(f Feeling) func(int64) bool { return func(v int64) bool { return d.option(v).Feeling == f } }
	return difference(d, s, felt(Positive), felt(Negative), "positive", "neither", "negative")
}

func onlyFacet(m Measure) string {
	switch {
	case !m.isQuestion():
		return "it is for questions"
	case m.Facet == NoFacet:
		return "it is for questions that measure success, effort or emotion of the open experience index (facet)"
	case m.isNominal():
		return noOrder
	case m.Min != 1 || m.Max != 7:
		return fmt.Sprintf("the open experience index takes exactly the scale 1 to 7; this one is asked on %d to %d", m.Min, m.Max)
	}
	return ""
}

func netTopSentence(m Measure) string {
	return fmt.Sprintf("The %s part of the open experience index, from %s: percentage of answers 6 and 7 minus percentage of answers 1 to 3, with Wald's interval.", m.Facet, m.ID)
}

// netTop is the share of the two best points of 1 to 7 minus that of the three worst.
func netTop(d Measure, s *cell.Sample) Result {
	return difference(d, s, func(v int64) bool { return v >= 6 }, func(v int64) bool { return v <= 3 }, "6 and 7", "4 and 5", "1 to 3")
}

// difference is 100 (good − bad) ÷ n with Wald's interval; the names are of the answers that are good, neither and bad.
func difference(d Measure, s *cell.Sample, good, bad func(int64) bool, names ...string) Result {
	p, x, n, why := twoSides(d, s, good, bad)
	if why != "" {
		return suppressed(why)
	}
	r := net(float64(p), float64(x), float64(n))
	r.N, r.Coverage, r.Interval.Method = n, coverage(n, s), "wald"
	r.explain = func() Explanation {
		return Explanation{Formula: fmt.Sprintf("100 × (%d − %d) ÷ %d", p, x, n), Quantities: sideQuantities(p, x, n, names...)}
	}
	return r
}

func net(p, d, n float64) Result {
	share := (p - d) / n
	v := 100 * share
	se := 100 * math.Sqrt(max(0, (p+d)/n-share*share)/n)
	return Result{Value: &v, SE: &se, Interval: &Interval{Low: v - z95*se, High: v + z95*se}}
}

// twoSides counts the answers that are good and those that are bad; why says why they are not known. Answers are whole
// points and lie in bins of their own.
func twoSides(d Measure, s *cell.Sample, good, bad func(int64) bool) (p, x, n int64, why string) {
	m := totals(s)
	if why := noDistribution(d, m); why != "" {
		return 0, 0, 0, why
	}
	bins := d.bins(s)
	lo, counts := s.Counts()
	for i, k := range counts {
		if k == 0 {
			continue
		}
		switch v, _ := bins.Bounds(lo + int32(i)); {
		case good(v):
			p += k
		case bad(v):
			x += k
		}
	}
	return p, x, m.N, ""
}

func sideQuantities(p, x, n int64, names ...string) []Quantity {
	return []Quantity{{names[0], whole(p)}, {names[1], whole(n - p - x)}, {names[2], whole(x)}, {"n", whole(n)}}
}
