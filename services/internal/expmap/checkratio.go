package expmap

import (
	"fmt"
	"maps"
	"slices"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
)

// ratio checks a score that is one sum over another, or a sum for each interaction.
func (c *checker) ratio(at string, r *mapv1.Ratio) {
	c.summed(at+".over", r.GetOver())
	c.summed(at+".under", r.GetUnder())
	c.refer(at+".outcomes", "outcome", r.GetOutcomes(), c.outcomes)
	over, oneOver := c.unitOf(at+".over", r.GetOver())
	under, oneUnder := c.unitOf(at+".under", r.GetUnder())
	switch {
	case len(r.GetUnder()) == 0 && len(r.GetOutcomes()) == 0:
		c.add(at, fmt.Sprintf("The ratio %q has nothing below the line.", r.GetId()), "Name metrics in under, or in outcomes those of the interactions to divide by.")
	case len(r.GetUnder()) > 0 && len(r.GetOutcomes()) > 0:
		c.add(at+".outcomes", "Both metrics (under) and interactions (outcomes) are below the line.", "Keep one of the two.")
	}
	c.once(at+".absent_is_zero", "metric", r.GetAbsentIsZero())
	for i, id := range r.GetAbsentIsZero() {
		if !slices.Contains(r.GetOver(), id) {
			c.add(fmt.Sprintf("%s.absent_is_zero[%d]", at, i), fmt.Sprintf("The metric %q is not summed in over.%s", id, didYouMean(id, r.GetOver())), "Add it to over, or delete it here.")
		}
	}
	if !r.GetShareOfCases() {
		return
	}
	if len(r.GetOutcomes()) > 0 {
		c.add(at+".share_of_cases", "Values for each interaction are no share of cases.", "Delete share_of_cases, or name in under the metric that counts all cases.")
	}
	if oneOver && oneUnder && over != under && len(r.GetUnder()) > 0 {
		c.add(at+".share_of_cases", fmt.Sprintf("Cases in %s are no share of cases in %s.", over, under), "Give both metrics one unit, or delete share_of_cases.")
	}
	for _, id := range slices.Concat(r.GetOver(), r.GetUnder()) {
		if i, ok := c.metrics[id]; ok && c.p.GetMetrics()[i].GetResolution() > 1 {
			c.add(at+".share_of_cases", fmt.Sprintf("The metric %q has fractions (resolution %d), and cases have none.", id, c.p.GetMetrics()[i].GetResolution()),
				"Count cases in a metric with resolution: 1, or delete share_of_cases.")
		}
	}
}

// summed checks metrics of one side of a ratio.
func (c *checker) summed(at string, ids []string) {
	c.once(at, "metric", ids)
	for i, id := range ids {
		c.carried(fmt.Sprintf("%s[%d]", at, i), id, "it is no value of an interaction or observation that could be summed", "Name metrics, or give the linked metric a limit: its scores within and beyond are shares already.")
	}
}

// carried checks that facts carry a metric themselves; of a linked metric, why that will not do, is said.
func (c *checker) carried(at, id, why, remedy string) bool {
	if c.isLinked(id) && !has(c.metrics, id) {
		c.add(at, fmt.Sprintf("%q is a linked metric: %s.", id, why), remedy)
		return false
	}
	return c.known(at, "metric", id, c.metrics)
}

// unitOf returns the one unit of metrics; different resolutions add up exactly and do no harm.
func (c *checker) unitOf(at string, ids []string) (unit string, one bool) {
	units := map[string]string{} // and the first metric of each
	for _, id := range ids {
		if i, ok := c.metrics[id]; ok {
			unit = c.p.GetMetrics()[i].GetUnit()
			if units[unit] == "" {
				units[unit] = id
			}
		}
	}
	if len(units) > 1 {
		all := slices.Sorted(maps.Keys(units))
		c.add(at, fmt.Sprintf("The metrics are of more than one unit (%q in %s, %q in %s), which do not add up.", units[all[0]], all[0], units[all[1]], all[1]), "Sum metrics of one unit.")
		return "", false
	}
	return unit, len(units) == 1
}
