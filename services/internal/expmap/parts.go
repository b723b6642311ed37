package expmap

import (
	"fmt"
	"strconv"
	"strings"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
)

// Some questions are answered by more than one value. Each is a part: a measure that facts carry as the answer to a question of
// its own, with the id PartID.
//
//   - text: whether it is about a theme, 1 or 0, a part for each theme of the map. The text's own value is its sentiment.
//   - multiple: whether a choice was chosen, 1 or 0, a part for each choice. It has no value of its own.
//   - ranking: a choice's rank from 1, the best, a part for each choice. It has no value of its own.

// A text's sentiment in thousandths, by VADER's compound score from −1 to 1; read in points from −100 to 100.
const (
	leastSentiment, mostSentiment = -1000, 1000
	sentimentResolution           = 10
)

// PartID is the id of a part: that of the question, and the theme's id or the choice's value.
func PartID(question, part string) string { return question + "_" + part }

// Resolution is the number of values in one point of a question: 10 for texts, 1 for all others.
func Resolution(k mapv1.QuestionKind) int64 {
	if k == mapv1.QuestionKind_QUESTION_KIND_TEXT {
		return sentimentResolution
	}
	return 1
}

// Parts returns the parts of a question of a map as questions, in the order of themes and choices: of kind yes_no for themes
// and choices, of kind ranking on 1 to the number of choices for ranks. Their text is the question's id with the theme's name or the
// choice's label ("why: Waiting").
func Parts(p *mapv1.Map, q *mapv1.Question) []*mapv1.Question {
	var parts []*mapv1.Question
	switch q.GetKind() {
	case mapv1.QuestionKind_QUESTION_KIND_TEXT:
		for _, t := range p.GetThemes() {
			parts = append(parts, part(q, t.GetId(), themeName(t), mapv1.QuestionKind_QUESTION_KIND_YES_NO, 0, 1))
		}
	case mapv1.QuestionKind_QUESTION_KIND_MULTIPLE:
		for _, x := range q.GetChoices() {
			parts = append(parts, part(q, strconv.Itoa(int(x.GetValue())), x.GetLabel(), mapv1.QuestionKind_QUESTION_KIND_YES_NO, 0, 1))
		}
	case mapv1.QuestionKind_QUESTION_KIND_RANKING:
		for _, x := range q.GetChoices() {
			parts = append(parts, part(q, strconv.Itoa(int(x.GetValue())), x.GetLabel(), mapv1.QuestionKind_QUESTION_KIND_RANKING, 1, int32(len(q.GetChoices()))))
		}
	}
	return parts
}

func part(q *mapv1.Question, id, name string, k mapv1.QuestionKind, lo, hi int32) *mapv1.Question {
	return &mapv1.Question{Id: PartID(q.GetId(), id), Text: q.GetId() + ": " + name, Kind: k, ScaleMin: lo, ScaleMax: hi, Touchpoints: q.GetTouchpoints()}
}

func themeName(t *mapv1.Theme) string {
	if t.GetName() != "" {
		return t.GetName()
	}
	return t.GetId()
}

func partIDs(p *mapv1.Map, q *mapv1.Question) []string {
	var ids []string
	switch q.GetKind() {
	case mapv1.QuestionKind_QUESTION_KIND_TEXT:
		for _, t := range p.GetThemes() {
			ids = append(ids, PartID(q.GetId(), t.GetId()))
		}
	case mapv1.QuestionKind_QUESTION_KIND_MULTIPLE, mapv1.QuestionKind_QUESTION_KIND_RANKING:
		for _, x := range q.GetChoices() {
			ids = append(ids, PartID(q.GetId(), strconv.Itoa(int(x.GetValue()))))
		}
	}
	return ids
}

// partOf returns the part of that id and the question that it is of; nil for none.
func partOf(p *mapv1.Map, id string) (part, of *mapv1.Question) {
	for _, q := range p.GetQuestions() {
		if !scaleless(q.GetKind()) || !strings.HasPrefix(id, q.GetId()+"_") {
			continue
		}
		for _, x := range Parts(p, q) {
			if x.GetId() == id {
				return x, q
			}
		}
	}
	return nil, nil
}

// scaleless reports whether questions of a kind have no scale that the map declares.
func scaleless(k mapv1.QuestionKind) bool {
	return k == mapv1.QuestionKind_QUESTION_KIND_TEXT || !hasValue(k)
}

// hasValue reports whether questions of a kind have a value of their own, and not of their parts alone.
func hasValue(k mapv1.QuestionKind) bool {
	return k != mapv1.QuestionKind_QUESTION_KIND_MULTIPLE && k != mapv1.QuestionKind_QUESTION_KIND_RANKING
}

