package expmap

import (
	"fmt"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
)

func (c *checker) question(at string, q *mapv1.Question) {
	c.refer(at+".touchpoints", "touchpoint", q.GetTouchpoints(), c.touchpoints)
	c.about(at+".about", q)
	if q.GetUnpairedBecause() != "" && paired(c.p, q.GetId()) {
		c.add(at+".unpaired_because", fmt.Sprintf("The question %q says why it is paired with no metric, and is paired.", q.GetId()),
			"Delete unpaired_because, or retire the pairing.")
	}
	c.documented(at+".documented", q)
	if scaleless(q.GetKind()) {
		c.scaleless(at, q)
		return
	}
	lo, hi := q.GetScaleMin(), q.GetScaleMax()
	if lo >= hi {
		c.add(at+".scale_max", fmt.Sprintf("The scale %d to %d has no room: its highest point must be above its lowest.", lo, hi), "Correct scale_min or scale_max.")
		return
	}
	c.scale(at+".scale_max", q)
	c.choices(at+".choices", q)
	if q.GetFacet() != mapv1.Facet_FACET_UNSPECIFIED && (lo != 1 || hi != 7) {
		c.add(at+".facet", fmt.Sprintf("A part of the open experience index is asked on 1 to 7, not on %d to %d.", lo, hi),
			"Ask a question of its own on scale_min: 1 and scale_max: 7, or delete facet.")
	}
}

// scale checks the scales that belong to a kind.
func (c *checker) scale(at string, q *mapv1.Question) {
	lo, hi := q.GetScaleMin(), q.GetScaleMax()
	fixed := func(wantLo, wantHi int32, why string) {
		if lo != wantLo || hi != wantHi {
			c.add(at, fmt.Sprintf("The scale is %d to %d, but %s.", lo, hi, why),
				fmt.Sprintf("Set scale_min: %d and scale_max: %d, or use kind: rating.", wantLo, wantHi))
		}
	}
	switch q.GetKind() {
	case mapv1.QuestionKind_QUESTION_KIND_NPS:
		fixed(0, 10, "the NPS is defined for exactly 0 to 10")
	case mapv1.QuestionKind_QUESTION_KIND_ENPS:
		fixed(0, 10, "the eNPS is defined for exactly 0 to 10")
	case mapv1.QuestionKind_QUESTION_KIND_CES1:
		fixed(1, 5, "effort (CES 1.0) is asked on 1 to 5")
	case mapv1.QuestionKind_QUESTION_KIND_CES2:
		fixed(1, 7, "ease (CES 2.0) is asked on 1 to 7")
	case mapv1.QuestionKind_QUESTION_KIND_YES_NO:
		fixed(0, 1, "yes is 1 and no is 0")
	case mapv1.QuestionKind_QUESTION_KIND_COMPARISON:
		fixed(-1, 1, "worse is -1, the same 0 and better 1")
	case mapv1.QuestionKind_QUESTION_KIND_CSAT:
		if lo < 0 || lo > 1 || hi < 3 || hi > 10 {
			c.add(at, fmt.Sprintf("The scale is %d to %d, but satisfaction is asked on a scale from 0 or 1 to between 3 and 10.", lo, hi),
				"Set scale_min: 1 and scale_max: 5, or use kind: rating.")
		}
	case mapv1.QuestionKind_QUESTION_KIND_RATING:
		if hi-lo < 2 {
			c.add(at, fmt.Sprintf("The scale %d to %d has two points, so that its two best points are all of it.", lo, hi), "Use kind: yes_no with 0 and 1, or a longer scale.")
		}
	}
}

