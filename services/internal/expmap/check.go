package expmap

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
)

// checker gathers the problems of one map.
type checker struct {
	problems []*mapv1.Problem
	// Where each id was declared first, by kind of thing.
	touchpoints, channels, teams, metrics, outcomes, questions, attributes, levels map[string]int
}

// check returns all problems of a map: the contract's field rules first, then what no field rule can say.
func check(p *mapv1.Map) []*mapv1.Problem {
	c := &checker{problems: fieldRules(p)}
	if _, err := loadZone(p.GetZone()); err != nil {
		c.add("zone", sentence(err.Error()), zoneRemedy)
	}
	// All ids are known before any reference is followed: things may be declared in any order.
	c.touchpoints = declare(c, "touchpoints", "touchpoint", p.GetTouchpoints())
	c.channels = declare(c, "channels", "channel", p.GetChannels())
	c.teams = declare(c, "teams", "team", p.GetTeams())
	c.metrics = declare(c, "metrics", "metric", p.GetMetrics())
	c.outcomes = declare(c, "outcomes", "outcome", p.GetOutcomes())
	c.questions = declare(c, "questions", "question", p.GetQuestions())
	c.attributes = declare(c, "attributes", "attribute", p.GetAttributes())
	c.levels = declare(c, "service_levels", "service level", p.GetServiceLevels())
	c.scoreNames(p)
	for i, t := range p.GetTouchpoints() {
		c.touchpoint(fmt.Sprintf("touchpoints[%d]", i), t)
	}
	for i, q := range p.GetQuestions() {
		c.question(fmt.Sprintf("questions[%d]", i), q)
	}
	for i, a := range p.GetAttributes() {
		c.attribute(fmt.Sprintf("attributes[%d]", i), a)
	}
	c.breakdowns(p.GetBreakdowns())
	for i, s := range p.GetServiceLevels() {
		c.level(fmt.Sprintf("service_levels[%d]", i), s)
	}
	return c.problems
}

func (c *checker) add(field, message, remedy string) {
	c.problems = append(c.problems, &mapv1.Problem{Field: field, Message: message, Remedy: remedy})
}

// declare indexes things by id and reports those declared twice.
func declare[T interface{ GetId() string }](c *checker, field, noun string, things []T) map[string]int {
	first := make(map[string]int, len(things))
	for i, t := range things {
		if j, seen := first[t.GetId()]; seen {
			c.add(fmt.Sprintf("%s[%d].id", field, i), fmt.Sprintf("The %s %q is declared twice, first as %s[%d].", noun, t.GetId(), field, j),
				"Rename one of the two, or delete it.")
			continue
		}
		first[t.GetId()] = i
	}
	return first
}

// scoreNames keeps the first part of a score's name unambiguous: "<metric>.<statistic>", "<question>.<statistic>", a service
// level's id, "interactions.count", "outcome.<outcome>.share".
func (c *checker) scoreNames(p *mapv1.Map) {
	used := map[string]string{"interactions": "the name of a score", "outcome": "the name of a score"}
	take := func(field, id string) {
		if by, taken := used[id]; taken {
			c.add(field, fmt.Sprintf("The id %q is already %s.", id, by), "Give it another id: metrics, questions and service levels share their names with scores.")
		}
	}
	for i, m := range p.GetMetrics() {
		take(fmt.Sprintf("metrics[%d].id", i), m.GetId())
	}
	for id := range c.metrics {
		used[id] = "a metric"
	}
	for i, q := range p.GetQuestions() {
		take(fmt.Sprintf("questions[%d].id", i), q.GetId())
	}
	for id := range c.questions {
		used[id] = "a question"
	}
	for i, s := range p.GetServiceLevels() {
		take(fmt.Sprintf("service_levels[%d].id", i), s.GetId())
	}
}

// refer checks that ids name declared things, each once.
func (c *checker) refer(field, noun string, ids []string, declared map[string]int) {
	seen := make(map[string]struct{}, len(ids))
	for i, id := range ids {
		at := fmt.Sprintf("%s[%d]", field, i)
		if _, ok := declared[id]; !ok {
			c.unknown(at, noun, id, declared)
		}
		if _, twice := seen[id]; twice {
			c.add(at, fmt.Sprintf("The %s %q is listed twice.", noun, id), "Delete one of the two.")
		}
		seen[id] = struct{}{}
	}
}

func (c *checker) unknown(at, noun, id string, declared map[string]int) {
	if id == "" {
		c.add(at, fmt.Sprintf("No %s is named.", noun), fmt.Sprintf("Name a declared %s.", noun))
		return
	}
	c.add(at, fmt.Sprintf("The %s %q is not declared.%s", noun, id, didYouMean(id, keys(declared))),
		fmt.Sprintf("Declare the %s, or correct the id.", noun))
}

