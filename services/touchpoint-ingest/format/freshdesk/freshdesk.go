// Package freshdesk reads the webhooks of Freshdesk's automation rules, whose bodies the administrator writes, and the
// tickets and satisfaction ratings of its API. JSON and form encoding are read, with or without "freshdesk_webhook" around
// the fields; a delivery holds one object, an array, or one a line. Names are taken in any case, with or without "ticket_"
// before them, nested or not ("ticket.group.name" is "ticket_group_name"):
//
//	ticket_id               needed
//	ticket_status           Open, Pending, Resolved, Closed or their numbers 2 to 5; others are of tickets in progress
//	ticket_created_at       when the customer came (also created_on); ISO 8601 or the like
//	ticket_updated_at       when it became what the body says (also modified_on, event_time, closed_at, resolved_at)
//	triggered_event         as Freshdesk fills it in: {status:{from:2,to:4}}
//	ticket_group_name       the queue (also group_id)
//	ticket_agent_name       the agent (also agent_id, responder_id)
//	ticket_source, ticket_priority, ticket_type
//	ticket_contact_email    the customer (also requester_email, requester_phone, requester_id): kept as a keyed hash
//	satisfaction_rating     the rating's code, from 103 (extremely happy) to -103 (also survey_rating, satisfaction_score)
//	satisfaction_comment    the customer's words (also survey_comment, feedback)
//	rated_at                when the customer rated; else ticket_updated_at
//	ratings                 as in the API: codes by question
//
// A ticket is one record (a contact), from the moment that it is resolved or closed. A change of its status from there to
// another gives the same record with the attribute status "reopened". A rating is one answer for each ticket and question
// ("default_question" where none is named), its code put on seven points, 103 on 7, 100 on 4 and -103 on 1. The codes 1 to 3
// of Freshdesk's oldest surveys are refused: there 1 was the best.
//
// The version is ticket_updated_at in microseconds, the highest holds. A body without times counts when it is received, both
// as the version and as the time that the customer came; then only the change to resolved, or from another status to
// closed, is taken, so that later changes do not move it. Have both times sent.
//
// Subjects, descriptions, tags and links are not read: they are free text. Freshdesk signs nothing: the request's own key,
// by basic authentication, is all there is.
package freshdesk

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/lenient"
)

// Format returns the format.
func Format() *format.Format {
	return &format.Format{Name: "freshdesk", Title: "Freshdesk tickets and ratings", Parse: parse, Records: records}
}

func parse(d format.Delivery, o format.Options) format.Parsed {
	var p format.Parsed
	for line, raw := range lenient.Documents(d.Body) {
		b, err := read(raw)
		if err != nil {
			p.Problem(line, "", "It is neither JSON nor form encoding.", "Choose JSON in the automation rule, and put quotes around placeholders; those that may hold quotes themselves are better left out.")
			continue
		}
		r := reader{Parsed: &p, o: o, line: line, b: b, received: d.ReceivedAt}
		r.read()
	}
	return p
}

// reader reads one body.
type reader struct {
	*format.Parsed
	o        format.Options
	line     int
	b        fields
	received time.Time
}

func (r *reader) problem(field, message, remedy string) {
	r.Problem(r.line, field, message, remedy)
}

// time returns the first of some times that can be read; a field that is there and cannot is a problem.
func (r *reader) time(names ...string) (time.Time, bool) {
	for _, name := range names {
		if w := r.b.get(name); w != "" {
			if t, ok := lenient.Time(w, r.o.Zone); ok {
				return t, true
			}
			r.problem(name, "It is no time.", "Send times as ISO 8601, as in 2026-03-02T08:00:00Z.")
			return time.Time{}, false
		}
	}
	return time.Time{}, true
}

func (r *reader) read() {
	id := r.b.get("ticket_id", "display_id", "id")
	if id == "" {
		r.problem("ticket_id", "It does not say which ticket it is about.", `Add "ticket_id": "{{ticket.id}}" to the webhook's body.`)
		return
	}
	rated := r.b.ratings()
	if len(rated) > 0 {
		r.rating(id, rated)
	}
	status := statusOf(r.b.get("ticket_status", "status"))
	if status == "" {
		if len(rated) == 0 {
			r.Ignore("without a status or rating")
		}
		return
	}
	r.ticket(id, status)
}

