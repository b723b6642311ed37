package expmap

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
)

// feed checks what native records become. Which formats there are is known to those who read them.
func (c *checker) feed(at string, f *mapv1.Feed) {
	c.zone(at+".zone", f.GetZone(), innerZoneRemedy)
	for i, r := range f.GetRules() {
		c.feedRule(fmt.Sprintf("%s.rules[%d]", at, i), r)
		if j := slices.IndexFunc(f.GetRules()[:i], func(before *mapv1.FeedRule) bool { return covers(before, r) }); j >= 0 {
			c.add(fmt.Sprintf("%s.rules[%d]", at, i), fmt.Sprintf("No record comes to this rule: rules[%d] takes all that fit it, and the first that fits holds.", j),
				"Move it up, or delete it.")
		}
	}
	questions := maps.Clone(c.questions)
	maps.Copy(questions, c.parts) // what was chosen or ranked comes a part at a time
	for _, list := range []struct {
		field, noun string
		renamed     []*mapv1.Renamed
		declared    map[string]int
	}{
		{"outcomes", "outcome", f.GetOutcomes(), c.outcomes},
		{"metrics", "metric", f.GetMetrics(), c.metrics},
		{"teams", "team", f.GetTeams(), c.teams},
		{"questions", "question", f.GetQuestions(), questions},
		{"attributes", "attribute", f.GetAttributes(), c.attributes},
	} {
		first := map[string]int{}
		for i, r := range list.renamed {
			field := fmt.Sprintf("%s.%s[%d]", at, list.field, i)
			c.known(field+".to", list.noun, r.GetTo(), list.declared)
			if j, twice := first[r.GetFrom()]; twice {
				c.add(field+".from", fmt.Sprintf("%q is renamed twice, first in %s[%d].", r.GetFrom(), list.field, j), "Delete one of the two.")
				continue
			}
			first[r.GetFrom()] = i
		}
	}
}

func (c *checker) feedRule(at string, r *mapv1.FeedRule) {
	known := c.known(at+".touchpoint", "touchpoint", r.GetTouchpoint(), c.touchpoints)
	c.optional(at+".channel", "channel", r.GetChannel(), c.channels)
	c.optional(at+".team", "team", r.GetTeam(), c.teams)
	if !known || !has(c.channels, r.GetChannel()) {
		return
	}
	t := c.p.GetTouchpoints()[c.touchpoints[r.GetTouchpoint()]]
	if len(t.GetChannels()) > 0 && !slices.Contains(t.GetChannels(), r.GetChannel()) {
		c.add(at+".channel", fmt.Sprintf("The touchpoint %q does not happen on the channel %q: its records would be refused.", t.GetId(), r.GetChannel()),
			"Use one of its channels ("+strings.Join(t.GetChannels(), ", ")+"), or add this one to the touchpoint.")
	}
}

// covers reports whether every record that fits b fits a.
func covers(a, b *mapv1.FeedRule) bool {
	if a.GetDirection() != mapv1.Direction_DIRECTION_UNSPECIFIED && a.GetDirection() != b.GetDirection() {
		return false
	}
	begin, any := strings.CutSuffix(a.GetQueue(), "*")
	switch {
	case a.GetQueue() == "":
		return true
	case any:
		return b.GetQueue() != "" && strings.HasPrefix(strings.TrimSuffix(b.GetQueue(), "*"), begin)
	default:
		return a.GetQueue() == b.GetQueue()
	}
}

// sameSources reports two feeds for one source: its records could become two things.
func (c *checker) sameSources() {
	first := map[string]int{}
	for i, f := range c.p.GetFeeds() {
		if j, twice := first[f.GetSource()]; twice {
			c.add(fmt.Sprintf("feeds[%d].source", i), fmt.Sprintf("The source %q has a feed already, feeds[%d].", f.GetSource(), j),
				"Join the two, or let one of the systems send as another source.")
			continue
		}
		first[f.GetSource()] = i
	}
}
