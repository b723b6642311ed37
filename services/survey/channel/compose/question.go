package compose

import (
	"strconv"
	"strings"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	"github.com/touchstone-cx/touchstone/services/survey/channel"
)

// Most points of a question that a message shows; a longer scale is left to the page.
const (
	mostPoints  = 11
	mostChoices = 7
)

// question makes the answers of the first question into links; nil for a question that no single link answers.
func question(q *mapv1.Question, t chosen, link string) *channel.Question {
	if q == nil {
		return nil
	}
	text, low, high, names := worded(q, t.language)
	out := &channel.Question{Text: text}
	add := func(label string, value int64) {
		glue := "?"
		if strings.Contains(link, "?") {
			glue = "&"
		}
		score := strconv.FormatInt(value, 10)
		if label = oneLine(label); label == "" {
			label = score
		}
		out.Points = append(out.Points, channel.Point{Label: label, Link: link + glue + "score=" + score})
	}
	switch q.GetKind() {
	case mapv1.QuestionKind_QUESTION_KIND_YES_NO:
		add(t.own.Yes, 1)
		add(t.own.No, 0)
	case mapv1.QuestionKind_QUESTION_KIND_EMOTION, mapv1.QuestionKind_QUESTION_KIND_CHOICE, mapv1.QuestionKind_QUESTION_KIND_REASON:
		if len(names) == 0 || len(names) > mostChoices {
			return nil
		}
		for i, name := range names {
			add(name, int64(q.GetChoices()[i].GetValue()))
		}
	case mapv1.QuestionKind_QUESTION_KIND_NPS, mapv1.QuestionKind_QUESTION_KIND_ENPS, mapv1.QuestionKind_QUESTION_KIND_CSAT,
		mapv1.QuestionKind_QUESTION_KIND_CES1, mapv1.QuestionKind_QUESTION_KIND_CES2, mapv1.QuestionKind_QUESTION_KIND_RATING,
		mapv1.QuestionKind_QUESTION_KIND_EXPECTATION, mapv1.QuestionKind_QUESTION_KIND_IMPORTANCE:
		first, last := int64(q.GetScaleMin()), int64(q.GetScaleMax())
		if len(names) > 0 || last <= first || last-first >= mostPoints {
			return nil
		}
		out.Low, out.High = low, high
		for value := first; value <= last; value++ {
			add("", value)
		}
	default:
		return nil
	}
	return out
}

// worded returns a question's words in a language, else its own.
func worded(q *mapv1.Question, language string) (text, low, high string, choices []string) {
	text, low, high = q.GetText(), q.GetLowLabel(), q.GetHighLabel()
	for _, c := range q.GetChoices() {
		choices = append(choices, c.GetLabel())
	}
	for _, w := range q.GetWordings() {
		if !strings.EqualFold(w.GetLanguage(), language) && base(w.GetLanguage()) != base(language) {
			continue
		}
		text, low, high = w.GetText(), w.GetLowLabel(), w.GetHighLabel()
		if len(w.GetChoices()) == len(choices) {
			choices = w.GetChoices()
		}
		break
	}
	return oneLine(text), oneLine(low), oneLine(high), choices
}
