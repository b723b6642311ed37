// Package typeform reads the webhooks of Typeform: event_type form_response, one response at once, complete by itself. A
// delivery holds one, an array, or one a line.
//
// Each answer that is a number makes one record (an answer): rating, opinion_scale, nps and number as they were given (a number
// above 1000 is no point of a scale and not kept), yes_no and legal as 1 and 0, a choice whose label is a whole number as that number. The question is the field's ref where
// the form has one, else its id; the queue is the form's id, the contact the response's token. A long_text is the comment on
// the answer before it, or on the first one where none is before it.
//
// Hidden fields say whom and what the response is about, where the form's link carries them: customer_id (else customer,
// user_id, email, phone) the customer, interaction_id (else interaction, or the field that the feed names in about_field) the
// interaction asked about, by its id within the feed's about_source. Without a hidden field the customer is the first e-mail address or telephone number that was asked for. All of
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
	"cmp"
	"strconv"
	"strings"
	"time"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/lenient"
)

// Format returns the format.
func Format() *format.Format {
	return &format.Format{Name: "typeform", Title: "Typeform responses", Parse: parse, Records: records, Verify: verify}
}

type body struct {
	EventType lenient.Text `json:"event_type"`
	Response  *struct {
		FormID      lenient.Text            `json:"form_id"`
		Token       lenient.Text            `json:"token"`
		SubmittedAt lenient.Text            `json:"submitted_at"`
		LandedAt    lenient.Text            `json:"landed_at"`
		Hidden      map[string]lenient.Text `json:"hidden"`
		Answers     []answer                `json:"answers"`
		Definition  struct {
			Fields []field `json:"fields"`
		} `json:"definition"`
	} `json:"form_response"`
}

type answer struct {
	Type    lenient.Text `json:"type"`
	Number  lenient.Text `json:"number"`
	Boolean lenient.Text `json:"boolean"`
	Text    lenient.Text `json:"text"`
	Email   lenient.Text `json:"email"`
	Phone   lenient.Text `json:"phone_number"`
	Choice  struct {
		Label lenient.Text `json:"label"`
	} `json:"choice"`
	Field field `json:"field"`
}

type field struct {
	ID   lenient.Text `json:"id"`
	Ref  lenient.Text `json:"ref"`
	Type lenient.Text `json:"type"`
}

func parse(d format.Delivery, o format.Options) format.Parsed {
	var p format.Parsed
	for line, raw := range lenient.Documents(d.Body) {
		problem := func(field, message, remedy string) {
			p.Problem(line, field, message, remedy)
		}
		const asItCame = "Send what Typeform sent, as it came."
		var b body
		if err := lenient.Decode(raw, &b); err != nil {
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
		at, ok := lenient.Time(b.Response.SubmittedAt, o.Zone)
		if !ok {
			if at, ok = lenient.Time(b.Response.LandedAt, o.Zone); !ok {
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
	hidden := map[string]lenient.Text{}
	for name, v := range x.Hidden {
		if name = strings.ToLower(name); v > hidden[name] { // of two spellings the greater holds: their order is chance
			hidden[name] = v
		}
	}
	types := map[lenient.Text]lenient.Text{}
	for _, f := range x.Definition.Fields {
		types[f.ID] = f.Type
	}
	customer := o.Person(string(cmp.Or(hidden["customer_id"], hidden["customer"], hidden["user_id"], lower(hidden["email"]), hidden["phone"])))
	interaction := string(cmp.Or(hidden["interaction_id"], hidden["interaction"]))
	if o.About != "" {
		interaction = string(hidden[strings.ToLower(o.About)])
	}
	if interaction != lenient.ID(interaction) && interaction != "" {
		problem("hidden."+cmp.Or(o.About, "interaction_id"), "It is no id of an interaction; the answers are taken without it.", "Put the interaction's id into the form's link as it was published.")
		interaction = ""
	}
	var events []format.Event
	var before lenient.Text // texts before the first number
	for _, a := range x.Answers {
		kind := string(cmp.Or(a.Field.Type, types[a.Field.ID]))
		if customer == "" {
			customer = o.Person(string(cmp.Or(lower(a.Email), a.Phone)))
		}
		if kind == "long_text" && a.Text != "" {
			if n := len(events); n > 0 {
				events[n-1].Text = joined(events[n-1].Text, a.Text)
			} else {
				before = lenient.Text(joined(string(before), a.Text))
			}
			continue
		}
		value, ok := a.value()
		question := string(cmp.Or(a.Field.Ref, a.Field.ID))
		if !ok || question == "" {
			p.Ignore("answer of the type " + string(cmp.Or(lenient.Text(kind), a.Type, "unknown")))
			continue
		}
		events = append(events, format.Event{Call: lenient.ID(x.Token), Name: "answer", At: at, Text: lenient.Comment(before), Fields: map[string]string{
			"form": string(x.FormID), "field": string(cmp.Or(a.Field.ID, a.Field.Ref)), "question": question, "value": value, "interaction": interaction,
		}})
		before = ""
	}
	for _, e := range events {
		e.Fields["customer"] = customer
		if e.Text != "" {
			e.Customer = customer
		}
		p.Events = append(p.Events, lenient.Identified(e, o))
	}
	if len(events) == 0 {
		p.Ignore("response without a number")
	}
}

func lower(w lenient.Text) lenient.Text { return lenient.Text(strings.ToLower(string(w))) }

func joined(text string, more lenient.Text) string {
	if text == "" {
		return lenient.Comment(more)
	}
	return lenient.Comment(text + "\n" + string(more))
}

// value returns what an answer measures.
func (a *answer) value() (string, bool) {
	switch {
	case a.Number != "":
		return string(a.Number), lenient.Points(a.Number)
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
			ID: lenient.ID(call + ":" + f["field"]), Version: uint64(max(0, e.At.UnixMicro())), Queue: f["form"], Channel: "web", OccurredAt: e.At, Contact: call, Customer: f["customer"],
			Attributes: map[string]string{"form": f["form"]},
			Answer:     &format.Answer{Question: f["question"], Value: v, Interaction: f["interaction"], Carried: f["interaction"] != "", Text: e.Text},
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
