package expmap

import (
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
