package expmap

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
)

// The first part of a score's name, its head, tells what it is of.
const (
	headInteractions = "interactions" // interactions.count
	headOutcome      = "outcome"      // outcome.<outcome>.share
	headIndex        = "experience_index"
)

// scoreNames keeps heads unambiguous: "<metric>.<statistic>", "<question>.<statistic>", the id of a service level, ratio or
// CX score.
func (c *checker) scoreNames() {
	p := c.p
	used := map[string]string{headInteractions: "the name of a score", headOutcome: "the name of a score", headIndex: "the name of a score"}
	take := func(field, id string) {
		if by, taken := used[id]; taken {
			c.add(field, fmt.Sprintf("The id %q is already %s.", id, by),
				"Give it another id: metrics, linked metrics, questions, service levels, ratios and CX scores share their names with scores.")
		}
	}
	for i, m := range p.GetMetrics() {
		take(fmt.Sprintf("metrics[%d].id", i), m.GetId())
	}
	note(used, c.metrics, "a metric")
	for i, q := range p.GetQuestions() {
		take(fmt.Sprintf("questions[%d].id", i), q.GetId())
	}
	note(used, c.questions, "a question")
	for i, s := range p.GetServiceLevels() {
		take(fmt.Sprintf("service_levels[%d].id", i), s.GetId())
	}
	note(used, c.levels, "a service level")
	for i, r := range p.GetRatios() {
		take(fmt.Sprintf("ratios[%d].id", i), r.GetId())
	}
	note(used, c.ratios, "a ratio")
	for i, s := range p.GetCxScores() {
		take(fmt.Sprintf("cx_scores[%d].id", i), s.GetId())
	}
	note(used, c.cxScores, "a CX score")
	for i, l := range p.GetLinkedMetrics() {
		take(fmt.Sprintf("linked_metrics[%d].id", i), l.GetId())
		if by, taken := used[LinkedBase(l.GetId())]; taken {
			c.add(fmt.Sprintf("linked_metrics[%d].id", i), fmt.Sprintf("The id %q, by which its cases are counted, is already %s.", LinkedBase(l.GetId()), by), "Give one of the two another id.")
		}
		if _, twice := c.linked[LinkedBase(l.GetId())]; twice {
			c.add(fmt.Sprintf("linked_metrics[%d].id", i), fmt.Sprintf("The id %q, by which its cases are counted, is already a linked metric.", LinkedBase(l.GetId())), "Give one of the two another id.")
		}
	}
}

func note(used map[string]string, declared map[string]int, as string) {
	for id := range declared {
		used[id] = as
	}
}

// score checks that a score of that name can exist. It returns the head, "" when there is no such score.
func (c *checker) score(at, id string) string {
	head, rest, _ := strings.Cut(id, ".")
	switch {
	case id == "":
		c.unknown(at, "score", id, nil)
		return ""
	case has(c.metrics, head) || has(c.questions, head) || has(c.parts, head) || c.isLinked(head) || head == headInteractions:
		if rest == "" {
			example := "mean"
			if head == headInteractions {
				example = "count"
			}
			c.add(at, fmt.Sprintf("%q names no score: which statistic of it is meant is missing.", id), fmt.Sprintf("Write %s.<statistic>, such as %s.%s.", head, head, example))
			return ""
		}
		if head == headInteractions {
			if rest != "count" {
				c.add(at, fmt.Sprintf("There is no score %q.", id), "Write interactions.count.")
				return ""
			}
		} else if !c.statistic(at, id, head, rest) {
			return ""
		}
	case head == headIndex && rest == "":
	case has(c.levels, head):
		if rest != "" {
			c.add(at, fmt.Sprintf("The service level %q has no further scores such as %q.", head, id), fmt.Sprintf("Write %s alone.", head))
			return ""
		}
	case has(c.ratios, head) || has(c.cxScores, head):
		if rest != "" {
			c.add(at, fmt.Sprintf("%q has no further scores such as %q.", head, id), fmt.Sprintf("Write %s alone.", head))
			return ""
		}
	case head == headOutcome:
		outcome, statistic, _ := strings.Cut(rest, ".")
		if statistic == "" {
			c.add(at, fmt.Sprintf("%q names no score of an outcome.", id), "Write outcome.<id of an outcome>.share.")
			return ""
		}
		if !c.known(at, "outcome", outcome, c.outcomes) {
			return ""
		}
		if statistic != "share" {
			c.add(at, fmt.Sprintf("There is no score %q: of an outcome there is its share.", id), fmt.Sprintf("Write outcome.%s.share.", outcome))
			return ""
		}
	default:
		c.add(at, fmt.Sprintf("There can be no score %q: %q is no metric, question, service level, ratio or CX score.%s", id, head, c.didYouMean(head, c.heads())),
			"Name a score of something declared, such as wait.mean for a metric wait.")
		return ""
	}
	return head
}

// existsAt reports whether a score can have values at a touchpoint.
func (c *checker) existsAt(head, touchpoint string) bool {
	i, ok := c.touchpoints[touchpoint]
	return !ok || c.places.exists(head, c.p.GetTouchpoints()[i])
}

// places knows where scores can have values.
type places struct {
	asked   map[string]map[string]struct{} // touchpoints by question
	metrics map[string]string              // metric by the id of a metric or service level
	linked  map[string]*Linked             // by the id of a linked metric and of its cases
	ratios  map[string][]string            // metrics by ratio, but for those that count 0 where there is none
}

func newPlaces(p *mapv1.Map) places {
	x := places{asked: map[string]map[string]struct{}{}, metrics: map[string]string{}, linked: map[string]*Linked{}, ratios: map[string][]string{}}
	for _, q := range p.GetQuestions() {
		x.asked[q.GetId()] = set(q.GetTouchpoints())
		for _, id := range partIDs(p, q) {
			if x.asked[id] == nil {
				x.asked[id] = x.asked[q.GetId()]
			}
		}
	}
	for _, l := range p.GetServiceLevels() {
		x.metrics[l.GetId()] = l.GetMetric()
	}
	for _, m := range p.GetMetrics() {
		x.metrics[m.GetId()] = m.GetId()
	}
	for _, r := range p.GetRatios() {
		x.ratios[r.GetId()] = slices.DeleteFunc(slices.Concat(r.GetOver(), r.GetUnder()), func(id string) bool {
			return x.metrics[id] == "" || slices.Contains(r.GetAbsentIsZero(), id)
		})
	}
	for id, l := range buildLinked(p) {
		x.linked[id], x.linked[LinkedBase(id)] = l, l
	}
	return x
}

// exists reports whether what a score is of is measured, or asked about, at a touchpoint. Interactions, outcomes and CX
// scores are everywhere.
func (x places) exists(head string, t *mapv1.Touchpoint) bool {
	if at, is := x.asked[head]; is {
		_, there := at[t.GetId()]
		return there
	}
	if metric, is := x.metrics[head]; is {
		return measures(t, metric)
	}
	if l, is := x.linked[head]; is {
		return l.CountsAt(t.GetId())
	}
	// A ratio is where all that is summed in it is measured.
	return !slices.ContainsFunc(x.ratios[head], func(metric string) bool { return !measures(t, metric) })
}

func (c *checker) heads() map[string]int {
	all := map[string]int{headInteractions: 0, headOutcome: 0}
	for _, declared := range []map[string]int{c.metrics, c.questions, c.parts, c.levels, c.ratios, c.cxScores, c.linked} {
		maps.Copy(all, declared)
	}
	return all
}

func has(declared map[string]int, id string) bool {
	_, ok := declared[id]
	return ok
}
