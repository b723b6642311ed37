package expmap

import (
	"fmt"
	"math"
	"slices"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
)

// exactThreshold is the highest threshold, in units, up to which histograms tell "below" from "at most" exactly.
const exactThreshold = 300

func (c *checker) level(at string, s *mapv1.ServiceLevel) {
	c.carried(at+".metric", s.GetMetric(), "a service level is of what an interaction carries when it ends", "Give the linked metric a limit: its scores within and beyond are the shares.")
	c.limit(at+".threshold", "threshold", s.GetThreshold())
	c.refer(at+".outcomes", "outcome", s.GetOutcomes(), c.outcomes)
	c.refer(at+".of", "outcome", s.GetOf(), c.outcomes)
	c.refer(at+".abandoned", "outcome", s.GetAbandoned(), c.outcomes)
	c.refer(at+".left_other", "outcome", s.GetLeftOther(), c.outcomes)
	if s.GetAbandons() == mapv1.Abandons_ABANDONS_UNSPECIFIED {
		c.byOutcomes(at, s)
		return
	}
	c.byFormula(at, s)
}

// limit checks a threshold: shares are exact at whole numbers of units only.
func (c *checker) limit(at, noun string, t float64) {
	if math.IsNaN(t) || t > exactThreshold || t != math.Trunc(t) {
		c.add(at, fmt.Sprintf("The %s %v is not a whole number of units up to %d, where a share is exact.", noun, t, exactThreshold),
			"Use a whole number, or a metric read in a larger unit (minutes or hours instead of seconds).")
	}
}

// byOutcomes checks a service level without a formula: outcomes of success among those of the denominator.
func (c *checker) byOutcomes(at string, s *mapv1.ServiceLevel) {
	const remedy = "Choose a formula with abandons, or delete this."
	if len(s.GetAbandoned()) > 0 {
		c.add(at+".abandoned", "Without a formula (abandons), abandoned outcomes count like any other.", remedy)
	}
	if len(s.GetLeftOther()) > 0 {
		c.add(at+".left_other", "Without a formula (abandons), outcomes left in another way count like any other.", remedy)
	}
	if s.GetShort() != 0 {
		c.add(at+".short", "Without a formula (abandons), there are no short abandons.", remedy)
	}
	if len(s.GetOf()) == 0 {
		return
	}
	for i, id := range s.GetOutcomes() {
		if !slices.Contains(s.GetOf(), id) {
			c.add(fmt.Sprintf("%s.outcomes[%d]", at, i), fmt.Sprintf("The outcome %q counts as success but is not in the denominator, so that the share could exceed 100%%.", id),
				"Add it to of, or delete it here.")
		}
	}
}

// byFormula checks a service level with a published formula: answered, abandoned and left in another way are three groups.
func (c *checker) byFormula(at string, s *mapv1.ServiceLevel) {
	if len(s.GetAbandoned()) == 0 {
		c.add(at+".abandoned", "The formula counts abandoned interactions, and no outcome says which they are.", "Name in abandoned the outcomes in which the customer gave up while waiting.")
	}
	if len(s.GetOf()) > 0 {
		c.add(at+".of", "With a formula (abandons) the denominator follows from outcomes, abandoned and left_other.", "Delete of.")
	}
	short := s.GetAbandons() == mapv1.Abandons_ABANDONS_SHORT_SUCCEED || s.GetAbandons() == mapv1.Abandons_ABANDONS_SHORT_LEFT_OUT
	switch {
	case short && s.GetShort() == 0:
		c.add(at+".short", "The formula treats short abandons apart, and no limit says how short they are.", "Give short, in the metric's unit, such as 5.")
	case !short && s.GetShort() != 0:
		c.add(at+".short", "The formula knows no short abandons.", "Delete short, or use abandons: short_succeed or short_left_out.")
	case short:
		c.limit(at+".short", "limit of a short abandon", s.GetShort())
	}
	in := map[string]string{}
	for _, list := range []struct {
		field string
		ids   []string
	}{{"outcomes", s.GetOutcomes()}, {"abandoned", s.GetAbandoned()}, {"left_other", s.GetLeftOther()}} {
		for i, id := range list.ids {
			if other, taken := in[id]; taken && other != list.field {
				c.add(fmt.Sprintf("%s.%s[%d]", at, list.field, i), fmt.Sprintf("The outcome %q is in %s already: an interaction counts in one way.", id, other), "Delete it from one of the two.")
				continue
			}
			in[id] = list.field
		}
	}
}
