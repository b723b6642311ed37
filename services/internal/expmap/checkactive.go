package expmap

import (
	"fmt"
	"slices"
	"strings"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
)

// mostQuestions is the most that an active survey asks. People give up on more.
const mostQuestions = 8

// activation refuses an active survey what a draft may still lack.
func (c *checker) activation(at string, s *mapv1.Survey) {
	if strings.TrimSpace(s.GetOwner()) == "" {
		c.add(at+".owner", fmt.Sprintf("The survey %q is active and nobody answers for it.", s.GetId()), "Name the role that owns it.")
	}
	if s.GetTrigger() == nil && s.GetWave() == nil {
		c.add(at, fmt.Sprintf("The survey %q is active and asks nobody.", s.GetId()), "Add a trigger (after interactions) or a wave (on days).")
	}
	switch n := len(s.GetItems()); {
	case n == 0:
		c.add(at+".items", fmt.Sprintf("The survey %q is active and asks nothing.", s.GetId()), "List its questions in items.")
	case n > mostQuestions:
		c.add(at+".items", fmt.Sprintf("The survey %q asks %d questions: an active one asks at most %d.", s.GetId(), n, mostQuestions), "Ask fewer, or divide them among two surveys.")
	}
	// Of what is no language it is said elsewhere; the first is that of the questions' own texts.
	languages := slices.DeleteFunc(slices.Clone(languagesOf(s)), func(l string) bool { _, ok := canonical(l); return !ok })
	if len(languages) == 0 {
		return
	}
	for i, x := range s.GetItems() {
		if j, known := c.questions[x.GetQuestion()]; known {
			c.activeItem(fmt.Sprintf("%s.items[%d].question", at, i), s, c.p.GetQuestions()[j], languages)
		}
	}
	c.activeMessage(at+".message", s, languages)
}

// activeItem checks one question of an active survey.
func (c *checker) activeItem(at string, s *mapv1.Survey, q *mapv1.Question, languages []string) {
	id := q.GetId()
	if q.GetUnpairedBecause() == "" && !paired(c.p, id) {
		c.add(at, fmt.Sprintf("The question %q is paired with no metric and does not say why.", id), "Pair it with the metric that should move it, or say in unpaired_because why there is none.")
	}
	if scored(q.GetKind()) && !slices.ContainsFunc(c.p.GetActionRules(), func(r *mapv1.ActionRule) bool { return r.GetQuestion() == id }) {
		c.add(at, fmt.Sprintf("Nothing says what is to happen on a bad answer to %q.", id), "Declare an action rule for it.")
	}
	if q.GetText() == "" {
		c.add(at, fmt.Sprintf("The question %q has no text.", id), "Write it.")
	}
	var missing []string
	for _, l := range languages[1:] {
		if _, ok := inLanguage(q.GetWordings(), l); !ok {
			missing = append(missing, l)
		}
	}
	if len(missing) > 0 {
		c.add(at, fmt.Sprintf("The question %q is not translated to %s.", id, strings.Join(missing, ", ")), "Add a wording with its text, labels and choices, or take the language off the survey.")
	}
	for _, t := range s.GetTrigger().GetTouchpoints() {
		if has(c.touchpoints, t) && !asks(q, t) {
			c.add(at, fmt.Sprintf("The question %q does not ask about the touchpoint %q, after which it would be asked.", id, t), "Add the touchpoint to the question, or take either off the survey.")
		}
	}
	if s.GetWave() == nil {
		return
	}
	switch t := s.GetWave().GetTouchpoint(); {
	case t == "" && len(q.GetTouchpoints()) > 1:
		c.add(at, fmt.Sprintf("The question %q asks about %d touchpoints, and the wave does not say about which of them.", id, len(q.GetTouchpoints())), "Name one in the wave's touchpoint.")
	case t != "" && has(c.touchpoints, t) && len(q.GetTouchpoints()) > 1 && !asks(q, t):
		c.add(at, fmt.Sprintf("The question %q does not ask about the touchpoint %q of the wave.", id, t), "Add the touchpoint to the question, or name another in the wave.")
	}
}

// activeMessage checks that there is something to bring an invitation with in each language.
func (c *checker) activeMessage(at string, s *mapv1.Survey, languages []string) {
	if s.GetMessage() != "" && !has(c.messages, s.GetMessage()) {
		return // said already
	}
	channels := slices.DeleteFunc(slices.Clone(s.GetChannels()), func(x mapv1.SurveyChannel) bool {
		return x == mapv1.SurveyChannel_SURVEY_CHANNEL_LINK || x == mapv1.SurveyChannel_SURVEY_CHANNEL_UNSPECIFIED
	})
	if len(channels) == 0 {
		return // a link is handed out as it is
	}
	if len(c.p.GetMessages()) == 0 {
		return // built-in words bring it
	}
	for _, l := range languages {
		t := messageOf(c.p, s, l)
		if t == nil {
			c.add(at, fmt.Sprintf("No message brings the survey %q in %s.", s.GetId(), l), "Declare a message template with a text in that language.")
			continue
		}
		if slices.Contains(channels, mapv1.SurveyChannel_SURVEY_CHANNEL_EMAIL) && t.GetSubject() == "" {
			c.add(at, fmt.Sprintf("The message that brings the survey %q in %s has no subject for e-mail.", s.GetId(), l), "Add subject.")
		}
		if slices.Contains(channels, mapv1.SurveyChannel_SURVEY_CHANNEL_SMS) && t.GetSms() == "" {
			c.add(at, fmt.Sprintf("The message that brings the survey %q in %s has no text message.", s.GetId(), l), "Add sms.")
		}
	}
}
