package expmap

import (
	"fmt"
	"strings"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
)

// checker gathers the problems of one map.
type checker struct {
	p        *mapv1.Map
	problems []*mapv1.Problem
	// Where each id was declared first, by kind of thing.
	touchpoints, channels, teams, metrics, outcomes, questions, attributes, levels map[string]int
	roles, journeys, pairings, segments, cxScores, calendars, actionRules, linked  map[string]int
	ratios, surveys, themes, messages                                              map[string]int
	// Questions by the ids of their parts.
	parts map[string]int
	// Questions asked of employees.
	ofEmployees map[string]bool
	// The declared stages; where none is declared, those that touchpoints name.
	stages map[string]int
	places places
	// Fields that break a rule of the contract.
	broken map[string]struct{}
	// How many more ids may be compared with wrong ones: a map may hold thousands of both.
	comparisons int
}

const maxComparisons = 200_000

// check returns all problems of a map: the contract's field rules first, then what no field rule can say.
func check(p *mapv1.Map) []*mapv1.Problem {
	c := &checker{p: p, problems: fieldRules(p), broken: map[string]struct{}{}, comparisons: maxComparisons, places: newPlaces(p)}
	for _, x := range c.problems {
		c.broken[x.GetField()] = struct{}{}
	}
	c.zone("zone", p.GetZone(), zoneRemedy)
	c.declareAll()
	c.scoreNames()
	c.partNames()
	each("touchpoints", p.GetTouchpoints(), c.touchpoint)
	each("teams", p.GetTeams(), c.team)
	each("metrics", p.GetMetrics(), c.metricFloor)
	each("questions", p.GetQuestions(), c.questionFloor)
	each("questions", p.GetQuestions(), c.question)
	each("questions", p.GetQuestions(), c.worded)
	each("questions", p.GetQuestions(), c.compared)
	each("attributes", p.GetAttributes(), c.attribute)
	c.breakdowns(p.GetBreakdowns())
	each("service_levels", p.GetServiceLevels(), c.level)
	each("ratios", p.GetRatios(), c.ratio)
	c.owner("programme_owner", p.GetProgrammeOwner())
	c.journeysAndStages()
	each("linked_metrics", p.GetLinkedMetrics(), c.linkedMetric)
	each("linked_metrics", p.GetLinkedMetrics(), c.linkedLimit)
	each("pairings", p.GetPairings(), c.pairing)
	c.sameClaims()
	each("segments", p.GetSegments(), c.segment)
	each("targets", p.GetTargets(), c.target)
	c.sameTargets()
	each("cx_scores", p.GetCxScores(), c.cxScore)
	each("seams", p.GetSeams(), c.seam)
	c.seams(p.GetSeams())
	each("calendars", p.GetCalendars(), c.calendar)
	c.minimums(p.GetMinimums())
	c.party(p.GetParty())
	each("action_rules", p.GetActionRules(), c.actionRule)
	each("feeds", p.GetFeeds(), c.feed)
	c.sameSources()
	each("themes", p.GetThemes(), c.theme)
	each("messages", p.GetMessages(), c.message)
	c.contactRules(p.GetContactRules())
	c.allSurveys(p.GetSurveys())
	c.employees(p.GetSurveys())
	return c.problems
}

