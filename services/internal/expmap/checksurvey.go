package expmap

import (
	"fmt"
	"math"
	"slices"
	"strings"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
)

// allSurveys checks surveys: what they refer to always, what they lack only once they are active.
func (c *checker) allSurveys(surveys []*mapv1.Survey) {
	conditions := newConditions(c.p)
	each("surveys", surveys, func(at string, s *mapv1.Survey) {
		c.owner(at+".owner", s.GetOwner())
		c.items(at+".items", s, conditions)
		c.languages(at+".languages", s.GetLanguages())
		c.trigger(at+".trigger", s.GetTrigger(), conditions)
		c.wave(at+".wave", s.GetWave())
		c.channelsOf(at+".channels", s.GetChannels())
		c.optional(at+".message", "message template", s.GetMessage(), c.messages)
		c.clocks(at, s)
		c.sample(at+".sample", s.GetSample())
		c.quotas(at+".quotas", s.GetQuotas())
		for i, p := range s.GetPublished() {
			c.language(fmt.Sprintf("%s.published[%d].language", at, i), p.GetLanguage())
		}
		if s.GetState() == mapv1.SurveyState_SURVEY_STATE_ACTIVE {
			c.activation(at, s)
		}
	})
}

func (c *checker) items(at string, s *mapv1.Survey, conditions *conditions) {
	first := map[string]int{}
	var before []*mapv1.Question
	for i, x := range s.GetItems() {
		field := fmt.Sprintf("%s[%d]", at, i)
		if j, twice := first[x.GetQuestion()]; twice {
			c.add(field+".question", fmt.Sprintf("The question %q is asked twice, first as items[%d].", x.GetQuestion(), j), "Delete one of the two.")
			continue
		}
		first[x.GetQuestion()] = i
		known := c.known(field+".question", "question", x.GetQuestion(), c.questions)
		if x.GetWhen() != "" {
			if _, err := conditions.item(x.GetWhen(), before); err != nil {
				remedy := "Write it over the answers before it, such as " + exampleOf(before) + "."
				if len(before) == 0 {
					remedy = "Delete when: nothing is asked before this question."
				}
				c.add(field+".when", err.Error(), remedy)
			}
		}
		if known {
			before = append(before, c.p.GetQuestions()[c.questions[x.GetQuestion()]])
		}
	}
}

// exampleOf is a condition over the answers to a question.
func exampleOf(before []*mapv1.Question) string {
	if len(before) == 0 {
		return "nps <= 6"
	}
	q := before[0]
	switch q.GetKind() {
	case mapv1.QuestionKind_QUESTION_KIND_TEXT:
		return q.GetId() + ` != ""`
	case mapv1.QuestionKind_QUESTION_KIND_MULTIPLE:
		return "1 in " + q.GetId()
	case mapv1.QuestionKind_QUESTION_KIND_RANKING:
		return q.GetId() + "[0] == 1"
	}
	return fmt.Sprintf("%s <= %d", q.GetId(), q.GetScaleMin()+(q.GetScaleMax()-q.GetScaleMin())/2)
}

func (c *checker) trigger(at string, t *mapv1.SurveyTrigger, conditions *conditions) {
	if t == nil {
		return
	}
	c.refer(at+".touchpoints", "touchpoint", t.GetTouchpoints(), c.touchpoints)
	c.refer(at+".outcomes", "outcome", t.GetOutcomes(), c.outcomes)
	for i, o := range t.GetOutcomes() {
		if slices.Contains(c.p.GetContactRules().GetDoNotAsk(), o) {
			c.add(fmt.Sprintf("%s.outcomes[%d]", at, i), fmt.Sprintf("After the outcome %q nobody is asked, as contact_rules say.", o), "Delete it here, or in do_not_ask.")
		}
	}
	if t.GetWhen() == "" {
		return
	}
	if _, err := conditions.trigger(t.GetWhen()); err != nil {
		c.add(at+".when", err.Error(), `Write it over touchpoint, channel, team, outcome, attributes and metrics, such as outcome == "answered" or metrics.wait > 60.0.`)
	}
}

func (c *checker) wave(at string, w *mapv1.SurveyWave) {
	if w == nil {
		return
	}
	if _, said := c.broken[at+".first"]; !said {
		c.day(at+".first", w.GetFirst())
	}
	if n := w.GetEveryDays(); n > 0 && n < 7 {
		c.add(at+".every_days", fmt.Sprintf("Waves of one audience %d days apart are too many.", n), "Use 7 to 1,000 days, or leave it out to ask once.")
	}
	c.optional(at+".touchpoint", "touchpoint", w.GetTouchpoint(), c.touchpoints)
}

func (c *checker) channelsOf(at string, channels []mapv1.SurveyChannel) {
	var names []string
	for _, x := range channels {
		names = append(names, strings.ToLower(strings.TrimPrefix(x.String(), "SURVEY_CHANNEL_")))
	}
	c.once(at, "channel", names)
}

