package expmap

import (
	"fmt"
	"slices"
	"strings"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
)

func (c *checker) touchpoint(at string, t *mapv1.Touchpoint) {
	c.refer(at+".channels", "channel", t.GetChannels(), c.channels)
	c.refer(at+".metrics", "metric", t.GetMetrics(), c.metrics)
	if strings.TrimSpace(t.GetFunctionalOwner()) == "" {
		c.add(at+".functional_owner", fmt.Sprintf("The touchpoint %q has no functional owner.", t.GetId()), "Name the role accountable for how it works.")
	}
	if strings.TrimSpace(t.GetOperationalOwner()) == "" {
		c.add(at+".operational_owner", fmt.Sprintf("The touchpoint %q has no operational owner.", t.GetId()), "Name the role accountable for running it day by day.")
	}
	c.owner(at+".functional_owner", t.GetFunctionalOwner())
	c.owner(at+".operational_owner", t.GetOperationalOwner())
	if len(c.p.GetStages()) > 0 {
		c.known(at+".stage", "stage", t.GetStage(), c.stages)
	}
	c.optional(at+".calendar", "calendar", t.GetCalendar(), c.calendars)
	first := map[string]int{}
	for i, s := range t.GetSteps() {
		step := fmt.Sprintf("%s.steps[%d]", at, i)
		if j, twice := first[s.GetId()]; twice {
			c.add(step+".id", fmt.Sprintf("The touchpoint %q has the step %q twice, first as steps[%d].", t.GetId(), s.GetId(), j), "Rename one of the two, or delete it.")
		} else {
			first[s.GetId()] = i
		}
		c.owner(step+".owner", s.GetOwner())
		if m := s.GetMetric(); m != "" && c.known(step+".metric", "metric", m, c.metrics) && !measures(t, m) {
			c.add(step+".metric", fmt.Sprintf("The metric %q is not measured at the touchpoint %q.", m, t.GetId()), "Add it to the touchpoint's metrics, or name another.")
		}
	}
}

// measures reports whether a metric may be measured at a touchpoint.
func measures(t *mapv1.Touchpoint, metric string) bool {
	return len(t.GetMetrics()) == 0 || slices.Contains(t.GetMetrics(), metric)
}

// asks reports whether a question asks about a touchpoint.
func asks(q *mapv1.Question, touchpoint string) bool {
	return slices.Contains(q.GetTouchpoints(), touchpoint)
}
