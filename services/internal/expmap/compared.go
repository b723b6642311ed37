package expmap

import (
	"cmp"
	"fmt"
	"slices"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
)

// Compared is a question whose answers are compared with one baseline.
type Compared struct {
	Question string
	Baseline mapv1.Baseline
	// Expectations are the questions by which customers say what they expect, sorted; for the stated baseline only.
	Expectations []string
}

// String tells two comparisons apart that give other gaps.
func (c Compared) String() string {
	return fmt.Sprintf("%s %s %q", c.Question, baselineName(c.Baseline), c.Expectations)
}

// Perceived is a question that asks how much of a metric the customer felt.
type Perceived struct {
	Question, Metric string
	// Factor is the number of the metric's values in one point of the question's scale.
	Factor int64
	// Resolution is the metric's.
	Resolution int64
}

// String tells two apart that give other gaps.
func (p Perceived) String() string { return fmt.Sprintf("%s %s %d", p.Question, p.Metric, p.Factor) }

// Compared returns what answers are compared with, by question and baseline.
func (m *Map) Compared() []Compared { return comparedOf(m.Proto) }

// Perceived returns the questions of kind perceived, by id.
func (m *Map) Perceived() []Perceived { return perceivedOf(m.Proto) }

func comparedOf(p *mapv1.Map) []Compared {
	var out []Compared
	asked := map[string][]string{}
	for _, q := range p.GetQuestions() {
		if q.GetKind() == mapv1.QuestionKind_QUESTION_KIND_EXPECTATION {
			asked[q.GetAbout()] = append(asked[q.GetAbout()], q.GetId())
		}
	}
	for _, q := range p.GetQuestions() {
		for _, b := range q.GetBaselines() {
			c := Compared{Question: q.GetId(), Baseline: b}
			if b == mapv1.Baseline_BASELINE_STATED {
				c.Expectations = slices.Sorted(slices.Values(asked[q.GetId()]))
			}
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b Compared) int {
		return cmp.Or(cmp.Compare(a.Question, b.Question), cmp.Compare(a.Baseline, b.Baseline))
	})
	return out
}

func perceivedOf(p *mapv1.Map) []Perceived {
	var out []Perceived
	resolutions := map[string]int64{}
	for _, x := range p.GetMetrics() {
		resolutions[x.GetId()] = int64(x.GetResolution())
	}
	for _, q := range p.GetQuestions() {
		if r, declared := resolutions[q.GetPerceives()]; declared {
			out = append(out, Perceived{q.GetId(), q.GetPerceives(), int64(max(q.GetUnitsPerPoint(), 1)) * r, r})
		}
	}
	slices.SortFunc(out, func(a, b Perceived) int { return cmp.Compare(a.Question, b.Question) })
	return out
}

// Derived returns the resolution of every measure that a map makes of several facts, or of a fact and its interaction: linked
// metrics and their cases, gaps, what was expected and what was counted.
func Derived(p *mapv1.Map) map[string]int64 {
	out := map[string]int64{}
	for _, l := range p.GetLinkedMetrics() {
		out[l.GetId()], out[LinkedBase(l.GetId())] = linkedResolution(l.GetKind()), 1
	}
	for _, c := range comparedOf(p) {
		r := GapResolution(c.Baseline)
		out[GapMeasure(c.Question, c.Baseline)], out[ExpectedMeasure(c.Question, c.Baseline)] = r, r
	}
	for _, q := range perceivedOf(p) {
		out[FeltGapMeasure(q.Question)], out[CountedMeasure(q.Question)] = q.Resolution, q.Resolution
	}
	return out
}