func (c *checker) touchpoint(at string, t *mapv1.Touchpoint) {
	c.refer(at+".channels", "channel", t.GetChannels(), c.channels)
	c.refer(at+".metrics", "metric", t.GetMetrics(), c.metrics)
	if strings.TrimSpace(t.GetFunctionalOwner()) == "" {
		c.add(at+".functional_owner", fmt.Sprintf("The touchpoint %q has no functional owner.", t.GetId()), "Name the role accountable for how it works.")
	}
	if strings.TrimSpace(t.GetOperationalOwner()) == "" {
		c.add(at+".operational_owner", fmt.Sprintf("The touchpoint %q has no operational owner.", t.GetId()), "Name the role accountable for running it day by day.")
	}
}

func (c *checker) question(at string, q *mapv1.Question) {
	c.refer(at+".touchpoints", "touchpoint", q.GetTouchpoints(), c.touchpoints)
	lo, hi := q.GetScaleMin(), q.GetScaleMax()
	if lo >= hi {
		c.add(at+".scale_max", fmt.Sprintf("The scale %d to %d has no room: its highest point must be above its lowest.", lo, hi), "Correct scale_min or scale_max.")
		return
	}
	fixed := func(wantLo, wantHi int32, why string) {
		if lo != wantLo || hi != wantHi {
			c.add(at+".scale_max", fmt.Sprintf("The scale is %d to %d, but %s.", lo, hi, why),
				fmt.Sprintf("Set scale_min: %d and scale_max: %d, or use kind: rating.", wantLo, wantHi))
		}
	}
	switch q.GetKind() {
	case mapv1.QuestionKind_QUESTION_KIND_NPS:
		fixed(0, 10, "the NPS is defined for exactly 0 to 10")
	case mapv1.QuestionKind_QUESTION_KIND_CES1:
		fixed(1, 5, "effort (CES 1.0) is asked on 1 to 5")
	case mapv1.QuestionKind_QUESTION_KIND_CES2:
		fixed(1, 7, "ease (CES 2.0) is asked on 1 to 7")
	case mapv1.QuestionKind_QUESTION_KIND_YES_NO:
		fixed(0, 1, "yes is 1 and no is 0")
	case mapv1.QuestionKind_QUESTION_KIND_CSAT:
		if lo < 0 || lo > 1 || hi < 3 || hi > 10 {
			c.add(at+".scale_max", fmt.Sprintf("The scale is %d to %d, but satisfaction is asked on a scale from 0 or 1 to between 3 and 10.", lo, hi),
				"Set scale_min: 1 and scale_max: 5, or use kind: rating.")
		}
	case mapv1.QuestionKind_QUESTION_KIND_RATING:
		if hi-lo < 2 {
			c.add(at+".scale_max", fmt.Sprintf("The scale %d to %d has two points, so that its two best points are all of it.", lo, hi), "Use kind: yes_no with 0 and 1, or a longer scale.")
		}
	}
}

const attributeValue = `^[A-Za-z0-9._-]{1,64}$`

func (c *checker) attribute(at string, a *mapv1.Attribute) {
	valid := regexp.MustCompile(attributeValue)
	seen := make(map[string]struct{}, len(a.GetValues()))
	for i, v := range a.GetValues() {
		field := fmt.Sprintf("%s.values[%d]", at, i)
		if !valid.MatchString(v) {
			c.add(field, fmt.Sprintf("The value %q cannot be used.", v), "Use 1 to 64 of A-Z, a-z, 0-9, ., _ and -.")
		}
		if _, twice := seen[v]; twice {
			c.add(field, fmt.Sprintf("The value %q is listed twice.", v), "Delete one of the two.")
		}
		seen[v] = struct{}{}
	}
}

func (c *checker) breakdowns(names []string) {
	seen := make(map[string]struct{}, len(names))
	for i, s := range names {
		at := fmt.Sprintf("breakdowns[%d]", i)
		b, ok := parseBreakdown(s)
		if !ok {
			c.add(at, fmt.Sprintf("There is no breakdown %q.%s", s, didYouMean(s, []string{"channel", "team"})), "Use channel, team or attribute:<id of a declared attribute>.")
		} else if _, declared := c.attributes[b.Attribute]; b.Kind == Segment && !declared {
			c.unknown(at, "attribute", b.Attribute, c.attributes)
		}
		if _, twice := seen[s]; twice {
			c.add(at, fmt.Sprintf("The breakdown %q is listed twice.", s), "Delete one of the two.")
		}
		seen[s] = struct{}{}
	}
}

// exactThreshold is the highest threshold, in units, up to which histograms tell "below" from "at most" exactly.
const exactThreshold = 300

func (c *checker) level(at string, s *mapv1.ServiceLevel) {
	if _, ok := c.metrics[s.GetMetric()]; !ok {
		c.unknown(at+".metric", "metric", s.GetMetric(), c.metrics)
	}
	if t := s.GetThreshold(); math.IsNaN(t) || t > exactThreshold || t != math.Trunc(t) {
		c.add(at+".threshold", fmt.Sprintf("The threshold %v is not a whole number of units up to %d, where a share is exact.", t, exactThreshold),
			"Use a whole number, or a metric read in a larger unit (minutes or hours instead of seconds).")
	}
	c.refer(at+".outcomes", "outcome", s.GetOutcomes(), c.outcomes)
	c.refer(at+".of", "outcome", s.GetOf(), c.outcomes)
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
