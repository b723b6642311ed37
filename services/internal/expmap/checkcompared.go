package expmap

import (
	"fmt"
	"slices"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
)

// compared checks what a question's answers are compared with: expectations, or a metric that the customer felt.
func (c *checker) compared(at string, q *mapv1.Question) {
	if len(q.GetBaselines()) > 0 {
		switch q.GetKind() {
		case mapv1.QuestionKind_QUESTION_KIND_EXPECTATION, mapv1.QuestionKind_QUESTION_KIND_IMPORTANCE,
			mapv1.QuestionKind_QUESTION_KIND_EMOTION, mapv1.QuestionKind_QUESTION_KIND_CHOICE, mapv1.QuestionKind_QUESTION_KIND_ENPS,
			mapv1.QuestionKind_QUESTION_KIND_TEXT, mapv1.QuestionKind_QUESTION_KIND_MULTIPLE, mapv1.QuestionKind_QUESTION_KIND_RANKING,
			mapv1.QuestionKind_QUESTION_KIND_COMPARISON, mapv1.QuestionKind_QUESTION_KIND_REASON:
			c.add(at+".baselines", fmt.Sprintf("The question %q does not ask a customer to rate an experience: there is no gap to what was expected.", q.GetId()),
				"Delete baselines.")
			return
		}
	}
	if slices.Contains(q.GetBaselines(), mapv1.Baseline_BASELINE_STATED) && !slices.ContainsFunc(c.p.GetQuestions(), func(x *mapv1.Question) bool {
		return x.GetKind() == mapv1.QuestionKind_QUESTION_KIND_EXPECTATION && x.GetAbout() == q.GetId()
	}) {
		c.add(at+".baselines", fmt.Sprintf("No question asks what customers expected of %q.", q.GetId()),
			fmt.Sprintf("Declare a question of kind expectation with about: %s, or delete the baseline stated.", q.GetId()))
	}
	c.perceives(at, q)
	for _, id := range derivedOf(q) {
		for _, other := range []struct {
			what     string
			declared map[string]int
		}{{"a metric", c.metrics}, {"a question", c.questions}, {"a linked metric", c.linked}} {
			if has(other.declared, id) {
				c.add(at+".id", fmt.Sprintf("The id %q, by which its gap is counted, is already %s.", id, other.what), "Give one of the two another id.")
			}
		}
		if base := linkedOfBase(id); base != "" && has(c.linked, base) {
			c.add(at+".id", fmt.Sprintf("The id %q, by which its gap is counted, counts the cases of a linked metric already.", id), "Give one of the two another id.")
		}
	}
}

// perceives checks which metric the customer felt.
func (c *checker) perceives(at string, q *mapv1.Question) {
	metric := q.GetPerceives()
	if q.GetKind() != mapv1.QuestionKind_QUESTION_KIND_PERCEIVED {
		if metric != "" {
			c.add(at+".perceives", "Only questions of kind perceived are compared with a metric.", "Delete perceives, or use kind: perceived.")
		}
		if q.GetUnitsPerPoint() != 0 {
			c.add(at+".units_per_point", "Only questions of kind perceived are compared with a metric.", "Delete units_per_point, or use kind: perceived.")
		}
		return
	}
	if metric == "" {
		c.add(at+".perceives", fmt.Sprintf("The question %q does not say which metric the customer felt.", q.GetId()), "Name a declared metric.")
		return
	}
	if c.known(at+".perceives", "metric", metric, c.metrics) && !slices.ContainsFunc(q.GetTouchpoints(), func(t string) bool { return c.measured(metric, t) }) {
		c.add(at+".perceives", fmt.Sprintf("The metric %q is measured at none of the touchpoints that the question %q asks about.", metric, q.GetId()),
			"List it at one of them, or name another metric.")
	}
}
