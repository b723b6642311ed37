package expmap

import (
	"fmt"
	"time"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
)

// buildSurveys makes the surveys of a map and what holds over them.
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
