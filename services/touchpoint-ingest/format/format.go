// Package format reads the native records of call-centre, help-desk and survey systems. Each format is a folder of its own
// and a line in All; what it must satisfy is checked by formattest, for all of them alike.
//
// A delivery (a request of a webhook, lines of a file) is parsed into events, and the events of one call make its records.
// Both steps are pure: the same events give the same records, in whatever order and however often they came, so that a
// crash, a redelivery and a replay from the stored events are harmless.
//
// Events are stored for 90 days, so they hold no person: customers are keyed hashes (Options.Person), agents are tokens that say
// their team and tell them apart within a call (Options.Agent). What ties the calls of one agent together is stored only where
// the map keeps scores of agents. An extension or number that was dialled is what the customer met, and stays.
package format

import (
	"net/url"
	"time"
)

// Format is one system's native records.
type Format struct {
	// Name by which maps and commands name it ("asterisk-queue-log").
	Name string
	// Title says what it is, for people ("Asterisk queue_log").
	Title string
	// Parse reads a delivery. Events that it knows and that tell nothing are counted in Parsed.Ignored by name; what cannot
	// be read is a Problem and never stops the rest. It must bound its own memory by the delivery's size.
	Parse func(d Delivery, o Options) Parsed
	// Records returns what the events of one call amount to. The events are distinct (by ID) and sorted by time, then by ID.
	// While nothing can be said yet it returns nothing.
	Records func(call string, events []Event, o Options) []Record
	// Unended returns what the events of a call amount to that was begun and of whose end nobody will hear any more: records with
	// the outcome Unterminated and what is known for certain. It is asked when long enough nothing came. Nil for formats whose
	// deliveries are complete by themselves.
	Unended func(call string, events []Event, o Options) []Record
	// Stateful is true when the events of several deliveries make one record; else each delivery is complete by itself.
	Stateful bool
	// Verify checks that a webhook's delivery is authentic; nil where the system signs nothing and the request's own
	// credentials are all there is.
	Verify func(d Delivery, secret string, now time.Time) error
}

// Delivery is what was received at once.
type Delivery struct {
	// Body as it came.
	Body []byte
	// Header of the request by canonical name; nil for files.
	Header map[string][]string
	// URL of the request as the sender called it; nil for files.
	URL *url.URL
	// ReceivedAt is when it came.
	ReceivedAt time.Time
	// Origin names the file and the offset of Body in it ("queue_log:18213"); empty for requests.
	Origin string
}

