// Package chatwoot reads the webhooks of Chatwoot: conversation_created, conversation_updated and
// conversation_status_changed, which hold the conversation as it stands, and message_updated, when the message is the
// question after satisfaction (input_csat) and the customer has answered it. A delivery holds one event, an array, or one
// a line.
//
// A conversation is one record (a contact), from the moment that it is resolved. Is it opened again, the event that says so
// gives the same record with the attribute status "reopened". Its wait is the time to the first reply; where there was none,
// or the version does not tell, the outcome is unknown. By mail that may take days: there alone up to 31 days are plausible.
// A rating is one answer, to the question "csat", by the id of the message that asked, about its conversation.
//
// The version is the newest time of change that the payload names (updated_at of conversation and message, and the last
// activity, which is all that old versions tell), in microseconds; the highest holds.
//
// Messages, contacts and events of the widget are not read: they measure nothing, and their text is the customer's. Labels
// and custom attributes are not either: they are free text, or may be.
//
// Newer versions sign their webhooks; older ones never do, and then the request's own key is all there is: leave the
// source's secret out.
package chatwoot

import (
	"cmp"
	"strings"
	"time"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/lenient"
)

// Format returns the format.
func Format() *format.Format {
	return &format.Format{Name: "chatwoot", Title: "Chatwoot conversations and satisfaction", Parse: parse, Records: records, Verify: verify}
}

// body is an event: its name beside the fields of what it is about.
type body struct {
	Event lenient.Text `json:"event"`
	conversation
	Changes []struct {
		Status struct {
			Previous lenient.Text `json:"previous_value"`
		} `json:"status"`
	} `json:"changed_attributes"`

	// Of messages.
	ContentType  lenient.Text  `json:"content_type"`
	Conversation *conversation `json:"conversation"`
	Content      struct {
		Submitted struct {
			CSAT struct {
				Rating  lenient.Text `json:"rating"`
				Comment lenient.Text `json:"feedback_message"`
			} `json:"csat_survey_response"`
		} `json:"submitted_values"`
	} `json:"content_attributes"`
	Inbox   party `json:"inbox"`
	Contact party `json:"contact"`
}

// conversation as it stood. Its id counts within the account.
type conversation struct {
	ID           lenient.Text `json:"id"`
	Status       lenient.Text `json:"status"`
	Channel      lenient.Text `json:"channel"`
	InboxID      lenient.Text `json:"inbox_id"`
	Priority     lenient.Text `json:"priority"`
	CreatedAt    lenient.Text `json:"created_at"`
	UpdatedAt    lenient.Text `json:"updated_at"`
	LastActivity lenient.Text `json:"last_activity_at"`
	Timestamp    lenient.Text `json:"timestamp"`
	FirstReply   lenient.Text `json:"first_reply_created_at"`
	Meta         struct {
		Sender   party `json:"sender"`
		Assignee party `json:"assignee"`
		Team     party `json:"team"`
	} `json:"meta"`
}

// party is a contact, an agent, a team or an inbox.
type party struct {
	ID         lenient.Text `json:"id"`
	Name       lenient.Text `json:"name"`
	Identifier lenient.Text `json:"identifier"`
	Email      lenient.Text `json:"email"`
	Phone      lenient.Text `json:"phone_number"`
}

func parse(d format.Delivery, o format.Options) format.Parsed {
	var p format.Parsed
	for line, raw := range lenient.Documents(d.Body) {
		var b body
		if err := lenient.Decode(raw, &b); err != nil {
			p.Problem(line, "", "It is no JSON.", "Send what Chatwoot sent, as it came.")
			continue
		}
		r := reader{Parsed: &p, o: o, line: line}
		switch event := string(b.Event); {
		case event == "":
			r.problem("event", "It does not name its event.", "Send what Chatwoot sent, as it came.")
		case strings.HasPrefix(event, "conversation_") && b.Status != "":
			r.conversation(&b)
		case event == "message_updated" && b.ContentType == "input_csat":
			r.rating(&b)
		default:
			p.Ignore(event)
		}
	}
	return p
}

// reader reads one event.
type reader struct {
	*format.Parsed
	o    format.Options
	line int
}

func (r *reader) problem(field, message, remedy string) {
	r.Problem(r.line, field, message, remedy)
}

