package survey

import (
	"fmt"
	"slices"
	"time"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	"github.com/touchstone-cx/touchstone/services/survey/gate"
)

// What a map leaves out.
const (
	defaultDays       = 30
	defaultAYear      = 4
	defaultQuarantine = 90
	defaultGroupDays  = 30
	defaultRemind     = 3
	defaultOpen       = 14
	defaultCap        = 10_000
	defaultFrom       = 9 * time.Hour
	defaultTo         = 20 * time.Hour
	defaultWithin     = 48
	defaultLanguage   = "en"
)

// rulesOf are the rules over all surveys as the gates need them.
func rulesOf(r *mapv1.ContactRules, zone *time.Location) gate.Rules {
	out := gate.Rules{
		Days: number(r.GetDays(), defaultDays), AYear: number(r.GetAYear(), defaultAYear), Basis: basis(r.GetBasis()), DoNotAsk: map[string]bool{},
		From: hour(r.GetFrom(), defaultFrom), To: hour(r.GetTo(), defaultTo), ConsentNeeded: r.GetConsentNeeded(), Zone: zone,
	}
	for _, id := range r.GetDoNotAsk() {
		out.DoNotAsk[id] = true
	}
	if out.From >= out.To {
		out.From, out.To = defaultFrom, defaultTo
	}
	return out
}

// askingOf is a survey as the gates need it.
func askingOf(s *mapv1.Survey) gate.Asking {
	a := gate.Asking{
		ID: s.GetId(), Days: number(s.GetQuarantineDays(), defaultQuarantine), Group: s.GetGroup(), GroupDays: number(s.GetGroupDays(), defaultGroupDays),
		Basis: basis(s.GetBasis()), Delay: s.GetEffect() == mapv1.QuarantineEffect_QUARANTINE_EFFECT_DELAY,
		Open:     time.Duration(number(s.GetOpenDays(), defaultOpen)) * 24 * time.Hour,
		Sampling: gate.Sampling{Share: 1, Stratum: s.GetSample().GetStratum(), Shares: s.GetSample().GetShares(), Budget: int(s.GetSample().GetMonthlyBudget()), Seed: s.GetSample().GetSeed()},
	}
	if x := s.GetSample().GetShare(); x > 0 {
		a.Sampling.Share = x
	}
	switch s.GetState() {
	case mapv1.SurveyState_SURVEY_STATE_ACTIVE:
	case mapv1.SurveyState_SURVEY_STATE_PAUSED:
		a.Held = "It is paused."
	case mapv1.SurveyState_SURVEY_STATE_CLOSED:
		a.Held = "It is closed."
	default:
		a.Held = "It is a draft."
	}
	for _, c := range s.GetChannels() {
		if m := mediumOf(c); m != 0 {
			a.Media = append(a.Media, m)
		}
	}
	if len(a.Media) == 0 {
		a.Media = []gate.Medium{gate.Link}
	}
	for _, q := range s.GetQuotas() {
		a.Quotas = append(a.Quotas, gate.Limit{Attribute: q.GetAttribute(), Value: q.GetValue(), Answers: int(q.GetAnswers())})
	}
	return a
}

func remindDays(s *mapv1.Survey) uint32 {
	if s.GetNoReminder() {
		return 0
	}
	return uint32(number(s.GetRemindDays(), defaultRemind))
}

func languagesOf(s *mapv1.Survey) []string {
	if len(s.GetLanguages()) == 0 {
		return []string{defaultLanguage}
	}
	return s.GetLanguages()
}

func number(n uint32, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return int(n)
}

func basis(b mapv1.ClockBasis) gate.Basis {
	if b == mapv1.ClockBasis_CLOCK_BASIS_ANSWERED {
		return gate.Answered
	}
	return gate.Invited
}

// hour reads a time of day as 09:00.
func hour(s string, otherwise time.Duration) time.Duration {
	t, err := time.Parse("15:04", s)
	if err != nil {
		return otherwise
	}
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute
}

func mediumOf(c mapv1.SurveyChannel) gate.Medium {
	if !slices.Contains([]mapv1.SurveyChannel{mapv1.SurveyChannel_SURVEY_CHANNEL_EMAIL, mapv1.SurveyChannel_SURVEY_CHANNEL_SMS, mapv1.SurveyChannel_SURVEY_CHANNEL_WEBHOOK, mapv1.SurveyChannel_SURVEY_CHANNEL_LINK}, c) {
		return 0
	}
	return gate.Medium(c) // both in one order
}

func channelOf(m gate.Medium) mapv1.SurveyChannel { return mapv1.SurveyChannel(m) }

// lowerIsBetter tells of questions whose high answers are the bad ones.
func lowerIsBetter(q *mapv1.Question) bool {
	return q.GetKind() == mapv1.QuestionKind_QUESTION_KIND_CES1
}

func zoneOf(name string) (*time.Location, error) {
	if name == "" {
		return time.UTC, nil
	}
	z, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("the zone %q is not known here: %w", name, err)
	}
	return z, nil
}