// recountsCompared returns why other gaps must be counted than old's, a sentence each.
func recountsCompared(old, new *Map) []string {
	var reasons []string
	before, after := old.Compared(), new.Compared()
	is := func(all []Compared, c Compared) (Compared, bool) {
		i := slices.IndexFunc(all, func(x Compared) bool { return x.Question == c.Question && x.Baseline == c.Baseline })
		if i < 0 {
			return c, false
		}
		return all[i], true
	}
	for _, c := range after {
		switch w, was := is(before, c); {
		case !was:
			reasons = append(reasons, fmt.Sprintf("The baseline %s of the question %s is new: its answers are compared through all of history.", baselineName(c.Baseline), c.Question))
		case w.String() != c.String():
			reasons = append(reasons, fmt.Sprintf("What customers expected of the question %s is asked by other questions than before.", c.Question))
		}
	}
	for _, c := range before {
		if _, stays := is(after, c); !stays {
			reasons = append(reasons, fmt.Sprintf("The baseline %s of the question %s goes: its cells are dropped.", baselineName(c.Baseline), c.Question))
		}
	}
	felt := map[string]string{}
	for _, p := range old.Perceived() {
		felt[p.Question] = p.String()
	}
	for _, p := range new.Perceived() {
		switch was, ok := felt[p.Question]; {
		case !ok:
			reasons = append(reasons, fmt.Sprintf("The question %s is compared with the metric %s now: its answers are compared through all of history.", p.Question, p.Metric))
		case was != p.String():
			reasons = append(reasons, fmt.Sprintf("The question %s is compared with another metric, or in other units, than before.", p.Question))
		}
		delete(felt, p.Question)
	}
	for _, p := range old.Perceived() {
		if _, goes := felt[p.Question]; goes {
			reasons = append(reasons, fmt.Sprintf("The question %s is compared with the metric %s no longer: its cells are dropped.", p.Question, p.Metric))
		}
	}
	return reasons
}

// incompatibleDerived adds what becomes a derived measure and was another, or one in another resolution, and the reverse. Ids
// of linked metrics that were something else are told by Incompatible itself.
func incompatibleDerived(old, new *Map, add func(field, message string)) {
	was, is := Derived(old.Proto), Derived(new.Proto)
	for i, l := range new.Proto.GetLinkedMetrics() {
		at := fmt.Sprintf("linked_metrics[%d]", i)
		if w := old.Linked[l.GetId()]; w != nil && w.Resolution() != is[l.GetId()] {
			add(at+".kind", fmt.Sprintf("The linked metric %q was kept in %d values a unit and would be in %d.", l.GetId(), w.Resolution(), is[l.GetId()]))
		}
	}
	for i, q := range new.Proto.GetQuestions() {
		at := fmt.Sprintf("questions[%d]", i)
		for _, id := range derivedOf(q) {
			if what := old.measure(id); what != "" {
				add(at+".id", fmt.Sprintf("The id %q, by which its gap is counted, was a %s.", id, what))
			} else if w, ok := was[id]; ok && w != is[id] {
				add(at+".perceives", fmt.Sprintf("What the question %q is compared with was kept in %d values a unit and would be in %d.", q.GetId(), w, is[id]))
				break
			}
		}
	}
	taken := func(field, id, become string) {
		if _, is := was[id]; is && old.measure(id) == "" {
			add(field, fmt.Sprintf("%q was the gap of a question, or part of it, and cannot become a %s.", id, become))
		}
	}
	for i, m := range new.Proto.GetMetrics() {
		taken(fmt.Sprintf("metrics[%d].id", i), m.GetId(), "metric")
	}
	for i, q := range new.Proto.GetQuestions() {
		taken(fmt.Sprintf("questions[%d].id", i), q.GetId(), "question")
	}
	for i, l := range new.Proto.GetLinkedMetrics() {
		for _, id := range []string{l.GetId(), LinkedBase(l.GetId())} {
			taken(fmt.Sprintf("linked_metrics[%d].id", i), id, "linked metric")
		}
	}
}

// derivedOf returns the ids of the measures that are made of a question's answers and what they are compared with.
func derivedOf(q *mapv1.Question) []string {
	var ids []string
	for _, b := range q.GetBaselines() {
		ids = append(ids, GapMeasure(q.GetId(), b), ExpectedMeasure(q.GetId(), b))
	}
	if q.GetPerceives() != "" {
		ids = append(ids, FeltGapMeasure(q.GetId()), CountedMeasure(q.GetId()))
	}
	return ids
}
