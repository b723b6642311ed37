package survey

import (
	"fmt"
	"time"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
	"github.com/touchstone-cx/touchstone/services/survey/gate"
	"github.com/touchstone-cx/touchstone/services/survey/page"
)

const (
	defaultCap    = 10_000 // messages a day of an installation
	defaultWithin = 48     // hours in which something is to be done about a bad answer
)

// rulesOf are the rules over all surveys as the gates need them.
func rulesOf(m *expmap.Map) gate.Rules {
	r := &m.Contact
	out := gate.Rules{
		Days: r.Days, AYear: r.AYear, Basis: basis(r.Answered), DoNotAsk: make(map[string]bool, len(r.DoNotAsk)), From: r.From, To: r.To,
		ConsentNeeded: r.ConsentNeeded, Zone: m.Zone,
	}
	for id := range r.DoNotAsk {
		out.DoNotAsk[id] = true
	}
	return out
}

// askingOf is a survey as the gates need it.
func askingOf(s *expmap.Survey) gate.Asking {
	a := gate.Asking{
		ID: s.ID, Days: s.QuarantineDays, Group: s.Group, GroupDays: s.GroupDays, Basis: basis(s.Answered), Delay: s.Delay, Open: s.Open,
		Sampling: gate.Sampling(s.Sample),
	}
	switch s.State {
	case mapv1.SurveyState_SURVEY_STATE_ACTIVE:
	case mapv1.SurveyState_SURVEY_STATE_PAUSED:
		a.Held = "It is paused."
	case mapv1.SurveyState_SURVEY_STATE_CLOSED:
		a.Held = "It is closed."
	default:
		a.Held = "It is a draft."
	}
	if len(s.Questions) == 0 {
		a.Held = "Its map cannot be used: it has no questions"
	}
	for _, c := range s.Channels {
		a.Media = append(a.Media, gate.Medium(c)) // both in one order
	}
	for _, q := range s.Quotas {
		a.Quotas = append(a.Quotas, gate.Limit(q))
	}
	return a
}

// pageOf is a survey as pages show it.
func pageOf(m *expmap.Map, s *expmap.Survey) *page.Survey {
	out := &page.Survey{
		Organisation: orElse(m.Proto.GetName(), m.Organisation), Languages: s.Languages, AskConsent: s.AskConsent, Published: map[string]string{},
	}
	for _, l := range s.Languages {
		if text := s.Published(l); text != "" {
			out.Published[l] = text
		}
	}
	for _, q := range s.Questions {
		x := page.Question{ID: q.ID, Kind: page.Kind(q.KindName()), Min: q.Proto.GetScaleMin(), Max: q.Proto.GetScaleMax(), Wordings: map[string]page.Wording{}}
		for _, c := range q.Proto.GetChoices() {
			x.Choices = append(x.Choices, c.GetValue())
		}
		for _, l := range s.Languages {
			w := q.Words(l)
			x.Wordings[l] = page.Wording{Text: w.Text, Low: w.Low, High: w.High, Choices: w.Choices}
		}
		if c := q.When; c != nil {
			x.Needs = c.Reads
			x.When = func(given page.Answers) bool { return c.Holds(answered(c, given)) }
		}
		out.Questions = append(out.Questions, x)
	}
	return out
}

// answered are the answers that a condition reads.
func answered(c *expmap.Condition, given page.Answers) map[string]expmap.Answer {
	out := make(map[string]expmap.Answer, len(c.Reads))
	for _, id := range c.Reads {
		if a, is := given[id]; is {
			out[id] = expmap.Answer(a)
		}
	}
	return out
}

func number(n uint32, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return int(n)
}

func basis(answered bool) gate.Basis {
	if answered {
		return gate.Answered
	}
	return gate.Invited
}

func channelOf(m gate.Medium) mapv1.SurveyChannel { return mapv1.SurveyChannel(m) }

// lowerIsBetter tells of questions whose high answers are the bad ones.
func lowerIsBetter(k mapv1.QuestionKind) bool {
	return k == mapv1.QuestionKind_QUESTION_KIND_CES1
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
