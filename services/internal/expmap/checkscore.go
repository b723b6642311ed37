package expmap

import (
	"fmt"
	"maps"
	"strings"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
)

// The first part of a score's name, its head, tells what it is of.
const (
	headInteractions = "interactions" // interactions.count
	headOutcome      = "outcome"      // outcome.<outcome>.share
	headIndex        = "experience_index"
)

// scoreNames keeps heads unambiguous: "<metric>.<statistic>", "<question>.<statistic>", the id of a service level or CX score.
func (c *checker) scoreNames() {
	p := c.p
	used := map[string]string{headInteractions: "the name of a score", headOutcome: "the name of a score", headIndex: "the name of a score"}
	take := func(field, id string) {
		if by, taken := used[id]; taken {
			c.add(field, fmt.Sprintf("The id %q is already %s.", id, by),
				"Give it another id: metrics, linked metrics, questions, service levels and CX scores share their names with scores.")
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

// score checks that a score of that name can exist, as far as its head tells: which statistics there are is known to those
// who compute them. It returns the head, "" when there is no such score.
func (c *checker) score(at, id string) string {
	head, rest, _ := strings.Cut(id, ".")
	switch {
	case id == "":
		c.unknown(at, "score", id, nil)
		return ""
	case has(c.metrics, head) || has(c.questions, head) || c.isLinked(head) || head == headInteractions:
		if rest == "" {
			example := "mean"
			if head == headInteractions {
				example = "count"
			}
			c.add(at, fmt.Sprintf("%q names no score: which statistic of it is meant is missing.", id), fmt.Sprintf("Write %s.<statistic>, such as %s.%s.", head, head, example))
			return ""
		}
	case head == headIndex && rest == "":
	case has(c.levels, head):
		if rest != "" {
			c.add(at, fmt.Sprintf("The service level %q has no further scores such as %q.", head, id), fmt.Sprintf("Write %s alone.", head))
			return ""
		}
	case has(c.cxScores, head):
	case head == headOutcome:
		outcome, statistic, _ := strings.Cut(rest, ".")
		if statistic == "" {
			c.add(at, fmt.Sprintf("%q names no score of an outcome.", id), "Write outcome.<id of an outcome>.share.")
			return ""
		}
		if !c.known(at, "outcome", outcome, c.outcomes) {
			return ""
		}
	default:
		c.add(at, fmt.Sprintf("There can be no score %q: %q is no metric, question, service level or CX score.%s", id, head, c.didYouMean(head, c.heads())),
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
}

func newPlaces(p *mapv1.Map) places {
	x := places{asked: map[string]map[string]struct{}{}, metrics: map[string]string{}, linked: map[string]*Linked{}}
	for _, q := range p.GetQuestions() {
		x.asked[q.GetId()] = set(q.GetTouchpoints())
	}
	for _, l := range p.GetServiceLevels() {
		x.metrics[l.GetId()] = l.GetMetric()
	}
	for _, m := range p.GetMetrics() {
		x.metrics[m.GetId()] = m.GetId()
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
	return true
}

func (c *checker) heads() map[string]int {
	all := map[string]int{headInteractions: 0, headOutcome: 0}
	for _, declared := range []map[string]int{c.metrics, c.questions, c.levels, c.cxScores, c.linked} {
		maps.Copy(all, declared)
	}
	return all
}

func has(declared map[string]int, id string) bool {
	_, ok := declared[id]
	return ok
}
