package score

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// ExperienceIndex is the id of the open index of success, effort and emotion.
const ExperienceIndex = "experience_index"

var facets = []Facet{Success, Effort, Feelings}

// experience defines the open index of the questions that measure its facets; nil when a facet has none.
func (c *Catalogue) experience() *Definition {
	var parts []Part
	var of []Facet
	for _, f := range facets {
		n := len(parts)
		for _, q := range c.spec.Questions {
			if d := c.byID[q.ID+".net_top"]; d != nil && q.Facet == f && !d.Employees {
				parts, of = append(parts, Part{Score: d, Weight: 1, Worst: -100, Best: 100, Survey: true}), append(of, f)
			}
		}
		if len(parts) == n {
			return nil
		}
	}
	return &Definition{
		ID: ExperienceIndex, Unit: "points", Headline: true, Order: "01", Better: 1, Compute: ofParts,
		Sentence: "The open experience index: the mean of its three parts success, effort and emotion, each the percentage of answers 6 and 7 minus the percentage of " +
			"answers 1 to 3, over the touchpoints that ask all three; several questions of one part are pooled by their answers. The interval takes the three standard " +
			"errors as independent: SE² = Σ SE² ÷ 9. Where the same people answer all three it is too narrow.",
		Composite: &Composite{Parts: parts, Pooled: true, Compute: func(places []Place) Result { return experience(parts, of, places) }},
	}
}

// experience is the mean of the three facets; none of them may be missing.
func experience(parts []Part, of []Facet, places []Place) Result {
	if len(places) == 0 {
		return suppressed("no touchpoint here asks about success, effort and emotion")
	}
	var r Result
	var missing, top []string
	var q []Quantity
	var sum, variance float64
	se := true
	for _, f := range facets {
		var n int64
		var value, v float64
		known := true
		for i, p := range places[0].Results {
			if of[i] != f || p == nil || p.Value == nil {
				continue
			}
			k := float64(p.N)
			n += p.N
			value += k * *p.Value
			q = append(q, Quantity{parts[i].Score.ID + " (" + f.String() + ")", decimal(*p.Value)}, Quantity{"answers to " + parts[i].Score.Measure, whole(p.N)})
			if p.SE == nil {
				known = false
				continue
			}
			v += k * k * *p.SE * *p.SE
		}
		if n == 0 {
			missing = append(missing, f.String())
			continue
		}
		value /= float64(n)
		top = append(top, decimal(value))
		sum += value
		variance += v / float64(n) / float64(n)
		se = se && known
		r.N += n
	}
	if len(missing) > 0 {
		r.Suppressed = fmt.Sprintf("unknown: no %s", strings.Join(missing, ", no "))
		r.explain = func() Explanation { return Explanation{Quantities: slices.Clone(q)} }
		return r
	}
	v := sum / 3
	r.Value = &v
	if se {
		e := math.Sqrt(variance) / 3
		r.SE = &e
		r.Interval = &Interval{Low: v - z95*e, High: v + z95*e, Method: "wald"}
	}
	r.explain = func() Explanation {
		return Explanation{Formula: "(" + strings.Join(top, " + ") + ") ÷ 3", Quantities: slices.Clone(q)}
	}
	return r
}