// newest returns the newest of the times that are told.
func (r *reader) newest(all ...lenient.Text) (at time.Time, ok bool) {
	for _, w := range all {
		if t, read := lenient.Time(w, r.o.Zone); read && t.After(at) {
			at, ok = t, true
		}
	}
	return at, ok
}

func (r *reader) conversation(b *body) {
	c := &b.conversation
	status := strings.ToLower(string(c.Status))
	if status != "resolved" {
		reopened := false
		for _, x := range b.Changes {
			reopened = reopened || strings.EqualFold(string(x.Status.Previous), "resolved")
		}
		if !reopened {
			r.Ignore(string(b.Event) + " while not resolved")
			return
		}
		status = "reopened"
	}
	if c.ID == "" {
		r.problem("id", "The conversation has no id.", "Send what Chatwoot sent, as it came.")
		return
	}
	created, ok := lenient.Time(c.CreatedAt, r.o.Zone)
	if !ok {
		r.problem("created_at", "The conversation does not say when it was created.", "Send what Chatwoot sent, as it came; where its version does not tell, a newer one does.")
		return
	}
	changed, _ := r.newest(c.UpdatedAt, c.LastActivity, c.Timestamp, c.CreatedAt)
	call := lenient.ID(c.ID)
	f := r.fields(call, c, b)
	f["created_at"], f["status"] = created.Format(time.RFC3339Nano), status
	if reply, ok := lenient.Time(c.FirstReply, r.o.Zone); ok {
		f["first_reply_created_at"] = reply.Format(time.RFC3339Nano)
	}
	r.Events = append(r.Events, lenient.Identified(format.Event{Call: call, Name: "conversation", At: changed, Fields: f}, r.o))
}

func (r *reader) rating(b *body) {
	given := b.Content.Submitted.CSAT
	if given.Rating == "" {
		r.Ignore("message_updated without a rating")
		return
	}
	v := string(given.Rating)
	if len(v) != 1 || v < "1" || v > "5" {
		r.problem("rating", "The rating is none of 1 to 5.", "Find out what the customer was shown.")
		return
	}
	c := b.Conversation
	if c == nil || c.ID == "" || b.ID == "" {
		r.problem("conversation.id", "The rating does not say of which conversation it is, or of which message.", "Send what Chatwoot sent, as it came.")
		return
	}
	changed, ok := r.newest(b.UpdatedAt, b.CreatedAt, c.UpdatedAt, c.LastActivity, c.Timestamp)
	if !ok {
		r.problem("created_at", "The rating does not say when it was asked for.", "Send what Chatwoot sent, as it came.")
		return
	}
	about, ok := lenient.Time(c.CreatedAt, r.o.Zone)
	if !ok {
		if about, ok = lenient.Time(b.CreatedAt, r.o.Zone); !ok {
			about = changed
		}
	}
	call := lenient.ID("csat:" + string(b.ID))
	f := r.fields(call, c, b)
	delete(f, "priority")
	f["conversation"], f["rating"], f["created_at"] = lenient.ID(c.ID), v, about.Format(time.RFC3339Nano)
	e := format.Event{Call: call, Name: "csat", At: changed, Fields: f, Text: lenient.Comment(given.Comment)}
	if e.Text != "" {
		e.Customer = f["contact"]
	}
	r.Events = append(r.Events, lenient.Identified(e, r.o))
}

// fields are those that conversations and ratings have in common.
func (r *reader) fields(call string, c *conversation, b *body) map[string]string {
	f := map[string]string{
		"inbox": string(cmp.Or(c.InboxID, b.Inbox.ID)), "channel": string(c.Channel), "priority": strings.ToLower(string(c.Priority)),
		"team": string(cmp.Or(c.Meta.Team.Name, c.Meta.Team.ID)), "assignee": r.o.Agent(call, string(cmp.Or(c.Meta.Assignee.Name, c.Meta.Assignee.ID))),
	}
	for _, who := range []party{c.Meta.Sender, b.Contact} {
		// What other systems know a customer by comes first.
		if id := string(cmp.Or(who.Identifier, lenient.Text(strings.ToLower(string(who.Email))), who.Phone)); id != "" {
			f["contact"] = r.o.Person(id)
			break
		}
		if who.ID != "" {
			f["contact"] = r.o.Person("chatwoot:" + string(who.ID))
			break
		}
	}
	return f
}
