package score

import (
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/touchstone-cx/touchstone/services/correlation/cell"
)

// Ratio is the sum of some metrics over the sum of others, or for each interaction.
type Ratio struct {
	ID string
	// Over are the metrics summed above the line, all of one unit.
	Over []Measure
	// Under are those summed below it, all of one unit; none where interactions are counted there.
	Under []Measure
	// Outcomes are those of the interactions that are counted below the line, and whose values are summed above it.
	Outcomes []string
	// AbsentIsZero are the metrics that stand for 0 where there is no value of them.
	AbsentIsZero []string
	// ShareOfCases is true when over counts some of the cases that under counts.
	ShareOfCases bool
	// Better is 1 when higher is better, −1 when lower is, 0 when the map does not tell.
	Better int
}

// percent reports whether both sides are of one unit, so that the ratio is a share.
func (r Ratio) percent() bool { return len(r.Under) > 0 && r.Under[0].Unit == r.Over[0].Unit }

func (r Ratio) zero(m Measure) bool { return slices.Contains(r.AbsentIsZero, m.ID) }

// metrics returns every metric of it once, those above the line first.
func (r Ratio) metrics() []Measure {
	var all []Measure
	for _, m := range slices.Concat(r.Over, r.Under) {
		if !slices.ContainsFunc(all, func(x Measure) bool { return x.ID == m.ID }) {
			all = append(all, m)
		}
	}
	return all
}

func (r Ratio) define() *Definition {
	all := r.metrics()
	d := &Definition{
		ID: r.ID, Measure: all[0].ID, Unit: r.Over[0].Unit, Sentence: r.sentence(), Headline: true, Order: "2" + r.ID, Better: r.Better,
		OfInteractions: len(r.Under) == 0, Outcomes: r.Outcomes, Of: []string{}, Together: true,
	}
	if r.percent() {
		d.Unit = "%"
	}
	for i, m := range all {
		if i > 0 {
			d.Beside = append(d.Beside, Beside{Needs: cell.Needs{Measure: m.ID}})
		}
		if !r.zero(m) {
			d.Of = append(d.Of, m.ID)
		}
	}
	if d.Compute = r.ofSums; len(r.Under) == 0 {
		d.Compute = r.ofInteractions
	}
	return d
}

func (r Ratio) sentence() string {
	over := "the sum of " + joined(r.Over)
	var s string
	switch {
	case len(r.Under) == 0:
		s = fmt.Sprintf("%s per interaction that ended %s, over the values of those alone.", upper(over), strings.Join(r.Outcomes, " or "))
	case r.ShareOfCases:
		s = fmt.Sprintf("The share of the cases that %s counts that %s counts too, with Wilson's interval.", joined(r.Under), joined(r.Over))
	default:
		s = fmt.Sprintf("%s over the sum of %s, published sums included.", upper(over), joined(r.Under))
		if r.percent() {
			s += " It is more than 100% where more is summed above the line than below it, as when several contacts are handled at once: it is shown as it is."
		}
	}
	if len(r.metrics()) > 1 {
		s += " It is taken over the touchpoints where all of them are measured."
	}
	if len(r.AbsentIsZero) > 0 {
		s += fmt.Sprintf(" Without a value %s counts 0.", strings.Join(r.AbsentIsZero, " or "))
	}
	return s
}

func joined(all []Measure) string {
	ids := make([]string, len(all))
	for i, m := range all {
		ids[i] = m.ID
	}
	return strings.Join(ids, " + ")
}

