// Package score computes scores from exact cells: values and their 95% intervals, never from anything but the numbers
// passed in. It knows no clock, no bus and no protobuf.
//
// To add a statistic, write a function in a file of its own and one line in Statistics: it then has a name in the API, an
// explanation, and the tests that range over the slice.
package score

import (
	"slices"
	"time"

	"github.com/touchstone-cx/touchstone/services/correlation/cell"
)

// Definition is one score of one organisation's map.
type Definition struct {
	// ID is the score's name ("wait.median").
	ID string
	// Measure is the id of the metric or question whose moments it needs; empty when interactions are enough.
	Measure string
	// Distribution is true when it needs the measure's histogram as well.
	Distribution bool
	// Beside is what it needs beside Measure: Compute finds a sample of each in the sample's Beside, in this order. Most scores
	// need nothing.
	Beside []Beside
	// Decides is how long it takes until a case is decided; 0 where that is known at once.
	Decides time.Duration
	// Of are the metrics and questions all of which must be measured or asked where it can have values; nil stands for Measure.
	Of []string
	// Together is true when it is taken only over touchpoints where it can have values: what one of them measures of it is not
	// held against what another does.
	Together bool
	// Outcomes are those of the interactions that it counts; nil means any.
	Outcomes []string
	// Unit of the value ("s", "%", "points", "interactions").
	Unit string
	// Sentence says what is computed.
	Sentence string
	// OfInteractions is true when its cases are interactions, false when they are values of the measure.
	OfInteractions bool
	// Headline marks the one score that stands for its measure in a list.
	Headline bool
	// Order sorts definitions for people: interactions, outcomes, service levels, metrics, questions. It is unique, and
	// stays comparable when the map changes.
	Order string
	// Better is 1 when higher is better, −1 when lower is, 0 when the map does not tell.
	Better int
	// Minimum is the fewest cases it is shown with, which Compute sees to; 0 where any will do.
	Minimum int64
	// Employees marks scores of employees' answers: for whole days and longer, not watched, and no group of fewer than
	// Minimum may be worked out from several of them.
	Employees bool
	// Composite says how a score is made of others; nil for those computed from a sample.
	Composite *Composite
	// Compute returns the score of a sample of what it needs. It changes nothing in the sample and is safe to call
	// concurrently. It never returns NaN or an infinity: where there is no value, Suppressed says why.
	Compute func(*cell.Sample) Result

	answers bool // its cases are answers
}

// Beside is a measure that a score needs beside its own.
type Beside struct {
	cell.Needs
	// Decided leaves out what is younger than the definition's Decides as of the moment of the score.
	Decided bool
}

// Needs says what of the cells Compute needs of Measure.
func (d *Definition) Needs() cell.Needs {
	return cell.Needs{Measure: d.Measure, Distribution: d.Distribution}
}

// Measures returns the measures of which it needs cells, each once, Measure first.
func (d *Definition) Measures() []string {
	all := []string{d.Measure}
	for _, b := range d.Beside {
		if !slices.Contains(all, b.Measure) {
			all = append(all, b.Measure)
		}
	}
	return all
}

// Result is a computed score.
type Result struct {
	// Value in the definition's unit; nil exactly when Suppressed is not empty.
	Value *float64
	// N is the number of cases in the value.
	N int64
	// SE is the standard error in the definition's unit; nil where the method gives none.
	SE *float64
	// Interval is the 95% interval; nil where the method gives none.
	Interval *Interval
	// Suppressed says why there is no value.
	Suppressed string
	// Coverage is the share of the scope's interactions that carry what the score needs, 0 to 1; nil where it does not
	// apply.
	Coverage *float64
	// Composed is what a CX score came out of; nil for all others.
	Composed *Composed
	// Gap is what a gap lies between; nil for all others, and without a value.
	Gap *Sides
	// Pending are the cases that are not decided yet; nil for scores that are decided at once.
	Pending *Pending

	explain func() Explanation
}

// Interval is a 95% interval in the score's unit.
type Interval struct {
	Low, High float64
	// Method is "wald", "adjusted wald", "wilson", "t" or "order statistic".
	Method string
}

// Sides are the means between which a gap lies, in the definition's unit.
type Sides struct{ Experienced, Baseline float64 }

// Pending are cases too young to be decided, which are left out of the value.
type Pending struct {
	N int64
	// Share of all cases of the window, 0 to 1.
	Share float64
}

// Explanation is the arithmetic of a result.
type Explanation struct {
	// Formula with its numbers ("100 × (1436 − 342) ÷ 2746").
	Formula string
	// Quantities that enter it.
	Quantities []Quantity
}

// Quantity is one named number, as an exact decimal.
type Quantity struct{ Name, Value string }

// Explain returns the arithmetic. It is put into words only when asked for: most scores are never explained.
func (r Result) Explain() Explanation {
	if r.explain == nil {
		return Explanation{}
	}
	return r.explain()
}

func suppressed(why string) Result { return Result{Suppressed: why} }

func ptr(v float64) *float64 { return &v }
