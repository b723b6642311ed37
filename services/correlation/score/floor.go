package score

import (
	"fmt"
	"math"

	"github.com/touchstone-cx/touchstone/services/correlation/cell"
)

func onlyFloored(m Measure) string {
	switch {
	case m.isNominal():
		return noOrder
	case m.Floor == nil:
		return "the map gives it no floor"
	case better(m, "mean") == 0:
		return "the map does not say whether higher or lower is better"
	}
	return ""
}

// worse says in words which values of a measure are bad.
func (m Measure) worse() string {
	up, floor := better(m, "mean") > 0, decimal(*m.Floor)
	switch {
	case m.isQuestion() && up:
		return "that are " + floor + " or lower"
	case m.isQuestion():
		return "that are " + floor + " or higher"
	case up:
		return "below " + floor + " " + m.Unit
	default:
		return "above " + floor + " " + m.Unit
	}
}

func badSentence(m Measure) string {
	return fmt.Sprintf("The share of %s of %s %s %s, with Wilson's interval: how many experiences were bad ones, however good the others.", m.cases(), m.noun(), m.ID, m.worse())
}

// bad is the share of values on the wrong side of the floor. A metric's value at the floor is none of them, an answer at it is.
// While any value lies in a bin that the floor cuts it is suppressed, with the limits between which it lies.
func bad(d Measure, s *cell.Sample) Result {
	m := totals(s)
	if why := noDistribution(d, m); why != "" {
		return suppressed(why)
	}
	hits, cut := d.beyondFloor(s)
	r := proportion(hits, m.N)
	if cut > 0 {
		r = Result{N: m.N, Suppressed: between(fmt.Sprintf("%d in the bin that the floor cuts", cut), hits, hits+cut, m.N)}
	}
	r.Coverage = coverage(m.N, s)
	r.explain = func() Explanation {
		f := fmt.Sprintf("100 × %d ÷ %d", hits, m.N)
		if cut > 0 {
			f = fmt.Sprintf("between 100 × %d ÷ %d and 100 × %d ÷ %d", hits, m.N, hits+cut, m.N)
		}
		return Explanation{Formula: f, Quantities: []Quantity{
			{d.cases() + " " + d.worse(), whole(hits)}, {"n", whole(m.N)}, {"in the bin that the floor cuts", whole(cut)},
		}}
	}
	return r
}

// beyondFloor counts the values that certainly are on the wrong side, and those of which it cannot be told.
func (m Measure) beyondFloor(s *cell.Sample) (hits, cut int64) {
	floor := *m.Floor * float64(m.Resolution)
	of := rule{within: succeeds, beyond: fails, limit: int64(math.Floor(floor))}
	up := better(m, "mean") > 0
	switch fraction := floor != math.Floor(floor); {
	case up && !m.isQuestion():
		of.atMost = fraction // below a floor between two values is the lower of them, too
	case up:
		of.atMost = true
	default:
		of.within, of.beyond, of.atMost = fails, succeeds, !m.isQuestion() || fraction
	}
	bins := m.bins(s)
	lo, counts := s.Counts()
	for i, n := range counts {
		if n == 0 {
			continue
		}
		switch of.of(bins.Bounds(lo + int32(i))) {
		case succeeds:
			hits += n
		case fails:
		default:
			cut += n
		}
	}
	return hits, cut
}

// between is why a share of n cases is not known, and the limits between which it lies.
func between(why string, least, most, n int64) string {
	return fmt.Sprintf("unknown: %s of %d; between %.2f%% and %.2f%%", why, n, 100*float64(least)/float64(n), 100*float64(most)/float64(n))
}