// Get returns a header of the request by its canonical name; empty where it has none.
func (d *Delivery) Get(header string) string {
	if v := d.Header[header]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// Options are what a source's feed sets.
type Options struct {
	// Zone of times that carry none; never nil.
	Zone *time.Location
	// About names the field in which a survey tool carries the ID of the interaction asked about; empty for its usual names.
	About string
	// Person replaces what identifies a person (telephone number, e-mail address, name) by a keyed hash that is the same for
	// the same text. Nothing else that identifies a person may be kept in an event. It returns "" for "".
	Person func(text string) string
	// Agent replaces the name of who handled a call by a token: the same for the same name within a call, and without the name.
	// Names of agents are kept in no other way. IDs of events are made of its Identity. It returns "" for "".
	Agent func(call, name string) string
}

// Event is one thing that a system reported, reduced to what its format uses.
type Event struct {
	// Call groups the events of one record or a few ("1372864018.11").
	Call string
	// ID tells a repetition from another event of the same call. It is made of the event's content, never of its arrival.
	ID string
	// Name of the event in the system's own words ("CONNECT").
	Name string
	// At is when it happened.
	At time.Time
	// Fields kept, by the system's own names. No other field is stored.
	Fields map[string]string
	// Text in a customer's words, a comment. It is sealed before it is stored; no other free text is kept.
	Text string
	// Customer whose text it is, as Options.Person returned it; with Text only.
	Customer string
}

// Parsed is what a delivery held.
type Parsed struct {
	Events []Event
	// Ignored counts what is known to tell nothing about an interaction, or is not known at all, by name.
	Ignored  map[string]int
	Problems []Problem
}

// Ignore counts one thing that was passed by.
func (p *Parsed) Ignore(name string) {
	if p.Ignored == nil {
		p.Ignored = map[string]int{}
	}
	p.Ignored[name]++
}

// Problem adds something that could not be read.
func (p *Parsed) Problem(line int, field, message, remedy string) {
	p.Problems = append(p.Problems, Problem{Line: line, Field: field, Message: message, Remedy: remedy})
}

// Problem is something that could not be read.
type Problem struct {
	// Line of the delivery, from 1; 0 where it has no lines.
	Line int
	// Field in the system's own words; empty where the whole is meant.
	Field string
	// Message says what is wrong, a sentence.
	Message string
	// Remedy says what to do, a sentence.
	Remedy string
}

// Record is one interaction or answer in neutral terms. The source's feed in the map says what it becomes.
type Record struct {
	// ID within the source, for ever the same for the same interaction.
	ID string
	// Call whose record it is; set by Format.Call.
	Call string
	// Version by the format's rule; 0 means the number of its call's events.
	Version uint64
	// Queue names what the customer met, in the system's own words: a feed's rules turn it into a touchpoint.
	Queue string
	// Channel: voice, chat, email, sms, task, social, web or the system's own word in lower case.
	Channel string
	// Direction: inbound or outbound; empty where the system does not tell.
	Direction string
	// Agent as Options.Agent returned it, or in the system's own words where nothing is stored and in events that were stored
	// before there were tokens; empty where nobody or unknown. A feed turns it into a team.
	Agent string
	// OccurredAt is when the customer arrived.
	OccurredAt time.Time
	// Outcome is one of the constants below; empty where unknown.
	Outcome string
	// Contact groups the legs of one contact.
	Contact string
	// Customer as Options.Person returned it; empty where unknown.
	Customer string
	// Measures taken, each at most once.
	Measures []Measure
	// Attributes as the system names them; a feed takes those that the map declares.
	Attributes map[string]string
	// Answer, where the record is a customer's answer and not an interaction.
	Answer *Answer
	// Note is free text about an interaction, from Event.Text.
	Note string
	// Retracted says that the system has taken the record back: nothing but ID, Version and Answer's Interaction matters.
	Retracted bool
	// Implausible says why the record cannot be right ("talk of −3 s"); it is parked with this reason and not counted.
	Implausible string
}

// Answer is a customer's answer to a question.
type Answer struct {
	// Question in the system's own words.
	Question string
	// Value as given, before a feed fits it to the question's scale.
	Value float64
	// Interaction asked about, by its ID within the source; empty where none is named.
	Interaction string
	// Carried says that whoever asked carried this ID along, in the field Options.About: it is of the source that the feed says.
	Carried bool
	// Text is the customer's comment, from Event.Text.
	Text string
}

// Measure is one measured value of a record.
type Measure struct {
	// Name is one of the constants below.
	Name string
	// Time taken, for names that are times.
	Time time.Duration
	// Count, for names that are counts.
	Count int64
}

// Outcomes of records.
const (
	// Answered: the customer was connected to a person or bot.
	Answered = "answered"
	// Abandoned: the customer gave up while waiting.
	Abandoned = "abandoned"
	// LeftOther: the customer left the queue in another way: by key, by timeout, because nobody worked there.
	LeftOther = "left_other"
	// Callback: the customer left for a promised call.
	Callback = "callback"
	// Failed: it could not be connected for technical reasons.
	Failed = "failed"
	// Unterminated: nobody knows how it ended; it was closed by rule.
	Unterminated = "unterminated"
)

// Measures that are times.
const (
	Wait        = "wait"         // queue entry to connection, or to leaving
	Ring        = "ring"         // ringing at the agents that did not answer and the one that did
	Talk        = "talk"         // connected, without hold
	Hold        = "hold"         // on hold
	LongestHold = "longest_hold" // longest single hold
	ACW         = "acw"          // after-contact work
	IVR         = "ivr"          // menus before the queue
)

// Measures that are counts.
const (
	Transfers = "transfers" // to others
	Holds     = "holds"
	Attempts  = "attempts" // agents tried in vain
)

// IsTime reports whether a measure is a time.
func IsTime(name string) bool {
	switch name {
	case Transfers, Holds, Attempts:
		return false
	}
	return true
}

// LongestPlausible is the longest duration that is counted; a record with a longer or a negative one is implausible.
const LongestPlausible = 24 * time.Hour

// Times adds a duration; one that cannot be right makes the record implausible.
func (r *Record) Times(name string, d time.Duration) {
	if (d < 0 || d > LongestPlausible) && r.Implausible == "" {
		r.Implausible = name + " of " + d.String() + " cannot be right"
	}
	r.Measures = append(r.Measures, Measure{Name: name, Time: d})
}

// Counts adds a count; a negative one makes the record implausible.
func (r *Record) Counts(name string, n int64) {
	if n < 0 && r.Implausible == "" {
		r.Implausible = "a negative number of " + name + " cannot be right"
	}
	r.Measures = append(r.Measures, Measure{Name: name, Count: n})
}
