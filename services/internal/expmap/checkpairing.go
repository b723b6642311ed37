package expmap

import (
	"fmt"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
)

func (c *checker) pairing(at string, p *mapv1.Pairing) {
	q := c.known(at+".question", "question", p.GetQuestion(), c.questions)
	m := c.carried(at+".metric", p.GetMetric(), "a pairing is of what the interaction asked about carries", "Pair a metric that is measured at the touchpoint.")
	t := c.known(at+".touchpoint", "touchpoint", p.GetTouchpoint(), c.touchpoints)
	if q {
		switch k := c.p.GetQuestions()[c.questions[p.GetQuestion()]].GetKind(); k {
		case mapv1.QuestionKind_QUESTION_KIND_MULTIPLE, mapv1.QuestionKind_QUESTION_KIND_RANKING:
			c.add(at+".question", fmt.Sprintf("The question %q is of kind %s: it has a value for each choice, and none of its own that a metric could move.", p.GetQuestion(), kindName(k)),
				"Say in the question's unpaired_because why it has no pairing, and pair another question.")
		}
	}
	if q && t && !c.asked(p.GetQuestion(), p.GetTouchpoint()) {
		c.add(at+".question", fmt.Sprintf("The question %q does not ask about the touchpoint %q.", p.GetQuestion(), p.GetTouchpoint()),
			"Add the touchpoint to the question, or pair it where it is asked.")
	}
	if m && t && !c.measured(p.GetMetric(), p.GetTouchpoint()) {
		c.add(at+".metric", fmt.Sprintf("The metric %q is not measured at the touchpoint %q.", p.GetMetric(), p.GetTouchpoint()),
			"Add it to the touchpoint's metrics, or pair it where it is measured.")
	}
	c.owner(at+".owner", p.GetOwner())
}

// sameClaims reports pairings that claim the same. Two of opposite sign would be a bet on both sides.
func (c *checker) sameClaims() {
	type claim struct{ question, metric, touchpoint string }
	first := map[claim]string{}
	for i, p := range c.p.GetPairings() {
		k := claim{p.GetQuestion(), p.GetMetric(), p.GetTouchpoint()}
		if other, taken := first[k]; taken {
			c.add(fmt.Sprintf("pairings[%d]", i), fmt.Sprintf("The pairing %q claims what %q claims: %s by %s at %s.", p.GetId(), other, k.question, k.metric, k.touchpoint),
				"Delete one of the two.")
			continue
		}
		first[k] = p.GetId()
	}
}

// paired reports whether a pairing that is not retired asks about a question.
func paired(p *mapv1.Map, question string) bool {
	for _, x := range p.GetPairings() {
		if x.GetQuestion() == question && x.GetLife() != mapv1.Life_LIFE_RETIRED {
			return true
		}
	}
	return false
}

func (c *checker) actionRule(at string, r *mapv1.ActionRule) {
	c.owner(at+".owner", r.GetOwner())
	if !c.known(at+".question", "question", r.GetQuestion(), c.questions) {
		return
	}
	q := c.p.GetQuestions()[c.questions[r.GetQuestion()]]
	if scaleless(q.GetKind()) {
		c.add(at+".question", fmt.Sprintf("The question %q is of kind %s, which has no answers that are bad.", q.GetId(), kindName(q.GetKind())), "Name a question that is answered on a scale.")
		return
	}
	lo, hi := q.GetScaleMin(), q.GetScaleMax()
	best, way := hi, "up to"
	if q.GetKind() == mapv1.QuestionKind_QUESTION_KIND_CES1 {
		best, way = lo, "from"
	}
	switch a := r.GetAnswer(); {
	case a < lo || a > hi:
		c.add(at+".answer", fmt.Sprintf("The answer %d is outside the scale %d to %d of the question %q.", a, lo, hi, q.GetId()), "Name an answer that can be given.")
	case a == best:
		c.add(at+".answer", fmt.Sprintf("Answers %s %d are all there are on the scale %d to %d: every one would be bad.", way, a, lo, hi), "Name a worse answer.")
	}
}
