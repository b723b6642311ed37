package expmap

import (
	"fmt"
	"slices"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
)

// scored reports whether the answers to questions of a kind are better or worse.
func scored(k mapv1.QuestionKind) bool {
	switch k {
	case mapv1.QuestionKind_QUESTION_KIND_NPS, mapv1.QuestionKind_QUESTION_KIND_ENPS, mapv1.QuestionKind_QUESTION_KIND_CSAT,
		mapv1.QuestionKind_QUESTION_KIND_CES1, mapv1.QuestionKind_QUESTION_KIND_CES2, mapv1.QuestionKind_QUESTION_KIND_RATING,
		mapv1.QuestionKind_QUESTION_KIND_YES_NO, mapv1.QuestionKind_QUESTION_KIND_COMPARISON:
		return true
	}
	return false
}

// scaleless checks texts and questions of several choices: their values are not those of a scale that the map declares.
func (c *checker) scaleless(at string, q *mapv1.Question) {
	kind := kindName(q.GetKind())
	if q.GetScaleMin() != 0 || q.GetScaleMax() != 0 {
		c.add(at+".scale_max", fmt.Sprintf("A question of kind %s has no scale.", kind), "Delete scale_min and scale_max.")
	}
	if q.GetFacet() != mapv1.Facet_FACET_UNSPECIFIED {
		c.add(at+".facet", fmt.Sprintf("A part of the open experience index is asked on 1 to 7, not by a question of kind %s.", kind),
			"Ask a question of its own on scale_min: 1 and scale_max: 7, or delete facet.")
	}
	most := 50
	switch q.GetKind() {
	case mapv1.QuestionKind_QUESTION_KIND_TEXT:
		if len(q.GetChoices()) > 0 {
			c.add(at+".choices", "A text has no choices.", "Delete choices, or correct kind.")
		}
		return
	case mapv1.QuestionKind_QUESTION_KIND_RANKING:
		most = 10
	}
	if n := len(q.GetChoices()); n < 2 || n > most {
		c.add(at+".choices", fmt.Sprintf("The question %q has %s: one of kind %s has 2 to %d.", q.GetId(), amount(n, "choice"), kind, most), "Declare each with its value and its label.")
	}
	first := map[int32]int{}
	for i, x := range q.GetChoices() {
		field := fmt.Sprintf("%s.choices[%d]", at, i)
		v := x.GetValue()
		if j, twice := first[v]; twice {
			c.add(field+".value", fmt.Sprintf("The value %d is given twice, first as choices[%d].", v, j), "Give each choice a value of its own.")
		} else {
			first[v] = i
		}
		if v < 0 {
			c.add(field+".value", fmt.Sprintf("The value %d is below 0, and is part of the id by which the choice is counted.", v), "Number choices from 0 or 1.")
		}
		if x.GetFeeling() != mapv1.Feeling_FEELING_UNSPECIFIED {
			c.add(field+".feeling", "Only choices of kind emotion are feelings.", "Delete feeling, or use kind: emotion.")
		}
	}
}

// documented checks the order with which employees' rankings are compared.
func (c *checker) documented(at string, q *mapv1.Question) {
	order := q.GetDocumented()
	if len(order) == 0 {
		return
	}
	if q.GetKind() != mapv1.QuestionKind_QUESTION_KIND_RANKING {
		c.add(at, "Only questions of kind ranking have a documented order.", "Delete documented, or use kind: ranking.")
		return
	}
	var values []int32
	for _, x := range q.GetChoices() {
		values = append(values, x.GetValue())
	}
	is := slices.Sorted(slices.Values(order))
	slices.Sort(values)
	if !slices.Equal(is, values) {
		c.add(at, fmt.Sprintf("The documented order of %q does not name each of its choices once.", q.GetId()), "List the values of all choices, the most important first.")
	}
}

// worded checks what the ends of a scale mean and what a question is in other languages.
func (c *checker) worded(at string, q *mapv1.Question) {
	labelled := pointed(q)
	if !labelled && (q.GetLowLabel() != "" || q.GetHighLabel() != "") {
		field := at + ".low_label"
		if q.GetLowLabel() == "" {
			field = at + ".high_label"
		}
		c.add(field, fmt.Sprintf("A question of kind %s is not answered on a scale with two ends.", kindName(q.GetKind())), "Delete low_label and high_label.")
	}
	first := map[string]int{}
	for i, w := range q.GetWordings() {
		field := fmt.Sprintf("%s.wordings[%d]", at, i)
		if tag := c.language(field+".language", w.GetLanguage()); tag != "" {
			if j, twice := first[tag]; twice {
				c.add(field+".language", fmt.Sprintf("The language %q is given twice, first as wordings[%d].", w.GetLanguage(), j), "Delete one of the two.")
			} else {
				first[tag] = i
			}
		}
		for _, end := range []struct{ field, own, theirs string }{
			{"low_label", q.GetLowLabel(), w.GetLowLabel()}, {"high_label", q.GetHighLabel(), w.GetHighLabel()},
		} {
			if (end.own == "") == (end.theirs == "") || !labelled && end.theirs == "" {
				continue
			}
			if end.theirs == "" {
				c.add(field+"."+end.field, fmt.Sprintf("The wording in %q lacks what %q says.", w.GetLanguage(), end.own), "Add "+end.field+".")
			} else {
				c.add(field+"."+end.field, fmt.Sprintf("The wording in %q has a label that the question itself has not.", w.GetLanguage()), "Add "+end.field+" to the question, or delete it here.")
			}
		}
		if n, want := len(w.GetChoices()), len(q.GetChoices()); n != want {
			c.add(field+".choices", fmt.Sprintf("The wording in %q names %s, and the question has %d.", w.GetLanguage(), amount(n, "choice"), want),
				"Name each choice, in the order in which the question declares them.")
		}
		for j, label := range w.GetChoices() {
			if label == "" {
				c.add(fmt.Sprintf("%s.choices[%d]", field, j), fmt.Sprintf("The wording in %q leaves a choice without a name.", w.GetLanguage()), "Name it.")
			}
		}
	}
}

// pointed reports whether a question is answered by a point of a scale whose ends mean something.
func pointed(q *mapv1.Question) bool {
	switch q.GetKind() {
	case mapv1.QuestionKind_QUESTION_KIND_YES_NO, mapv1.QuestionKind_QUESTION_KIND_COMPARISON:
		return false
	}
	return !scaleless(q.GetKind()) && len(q.GetChoices()) == 0 && !nominal(q.GetKind())
}

// nominal reports whether the values of a kind only name answers.
func nominal(k mapv1.QuestionKind) bool {
	switch k {
	case mapv1.QuestionKind_QUESTION_KIND_EMOTION, mapv1.QuestionKind_QUESTION_KIND_CHOICE, mapv1.QuestionKind_QUESTION_KIND_REASON:
		return true
	}
	return false
}

// amount tells how many there are of something ("no choices", "1 choice", "2 choices").
func amount(n int, noun string) string {
	switch n {
	case 0:
		return "no " + noun + "s"
	case 1:
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
