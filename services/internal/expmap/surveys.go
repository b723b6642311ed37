package expmap

import (
	"fmt"
	"slices"
	"time"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
)

// What holds where a map leaves it out.
const (
	quarantineDays = 90
	groupDays      = 30
	remindDays     = 3
	openDays       = 14
	everybodyDays  = 30
	aYear          = 4
	contactFrom    = 9 * 60
	contactTo      = 20 * 60
	dailyCap       = 10_000
	firstLanguage  = "en"
)

// Survey is a survey with all that holds of it spelt out.
type Survey struct {
	ID, Name string
	// Owner is a role; empty only for drafts.
	Owner string
	State mapv1.SurveyState
	// Questions in order.
	Questions []*Asked
	// Languages as BCP 47 tags, the first being that of the questions' own texts; at least one.
	Languages []string
	// Trigger asks after interactions; nil where it does not.
	Trigger *Trigger
	// Wave asks an audience; nil where it does not.
	Wave *Wave
	// Channels in the order in which they are tried; at least one.
	Channels []mapv1.SurveyChannel
	// QuarantineDays between two invitations of one person.
	QuarantineDays int
	// Group with a clock of its own, and its days; empty and 0 for none.
	Group     string
	GroupDays int
	// Answered counts the clocks from the last answer and not from the last invitation.
	Answered bool
	// Delay lets an invitation that comes too soon wait, and does not drop it.
	Delay bool
	// Sample of those who may be asked.
	Sample Sample
	// Quotas limit the answers of groups in a month.
	Quotas []Quota
	// RemindDays after which one who has not answered is reminded; 0 for never.
	RemindDays int
	// Open is for how long a link takes an answer.
	Open time.Duration
	// AskConsent asks on the last page whether one may get in touch.
	AskConsent bool
	// LeastActionRate is the share of bad answers that must be followed by an action; 0 for none.
	LeastActionRate float64
	// Proto is the survey as declared.
	Proto *mapv1.Survey

	of *Map
}

// Asked is a question of a survey.
type Asked struct {
	*Question
	// When tells by the answers before it whether it is asked; nil always.
	When *Condition
}

// Trigger asks after interactions.
type Trigger struct {
	touchpoints, outcomes map[string]struct{} // outcomes nil: any
	when                  *Condition
	// Delay from when the interaction was recorded.
	Delay time.Duration
}

// Interaction is what a trigger goes by.
type Interaction struct {
	Touchpoint, Channel, Team, Outcome string
	Attributes                         map[string]string
	// Metrics in their units, by id; those that it carries.
	Metrics map[string]float64
}

// Asks reports whether one is asked after an interaction. A condition that reads what the interaction does not carry does not hold.
func (t *Trigger) Asks(i *Interaction) bool {
	if _, is := t.touchpoints[i.Touchpoint]; !is {
		return false
	}
	if t.outcomes != nil {
		if _, is := t.outcomes[i.Outcome]; !is {
			return false
		}
	}
	return t.when == nil || t.when.holds(map[string]any{
		"touchpoint": i.Touchpoint, "channel": i.Channel, "team": i.Team, "outcome": i.Outcome, "attributes": i.Attributes, "metrics": i.Metrics,
	})
}

// Wave asks an audience on a day, and again.
type Wave struct {
	Audience mapv1.Audience
	// First is the start of the first day in the organisation's zone.
	First time.Time
	// EveryDays between two waves; 0 asks once.
	EveryDays  int
	touchpoint string
}

// Touchpoint is what the answers to a question are about: the wave's where the question asks about it, else the question's only one.
func (w *Wave) Touchpoint(q *Question) string {
	if _, asked := q.Touchpoints[w.touchpoint]; asked {
		return w.touchpoint
	}
	for t := range q.Touchpoints {
		if len(q.Touchpoints) == 1 {
			return t
		}
	}
	return w.touchpoint
}

// Sample says which of those who may be asked are.
type Sample struct {
	// Share of all, above 0 and at most 1.
	Share float64
	// Stratum is the attribute whose values have shares of their own; empty for none.
	Stratum string
	// Shares by value, 0 to 1; values that are not named take Share.
	Shares map[string]float64
	// Budget is the most invitations a month; 0 for no limit.
	Budget int
	Seed   uint64
}

// Quota is the most answers of those with one value of an attribute in a month.
type Quota struct {
	Attribute, Value string
	Answers          int
}

// Contact is what holds over all surveys.
type Contact struct {
	// Days between two invitations of one person, and the most of them in 365 days.
	Days, AYear int
	// Answered counts the clocks from the last answer and not from the last invitation.
	Answered bool
	// DoNotAsk are the outcomes after which nobody is asked.
	DoNotAsk map[string]struct{}
	// From and To are the hours of messages, since midnight.
	From, To time.Duration
	// ConsentNeeded asks only those who consented.
	ConsentNeeded bool
	// DailyCap is the most messages a day.
	DailyCap int
}

// Theme is a topic looked for in texts, with its words by language.
type Theme struct {
	ID, Name string
	Words    map[string][]string
}