// declareAll makes all ids known before any reference is followed: things may be declared in any order.
func (c *checker) declareAll() {
	p := c.p
	c.touchpoints = declare(c, "touchpoints", "touchpoint", p.GetTouchpoints())
	c.channels = declare(c, "channels", "channel", p.GetChannels())
	c.teams = declare(c, "teams", "team", p.GetTeams())
	c.metrics = declare(c, "metrics", "metric", p.GetMetrics())
	c.outcomes = declare(c, "outcomes", "outcome", p.GetOutcomes())
	c.questions = declare(c, "questions", "question", p.GetQuestions())
	c.attributes = declare(c, "attributes", "attribute", p.GetAttributes())
	c.levels = declare(c, "service_levels", "service level", p.GetServiceLevels())
	c.roles = declare(c, "roles", "role", p.GetRoles())
	c.journeys = declare(c, "journeys", "journey", p.GetJourneys())
	c.stages = declare(c, "stages", "stage", p.GetStages())
	c.pairings = declare(c, "pairings", "pairing", p.GetPairings())
	c.segments = declare(c, "segments", "segment", p.GetSegments())
	c.cxScores = declare(c, "cx_scores", "CX score", p.GetCxScores())
	c.calendars = declare(c, "calendars", "calendar", p.GetCalendars())
	c.linked = declare(c, "linked_metrics", "linked metric", p.GetLinkedMetrics())
	c.ratios = declare(c, "ratios", "ratio", p.GetRatios())
	c.actionRules = declare(c, "action_rules", "action rule", p.GetActionRules())
	c.surveys = declare(c, "surveys", "survey", p.GetSurveys())
	c.themes = declare(c, "themes", "theme", p.GetThemes())
	c.messages = declare(c, "messages", "message template", p.GetMessages())
	c.parts = map[string]int{}
	c.ofEmployees = AskedOfEmployees(p)
	if len(p.GetStages()) == 0 {
		for i, t := range p.GetTouchpoints() {
			if s := t.GetStage(); s != "" {
				c.stages[s] = i
			}
		}
	}
}

func each[T any](field string, things []T, check func(at string, thing T)) {
	for i, t := range things {
		check(fmt.Sprintf("%s[%d]", field, i), t)
	}
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

// refer checks that ids name declared things, each once.
func (c *checker) refer(field, noun string, ids []string, declared map[string]int) {
	c.once(field, noun, ids)
	for i, id := range ids {
		if _, ok := declared[id]; !ok {
			c.unknown(fmt.Sprintf("%s[%d]", field, i), noun, id, declared)
		}
	}
}

// once checks that nothing is listed twice.
func (c *checker) once(field, noun string, items []string) {
	seen := make(map[string]struct{}, len(items))
	for i, s := range items {
		if _, twice := seen[s]; twice {
			c.add(fmt.Sprintf("%s[%d]", field, i), fmt.Sprintf("The %s %q is listed twice.", noun, s), "Delete one of the two.")
		}
		seen[s] = struct{}{}
	}
}

// known reports whether id is declared, and says so when it is not.
func (c *checker) known(at, noun, id string, declared map[string]int) bool {
	_, ok := declared[id]
	if !ok {
		c.unknown(at, noun, id, declared)
	}
	return ok
}

// optional checks a reference that may be left out.
func (c *checker) optional(at, noun, id string, declared map[string]int) {
	if id != "" {
		c.known(at, noun, id, declared)
	}
}

func (c *checker) unknown(at, noun, id string, declared map[string]int) {
	if id == "" {
		if _, said := c.broken[at]; !said {
			c.add(at, fmt.Sprintf("No %s is named.", noun), fmt.Sprintf("Name a declared %s.", noun))
		}
		return
	}
	c.add(at, fmt.Sprintf("The %s %q is not declared.%s", noun, id, c.didYouMean(id, declared)),
		fmt.Sprintf("Declare the %s, or correct the id.", noun))
}

func (c *checker) didYouMean(id string, declared map[string]int) string {
	if c.comparisons -= len(declared); c.comparisons < 0 {
		return ""
	}
	return didYouMean(id, keys(declared))
}

// owner checks a role that owns something. Maps without roles name owners as they like.
func (c *checker) owner(at, role string) {
	if strings.TrimSpace(role) != "" && len(c.roles) > 0 {
		c.known(at, "role", role, c.roles)
	}
}

// zone checks a time zone; empty is another's to decide.
func (c *checker) zone(at, name, remedy string) {
	if _, err := loadZone(name); err != nil {
		c.add(at, sentence(err.Error()), remedy)
	}
}

// measured reports whether a declared metric is measured at a declared touchpoint; a touchpoint that lists none takes any.
func (c *checker) measured(metric, touchpoint string) bool {
	i, ok := c.touchpoints[touchpoint]
	return !ok || measures(c.p.GetTouchpoints()[i], metric)
}

// asked reports whether a declared question asks about a declared touchpoint.
func (c *checker) asked(question, touchpoint string) bool {
	i, ok := c.questions[question]
	return !ok || asks(c.p.GetQuestions()[i], touchpoint)
}
