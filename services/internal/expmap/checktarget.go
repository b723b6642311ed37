package expmap

import (
	"fmt"
	"math"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
)

func (c *checker) target(at string, t *mapv1.Target) {
	head := c.score(at+".score", t.GetScore())
	c.optional(at+".touchpoint", "touchpoint", t.GetTouchpoint(), c.touchpoints)
	c.optional(at+".stage", "stage", t.GetStage(), c.stages)
	c.optional(at+".journey", "journey", t.GetJourney(), c.journeys)
	c.optional(at+".channel", "channel", t.GetChannel(), c.channels)
	c.optional(at+".team", "team", t.GetTeam(), c.teams)
	if given(t.GetTouchpoint(), t.GetStage(), t.GetJourney()) > 1 {
		c.add(at, "The target is set for more than one of touchpoint, stage and journey.", "Keep one of them; set the others as targets of their own.")
	}
	if given(t.GetChannel(), t.GetTeam()) > 1 {
		c.add(at, "The target is set for both a channel and a team, which scores are not kept for.", "Keep one of them.")
	}
	if head != "" && t.GetTouchpoint() != "" && !c.existsAt(head, t.GetTouchpoint()) {
		c.add(at+".score", fmt.Sprintf("There is no %q at the touchpoint %q: %q is neither measured nor asked there.", t.GetScore(), t.GetTouchpoint(), head),
			"Set the target where it is, or add it to the touchpoint.")
	}
	c.finite(at+".value", t.GetValue())
	if by := t.GetBy(); by != "" {
		c.day(at+".by", by)
	}
	c.owner(at+".set_by", t.GetSetBy())
}

// sameTargets reports two targets for one score, scope and day: one of them would not hold.
func (c *checker) sameTargets() {
	first := map[string]int{}
	for i, t := range c.p.GetTargets() {
		k := targetKey(t)
		if j, taken := first[k]; taken {
			c.add(fmt.Sprintf("targets[%d]", i), fmt.Sprintf("The target for %s is set twice, first as targets[%d].", k, j), "Delete one of the two, or give them different days.")
			continue
		}
		first[k] = i
	}
}

// targetKey names a target by what it is for: score, scope and day.
func targetKey(t *mapv1.Target) string {
	k := t.GetScore()
	for _, part := range []struct{ noun, id string }{
		{"touchpoint", t.GetTouchpoint()},
		{"stage", t.GetStage()},
		{"journey", t.GetJourney()},
		{"channel", t.GetChannel()},
		{"team", t.GetTeam()},
	} {
		if part.id != "" {
			k += " of " + part.noun + " " + part.id
		}
	}
	if t.GetBy() != "" {
		k += " by " + t.GetBy()
	}
	return k
}

func (c *checker) cxScore(at string, s *mapv1.CxScore) {
	first := map[string]int{}
	for i, p := range s.GetParts() {
		part := fmt.Sprintf("%s.parts[%d]", at, i)
		switch head := c.score(part+".score", p.GetScore()); {
		case has(c.cxScores, head) && !has(c.metrics, head) && !has(c.questions, head) && !has(c.levels, head) && !has(c.ratios, head):
			c.add(part+".score", fmt.Sprintf("%q is itself a CX score.", head), "Name the scores that it is made of.")
		case head == headIndex:
			c.add(part+".score", fmt.Sprintf("%q is itself made of other scores.", head), "Name the scores that it is made of.")
		case c.ofEmployees[c.questionOf(head)]:
			c.add(part+".score", fmt.Sprintf("%q is asked of employees, whose answers are shown under other rules than CX scores.", head), "Name a question asked of customers, or delete the part.")
		}
		if j, twice := first[p.GetScore()]; twice {
			c.add(part+".score", fmt.Sprintf("The score %q is a part already, as parts[%d].", p.GetScore(), j), "Delete one of the two, or give the other more weight.")
		} else {
			first[p.GetScore()] = i
		}
		c.finite(part+".weight", p.GetWeight())
		c.finite(part+".worst", p.GetWorst())
		c.finite(part+".best", p.GetBest())
		if p.GetWorst() == p.GetBest() {
			c.add(part+".best", fmt.Sprintf("The worst value of %q equals its best: every value would be worth both 0 and 100.", p.GetScore()), "Give the values that are worth 0 and 100 points.")
		}
	}
}

func (c *checker) finite(at string, v float64) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		c.add(at, fmt.Sprintf("%v is not a number that can be reached.", v), "Write it like 20 or 0.5.")
	}
}

// given counts the ids that are not empty.
func given(ids ...string) (n int) {
	for _, id := range ids {
		if id != "" {
			n++
		}
	}
	return n
}