func buildSurveys(m *Map) {
	p := m.Proto
	m.Surveys = make(map[string]*Survey, len(p.GetSurveys()))
	m.After = map[string][]*Survey{}
	c := newConditions(p)
	for _, s := range p.GetSurveys() {
		built := buildSurvey(m, c, s)
		m.Surveys[s.GetId()] = built
		if built.Trigger == nil || built.State != mapv1.SurveyState_SURVEY_STATE_ACTIVE {
			continue
		}
		for t := range built.Trigger.touchpoints {
			m.After[t] = append(m.After[t], built)
		}
	}
	r := p.GetContactRules()
	from, okFrom := clockOr(r.GetFrom(), contactFrom)
	to, okTo := clockOr(r.GetTo(), contactTo)
	if !okFrom || !okTo || from >= to { // of a map that was never checked
		from, to = contactFrom, contactTo
	}
	m.Contact = Contact{
		Days: orDefault(r.GetDays(), everybodyDays), AYear: orDefault(r.GetAYear(), aYear), Answered: r.GetBasis() == mapv1.ClockBasis_CLOCK_BASIS_ANSWERED,
		DoNotAsk: set(r.GetDoNotAsk()), From: time.Duration(from) * time.Minute, To: time.Duration(to) * time.Minute,
		ConsentNeeded: r.GetConsentNeeded(), DailyCap: orDefault(r.GetDailyCap(), dailyCap),
	}
	for _, t := range p.GetThemes() {
		theme := Theme{ID: t.GetId(), Name: themeName(t), Words: map[string][]string{}}
		for _, w := range t.GetWords() {
			theme.Words[w.GetLanguage()] = append(theme.Words[w.GetLanguage()], w.GetWords()...)
		}
		m.Themes = append(m.Themes, theme)
	}
}

func buildSurvey(m *Map, c *conditions, s *mapv1.Survey) *Survey {
	out := &Survey{
		ID: s.GetId(), Name: s.GetName(), Owner: s.GetOwner(), State: s.GetState(), Languages: languagesOf(s), Channels: s.GetChannels(),
		QuarantineDays: orDefault(s.GetQuarantineDays(), quarantineDays), Group: s.GetGroup(),
		Answered: s.GetBasis() == mapv1.ClockBasis_CLOCK_BASIS_ANSWERED, Delay: s.GetEffect() == mapv1.QuarantineEffect_QUARANTINE_EFFECT_DELAY,
		Open:   time.Duration(orDefault(s.GetOpenDays(), openDays)) * 24 * time.Hour,
		Sample: Sample{Share: 1}, AskConsent: s.GetAskConsent(), LeastActionRate: s.GetLeastActionRate(), Proto: s, of: m,
	}
	if out.Name == "" {
		out.Name = out.ID
	}
	if len(out.Channels) == 0 {
		out.Channels = []mapv1.SurveyChannel{mapv1.SurveyChannel_SURVEY_CHANNEL_LINK}
	}
	if out.Group != "" {
		out.GroupDays = orDefault(s.GetGroupDays(), groupDays)
	}
	if !s.GetNoReminder() {
		out.RemindDays = orDefault(s.GetRemindDays(), remindDays)
	}
	if x := s.GetSample(); x != nil {
		out.Sample = Sample{Share: x.GetShare(), Stratum: x.GetStratum(), Shares: x.GetShares(), Budget: int(x.GetMonthlyBudget()), Seed: x.GetSeed()}
		if out.Sample.Share == 0 {
			out.Sample.Share = 1
		}
	}
	for _, q := range s.GetQuotas() {
		out.Quotas = append(out.Quotas, Quota{q.GetAttribute(), q.GetValue(), int(q.GetAnswers())})
	}
	var before []*mapv1.Question
	for _, x := range s.GetItems() {
		q := m.Questions[x.GetQuestion()]
		if q == nil {
			continue // of a map that was never checked
		}
		asked := &Asked{Question: q}
		if x.GetWhen() != "" {
			if asked.When, _ = c.item(x.GetWhen(), before); asked.When == nil {
				asked.When = &Condition{Text: x.GetWhen()}
			}
		}
		out.Questions = append(out.Questions, asked)
		before = append(before, q.Proto)
	}
	if t := s.GetTrigger(); t != nil {
		out.Trigger = &Trigger{touchpoints: set(t.GetTouchpoints()), outcomes: setOrNil(t.GetOutcomes()), Delay: time.Duration(t.GetDelayMinutes()) * time.Minute}
		if t.GetWhen() != "" {
			if out.Trigger.when, _ = c.trigger(t.GetWhen()); out.Trigger.when == nil {
				out.Trigger.when = &Condition{Text: t.GetWhen()}
			}
		}
	}
	if w := s.GetWave(); w != nil {
		first, err := parseDay(w.GetFirst(), m.Zone)
		if err == nil { // else of a map that was never checked
			out.Wave = &Wave{Audience: w.GetAudience(), First: first, EveryDays: int(w.GetEveryDays()), touchpoint: w.GetTouchpoint()}
		}
	}
	return out
}

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

func languagesOf(s *mapv1.Survey) []string {
	if len(s.GetLanguages()) == 0 {
		return []string{firstLanguage}
	}
	return s.GetLanguages()
}

func orDefault(v, or uint32) int {
	if v == 0 {
		return int(or)
	}
	return int(v)
}

// clockOr reads a time of day, in minutes; the default where there is none.
func clockOr(s string, or int) (int, bool) {
	if s == "" {
		return or, true
	}
	return parseClock(s)
}

func clockText(minutes int) string { return fmt.Sprintf("%02d:%02d", minutes/60, minutes%60) }
