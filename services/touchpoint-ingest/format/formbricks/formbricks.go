// Package formbricks reads the webhooks of Formbricks: responseCreated, responseUpdated and responseFinished, each of which
// holds the response as far as it is given. A delivery holds one, an array, or one a line.
//
// Each answer that is a number (ratings, NPS, CES), or a short text that is one, makes one record (an answer), as soon as it
// is given: a respondent who leaves after the first question has answered it. The question is its id in the survey; the
// queue is the survey's id, the contact the response's.
//
// Payloads do not say which text comments on which number. Texts are taken as the comment of the only number there is, the
// longest of them; where there are several numbers, of the one whose question's id begins theirs ("nps" and "nps_comment").
//
// The customer is the contact attribute userId, else email, else the contact's id; all become keyed hashes. A hidden field
// interaction_id (or interaction, or the one that the feed names in about_field) names the interaction asked about, by its id
// within the feed's about_source. The answer counts when the response was begun (createdAt).
//
// The version is updatedAt in milliseconds, and within the same one created comes before updated before finished. An answer
// that was given and then taken out again stays: the payload does not tell that from a question that was not shown.
//
// Texts of choices, names, addresses, files, variables, times to completion, tags and the browser's data are not read: they
// measure nothing, or may name a person.
package formbricks

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/lenient"
)

// Format returns the format.
func Format() *format.Format {
	return &format.Format{Name: "formbricks", Title: "Formbricks responses", Parse: parse, Records: records, Verify: verify}
}

type body struct {
	Event lenient.Text `json:"event"`
	Data  *response    `json:"data"`
}

type response struct {
	ID         lenient.Text               `json:"id"`
	SurveyID   lenient.Text               `json:"surveyId"`
	Finished   lenient.Text               `json:"finished"`
	Data       map[string]json.RawMessage `json:"data"`
	Language   lenient.Text               `json:"language"`
	CreatedAt  lenient.Text               `json:"createdAt"`
	UpdatedAt  lenient.Text               `json:"updatedAt"`
	Contact    contact                    `json:"contact"`
	Attributes map[string]lenient.Text    `json:"contactAttributes"`
	// As older versions named them.
	Person           contact                 `json:"person"`
	PersonAttributes map[string]lenient.Text `json:"personAttributes"`
	Survey           struct {
		Type lenient.Text `json:"type"`
	} `json:"survey"`
}

type contact struct {
	ID     lenient.Text `json:"id"`
	UserID lenient.Text `json:"userId"`
}

// ranks of events within one millisecond.
func rank(event string) string {
	switch event {
	case "responsecreated":
		return "1"
	case "responseupdated":
		return "2"
	case "responsefinished":
		return "3"
	}
	return ""
}

func parse(d format.Delivery, o format.Options) format.Parsed {
	var p format.Parsed
	for line, raw := range lenient.Documents(d.Body) {
		problem := func(field, message, remedy string) {
			p.Problem(line, field, message, remedy)
		}
		const asItCame = "Send what Formbricks sent, as it came."
		var b body
		if err := lenient.Decode(raw, &b); err != nil {
			problem("", "It is no JSON.", asItCame)
			continue
		}
		n := rank(strings.ToLower(string(b.Event)))
		switch {
		case n == "" && b.Event != "":
			p.Ignore(string(b.Event))
			continue
		case n == "" || b.Data == nil:
			problem("event", "It holds no event of a response.", asItCame)
			continue
		case b.Data.ID == "":
			problem("data.id", "The response has no id.", asItCame)
			continue
		}
		created, ok := lenient.Time(b.Data.CreatedAt, o.Zone)
		if !ok {
			problem("data.createdAt", "The response does not say when it was begun.", asItCame)
			continue
		}
		updated, ok := lenient.Time(b.Data.UpdatedAt, o.Zone)
		if !ok {
			updated = created
		}
		r := reader{p: &p, o: o, x: b.Data, problem: problem}
		r.read(n, created, updated)
	}
	return p
}

// reader reads one response.
type reader struct {
	p       *format.Parsed
	o       format.Options
	x       *response
	problem func(field, message, remedy string)
}

