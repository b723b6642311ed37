// Package gate decides whether a person is asked, when, and by which channel. It is pure: what is known comes in, a decision
// with its reason comes out.
//
// The gates are passed in one order, and the first that holds a person back is the reason that is recorded:
//
//	survey → once → consent → do-not-ask → quarantine → sample → quota → channel → hours
//
// The last holds nobody back: a message waits for its hour. Days of quarantines are 24 hours each, from the moment at which the
// clock began, and not days of the calendar; months of budgets and quotas are those of the calendar in the organisation's zone.
package gate

import "time"

// Gate is what holds a person back.
type Gate int

// Gates, in their order.
const (
	None Gate = iota
	Survey
	Once
	Consent
	DoNotAsk
	Quarantine
	Sample
	Quota
	Channel
)

// Basis says from what a quarantine counts.
type Basis int

const (
	// Invited counts from the last invitation.
	Invited Basis = iota
	// Answered counts from the last answer.
	Answered
)

// Medium is how an invitation is brought.
type Medium int

// Media. A link is only recorded, and so reaches everybody who asks for it.
const (
	Email Medium = iota + 1
	SMS
	Webhook
	Link
)

func (m Medium) String() string {
	return [...]string{"nothing", "e-mail", "text message", "webhook", "link"}[m]
}

// Rules hold over all surveys of an organisation.
type Rules struct {
	// Days between two invitations of one person, 1 or more.
	Days int
	// AYear is the most invitations of one person in 365 days, 1 or more.
	AYear int
	// Basis of both.
	Basis Basis
	// DoNotAsk are the outcomes after which nobody is asked.
	DoNotAsk map[string]bool
	// From and To are the hours of messages, as time of day since midnight; From is before To.
	From, To time.Duration
	// ConsentNeeded asks only those who consented.
	ConsentNeeded bool
	// Zone of persons who have none, and of the calendar.
	Zone *time.Location
}

// Asking is a survey as far as gates need it.
type Asking struct {
	ID string
	// Held says why it asks nobody now ("it is paused"); empty when it asks.
	Held string
	// Days between two invitations of one person to it, 1 or more.
	Days int
	// Group of surveys with a clock of its own; empty for none. GroupDays is its length.
	Group     string
	GroupDays int
	Basis     Basis
	// Delay lets an invitation that comes too soon wait for the end of the quarantine, instead of dropping it.
	Delay bool
	// Media in the order in which they are tried.
	Media []Medium
	// Open is for how long a link takes an answer.
	Open time.Duration
	// Sampling chooses who is asked of those who may be.
	Sampling Sampling
	// Quotas limit the answers of groups.
	Quotas []Limit
}

// Sampling chooses by the invitation's id and the seed, so that the same seed chooses the same invitations again.
type Sampling struct {
	Share   float64            // of all, above 0 and at most 1
	Stratum string             // attribute whose values have shares of their own; empty for none
	Shares  map[string]float64 // by value; values that are not named take Share
	Budget  int                // most invitations a month; 0 for no limit
	Seed    uint64
}

// Limit is the most answers of those with one value of an attribute in a month, 1 or more.
type Limit struct {
	Attribute, Value string
	Answers          int
}

// Case is one person who may be asked about one thing.
type Case struct {
	// Invitation is the id that the invitation has or would have.
	Invitation [16]byte
	// Now is when it is decided.
	Now time.Time
	// Delay until the message is due, as the survey's trigger says.
	Delay time.Duration
	// Seen says why this must not ask again ("it was decided about on 2 March"); empty when it may.
	Seen string
	// Outcome of the interaction; empty where there is none.
	Outcome string
	// Attributes of the interaction or the person.
	Attributes map[string]string
	// Reachable are the media by which the person can be reached; Link need not be among them.
	Reachable []Medium
	// Zone where the person is; nil means the organisation's.
	Zone *time.Location
	// Forced passes the sample by: somebody asks for this very person.
	Forced bool
}

// Person is what is known of a person.
type Person struct {
	OptedOut, Consented bool
	// OpenCase says that something of theirs is being put right.
	OpenCase bool
	// Asked are the invitations of the last 365 days and more, oldest first, those of other tools too.
	Asked []Asked
}

// Asked is one invitation of a person.
type Asked struct {
	Survey, Group string
	At            time.Time
	// Answered is when they answered; zero while they have not.
	Answered time.Time
}

// Month is what has been used up of a survey in the month of a case.
type Month struct {
	// Invitations of the survey.
	Invitations int
	// Answers returns the answers of those with a value of an attribute.
	Answers func(attribute, value string) int
}

// Decision is whether a person is asked.
type Decision struct {
	// Gate that holds them back; None when they are asked.
	Gate Gate
	// Reason in a sentence, of waiting too; empty when they are asked as soon as the delay is over.
	Reason string
	// Due is when the message is to leave; zero when there is none.
	Due time.Time
	// Medium that brings it.
	Medium Medium
}
