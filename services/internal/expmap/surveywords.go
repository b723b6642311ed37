package expmap

import (
	"slices"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
)

// Message returns what brings the survey's invitations in a language: of the survey's own template, else of the first that no survey
// names, in the language, in that language without its region, and at last in the survey's first; nil where there is none.
func (s *Survey) Message(language string) *mapv1.MessageText {
	if t := messageOf(s.of.Proto, s.Proto, language); t != nil {
		return t
	}
	return messageOf(s.of.Proto, s.Proto, s.Languages[0])
}

func messageOf(p *mapv1.Map, s *mapv1.Survey, language string) *mapv1.MessageText {
	for _, m := range p.GetMessages() {
		mine := m.GetId() == s.GetMessage()
		if s.GetMessage() == "" {
			mine = !slices.ContainsFunc(p.GetSurveys(), func(x *mapv1.Survey) bool { return x.GetMessage() == m.GetId() })
		}
		if !mine {
			continue
		}
		if t, ok := inLanguage(m.GetTexts(), language); ok {
			return t
		}
	}
	return nil
}

// Published returns what earlier answers changed in a language, the newest; "" for nothing.
func (s *Survey) Published(language string) string {
	t, _ := inLanguage(s.Proto.GetPublished(), language)
	return t.GetText()
}

// Words are a question in one language.
type Words struct {
	Text, Low, High string
	// Choices are called so, in the order in which the question declares them.
	Choices []string
}

// Words returns a question in a language, else in that language without its region, else as the map itself words it.
func (q *Question) Words(language string) Words {
	p := q.Proto
	w := Words{Text: p.GetText(), Low: p.GetLowLabel(), High: p.GetHighLabel()}
	for _, x := range p.GetChoices() {
		w.Choices = append(w.Choices, x.GetLabel())
	}
	if t, ok := inLanguage(p.GetWordings(), language); ok {
		w.Text, w.Low, w.High = t.GetText(), t.GetLowLabel(), t.GetHighLabel()
		if len(t.GetChoices()) == len(w.Choices) {
			w.Choices = t.GetChoices()
		}
	}
	return w
}
