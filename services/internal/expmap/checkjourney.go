package expmap

import (
	"fmt"
	"slices"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
)

func (c *checker) journeysAndStages() {
	of := map[string]string{} // journey by stage
	for i, j := range c.p.GetJourneys() {
		at := fmt.Sprintf("journeys[%d].stages", i)
		c.refer(at, "stage", j.GetStages(), c.stages)
		for k, s := range j.GetStages() {
			if other, taken := of[s]; taken && other != j.GetId() {
				c.add(fmt.Sprintf("%s[%d]", at, k), fmt.Sprintf("The stage %q belongs to the journey %q already.", s, other),
					"Delete it from one of the two, or declare a second stage for the other journey.")
				continue
			}
			of[s] = j.GetId()
		}
	}
	each("stages", c.p.GetStages(), c.stage)
}

// stage checks that the answers which are to be the stage's outcome can come at all.
func (c *checker) stage(at string, s *mapv1.Stage) {
	q := s.GetQuestion()
	if q == "" || !c.known(at+".question", "question", q, c.questions) {
		return
	}
	of := slices.DeleteFunc(slices.Clone(c.p.GetTouchpoints()), func(t *mapv1.Touchpoint) bool { return t.GetStage() != s.GetId() })
	if len(of) > 0 && !slices.ContainsFunc(of, func(t *mapv1.Touchpoint) bool { return c.asked(q, t.GetId()) }) {
		c.add(at+".question", fmt.Sprintf("The question %q asks about no touchpoint of the stage %q.", q, s.GetId()),
			"Name a question that does, or add one of the stage's touchpoints to the question.")
	}
}

func (c *checker) party(p *mapv1.Party) {
	if p != nil && (p.GetSingular() == "") != (p.GetPlural() == "") {
		c.add("party", "The party served has a name for one or for several, not for both.", "Give singular and plural, such as patient and patients.")
	}
}