func (c *checker) clocks(at string, s *mapv1.Survey) {
	if s.GetGroup() == "" && s.GetGroupDays() != 0 {
		c.add(at+".group_days", "The survey is of no group, whose clock could last so long.", "Name a group, or delete group_days.")
	}
	if s.GetNoReminder() && s.GetRemindDays() != 0 {
		c.add(at+".remind_days", "The survey says after how many days people are reminded, and that nobody is.", "Delete remind_days or no_reminder.")
	}
	if remind, open := orDefault(s.GetRemindDays(), remindDays), orDefault(s.GetOpenDays(), openDays); !s.GetNoReminder() && remind >= open {
		c.add(at+".remind_days", fmt.Sprintf("People are reminded after %d days, and their links take answers for %d.", remind, open),
			"Set remind_days below open_days, or no_reminder: true.")
	}
}

func (c *checker) sample(at string, s *mapv1.Sample) {
	if s == nil {
		return
	}
	if s.GetStratum() == "" {
		if len(s.GetShares()) > 0 {
			c.add(at+".shares", "There are shares by value, and no attribute whose values they are.", "Name it in stratum, or delete shares.")
		}
		return
	}
	known := c.known(at+".stratum", "attribute", s.GetStratum(), c.attributes)
	for _, v := range keys(s.GetShares()) {
		field := entryPath(at+".shares", v)
		if known {
			c.value(field, s.GetStratum(), v)
		}
		if share := s.GetShares()[v]; math.IsNaN(share) || share < 0 || share > 1 {
			c.add(field, fmt.Sprintf("The share %v is not between 0 and 1.", share), "Write 0.25 for one in four, 0 for none.")
		}
	}
}

func (c *checker) quotas(at string, quotas []*mapv1.Quota) {
	first := map[string]int{}
	for i, q := range quotas {
		field := fmt.Sprintf("%s[%d]", at, i)
		if c.known(field+".attribute", "attribute", q.GetAttribute(), c.attributes) {
			c.value(field+".value", q.GetAttribute(), q.GetValue())
		}
		key := q.GetAttribute() + "=" + q.GetValue()
		if j, twice := first[key]; twice {
			c.add(field, fmt.Sprintf("There is a quota for %s %q already, quotas[%d].", q.GetAttribute(), q.GetValue(), j), "Delete one of the two.")
			continue
		}
		first[key] = i
	}
}

// value checks that a declared attribute has a value.
func (c *checker) value(at, attribute, value string) {
	values := c.p.GetAttributes()[c.attributes[attribute]].GetValues()
	if !slices.Contains(values, value) {
		c.add(at, fmt.Sprintf("The attribute %q has no value %q.%s", attribute, value, didYouMean(value, values)), "Correct it, or add it to the attribute's values.")
	}
}

// contactRules checks what holds over all surveys.
func (c *checker) contactRules(r *mapv1.ContactRules) {
	const at = "contact_rules"
	c.refer(at+".do_not_ask", "outcome", r.GetDoNotAsk(), c.outcomes)
	from, okFrom := clockOr(r.GetFrom(), contactFrom)
	to, okTo := clockOr(r.GetTo(), contactTo)
	for _, x := range []struct {
		field, s string
		ok       bool
	}{{"from", r.GetFrom(), okFrom}, {"to", r.GetTo(), okTo}} {
		if !x.ok {
			c.add(at+"."+x.field, fmt.Sprintf("%q is no time of day.", x.s), "Write hours and minutes, such as 08:30.")
		}
	}
	if okFrom && okTo && from >= to {
		c.add(at+".to", fmt.Sprintf("Messages are sent until %s, not after they begin at %s.", clockText(to), clockText(from)), "Correct the times; nothing is sent over midnight.")
	}
}

// incompatibleSurveys adds surveys that go back in their life: draft, then active or paused, then closed.
func incompatibleSurveys(old, new *Map, add func(field, message, remedy string)) {
	before := byID(old.Proto.GetSurveys())
	for i, s := range new.Proto.GetSurveys() {
		was := before[s.GetId()]
		if was == nil {
			continue
		}
		at := fmt.Sprintf("surveys[%d].state", i)
		switch from, to := was.GetState(), s.GetState(); {
		case from == to:
		case from == mapv1.SurveyState_SURVEY_STATE_CLOSED:
			add(at, fmt.Sprintf("The survey %q was closed and cannot become %s again.", s.GetId(), stateName(to)), "Declare a new survey with an id of its own; it may ask the same questions.")
		case to == mapv1.SurveyState_SURVEY_STATE_UNSPECIFIED:
			add(at, fmt.Sprintf("The survey %q was %s and cannot become a draft again: people were asked.", s.GetId(), stateName(from)), "Set state: paused, so that nobody new is asked, or closed.")
		}
	}
}

func stateName(s mapv1.SurveyState) string {
	if s == mapv1.SurveyState_SURVEY_STATE_UNSPECIFIED {
		return "draft"
	}
	return strings.ToLower(strings.TrimPrefix(s.String(), "SURVEY_STATE_"))
}

// addsSurveys reports whether new declares a survey that old does not: it may have been closed before it was removed.
func addsSurveys(old, new *Map) bool {
	before := byID(old.Proto.GetSurveys())
	return slices.ContainsFunc(new.Proto.GetSurveys(), func(s *mapv1.Survey) bool { return before[s.GetId()] == nil })
}
