package score

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/touchstone-cx/touchstone/services/correlation/cell"
)

// ServiceLevel is a share of interactions that stayed within a threshold.
type ServiceLevel struct {
	ID string
	// Metric compared with the threshold.
	Metric Measure
	// Threshold in the metric's unit.
	Threshold float64
	// AtMost is true when a value exactly at the threshold is within it.
	AtMost bool
	// Outcomes that count as success when within; with Abandons those that were answered.
	Outcomes []string
	// Of are the outcomes in the denominator; empty means every interaction offered. Not used with Abandons.
	Of []string
	// Abandons names the published formula; with ByOutcomes the rest is not used.
	Abandons Abandons
	// Abandoned are the outcomes in which the customer gave up while waiting.
	Abandoned []string
	// Short is the limit of a short abandon in the metric's unit; a value exactly at it is not short, and at 0 none is.
	Short float64
	// LeftOther are the outcomes that count as offered, and neither as answered nor as abandoned.
	LeftOther []string

	// others is true when the map declares outcomes that the formula does not count.
	others bool
}

// among returns l as it counts in a map with these outcomes: an interaction without outcome may end in any of them.
func (l ServiceLevel) among(outcomes []string) ServiceLevel {
	l.others = slices.ContainsFunc(outcomes, func(o string) bool { return l.role(o) == uncounted })
	return l
}

func (l ServiceLevel) sentence() string {
	within := func(outcomes []string, limit float64, atMost bool) string {
		edge := "below"
		if atMost {
			edge = "at most"
		}
		return fmt.Sprintf("that ended %s with %s %s %s %s", strings.Join(outcomes, " or "), l.Metric.ID, edge, decimal(limit), l.Metric.unit())
	}
	of, out := "all interactions offered", ""
	if named := l.of(); len(named) > 0 {
		of = "those that ended " + strings.Join(named, " or ")
	}
	hits := within(l.Outcomes, l.Threshold, l.AtMost)
	switch l.Abandons {
	case WithinSucceed:
		hits += " or " + within(l.Abandoned, l.Threshold, l.AtMost)
	case ShortSucceed:
		hits += " or " + within(l.Abandoned, l.Short, false)
	case WithinLeftOut:
		out = ", leaving out those " + within(l.Abandoned, l.Threshold, l.AtMost)
	case ShortLeftOut:
		out = ", leaving out those " + within(l.Abandoned, l.Short, false)
	}
	return fmt.Sprintf("The share of interactions %s, of %s%s, with Wilson's interval.", hits, of, out)
}

// of returns the outcomes in the denominator; none means every interaction.
func (l ServiceLevel) of() []string {
	switch l.Abandons {
	case ByOutcomes:
		return l.Of
	case LeftOut:
		return slices.Concat(l.Outcomes, l.LeftOther)
	default:
		return slices.Concat(l.Outcomes, l.Abandoned, l.LeftOther)
	}
}

// compute counts only what is certain. While any interaction may fall one way or another, the value is not known: it is
// suppressed, with the limits between which it lies. An interaction that falls the same way whatever its metric needs none.
func (l ServiceLevel) compute(s *cell.Sample) Result {
	c := l.count(s)
	n := c.all.possible()
	if n <= 0 {
		return suppressed("no interactions")
	}
	unknown := c.unmeasured + c.cut + c.open
	leastHits, leastOf := c.all.least()
	mostHits, mostOf := c.all.most()
	var r Result
	if unknown > 0 {
		r = Result{N: n, Suppressed: fmt.Sprintf("unknown: %s of %d; between %.2f%% and %.2f%%", l.reasons(c), n,
			100*float64(leastHits)/float64(leastOf), 100*float64(mostHits)/float64(mostOf))}
		if c.all.mayBeEmpty() {
			r.Suppressed += ", or no value"
		}
	} else {
		r = proportion(leastHits, n)
	}
	r.Coverage = ptr(float64(max(0, n-unknown)) / float64(n))
	r.explain = func() Explanation {
		f := l.formula(c)
		if unknown > 0 {
			f = fmt.Sprintf("between 100 × %d ÷ %d and 100 × %d ÷ %d", leastHits, leastOf, mostHits, mostOf)
		}
		return Explanation{Formula: f, Quantities: append(l.parts(c),
			Quantity{"within", whole(leastHits)}, Quantity{"n", whole(n)}, Quantity{"without " + l.Metric.ID, whole(c.unmeasured)},
			Quantity{l.cutName(), whole(c.cut)}, Quantity{"without outcome", whole(c.open)},
		)}
	}
	return r
}

// limitOf returns a limit in the metric's resolution. A limit between two values includes the lower of them.
func (l ServiceLevel) limitOf(limit float64, atMost bool) (int64, bool) {
	t := limit * float64(l.Metric.Resolution)
	if t == math.Trunc(t) {
		return int64(t), atMost
	}
	return int64(math.Floor(t)), true
}

func (l ServiceLevel) cutName() string {
	if l.Abandons.short() {
		return "in the bin that the threshold or the limit of a short abandon cuts"
	}
	return "in the bin that the threshold cuts"
}

func (l ServiceLevel) reasons(c counted) string {
	var why []string
	if c.unmeasured > 0 {
		why = append(why, fmt.Sprintf("%d without %s", c.unmeasured, l.Metric.ID))
	}
	if c.cut > 0 {
		why = append(why, fmt.Sprintf("%d %s", c.cut, l.cutName()))
	}
	if c.open > 0 {
		why = append(why, fmt.Sprintf("%d without outcome", c.open))
	}
	return strings.Join(why, ", ")
}
