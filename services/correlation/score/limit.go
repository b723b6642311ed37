package score

import (
	"fmt"
	"time"

	"github.com/touchstone-cx/touchstone/services/correlation/cell"
)

// Limit is the limit of a linked metric: for its scores <id>.within and <id>.beyond.
type Limit struct {
	// Value in the metric's unit.
	Value float64
	// Counts is true for counts, which are within up to the limit itself; a time of exactly the limit is beyond it.
	Counts bool
	// Base counts all cases of a time, known or not; empty for counts.
	Base string
	// Cases names them ("contacts").
	Cases string
	// Better is 1 when it is better to be within the limit, −1 when it is worse.
	Better int
	// Decides is how long a time takes to be decided: the limit.
	Decides time.Duration
	// Longest is true where nothing beyond the limit is looked for, so that whatever is known is within it.
	Longest bool
}

// limited defines the two shares of a linked metric with a limit.
func limited(m Measure) []*Definition {
	l := *m.Limit
	at := decimal(l.Value) + " " + m.Unit
	words := map[string]string{"within": "less than " + at, "beyond": at + " or more, or never comes"}
	if l.Counts {
		words = map[string]string{"within": "at most " + at, "beyond": "more than " + at}
	}
	out := make([]*Definition, 2)
	for i, name := range []string{"within", "beyond"} {
		d := &Definition{ID: m.ID + "." + name, Unit: "%", Of: []string{m.ID}, Order: fmt.Sprintf("3%s.%03d", m.ID, 900+i), Better: l.Better * (1 - 2*i)}
		d.Sentence = fmt.Sprintf("The share of %s of which %s is %s, with Wilson's interval.", l.Cases, m.ID, words[name])
		if l.Counts {
			d.Measure, d.Distribution = m.ID, true
			d.Compute = func(s *cell.Sample) Result { return m.counted(name, s) }
		} else {
			d.Measure, d.Decides = l.Base, l.Decides
			d.Beside = []Beside{{cell.Needs{Measure: m.ID, Distribution: true}, true}, {cell.Needs{Measure: l.Base}, true}}
			d.Sentence += " What is younger than that is not decided yet: it is left out, and shown as pending."
			if l.Longest {
				d.Sentence += " What comes later is not looked for; what comes after exactly that time counts as within it."
			}
			d.Compute = func(s *cell.Sample) Result { return m.decided(name, s) }
		}
		out[i] = d
	}
	return out
}

// counted is the share of counts within or beyond the limit.
func (m Measure) counted(name string, s *cell.Sample) Result {
	n := totals(s).N
	if n <= 0 {
		return suppressed("no " + m.Limit.Cases)
	}
	hits, cut := m.withinLimit(s)
	r := m.shareWithin(name, hits, cut, n)
	r.Coverage = coverage(n, s)
	return r
}

// decided is the share of the cases that are old enough to be decided. The sample is of all cases, those beside it are of the
// decided: the times known, and their cases.
func (m Measure) decided(name string, s *cell.Sample) Result {
	l := m.Limit
	all, old := totals(s).N, totals(s.Beside[1]).N
	if all <= 0 {
		return suppressed("no " + l.Cases)
	}
	young := max(0, all-old)
	pending := &Pending{N: young, Share: float64(young) / float64(all)}
	if old <= 0 {
		return Result{
			Suppressed: fmt.Sprintf("pending: all %d %s are younger than %s %s, so that none is decided", all, l.Cases, decimal(l.Value), m.Unit), Pending: pending,
		}
	}
	hits, cut := m.withinLimit(s.Beside[0])
	r := m.shareWithin(name, hits, cut, old)
	r.Pending, r.Coverage = pending, coverage(all, s)
	explain := r.explain
	r.explain = func() Explanation {
		x := explain()
		x.Quantities = append(x.Quantities, Quantity{"pending: " + l.Cases + " younger than " + decimal(l.Value) + " " + m.Unit, whole(young)})
		return x
	}
	return r
}

// withinLimit counts the values within the limit, and those of the bin that it cuts.
func (m Measure) withinLimit(s *cell.Sample) (within, cut int64) {
	if m.Limit.Longest {
		return totals(s).N, 0
	}
	limit, atMost := ServiceLevel{Metric: m}.limitOf(m.Limit.Value, m.Limit.Counts)
	bins := m.bins(s)
	for _, x := range s.Measure {
		w, c := x.Hist.Within(bins, limit, atMost)
		within, cut = within+w, cut+c
	}
	return within, cut
}

func (m Measure) shareWithin(name string, within, cut, n int64) Result {
	least := within
	if name == "beyond" {
		least = n - within - cut
	}
	r := proportion(least, n)
	if cut > 0 {
		r = Result{N: n, Suppressed: between(fmt.Sprintf("%d in the bin that the limit cuts", cut), least, least+cut, n)}
	}
	r.explain = func() Explanation {
		f := fmt.Sprintf("100 × %d ÷ %d", least, n)
		if cut > 0 {
			f = fmt.Sprintf("between 100 × %d ÷ %d and 100 × %d ÷ %d", least, n, least+cut, n)
		}
		return Explanation{Formula: f, Quantities: []Quantity{
			{"within the limit", whole(within)}, {"in the bin that the limit cuts", whole(cut)}, {"n", whole(n)},
		}}
	}
	return r
}