func (r *reader) ticket(id, status string) {
	from, changed := r.change()
	if !over(status) {
		if !over(from) {
			r.Ignore("ticket in progress")
			return
		}
		status = "reopened"
	}
	created, ok := r.time("ticket_created_at", "created_at", "ticket_created_on", "created_on")
	if !ok {
		return
	}
	at, ok := r.time("ticket_updated_at", "updated_at", "ticket_modified_on", "modified_on", "event_time", "ticket_closed_at", "closed_at", "ticket_resolved_at", "resolved_at")
	if !ok {
		return
	}
	if at.IsZero() {
		at = r.received.UTC()
	}
	if created.IsZero() {
		if status == "reopened" || over(from) || !changed && r.b.get("triggered_event") != "" {
			r.Ignore("later change of a ticket without ticket_created_at")
			return
		}
		created = at
	}
	call := lenient.ID(id)
	f := r.common(call)
	f["status"], f["created_at"] = status, created.Format(time.RFC3339Nano)
	f["priority"], f["type"] = strings.ToLower(r.b.get("ticket_priority", "priority")), strings.ToLower(r.b.get("ticket_type", "type"))
	r.Events = append(r.Events, lenient.Identified(format.Event{Call: call, Name: "ticket", At: at, Fields: f}, r.o))
}

// change reads the status that a ticket had before, where the event that is told is a change of it.
func (r *reader) change() (from string, changed bool) {
	_, s, ok := strings.Cut(strings.ReplaceAll(strings.ToLower(r.b.get("triggered_event")), `"`, ""), "status:{")
	if !ok {
		return "", false
	}
	s, _, _ = strings.Cut(s, "}")
	for part := range strings.SplitSeq(s, ",") {
		if k, v, ok := strings.Cut(part, ":"); ok && strings.TrimSpace(k) == "from" {
			from = statusOf(strings.TrimSpace(v))
		}
	}
	return from, true
}

func (r *reader) rating(id string, rated map[string]string) {
	at, ok := r.time("rated_at", "satisfaction_updated_at", "satisfaction_rating_updated_at", "updated_at", "ticket_updated_at", "event_time", "modified_on", "created_at")
	if !ok {
		return
	}
	if at.IsZero() {
		at = r.received.UTC()
	}
	about, ok := r.time("ticket_created_at", "ticket_created_on", "rated_at", "created_at")
	if !ok {
		return
	}
	if about.IsZero() {
		about = at
	}
	text := lenient.Comment(r.b.get("satisfaction_comment", "satisfaction_feedback", "satisfaction_rating_feedback", "survey_comment", "survey_feedback", "survey_remark", "feedback"))
	for _, question := range slices.Sorted(maps.Keys(rated)) {
		points, ok := pointsOf(rated[question])
		if !ok {
			r.problem("satisfaction_rating", "The code of the rating is not one of 103 to 100 and -101 to -103.", "Send the rating's code, as the API names it.")
			continue
		}
		call := lenient.ID("rating:" + id + ":" + question)
		f := r.common(call)
		f["ticket"], f["question"], f["points"], f["created_at"] = lenient.ID(id), question, strconv.Itoa(points), about.Format(time.RFC3339Nano)
		e := format.Event{Call: call, Name: "rating", At: at, Fields: f}
		if text != "" && (question == defaultQuestion || len(rated) == 1) {
			e.Text, e.Customer = text, f["requester"]
		}
		r.Events = append(r.Events, lenient.Identified(e, r.o))
	}
}

// common are the fields that tickets and ratings share.
func (r *reader) common(call string) map[string]string {
	f := map[string]string{
		"group":  r.b.get("ticket_group_name", "group_name", "ticket_group_id", "group_id", "ticket_group", "group"),
		"agent":  r.o.Agent(call, r.b.get("ticket_agent_name", "agent_name", "ticket_agent_id", "agent_id", "ticket_responder_id", "responder_id")),
		"source": strings.ToLower(r.b.get("ticket_source", "source", "ticket_source_name")),
	}
	if mail := strings.ToLower(r.b.get("ticket_contact_email", "contact_email", "ticket_requester_email", "requester_email")); mail != "" {
		f["requester"] = r.o.Person(mail)
	} else if phone := r.b.get("ticket_requester_phone", "requester_phone", "ticket_contact_phone", "contact_phone"); phone != "" {
		f["requester"] = r.o.Person(phone)
	} else if id := r.b.get("ticket_requester_id", "requester_id", "ticket_contact_id", "contact_id", "user_id"); id != "" {
		f["requester"] = r.o.Person("freshdesk:" + id) // other systems' numbers are other people
	}
	return f
}
