package expmap

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
)

// What a change of the map does to history. Cells are kept by the ids that facts carry, so:
//
//   - Added things (touchpoint, channel, team, metric, outcome, question, attribute, attribute value, service level) change
//     no cell that exists. Nothing is counted again.
//   - Removed things leave their facts and cells where they are; they are not read while they are not declared, and are
//     read again, whole, when they are declared again. Nothing is counted again.
//   - Reading changes (names, owners, journeys, stages, steps, wording, better, service levels, where a question or a metric
//     belongs, a question's kind on the same scale, pairings, segments, where a team stands and when, targets, CX scores,
//     calendars, action rules) act at once, on all history. A changed feed holds for what comes from then on, and so do surveys,
//     messages, contact rules and wordings; a changed wording of the same id is told by Diff.
//   - Another zone cuts other days, and another set of breakdowns needs other cells: history is counted again (Recounts).
//     That holds for a breakdown taken away, too: it would go stale and be wrong on the day it comes back.
//   - A linked metric follows customers from interaction to interaction: a new one, and one for which other interactions count
//     (its kind, topic, touchpoints, journey or longest time, the touchpoints of its journey's first and last stage, which
//     touchpoints are back-stage where it names none, which metric tells of a hold), is counted over all of history again. So
//     is one that goes.
//   - Scores of agents switched on or off: cells of agents are counted from what was recorded with an agent, or dropped.
//   - Answers are compared with what was expected (baselines) and with the metric that was felt (perceives): a comparison that
//     comes or goes, and one with other questions, another metric or other units, is counted over all of history again.
//   - A metric's unit and resolution and a question's scale are what the integers in its facts mean. They never change
//     (Incompatible): the thing gets a new id, and the two series are never joined.

// CountingDigest is a digest of all that decides which cells are kept and where their days are cut: the zone and the set of
// breakdowns, which interactions linked metrics follow, and what answers are compared with. Two maps of one organisation that Apply accepted have equal digests exactly when Recounts is nil. Units,
// resolutions and scales are not in it, because they cannot change for an id.
func (m *Map) CountingDigest() [32]byte {
	text := "touchstone counting 1\n" + zoneName(m) + "\n" + strings.Join(breakdownNames(m), "\n")
	for _, l := range m.LinkedInOrder() {
		text += "\nlinked:" + l.String()
	}
	if m.KeepsAgents() {
		text += "\nagents"
	}
	for _, c := range m.Compared() {
		text += "\ncompared:" + c.String()
	}
	for _, p := range m.Perceived() {
		text += "\nperceived:" + p.String()
	}
	return sha256.Sum256([]byte(text))
}

// Recounts returns why history must be counted again before new can be read, a sentence each; nil when it need not be: for
// additions, removals and reading changes, and when old is nil.
func Recounts(old, new *Map) []string {
	if old == nil || new == nil {
		return nil
	}
	var reasons []string
	if a, b := zoneName(old), zoneName(new); a != b {
		reasons = append(reasons, fmt.Sprintf("The zone changes from %s to %s: days and weeks are cut elsewhere.", a, b))
	}
	was, is := breakdownNames(old), breakdownNames(new)
	for _, b := range is {
		if !slices.Contains(was, b) {
			reasons = append(reasons, fmt.Sprintf("The breakdown %s is new: its cells must be counted.", b))
		}
	}
	for _, b := range was {
		if !slices.Contains(is, b) {
			reasons = append(reasons, fmt.Sprintf("The breakdown %s goes: its cells are dropped.", b))
		}
	}
	for _, l := range new.LinkedInOrder() {
		switch w := old.Linked[l.ID]; {
		case w == nil:
			reasons = append(reasons, fmt.Sprintf("The linked metric %s is new: customers are followed through all of history.", l.ID))
		case w.String() != l.String():
			reasons = append(reasons, fmt.Sprintf("The linked metric %s follows other interactions than before.", l.ID))
		}
	}
	for _, l := range old.LinkedInOrder() {
		if new.Linked[l.ID] == nil {
			reasons = append(reasons, fmt.Sprintf("The linked metric %s goes: its cells are dropped.", l.ID))
		}
	}
	if why := agentsSwitched(old, new); why != "" {
		reasons = append(reasons, why)
	}
	return append(reasons, recountsCompared(old, new)...)
}

