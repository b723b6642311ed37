package score

import (
	"fmt"
	"math/big"

	"github.com/touchstone-cx/touchstone/services/correlation/cell"
)

// Gap is what the answers to a question are compared with, case by case: what was experienced less what was expected, or what
// was felt less what was counted.
type Gap struct {
	// Name is the last part of the score's id ("gap_stated").
	Name string
	// Measure counts the gaps, Baseline what they are gaps from, both over the same cases.
	Measure, Baseline string
	// Unit and Resolution of both.
	Unit       string
	Resolution int64
	// Words name the baseline ("what was expected as stated").
	Words string
}

// gap defines the score of a gap of a question.
func gap(q Measure, g Gap, i int, minimum int64) *Definition {
	sides := Measure{ID: q.ID, Kind: Rating, Unit: g.Unit, Resolution: g.Resolution}
	felt := q.Kind == Perceived && g.Name == "gap_felt"
	if felt {
		sides.Kind = Metric // its unit is the metric's
	}
	experienced := "experienced"
	if felt {
		experienced = "felt"
	}
	s := fmt.Sprintf("The mean of what was %s, as answers to %s tell, less %s, each customer compared with themselves, with Student's t interval of the differences "+
		"(paired, n − 1 degrees of freedom). Both means are shown beside it: a gap does not stand for the experience.", experienced, q.ID, g.Words)
	return &Definition{
		ID: q.ID + "." + g.Name, Measure: g.Measure, Beside: []Beside{{Needs: cell.Needs{Measure: g.Baseline}}}, Of: []string{q.ID},
		Unit: g.Unit, Sentence: s + q.worth(), Order: fmt.Sprintf("4%s.%03d", q.ID, 900+i), Better: better(q, "mean"), Minimum: minimum, answers: true, Employees: q.ofEmployees(),
		Compute: least(minimum, func(s *cell.Sample) Result { return gapOf(sides, experienced, g.Words, s) }),
	}
}

// gapOf is the mean of differences with its interval, and of either side. The experience is the exact sum of both others.
func gapOf(d Measure, experienced, baseline string, s *cell.Sample) Result {
	g, e := totals(s), totals(s.Beside[0])
	if g.N == 0 && e.N == 0 {
		return suppressed("no answers that could be compared")
	}
	if g.N != e.N {
		return Damaged() // the two are counted together
	}
	r := mean(d, s)
	n := float64(g.N)
	p := g.Sum.Add(e.Sum)
	r.Gap = &Sides{Experienced: d.inUnits(p.Float() / n), Baseline: d.inUnits(e.Sum.Float() / n)}
	whole := r.explain
	r.explain = func() Explanation {
		x := whole()
		part := func(sum *big.Int) string {
			f := fmt.Sprintf("%s ÷ %d", sum, g.N)
			if d.Resolution != 1 {
				f += fmt.Sprintf(" ÷ %d", d.Resolution)
			}
			return f
		}
		x.Quantities = append([]Quantity{
			{experienced + " = " + part(p.Big()), decimal(r.Gap.Experienced)},
			{baseline + " = " + part(e.Sum.Big()), decimal(r.Gap.Baseline)},
		}, x.Quantities...)
		return x
	}
	return r
}

// worth says what a point of a perceived question stands for.
func (m Measure) worth() string {
	if m.Compared == nil || m.Compared.Worth == "" {
		return ""
	}
	return fmt.Sprintf(" A point of its answers stands for %s.", m.Compared.Worth)
}
