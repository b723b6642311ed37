package expmap

import (
	"fmt"
	"slices"
	"strings"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
)

// Scores are computed by correlation; what their names are is written down here too, because a map that names one must be
// checked where no score can be computed. A test of scoreservice holds the two together.

// ScoreNames returns the ids of all scores of a map, in order of its declarations.
func ScoreNames(p *mapv1.Map) []string {
	out := []string{headInteractions + ".count"}
	for _, o := range p.GetOutcomes() {
		out = append(out, headOutcome+"."+o.GetId()+".share")
	}
	for _, l := range p.GetServiceLevels() {
		out = append(out, l.GetId())
	}
	for _, r := range p.GetRatios() {
		out = append(out, r.GetId())
	}
	for _, head := range measureIDs(p) {
		for _, name := range statistics(p, head) {
			out = append(out, head+"."+name)
		}
	}
	for _, x := range p.GetCxScores() {
		out = append(out, x.GetId())
	}
	if indexed(p) {
		out = append(out, headIndex)
	}
	return out
}

// measureIDs returns the ids of all that has statistics.
func measureIDs(p *mapv1.Map) []string {
	var out []string
	for _, m := range p.GetMetrics() {
		out = append(out, m.GetId())
	}
	for _, l := range p.GetLinkedMetrics() {
		out = append(out, l.GetId(), LinkedBase(l.GetId()))
	}
	for _, q := range p.GetQuestions() {
		if hasValue(q.GetKind()) {
			out = append(out, q.GetId())
		}
		out = append(out, partIDs(p, q)...)
	}
	return out
}

// statistics returns the names of the statistics of a metric, a linked metric or its cases, or a question.
func statistics(p *mapv1.Map, id string) []string {
	for _, m := range p.GetMetrics() {
		if m.GetId() == id {
			return ofMetric(m.Floor != nil && m.GetBetter() != mapv1.Better_BETTER_UNSPECIFIED)
		}
	}
	for _, l := range p.GetLinkedMetrics() {
		switch {
		case l.GetId() == id && l.Limit != nil:
			return append(ofMetric(false), "within", "beyond")
		case l.GetId() == id, LinkedBase(l.GetId()) == id:
			return ofMetric(false)
		}
	}
	for _, q := range p.GetQuestions() {
		if q.GetId() == id {
			return ofQuestion(p, q)
		}
	}
	if part, _ := partOf(p, id); part != nil {
		return ofQuestion(p, part)
	}
	return nil
}

func ofMetric(floored bool) []string {
	out := []string{"mean", "median", "p10", "p90", "p95", "sd", "spread", "sum", "count"}
	if floored {
		out = append(out, "bad")
	}
	return out
}

func ofQuestion(p *mapv1.Map, q *mapv1.Question) []string {
	var out []string
	ordered := true
	lo, hi := q.GetScaleMin(), q.GetScaleMax()
	if q.GetKind() == mapv1.QuestionKind_QUESTION_KIND_TEXT {
		return []string{"mean", "sd", "negative", "count"}
	}
	switch q.GetKind() {
	case mapv1.QuestionKind_QUESTION_KIND_NPS, mapv1.QuestionKind_QUESTION_KIND_ENPS:
		if lo == 0 && hi == 10 {
			out = append(out, "nps", "nps_adjusted")
		}
	case mapv1.QuestionKind_QUESTION_KIND_CSAT, mapv1.QuestionKind_QUESTION_KIND_CES2, mapv1.QuestionKind_QUESTION_KIND_RATING:
		out = append(out, "top2")
	case mapv1.QuestionKind_QUESTION_KIND_EMOTION:
		ordered = false
		if slices.ContainsFunc(q.GetChoices(), func(c *mapv1.Choice) bool {
			return c.GetFeeling() == mapv1.Feeling_FEELING_POSITIVE || c.GetFeeling() == mapv1.Feeling_FEELING_NEGATIVE
		}) {
			out = append(out, "net")
		}
	case mapv1.QuestionKind_QUESTION_KIND_CHOICE, mapv1.QuestionKind_QUESTION_KIND_REASON:
		ordered = false
	}
	if ordered {
		out = append(out, "mean", "median", "sd")
		if q.GetFacet() != mapv1.Facet_FACET_UNSPECIFIED && lo == 1 && hi == 7 {
			out = append(out, "net_top")
		}
		if q.Floor != nil && directed(p, q) {
			out = append(out, "bad")
		}
	}
	out = append(out, "count")
	for v := lo; v <= hi; v++ {
		out = append(out, fmt.Sprintf("share.%d", v))
	}
	for _, b := range q.GetBaselines() {
		out = append(out, "gap_"+baselineName(b))
	}
	if q.GetKind() == mapv1.QuestionKind_QUESTION_KIND_PERCEIVED && slices.ContainsFunc(p.GetMetrics(), func(m *mapv1.Metric) bool { return m.GetId() == q.GetPerceives() }) {
		out = append(out, "gap_felt")
	}
	return out
}

// directed reports whether it is known which answers to a question are better: of what was felt, only the metric tells.
func directed(p *mapv1.Map, q *mapv1.Question) bool {
	return q.GetKind() != mapv1.QuestionKind_QUESTION_KIND_PERCEIVED || slices.ContainsFunc(p.GetMetrics(), func(m *mapv1.Metric) bool {
		return m.GetId() == q.GetPerceives() && m.GetBetter() != mapv1.Better_BETTER_UNSPECIFIED
	})
}

// indexed reports whether any touchpoint asks about success, effort and emotion of the open experience index.
func indexed(p *mapv1.Map) bool {
	asked, employees := map[string]map[mapv1.Facet]bool{}, AskedOfEmployees(p)
	for _, q := range p.GetQuestions() {
		f := q.GetFacet()
		if f == mapv1.Facet_FACET_UNSPECIFIED || employees[q.GetId()] || q.GetScaleMin() != 1 || q.GetScaleMax() != 7 {
			continue
		}
		for _, t := range q.GetTouchpoints() {
			if asked[t] == nil {
				asked[t] = map[mapv1.Facet]bool{}
			}
			if asked[t][f] = true; len(asked[t]) == 3 {
				return true
			}
		}
	}
	return false
}

// statistic checks that a metric or question has the statistic that a score's name ends with.
func (c *checker) statistic(at, id, head, name string) bool {
	names := statistics(c.p, head)
	if slices.Contains(names, name) {
		return true
	}
	c.add(at, fmt.Sprintf("There is no score %q: %q has no statistic %q.%s", id, head, name, didYouMean(name, names)), fmt.Sprintf("Use one of %s.", listed(names)))
	return false
}

// listed joins names, the first dozen of them.
func listed(names []string) string {
	const most = 12
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}