// Incompatible returns what new declares in contradiction to old, of which the facts of history were written: another unit
// or resolution of a metric, another scale of a question, a metric that was a question or a linked metric, or the reverse; and a
// survey that goes back in its life.
func Incompatible(old, new *Map) []*mapv1.Problem {
	if old == nil || new == nil {
		return nil
	}
	var problems []*mapv1.Problem
	add := func(field, message string) {
		problems = append(problems, &mapv1.Problem{
			Field: field, Message: message, Remedy: "Give it a new id: what was counted keeps its meaning, and the two are never joined.",
		})
	}
	for i, m := range new.Proto.GetMetrics() {
		at := fmt.Sprintf("metrics[%d]", i)
		if was, ok := old.Metrics[m.GetId()]; ok {
			if was.Proto.GetUnit() != m.GetUnit() {
				add(at+".unit", fmt.Sprintf("The unit of the metric %q was %q and cannot become %q.", m.GetId(), was.Proto.GetUnit(), m.GetUnit()))
			}
			if was.Resolution != int64(m.GetResolution()) {
				add(at+".resolution", fmt.Sprintf("The resolution of the metric %q was %d and cannot become %d.", m.GetId(), was.Resolution, m.GetResolution()))
			}
		}
		if _, ok := old.Questions[m.GetId()]; ok {
			add(at+".id", fmt.Sprintf("%q was a question and cannot become a metric.", m.GetId()))
		}
	}
	for i, q := range new.Proto.GetQuestions() {
		at := fmt.Sprintf("questions[%d]", i)
		if was, ok := old.Questions[q.GetId()]; ok && was.Of != "" {
			add(at+".id", fmt.Sprintf("%q was a part of the question %q and cannot become a question of its own.", q.GetId(), was.Of))
		} else if ok && (scaleless(was.Kind) || scaleless(q.GetKind())) {
			if was.Kind != q.GetKind() {
				add(at+".kind", fmt.Sprintf("The question %q was of kind %s and cannot become one of kind %s: its answers are carried otherwise.", q.GetId(), kindName(was.Kind), kindName(q.GetKind())))
			}
		} else if ok && (was.Min != int64(q.GetScaleMin()) || was.Max != int64(q.GetScaleMax())) {
			add(at+".scale_max", fmt.Sprintf("The scale of the question %q was %d to %d and cannot become %d to %d.", q.GetId(), was.Min, was.Max, q.GetScaleMin(), q.GetScaleMax()))
		}
		if _, ok := old.Metrics[q.GetId()]; ok {
			add(at+".id", fmt.Sprintf("%q was a metric and cannot become a question.", q.GetId()))
		}
	}
	for i, l := range new.Proto.GetLinkedMetrics() {
		for _, id := range []string{l.GetId(), LinkedBase(l.GetId())} {
			if what := old.measure(id); what != "" && what != "linked metric" {
				add(fmt.Sprintf("linked_metrics[%d].id", i), fmt.Sprintf("%q was a %s and cannot become a linked metric.", id, what))
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(old.Linked)) {
		for _, id := range []string{id, LinkedBase(id)} {
			for i, m := range new.Proto.GetMetrics() {
				if m.GetId() == id {
					add(fmt.Sprintf("metrics[%d].id", i), fmt.Sprintf("%q was a linked metric and cannot become a metric.", id))
				}
			}
			for i, q := range new.Proto.GetQuestions() {
				if q.GetId() == id {
					add(fmt.Sprintf("questions[%d].id", i), fmt.Sprintf("%q was a linked metric and cannot become a question.", id))
				}
			}
		}
	}
	incompatibleDerived(old, new, add)
	incompatibleParts(old, new, add)
	say := func(field, message, remedy string) {
		problems = append(problems, &mapv1.Problem{Field: field, Message: message, Remedy: remedy})
	}
	incompatibleSurveys(old, new, say)
	incompatibleEmployees(old, new, say)
	return problems
}

// measure names what a measure's id is declared as; "" for nothing.
func (m *Map) measure(id string) string {
	if _, ok := m.Metrics[id]; ok {
		return "metric"
	}
	if _, ok := m.Questions[id]; ok {
		return "question"
	}
	if m.Linked[id] != nil || m.Linked[strings.TrimSuffix(id, linkedBase)] != nil {
		return "linked metric"
	}
	return ""
}

// zoneName returns the declared zone, UTC where none is: leaving it out and naming UTC are the same.
func zoneName(m *Map) string {
	if z := m.Proto.GetZone(); z != "" {
		return z
	}
	return "UTC"
}

// breakdownNames returns the set in one order: in which order breakdowns are declared makes no difference to what is counted.
func breakdownNames(m *Map) []string {
	names := make([]string, 0, len(m.Breakdowns))
	for _, b := range m.Breakdowns {
		names = append(names, b.String())
	}
	slices.Sort(names)
	return names
}
