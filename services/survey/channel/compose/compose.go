// Package compose makes messages: the words of a template or the built-in ones, the first question as links, and what a medium
// needs besides. It is pure.
package compose

import (
	"strings"
	"time"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
	"github.com/touchstone-cx/touchstone/services/survey/channel"
	"github.com/touchstone-cx/touchstone/services/survey/gate"
)

// MostSMS is the most characters of a text message, its link included.
const MostSMS = 300

// mostLink is the longest link: enough is left of a text message to say whom it is from.
const mostLink = 200

// Parts are what a message is made of.
type Parts struct {
	// Invitation and Number (0 the invitation, 1 its reminder) name the message.
	Invitation [16]byte
	Number     int
	// Medium, Contact and Language as in channel.Message. Language is the one wanted: the message's is that of the words found.
	Medium   gate.Medium
	Contact  channel.Contact
	Language string
	// Template of the map; nil takes the built-in words.
	Template *mapv1.MessageTemplate
	// Touchpoint asked about, by its display name; empty in waves.
	Touchpoint string
	// Day of the interaction where the organisation is; zero in waves.
	Day time.Time
	// Organisation and ReplyName as in channel.Message.
	Organisation, ReplyName string
	// Link and Stop as in channel.Message, at most 200 bytes each.
	Link, Stop string
	// First is the survey's first question; nil leaves it to the page.
	First *mapv1.Question
}

// Composer makes messages. It never changes.
type Composer struct{ words *words }

// New reads the built-in words.
func New() (*Composer, error) {
	w, err := readWords()
	if err != nil {
		return nil, err
	}
	return &Composer{w}, nil
}

// Languages are those of the built-in words, English first.
func (c *Composer) Languages() []string { return c.words.tags() }

// Message makes one. It fails (fault.Invalid) on a link that is missing or too long.
func (c *Composer) Message(p *Parts) (*channel.Message, error) {
	for field, link := range map[string]string{"link": p.Link, "stop": p.Stop} {
		if link == "" || len(link) > mostLink || strings.ContainsFunc(link, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return nil, fault.Field(field, "no link of 1 to 200 characters of ASCII", "Set the pages' public address, and keep it short.")
		}
	}
	t := c.words.choose(p)
	m := &channel.Message{
		ID: channel.ID(p.Invitation, p.Number), Medium: p.Medium, Contact: p.Contact, Language: t.language,
		Link: p.Link, Open: t.own.Open, Stop: p.Stop, StopWords: t.own.Stop,
		Organisation: oneLine(p.Organisation), ReplyName: oneLine(p.ReplyName),
	}
	m.Contact.Name = oneLine(p.Contact.Name)
	v := values{name: harmless(p.Contact.Name), touchpoint: oneLine(p.Touchpoint), organisation: oneLine(p.Organisation), link: p.Link}
	if !p.Day.IsZero() {
		v.day = t.own.date(p.Day)
	}
	m.Subject = cut(oneLine(v.fill(t.subject)), mostLine)
	if p.Number > 0 {
		m.Subject = strings.ReplaceAll(t.own.Reminder, "{subject}", m.Subject)
	}
	if p.Medium == gate.SMS {
		m.Text = v.sms(t.sms)
		return m, nil
	}
	m.Text = strings.TrimSpace(v.fill(t.text))
	m.Question = question(p.First, t, p.Link)
	return m, nil
}
