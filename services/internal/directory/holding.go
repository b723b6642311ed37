package directory

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"time"

	directoryv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/directory/v1"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
)

// held reports whether a holding holds on a day.
func held(h *directoryv1.Holding, day string) bool {
	return h.GetFrom() <= day && (h.GetTo() == "" || day < h.GetTo())
}

// indexed is a holding and its place in the directory.
type indexed struct {
	*directoryv1.Holding
	i int
}

type roleHolder struct{ role, holder string }

func (c *checker) holdings(all []*directoryv1.Holding) {
	sound := map[roleHolder][]indexed{} // those whose days can be compared, by what they hold
	for i, h := range all {
		at := "holdings[" + strconv.Itoa(i) + "]"
		if _, ok := c.roles[h.GetRole()]; !ok {
			c.add(at+".role", fmt.Sprintf("The map has no role %q.%s", h.GetRole(), expmap.DidYouMean(h.GetRole(), c.roles)), "Use a role of the map, or add it there first.")
		}
		c.known(at+".holder", h.GetHolder())
		if d := h.GetDeputy(); d != "" {
			c.known(at+".deputy", d)
			if d == h.GetHolder() {
				c.add(at+".deputy", fmt.Sprintf("The holder %q is their own deputy.", d), "Name another, or leave it out.")
			}
		}
		from, to := c.day(at+".from", h.GetFrom()), c.day(at+".to", h.GetTo())
		if from && to && h.GetTo() != "" && h.GetFrom() >= h.GetTo() {
			c.add(at+".to", fmt.Sprintf("It ends on %s, not after it begins on %s.", h.GetTo(), h.GetFrom()), "Give the day from which it no longer holds, or leave it out.")
			to = false
		}
		if from && to {
			k := roleHolder{h.GetRole(), h.GetHolder()}
			sound[k] = append(sound[k], indexed{h, i})
		}
	}
	for _, s := range sound {
		slices.SortStableFunc(s, func(a, b indexed) int { return cmp.Compare(a.GetFrom(), b.GetFrom()) })
	}
	// In the order of the directory, so that the answer does not change from run to run.
	for i, h := range all {
		same := sound[roleHolder{h.GetRole(), h.GetHolder()}]
		k := slices.IndexFunc(same, func(x indexed) bool { return x.i == i })
		if k < 0 {
			continue
		}
		at := "holdings[" + strconv.Itoa(i) + "]"
		if k > 0 && (same[k-1].GetTo() == "" || h.GetFrom() < same[k-1].GetTo()) {
			c.add(at+".from", fmt.Sprintf("The holder %q already holds the role %q then, by holdings[%d].", h.GetHolder(), h.GetRole(), same[k-1].i), "Join the two, or let one begin on the day on which the other ends.")
		}
		c.deputies(at, h, sound)
	}
}

func (c *checker) known(at, holder string) {
	if c.holders[holder] == nil {
		c.add(at, fmt.Sprintf("There is no holder %q.%s", holder, expmap.DidYouMean(holder, c.holders)), "Add them to holders, or correct the id.")
	}
}

// day checks that a day exists, or is left out.
func (c *checker) day(at, s string) bool {
	if s == "" {
		return true
	}
	if _, err := time.Parse(dayLayout, s); err != nil {
		c.add(at, fmt.Sprintf("%q is no day of the calendar.", s), "Write a day that exists as year-month-day, such as 2026-12-31.")
		return false
	}
	return true
}

// maxDeputies bounds a chain of deputies of deputies.
const maxDeputies = 16

// deputies follows the deputies of a holding, who have deputies where they hold the role themselves, on the first of its
// days: a circle, like every change of who holds what, begins on the first day of one of those in it.
func (c *checker) deputies(at string, h *directoryv1.Holding, all map[roleHolder][]indexed) {
	next, seen := h.GetDeputy(), map[string]bool{h.GetHolder(): true}
	for next != "" && next != h.GetHolder() && !seen[next] && len(seen) <= maxDeputies {
		seen[next] = true
		next = deputyOn(all[roleHolder{h.GetRole(), next}], h.GetFrom())
	}
	switch {
	case next == "" || h.GetDeputy() == h.GetHolder():
	case next == h.GetHolder():
		c.add(at+".deputy", fmt.Sprintf("The deputies of the holder %q for the role %q go round in a circle.", h.GetHolder(), h.GetRole()), "Take out the deputy of one of them, or name somebody outside the circle.")
	case !seen[next]:
		c.add(at+".deputy", fmt.Sprintf("The deputies of the holder %q for the role %q go on through more than %d.", h.GetHolder(), h.GetRole(), maxDeputies), "Name a deputy nearer to the end.")
	}
}

// deputyOn returns the deputy of the holding that holds on a day; all are of one role and holder, in the order of their days.
func deputyOn(all []indexed, day string) string {
	k := sort.Search(len(all), func(k int) bool { return all[k].GetFrom() > day })
	if k > 0 && held(all[k-1].Holding, day) {
		return all[k-1].GetDeputy()
	}
	return ""
}
