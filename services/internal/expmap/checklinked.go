package expmap

import (
	"fmt"
	"slices"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
)

const linkedRemedy = "Use next_contact (hours until the customer's next contact), journey_time (hours from a journey's beginning to its end), " +
	"contact_transfers (legs of a contact after its first) or journey_friction (what a customer went through in a journey)."

// isLinked reports whether an id is that of a linked metric, or of its cases.
func (c *checker) isLinked(id string) bool {
	_, is := c.places.linked[id]
	return is
}

func (c *checker) linkedMetric(at string, l *mapv1.LinkedMetric) {
	kind := l.GetKind()
	friction := kind == mapv1.LinkedKind_LINKED_KIND_JOURNEY_FRICTION
	switch kind {
	case mapv1.LinkedKind_LINKED_KIND_NEXT_CONTACT:
		c.optional(at+".topic", "attribute", l.GetTopic(), c.attributes)
		c.refer(at+".touchpoints", "touchpoint", l.GetTouchpoints(), c.touchpoints)
		if l.GetJourney() != "" {
			c.add(at+".journey", "A next contact belongs to no journey.", "Delete journey, or make the kind journey_time.")
		}
	case mapv1.LinkedKind_LINKED_KIND_CONTACT_TRANSFERS:
		c.refer(at+".touchpoints", "touchpoint", l.GetTouchpoints(), c.touchpoints)
		if l.GetTopic() != "" {
			c.add(at+".topic", "The transfers of a contact have no topic.", "Delete topic, or make the kind next_contact.")
		}
		if l.GetJourney() != "" {
			c.add(at+".journey", "A contact belongs to no journey.", "Delete journey, or make the kind journey_friction.")
		}
	case mapv1.LinkedKind_LINKED_KIND_JOURNEY_TIME, mapv1.LinkedKind_LINKED_KIND_JOURNEY_FRICTION:
		if l.GetTopic() != "" {
			what := "The time of a journey"
			if friction {
				what = "The friction of a journey"
			}
			c.add(at+".topic", what+" has no topic.", "Delete topic, or make the kind next_contact.")
		}
		if len(l.GetTouchpoints()) > 0 {
			c.add(at+".touchpoints", "The touchpoints of a journey are those of its stages.", "Delete touchpoints, or make the kind next_contact.")
		}
		c.linkedJourney(at, l)
	default:
		return
	}
	switch {
	case friction:
		c.optional(at+".hold", "metric", l.GetHold(), c.metrics)
	case l.GetHold() != "":
		c.add(at+".hold", "Only the friction of a journey counts who was on hold.", "Delete hold, or make the kind journey_friction.")
	}
}

func (c *checker) linkedJourney(at string, l *mapv1.LinkedMetric) {
	if !c.known(at+".journey", "journey", l.GetJourney(), c.journeys) {
		return
	}
	j := c.p.GetJourneys()[c.journeys[l.GetJourney()]]
	stages := j.GetStages()
	if len(stages) < 2 {
		c.add(at+".journey", fmt.Sprintf("The journey %q has no two stages: it would be completed by what begins it.", j.GetId()), "Give the journey a first and a last stage.")
		return
	}
	for _, s := range []string{stages[0], stages[len(stages)-1]} {
		if has(c.stages, s) && !slices.ContainsFunc(c.p.GetTouchpoints(), func(t *mapv1.Touchpoint) bool { return t.GetStage() == s }) {
			c.add(at+".journey", fmt.Sprintf("The stage %q of the journey %q has no touchpoint: no journey would be begun and completed.", s, j.GetId()), "Declare its touchpoints.")
		}
	}
	days := l.GetLongestDays()
	if days == 0 {
		days = longestDays
	}
	if limit := min(j.GetLimitDays(), mostDays); limit > days {
		c.add(at+".longest_days", fmt.Sprintf("The journey %q may take %d days, and its completion is looked for %d days only.", j.GetId(), j.GetLimitDays(), days),
			fmt.Sprintf("Set longest_days to %d or more.", limit))
	}
}

// fewestEmployees is the least number of answers of employees that may be shown.
const fewestEmployees = 10

func (c *checker) minimums(m *mapv1.Minimums) {
	if n := m.GetEmployees(); n > 0 && n < fewestEmployees {
		c.add("minimums.employees", fmt.Sprintf("Scores of %d employees could tell who said what.", n), fmt.Sprintf("Give %d or more, or leave it out for %d.", fewestEmployees, fewestEmployees))
	}
}