// buildQuestion makes a question of the map, or a part of one.
func buildQuestion(q *mapv1.Question, of string) *Question {
	out := &Question{
		ID: q.GetId(), Kind: q.GetKind(), Min: int64(q.GetScaleMin()), Max: int64(q.GetScaleMax()), Resolution: 1, Of: of,
		Touchpoints: set(q.GetTouchpoints()), Proto: q,
	}
	if of == "" {
		out.Resolution = Resolution(q.GetKind())
		out.Min, out.Max = Scale(q)
	}
	return out
}

// Scale returns the least and the largest value that facts carry of a declared question; lo is above hi where it is answered by
// its parts alone.
func Scale(q *mapv1.Question) (lo, hi int64) {
	switch {
	case q.GetKind() == mapv1.QuestionKind_QUESTION_KIND_TEXT:
		return leastSentiment, mostSentiment
	case !hasValue(q.GetKind()):
		return 1, 0
	}
	return int64(q.GetScaleMin()), int64(q.GetScaleMax())
}

// KindName is the question's kind as a map writes it ("yes_no").
func (q *Question) KindName() string { return kindName(q.Kind) }

// kindName is a kind as a map writes it.
func kindName(k mapv1.QuestionKind) string {
	d := k.Descriptor()
	v := d.Values().ByNumber(k.Number())
	if v == nil {
		return strconv.Itoa(int(k))
	}
	return shortName(v, d)
}

// mostParts bounds the measures that questions come to by their parts: each has scores of its own.
const mostParts = 5000

// partNames keeps the ids of parts apart from all others.
func (c *checker) partNames() {
	count, derived := 0, Derived(c.p)
	for i, q := range c.p.GetQuestions() {
		at := fmt.Sprintf("questions[%d].id", i)
		ids := partIDs(c.p, q)
		if count += len(ids); count > mostParts {
			c.add(at, fmt.Sprintf("The questions of the map have more than %d parts, one for each theme or choice of each.", mostParts), "Declare fewer themes or choices, or ask fewer such questions.")
			return
		}
		for _, id := range ids {
			if j, is := c.parts[id]; is && j == i {
				continue // two themes or choices of one id, said elsewhere
			}
			switch what := c.idOf(id); {
			case what != "":
				c.add(at, fmt.Sprintf("The id %q, by which a part of the question is counted, is already %s.", id, what), "Give one of the two another id.")
			case derived[id] != 0:
				c.add(at, fmt.Sprintf("The id %q, by which a part of the question is counted, is that of a gap already.", id), "Give one of the two another id.")
			case len(id) > 64:
				c.add(at, fmt.Sprintf("The id %q, by which a part of the question is counted, is longer than 64 characters.", id), "Give the question or the theme a shorter id.")
			default:
				c.parts[id] = i
			}
		}
	}
}

// questionOf returns the question that a measure is the answer to, or a part of; "" for none.
func (c *checker) questionOf(measure string) string {
	if i, is := c.parts[measure]; is {
		return c.p.GetQuestions()[i].GetId()
	}
	if has(c.questions, measure) {
		return measure
	}
	return ""
}

// idOf says what an id is taken by already, "" for nothing.
func (c *checker) idOf(id string) string {
	if j, is := c.parts[id]; is {
		return fmt.Sprintf("that of a part of the question %q", c.p.GetQuestions()[j].GetId())
	}
	for _, other := range []struct {
		what     string
		declared map[string]int
	}{
		{"a metric", c.metrics},
		{"a question", c.questions},
		{"a linked metric", c.linked},
		{"a service level", c.levels},
		{"a ratio", c.ratios},
		{"a CX score", c.cxScores},
	} {
		if has(other.declared, id) {
			return other.what
		}
	}
	if base := linkedOfBase(id); base != "" && has(c.linked, base) {
		return "that of the cases of a linked metric"
	}
	if id == headInteractions || id == headIndex {
		return "the name of a score"
	}
	return ""
}

// incompatibleParts adds parts whose ids were something else, or parts of other values.
func incompatibleParts(old, new *Map, add func(field, message string)) {
	was := Derived(old.Proto)
	for i, q := range new.Proto.GetQuestions() {
		at := fmt.Sprintf("questions[%d]", i)
		for _, part := range Parts(new.Proto, q) {
			id := part.GetId()
			before := old.Questions[id]
			switch _, derived := was[id]; {
			case before != nil && before.Of == "":
				add(at+".id", fmt.Sprintf("The id %q, by which a part of the question is counted, was a question.", id))
			case before != nil && (before.Min != int64(part.GetScaleMin()) || before.Max != int64(part.GetScaleMax())):
				add(at+".choices", fmt.Sprintf("The values of the part %q were %d to %d and cannot become %d to %d: ranks among more or fewer choices are others.",
					id, before.Min, before.Max, part.GetScaleMin(), part.GetScaleMax()))
			case before != nil:
			case old.measure(id) != "":
				add(at+".id", fmt.Sprintf("The id %q, by which a part of the question is counted, was a %s.", id, old.measure(id)))
			case derived:
				add(at+".id", fmt.Sprintf("The id %q, by which a part of the question is counted, was the gap of a question, or part of it.", id))
			}
		}
	}
}