func (r *reader) read(rank string, created, updated time.Time) {
	numbers, texts, interaction := r.answers()
	comments := commentsOn(numbers, texts)
	customer := r.customer()
	for _, question := range slices.Sorted(maps.Keys(numbers)) {
		e := format.Event{Call: lenient.ID(r.x.ID), Name: "answer", At: updated, Fields: map[string]string{
			"survey": string(r.x.SurveyID), "question": question, "value": numbers[question], "interaction": interaction, "rank": rank,
			"type": strings.ToLower(string(r.x.Survey.Type)), "language": strings.ToLower(string(r.x.Language)), "customer": customer, "created_at": created.Format(time.RFC3339Nano),
		}}
		if e.Text = lenient.Comment(comments[question]); e.Text != "" {
			e.Customer = customer
		}
		r.p.Events = append(r.p.Events, lenient.Identified(e, r.o))
	}
	if len(numbers) == 0 {
		r.p.Ignore("response without a number")
	}
}

// commentsOn returns the longest text that belongs to each number.
func commentsOn(numbers map[string]string, texts map[string]lenient.Text) map[string]lenient.Text {
	comments := map[string]lenient.Text{}
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		owner := ""
		for question := range numbers {
			if (len(numbers) == 1 || strings.HasPrefix(name, question)) && len(question) > len(owner) {
				owner = question
			}
		}
		if owner != "" && len(texts[name]) > len(comments[owner]) {
			comments[owner] = texts[name]
		}
	}
	return comments
}

// answers tells numbers from texts, and both from hidden fields, which stand among them.
func (r *reader) answers() (numbers map[string]string, texts map[string]lenient.Text, interaction string) {
	numbers, texts = map[string]string{}, map[string]lenient.Text{}
	for _, name := range slices.Sorted(maps.Keys(r.x.Data)) {
		raw := r.x.Data[name]
		var w lenient.Text
		if json.Unmarshal(raw, &w) != nil || w == "" {
			continue // several choices, a matrix, not answered
		}
		about := name == r.o.About
		if r.o.About == "" {
			about = name == "interaction_id" || name == "interactionId" || name == "interaction"
		}
		switch {
		case about:
			if string(w) != lenient.ID(w) {
				r.problem("data."+name, "It is no id of an interaction; the answers are taken without it.", "Put the interaction's id into the survey's link as it was published.")
				continue
			}
			interaction = string(w)
			continue
		case slices.Contains([]string{"interaction_id", "interactionId", "interaction", "userId", "user_id", "customer_id", "email"}, name):
			continue
		}
		text := raw[0] == '"'
		if lenient.Points(w) && (!text || len(w) <= 3) {
			numbers[name] = string(w)
		} else if text && !strings.Contains(string(w), "@") && strings.ContainsFunc(string(w), unicode.IsLetter) {
			texts[name] = w
		}
	}
	return numbers, texts, interaction
}

func (r *reader) customer() string {
	x := r.x
	for _, attributes := range []map[string]lenient.Text{x.Attributes, x.PersonAttributes} {
		if id := string(cmp.Or(attributes["userId"], lenient.Text(strings.ToLower(string(attributes["email"]))))); id != "" {
			return r.o.Person(id)
		}
	}
	if id := string(cmp.Or(x.Contact.UserID, x.Person.UserID)); id != "" {
		return r.o.Person(id)
	}
	if id := string(cmp.Or(x.Contact.ID, x.Person.ID)); id != "" {
		return r.o.Person("formbricks:" + id) // other systems' numbers are other people
	}
	return ""
}

// records returns the answers of a response: of each question the newest version.
func records(call string, events []format.Event, _ format.Options) []format.Record {
	at := map[string]int{} // by question
	var all []format.Record
	for _, e := range events {
		f := e.Fields
		v, err := strconv.ParseFloat(f["value"], 64)
		if err != nil {
			continue
		}
		created, _ := time.Parse(time.RFC3339Nano, f["created_at"])
		rank, _ := strconv.ParseUint(f["rank"], 10, 8)
		r := format.Record{
			ID: lenient.ID(call + ":" + f["question"]), Version: uint64(e.At.UnixMilli())*4 + rank, Queue: f["survey"], Channel: channel(f["type"]), OccurredAt: created, Contact: call,
			Customer: f["customer"], Answer: &format.Answer{Question: f["question"], Value: v, Interaction: f["interaction"], Carried: f["interaction"] != "", Text: e.Text},
		}
		r.Attributes = lenient.Attributes(f, "language")
		if i, ok := at[f["question"]]; !ok {
			at[f["question"]] = len(all)
			all = append(all, r)
		} else if r.Version >= all[i].Version {
			all[i] = r
		}
	}
	return all
}

// channel tells how a survey was shown.
func channel(kind string) string {
	if kind == "link" || kind == "website" {
		return "web"
	}
	return kind
}