// about checks the question that an expectation or an importance refers to.
func (c *checker) about(at string, q *mapv1.Question) {
	expectation := q.GetKind() == mapv1.QuestionKind_QUESTION_KIND_EXPECTATION
	importance := q.GetKind() == mapv1.QuestionKind_QUESTION_KIND_IMPORTANCE
	why := q.GetKind() == mapv1.QuestionKind_QUESTION_KIND_REASON
	id := q.GetAbout()
	switch {
	case id == "" && why:
		c.add(at, fmt.Sprintf("The question %q asks why, and not of which question.", q.GetId()), "Name in about the question whose answer it asks the reason of.")
		return
	case id == "" && expectation:
		c.add(at, fmt.Sprintf("The question %q asks what was expected, and not of which question.", q.GetId()), "Name in about the question that asks what was experienced.")
		return
	case id == "":
		return
	case !expectation && !importance && !why:
		c.add(at, "Only questions of kind expectation, importance and reason are about another.", "Delete about, or correct kind.")
		return
	case id == q.GetId() && why:
		c.add(at, fmt.Sprintf("The question %q is about itself.", id), "Name the question whose answer it asks the reason of.")
		return
	case id == q.GetId():
		c.add(at, fmt.Sprintf("The question %q is about itself.", id), "Name the question that asks what was experienced.")
		return
	case !c.known(at, "question", id, c.questions):
		return
	}
	of := c.p.GetQuestions()[c.questions[id]]
	if why {
		if !scored(of.GetKind()) && of.GetKind() != mapv1.QuestionKind_QUESTION_KIND_EMOTION && of.GetKind() != mapv1.QuestionKind_QUESTION_KIND_PERCEIVED {
			c.add(at, fmt.Sprintf("The answers to %q are not good or bad: it is of kind %s.", id, kindName(of.GetKind())), "Name a question whose answers have reasons to be as they are, such as one of kind nps or csat.")
		}
		return
	}
	switch of.GetKind() {
	case mapv1.QuestionKind_QUESTION_KIND_EXPECTATION, mapv1.QuestionKind_QUESTION_KIND_IMPORTANCE:
		c.add(at, fmt.Sprintf("The question %q does not ask what was experienced: it is of kind %s.", id, kindName(of.GetKind())),
			"Name the question that asks what was experienced.")
		return
	}
	if expectation && (of.GetScaleMin() != q.GetScaleMin() || of.GetScaleMax() != q.GetScaleMax()) {
		c.add(at, fmt.Sprintf("What was expected is asked on %d to %d and what was experienced (%q) on %d to %d, so that there is no gap between them.",
			q.GetScaleMin(), q.GetScaleMax(), id, of.GetScaleMin(), of.GetScaleMax()), "Ask both on one scale.")
	}
}

// choices checks the answers of emotion and choice: one for each point of the scale.
func (c *checker) choices(at string, q *mapv1.Question) {
	emotion := q.GetKind() == mapv1.QuestionKind_QUESTION_KIND_EMOTION
	if !emotion && q.GetKind() != mapv1.QuestionKind_QUESTION_KIND_CHOICE && q.GetKind() != mapv1.QuestionKind_QUESTION_KIND_REASON {
		if len(q.GetChoices()) > 0 {
			c.add(at, "Only questions of kind emotion, choice, reason, multiple and ranking have choices.", "Delete choices, or correct kind.")
		}
		return
	}
	lo, hi := q.GetScaleMin(), q.GetScaleMax()
	if len(q.GetChoices()) == 0 {
		c.add(at, fmt.Sprintf("The question %q has no choices.", q.GetId()), fmt.Sprintf("Declare one for each value from %d to %d, with its label.", lo, hi))
		return
	}
	first := map[int32]int{}
	for i, x := range q.GetChoices() {
		field := fmt.Sprintf("%s[%d]", at, i)
		if v := x.GetValue(); v < lo || v > hi {
			c.add(field+".value", fmt.Sprintf("The value %d is outside the scale %d to %d.", v, lo, hi), "Correct the value, or scale_min and scale_max.")
		} else if j, twice := first[v]; twice {
			c.add(field+".value", fmt.Sprintf("The value %d is given twice, first as choices[%d].", v, j), "Give each choice a value of its own.")
		} else {
			first[v] = i
		}
		switch felt := x.GetFeeling() != mapv1.Feeling_FEELING_UNSPECIFIED; {
		case emotion && !felt:
			c.add(field+".feeling", fmt.Sprintf("The choice %q does not say whether the feeling is good or bad.", x.GetLabel()), "Add "+feelingRemedy)
		case felt && !emotion:
			c.add(field+".feeling", "Only choices of kind emotion are feelings.", "Delete feeling, or use kind: emotion.")
		}
	}
	for v := lo; v <= hi; v++ {
		if _, ok := first[v]; !ok {
			c.add(at, fmt.Sprintf("The value %d of the scale has no choice.", v), "Declare it, or shorten the scale.")
			return
		}
	}
}

const feelingRemedy = "feeling: positive, neutral or negative."
