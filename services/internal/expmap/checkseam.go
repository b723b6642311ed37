package expmap

import (
	"fmt"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
)

// seam checks that one definition replaces another of its sort, and when.
func (c *checker) seam(at string, s *mapv1.Seam) {
	is, was := c.replaceable(at+".id", s.GetId()), c.replaceable(at+".replaces", s.GetReplaces())
	switch {
	case s.GetId() == s.GetReplaces() && is != "":
		c.add(at+".replaces", fmt.Sprintf("%q replaces itself.", s.GetId()), "Name the definition that it replaces.")
	case is != "" && was != "" && is != was:
		c.add(at+".replaces", fmt.Sprintf("%q is a %s and %q a %s: the one does not go on where the other ends.", s.GetId(), is, s.GetReplaces(), was), "Name two definitions of one sort.")
	}
	since := c.day(at+".since", s.GetSince())
	if c.day(at+".beside_until", s.GetBesideUntil()) && since && s.GetBesideUntil() <= s.GetSince() {
		c.add(at+".beside_until", fmt.Sprintf("The old definition is measured until before %s, and the new one from %s on: no day has both.", s.GetBesideUntil(), s.GetSince()),
			"Name a later day, so that both run side by side for a time.")
	}
}

// replaceable returns the sort of a definition that can replace another or be replaced; it says so where there is none.
func (c *checker) replaceable(at, id string) string {
	all := map[string]int{}
	for _, x := range []struct {
		sort     string
		declared map[string]int
	}{{"metric", c.metrics}, {"question", c.questions}, {"service level", c.levels}, {"ratio", c.ratios}, {"CX score", c.cxScores}} {
		if has(x.declared, id) {
			return x.sort
		}
		for k := range x.declared {
			all[k] = 0
		}
	}
	if id != "" {
		c.add(at, fmt.Sprintf("%q is no declared metric, question, service level, ratio or CX score.%s", id, c.didYouMean(id, all)), "Declare it, or correct the id; keep the old definition in the map.")
	}
	return ""
}

// seams checks what no seam tells alone: each definition replaces one and is replaced by one, and none comes back by way of others.
func (c *checker) seams(all []*mapv1.Seam) {
	declare(c, "seams", "seam", all)
	older, newer := map[string]string{}, map[string]int{}
	for i, s := range all {
		if j, twice := newer[s.GetReplaces()]; twice {
			c.add(fmt.Sprintf("seams[%d].replaces", i), fmt.Sprintf("%q is replaced already, by seams[%d].", s.GetReplaces(), j), "Delete one of the two.")
		} else {
			newer[s.GetReplaces()] = i
		}
		older[s.GetId()] = s.GetReplaces()
	}
	for i, s := range all {
		if id := s.GetReplaces(); id != s.GetId() && leads(older, id, s.GetId()) {
			c.add(fmt.Sprintf("seams[%d].replaces", i), fmt.Sprintf("%q replaces what, by way of other seams, replaces it.", s.GetId()),
				"Delete one of the seams: a definition that was replaced does not come back, it gets a new id.")
		}
	}
}

// leads reports whether one id is reached from another by what each replaces.
func leads(older map[string]string, from, to string) bool {
	for range older {
		if from = older[from]; from == to {
			return true
		}
	}
	return false
}
