// Package typeform reads the webhooks of Typeform: event_type form_response, one response at once, complete by itself. A
// delivery holds one, an array, or one a line.
//
// Each answer that is a number makes one record (an answer): rating, opinion_scale, nps and number as they were given (a number
// above 1000 is no point of a scale and not kept), yes_no and legal as 1 and 0, a choice whose label is a whole number as that number. The question is the field's ref where
// the form has one, else its id; the queue is the form's id, the contact the response's token. A long_text is the comment on
// the answer before it, or on the first one where none is before it.
//
// Hidden fields say whom and what the response is about, where the form's link carries them: customer_id (else customer,
// user_id, email, phone) the customer, interaction_id (else interaction) the interaction asked about, by its id within the
// source. Without a hidden field the customer is the first e-mail address or telephone number that was asked for. All of
// these become a keyed hash, but the interaction's id.
//
// The version is submitted_at in microseconds; a response never changes. An answer's id is that of response and field, so
// that a delivery repeated under another event_id is the same. The definition of the form may be missing: it is only asked
// for the type of a field where an answer does not tell it.
//
// Responses that are not submitted (form_response_partial) are not read, because they are in progress; nor are short texts,
// names, addresses, dates, files and payments, because they measure nothing and may name a person; nor scores and variables,
// because the form calculates them of the answers.
package typeform

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
)

// Format returns the format.
func Format() *format.Format {
	return &format.Format{Name: "typeform", Title: "Typeform responses", Parse: parse, Records: records, Verify: verify}
}

type body struct {
	EventType word `json:"event_type"`
	Response  *struct {
		FormID      word            `json:"form_id"`
		Token       word            `json:"token"`
		SubmittedAt word            `json:"submitted_at"`
		LandedAt    word            `json:"landed_at"`
		Hidden      map[string]word `json:"hidden"`
		Answers     []answer        `json:"answers"`
		Definition  struct {
			Fields []field `json:"fields"`
		} `json:"definition"`
	} `json:"form_response"`
}

type answer struct {
	Type    word `json:"type"`
	Number  word `json:"number"`
	Boolean word `json:"boolean"`
	Text    word `json:"text"`
	Email   word `json:"email"`
	Phone   word `json:"phone_number"`
	Choice  struct {
		Label word `json:"label"`
	} `json:"choice"`
	Field field `json:"field"`
}

type field struct {
	ID   word `json:"id"`
	Ref  word `json:"ref"`
	Type word `json:"type"`
}

func parse(d format.Delivery, o format.Options) format.Parsed {
	var p format.Parsed
	for _, doc := range documents(d.Body) {
		problem := func(field, message, remedy string) {
			p.Problems = append(p.Problems, format.Problem{Line: doc.line, Field: field, Message: message, Remedy: remedy})
		}
		const asItCame = "Send what Typeform sent, as it came."
		var b body
		if err := decode(doc.raw, &b); err != nil {
			problem("", "It is no JSON.", asItCame)
			continue
		}
		switch {
		case b.EventType != "" && b.EventType != "form_response":
			p.Ignore(string(b.EventType))
			continue
		case b.Response == nil:
			problem("form_response", "It holds no response.", asItCame)
			continue
		case b.Response.Token == "":
			problem("form_response.token", "The response has no token.", asItCame)
			continue
		}
		at, ok := when(b.Response.SubmittedAt, o.Zone)
		if !ok {
			if at, ok = when(b.Response.LandedAt, o.Zone); !ok {
				problem("form_response.submitted_at", "The response does not say when it was given.", asItCame)
				continue
			}
		}
		b.read(&p, at, o, problem)
	}
	return p
}

// read takes the answers of one response in.
func (b *body) read(p *format.Parsed, at time.Time, o format.Options, problem func(field, message, remedy string)) {
	x := b.Response
	hidden := map[string]word{}
	for name, v := range x.Hidden {
		if name = strings.ToLower(name); v > hidden[name] { // of two spellings the greater holds: their order is chance
			hidden[name] = v
		}
	}
	types := map[word]word{}
	for _, f := range x.Definition.Fields {
		types[f.ID] = f.Type
	}
	customer := o.Person(first(hidden["customer_id"], hidden["customer"], hidden["user_id"], lower(hidden["email"]), hidden["phone"]))
	interaction := first(hidden["interaction_id"], hidden["interaction"])
	if interaction != identity(interaction) && interaction != "" {
		problem("hidden.interaction_id", "It is no id of an interaction; the answers are taken without it.", "Put the interaction's id into the form's link as it was published.")
		interaction = ""
	}
	var events []format.Event
	var before word // texts before the first number
	for _, a := range x.Answers {
		kind := first(a.Field.Type, types[a.Field.ID])
		if customer == "" {
			customer = o.Person(first(lower(a.Email), a.Phone))
		}
		if kind == "long_text" && a.Text != "" {
			if n := len(events); n > 0 {
				events[n-1].Text = joined(events[n-1].Text, a.Text)
			} else {
				before = word(joined(string(before), a.Text))
			}
			continue
		}
		value, ok := a.value()
		question := first(a.Field.Ref, a.Field.ID)
		if !ok || question == "" {
			p.Ignore("answer of the type " + first(word(kind), a.Type, "unknown"))
			continue
		}
		events = append(events, format.Event{Call: identity(string(x.Token)), Name: "answer", At: at, Text: comment(before), Fields: map[string]string{
			"form": string(x.FormID), "field": first(a.Field.ID, a.Field.Ref), "question": question, "value": value, "interaction": interaction,
		}})
		before = ""
	}
	for _, e := range events {
		e.Fields["customer"] = customer
		if e.Text != "" {
			e.Customer = customer
		}
		p.Events = append(p.Events, identified(e, o))
	}
	if len(events) == 0 {
		p.Ignore("response without a number")
	}
}

func lower(w word) word { return word(strings.ToLower(string(w))) }

func joined(text string, more word) string {
	if text == "" {
		return comment(more)
	}
	return comment(word(text) + "\n" + more)
}

// mostPoints of a scale: a greater number is the number of something, which may be a customer's.
const mostPoints = 1000

// value returns what an answer measures.
func (a *answer) value() (string, bool) {
	switch {
	case a.Number != "":
		v, err := strconv.ParseFloat(string(a.Number), 64)
		return string(a.Number), err == nil && math.Abs(v) <= mostPoints
	case a.Boolean == "true":
		return "1", true
	case a.Boolean == "false":
		return "0", true
	case len(a.Choice.Label) > 0 && len(a.Choice.Label) <= 3: // longer ones are numbers of something
		_, err := strconv.ParseUint(string(a.Choice.Label), 10, 16)
		return string(a.Choice.Label), err == nil
	}
	return "", false
}

// records returns the answers of a response: of each field the newest.
func records(call string, events []format.Event, _ format.Options) []format.Record {
	at := map[string]int{} // by field
	var all []format.Record
	for _, e := range events {
		f := e.Fields
		v, err := strconv.ParseFloat(f["value"], 64)
		if err != nil {
			continue
		}
		r := format.Record{
			ID: identity(call + ":" + f["field"]), Version: version(e.At), Queue: f["form"], Channel: "web", OccurredAt: e.At, Contact: call, Customer: f["customer"],
			Attributes: map[string]string{"form": f["form"]},
			Answer:     &format.Answer{Question: f["question"], Value: v, Interaction: f["interaction"], Text: e.Text},
		}
		if i, ok := at[f["field"]]; ok {
			all[i] = r // sorted by time, which is the version
			continue
		}
		at[f["field"]] = len(all)
		all = append(all, r)
	}
	return all
}