func upper(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// samples returns the sample of each metric.
func (r Ratio) samples(s *cell.Sample) map[string]*cell.Sample {
	by := make(map[string]*cell.Sample, 1+len(s.Beside))
	for i, m := range r.metrics() {
		if i == 0 {
			by[m.ID] = s
		} else {
			by[m.ID] = s.Beside[i-1]
		}
	}
	return by
}

// added adds up metrics of one unit, whatever their resolutions, exactly. Terms write the sum.
func (r Ratio) added(all []Measure, of func(Measure) cell.Int128) (sum *big.Rat, terms string, q []Quantity) {
	sum = new(big.Rat)
	var words []string
	for _, m := range all {
		x := of(m)
		sum.Add(sum, new(big.Rat).SetFrac(x.Big(), big.NewInt(m.Resolution)))
		q = append(q, Quantity{m.sumName("sum of " + m.ID), x.String()})
		term := x.String()
		if m.Resolution != 1 {
			term += " ÷ " + whole(m.Resolution)
		}
		words = append(words, term)
	}
	terms = strings.Join(words, " + ")
	if len(words) > 1 || strings.Contains(terms, "÷") {
		terms = "(" + terms + ")"
	}
	return sum, terms, q
}

// ofSums is one sum over another. What is missing from a published sum cannot be told; a metric of which there is nothing at
// all makes it unknown.
func (r Ratio) ofSums(s *cell.Sample) Result {
	by := r.samples(s)
	moments := map[string]*cell.Moments{}
	var n int64
	for _, m := range r.metrics() {
		t := totals(by[m.ID])
		moments[m.ID] = t
		if t.N+t.ObservedN <= 0 && !r.zero(m) {
			return suppressed("unknown: no measured values of " + m.ID)
		}
		n = max(n, t.N+t.ObservedN)
	}
	of := func(m Measure) cell.Int128 { return moments[m.ID].Sum.Add(moments[m.ID].ObservedSum) }
	top, over, q := r.added(r.Over, of)
	bottom, under, more := r.added(r.Under, of)
	q = append(q, more...)
	explain := func() Explanation {
		f := over + " ÷ " + under
		if r.percent() {
			f = "100 × " + f
		}
		return Explanation{Formula: f, Quantities: q}
	}
	switch bottom.Sign() {
	case 0:
		return Result{N: n, Suppressed: fmt.Sprintf("nothing to divide by: the sum of %s is 0", joined(r.Under)), explain: explain}
	case -1:
		return Result{N: n, Suppressed: fmt.Sprintf("nothing to divide by: the sum of %s is below 0", joined(r.Under)), explain: explain}
	}
	if r.ShareOfCases {
		return r.share(top, bottom, explain)
	}
	v, _ := new(big.Rat).Quo(top, bottom).Float64()
	if r.percent() {
		v *= 100
	}
	return Result{Value: &v, N: n, explain: explain}
}

// share is a ratio of which either side counts cases.
func (r Ratio) share(top, bottom *big.Rat, explain func() Explanation) Result {
	if !top.IsInt() || !bottom.IsInt() || !bottom.Num().IsInt64() || top.Sign() < 0 {
		return Result{Suppressed: fmt.Sprintf("error: the sums of %s and %s do not count cases", joined(r.Over), joined(r.Under)), explain: explain}
	}
	n := bottom.Num().Int64()
	if top.Cmp(bottom) > 0 {
		return Result{N: n, Suppressed: fmt.Sprintf("error: %s counts %s cases and %s only %d of which they should be some", joined(r.Over), top.Num(), joined(r.Under), n), explain: explain}
	}
	x := proportion(top.Num().Int64(), n)
	x.explain = explain
	return x
}

// ofInteractions is a sum for each interaction of some outcomes. Where any lacks a value the whole is not known; if what is
// missing is not below 0, as of times, it is at least what it is with nothing in its place.
func (r Ratio) ofInteractions(s *cell.Sample) Result {
	by := r.samples(s)
	var n int64
	for _, o := range r.Outcomes {
		n += s.Interactions[o]
	}
	if n <= 0 {
		return suppressed("nothing to divide by: no interactions that ended " + strings.Join(r.Outcomes, " or "))
	}
	var without []string
	var most int64
	for _, m := range r.Over {
		if r.zero(m) {
			continue
		}
		var have int64
		for _, o := range r.Outcomes {
			if x := by[m.ID].Measure[o]; x != nil {
				have += x.N
			}
		}
		if lack := n - have; lack > 0 {
			noun := "interactions"
			if lack == 1 {
				noun = "interaction"
			}
			without = append(without, fmt.Sprintf("%d %s without %s", lack, noun, m.ID))
			most = max(most, lack)
		}
	}
	top, over, q := r.added(r.Over, func(m Measure) (sum cell.Int128) {
		for _, o := range r.Outcomes {
			if x := by[m.ID].Measure[o]; x != nil {
				sum = sum.Add(x.Sum)
			}
		}
		return sum
	})
	v, _ := new(big.Rat).Quo(top, new(big.Rat).SetInt64(n)).Float64()
	x := Result{Value: &v, N: n, Coverage: ptr(float64(max(0, n-most)) / float64(n))}
	if len(without) > 0 {
		x.Value, x.Suppressed = nil, fmt.Sprintf("unknown: %s, of %d; at least %.2f %s if nothing that is missing is below 0", strings.Join(without, ", "), n, v, r.Over[0].Unit)
	}
	x.explain = func() Explanation {
		f := fmt.Sprintf("%s ÷ %d", over, n)
		if x.Suppressed != "" {
			f = "at least " + f + ", if nothing that is missing is below 0"
		}
		return Explanation{Formula: f, Quantities: append(q, Quantity{"interactions that ended " + strings.Join(r.Outcomes, " or "), whole(n)})}
	}
	return x
}
