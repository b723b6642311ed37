// Package channel brings invitations to people. Each way is a folder of its own that implements Channel and passes
// channeltest.Exercise; package all makes those that are configured.
//
// A message may be handed over more than once, since a crash can come between a provider's answer and its record: its ID is the
// same each time, and goes along with it, so that the other side can tell. Nothing here remembers what was sent.
package channel

import (
	"context"
	"encoding/hex"
	"strconv"

	"github.com/touchstone-cx/touchstone/services/survey/gate"
)

// Message is an invitation or its reminder, ready to be brought. It holds a customer's data in the clear: it is never logged, and
// no error quotes it.
type Message struct {
	// ID by ID: the same for every attempt.
	ID string
	// Medium that brings it.
	Medium gate.Medium
	// Contact is whom it is brought to. A medium needs its own part alone.
	Contact Contact
	// Language of the texts, as a BCP 47 tag.
	Language string
	// Subject of an e-mail, one line.
	Subject string
	// Text: all of a text message, with the link in it; else what comes before the question and the link.
	Text string
	// Question is the survey's first, where a link can answer it beforehand; nil where none does. Text messages have none.
	Question *Question
	// Link to the survey.
	Link string
	// Open are the words of Link ("Answer the questions").
	Open string
	// Stop is the link by which people end all invitations. A POST to it ends them at once.
	Stop string
	// StopWords are the words of Stop ("Send me no more surveys").
	StopWords string
	// Organisation that asks, by its display name.
	Organisation string
	// ReplyName is whose name the message bears; empty takes Organisation.
	ReplyName string
}

// Contact is how a person is reached.
type Contact struct {
	Name, Email, Phone string // Phone in the form of E.164: +, then up to 15 digits
}

// Question is a question of which each answer is a link.
type Question struct {
	// Text of it.
	Text string
	// Low and High say what the ends of a scale mean; empty where they are not named.
	Low, High string
	// Points are the answers in order.
	Points []Point
}

// Point is one answer.
type Point struct {
	// Label of it ("7", "yes").
	Label string
	// Link opens the survey with this answer chosen, and not yet given.
	Link string
}

// ID names a message for ever: the invitation's id in hexadecimal and the number of the message (0 the invitation, 1 its reminder).
func ID(invitation [16]byte, number int) string {
	return hex.EncodeToString(invitation[:]) + "-" + strconv.Itoa(number)
}

// Sender is the name that the message bears.
func (m *Message) Sender() string {
	if m.ReplyName != "" {
		return m.ReplyName
	}
	return m.Organisation
}

// Receipt is what is known of a message once it was handed over.
type Receipt struct {
	// ProviderID is the other side's id of it; empty where it gives none.
	ProviderID string
	// Delivered says that it arrived. Where it is false a Report may tell so later.
	Delivered bool
}

// Channel is one way to bring messages. It may be used from many goroutines.
type Channel interface {
	// Medium that it serves. A message of another is a Permanent error.
	Medium() gate.Medium
	// Send hands a message over, and returns by the end of ctx. Its errors name no secret, address or person; Permanent tells
	// whether to try again.
	Send(ctx context.Context, m *Message) (Receipt, error)
}

// State is what became of a message that was handed over.
type State int

const (
	// Delivered means that it arrived.
	Delivered State = iota + 1
	// Bounced means that it could not be delivered, for good.
	Bounced
	// Failed means that the provider did not send it.
	Failed
)

// Report is what a provider tells of a message later on.
type Report struct {
	// ID of the message, as in Message.
	ID string
	// ProviderID as in Receipt.
	ProviderID string
	// State of the message.
	State State
	// Reason in a sentence; empty where there is none.
	Reason string
	// OptedOut says that the provider keeps a person's wish to get no messages.
	OptedOut bool
}

// Reply is a message that a person sent back.
type Reply struct {
	// ID is the provider's, by which a repetition can be told.
	ID string
	// From is the person's telephone number, in the clear.
	From string
	// Stop says that they want no more messages.
	Stop bool
}
