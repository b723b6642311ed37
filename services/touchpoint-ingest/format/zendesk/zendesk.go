// Package zendesk reads what Zendesk Support tells about tickets and their ratings: events of webhooks
// ("zen:event-type:ticket...."), the same from Amazon EventBridge ("detail.ticket_event"), and objects of its API, which is
// also how a trigger's or an automation's own body is to be written:
//
//	{"ticket": {"id": "{{ticket.id}}", "status": "{{ticket.status}}", "created_at": "{{ticket.created_at_with_timestamp}}",
//	  "updated_at": "{{ticket.updated_at_with_timestamp}}", "group": "{{ticket.group.name}}", "via": {"channel": "email"},
//	  "requester_email": "{{ticket.requester.email}}", "satisfaction_rating": {"score": "good", "comment": "..."}}}
//
// A delivery holds one such object, an array, or one a line; "tickets" and "satisfaction_ratings" may be lists, as the API
// answers them: Zendesk tells of a rating by no event that we could verify.
//
// A ticket is one record (a contact), from the moment that it is solved or closed. A change of its status from there to
// another gives the same record with the attribute status "reopened": the customer was answered and came again. A ticket
// marked as spam is retracted. Times to answer and to solve are not told by these events. A rating is one answer for each
// ticket: the question "satisfaction" with 1 for good and 0 for bad, or "rating" with the points of a survey response.
//
// The version is the ticket's or rating's updated_at, else the event's time, in microseconds; the highest holds. Subjects,
// descriptions, comments of tickets, tags and custom fields are not read: they are free text, or may be. Deletions are not,
// because tickets are deleted on schedules too, and mergers are not, because they tell nothing about either ticket's customer.
package zendesk

import (
	"cmp"
	"strings"
	"time"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/lenient"
)

// Format returns the format.
func Format() *format.Format {
	return &format.Format{Name: "zendesk", Title: "Zendesk tickets and ratings", Parse: parse, Records: records, Verify: verify}
}

// body is every form that is read, at once.
type body struct {
	Type       lenient.Text `json:"type"`
	DetailType lenient.Text `json:"detail-type"`
	Time       lenient.Text `json:"time"`
	Detail     struct {
		ticket
		TicketEvent *struct {
			Type     lenient.Text `json:"type"`
			Previous lenient.Text `json:"previous"`
			Ticket   ticket       `json:"ticket"`
		} `json:"ticket_event"`
	} `json:"detail"`
	Event struct {
		Previous lenient.Text `json:"previous"`
	} `json:"event"`

	Ticket          *ticket    `json:"ticket"`
	Tickets         []ticket   `json:"tickets"`
	Rating          *rating    `json:"satisfaction_rating"`
	Ratings         []rating   `json:"satisfaction_ratings"`
	SurveyResponse  *response  `json:"survey_response"`
	SurveyResponses []response `json:"survey_responses"`
}

// ticket is the snapshot that all forms hold.
type ticket struct {
	ID          lenient.Text `json:"id"`
	Status      lenient.Text `json:"status"`
	CreatedAt   lenient.Text `json:"created_at"`
	UpdatedAt   lenient.Text `json:"updated_at"`
	GroupID     lenient.Text `json:"group_id"`
	Group       lenient.Text `json:"group"`
	AssigneeID  lenient.Text `json:"assignee_id"`
	Assignee    lenient.Text `json:"assignee"`
	RequesterID lenient.Text `json:"requester_id"`
	Email       lenient.Text `json:"requester_email"`
	BrandID     lenient.Text `json:"brand_id"`
	FormID      lenient.Text `json:"form_id"`
	TicketForm  lenient.Text `json:"ticket_form_id"`
	Priority    lenient.Text `json:"priority"`
	Kind        lenient.Text `json:"type"`
	Channel     lenient.Text `json:"channel"`
	Via         struct {
		Channel lenient.Text `json:"channel"`
		Source  struct {
			Rel lenient.Text `json:"rel"`
		} `json:"source"`
	} `json:"via"`
	Rating *rating `json:"satisfaction_rating"`
}

func parse(d format.Delivery, o format.Options) format.Parsed {
	var p format.Parsed
	for line, raw := range lenient.Documents(d.Body) {
		var b body
		if err := lenient.Decode(raw, &b); err != nil {
			p.Problem(line, "", "It is no JSON.", "Send what Zendesk sent, as it came; a trigger's body is written as an object with a ticket.")
			continue
		}
		r := reader{Parsed: &p, o: o, line: line}
		r.read(&b, raw)
	}
	return p
}

// reader reads one document.
type reader struct {
	*format.Parsed
	o    format.Options
	line int
}

func (r *reader) problem(field, message, remedy string) {
	r.Problem(r.line, field, message, remedy)
}

func (r *reader) read(b *body, raw []byte) {
	event := strings.ToLower(strings.TrimPrefix(string(b.Type), "zen:event-type:"))
	switch {
	case b.Detail.TicketEvent != nil:
		e := b.Detail.TicketEvent
		name := string(cmp.Or(e.Type, b.DetailType))
		r.ticket("ticket."+strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(name, "Support Ticket: ")), " ", "_"), e.Previous, b.Time, &e.Ticket)
	case strings.HasPrefix(event, "ticket."):
		r.ticket(event, b.Event.Previous, b.Time, &b.Detail.ticket)
	case b.Type != "" || b.DetailType != "":
		r.Ignore(string(cmp.Or(b.Type, b.DetailType)))
	case b.Ticket != nil || b.Tickets != nil || b.Rating != nil && b.Rating.TicketID != "" || b.Ratings != nil || b.SurveyResponse != nil || b.SurveyResponses != nil:
		r.objects(b)
	default:
		// Ratings and tickets by themselves, as lists of the API are taken apart.
		var t ticket
		var x rating
		if lenient.Decode(raw, &t) != nil || lenient.Decode(raw, &x) != nil {
			return // it was read before
		}
		switch {
		case x.TicketID != "" && x.Score != "":
			r.rating(&x, &ticket{ID: x.TicketID, GroupID: x.GroupID, AssigneeID: x.AssigneeID, RequesterID: x.RequesterID})
		case t.ID != "" && t.Status != "":
			r.ticket("ticket", "", "", &t)
		default:
			r.problem("", "It holds neither a ticket nor a rating.", "Send events of tickets, or an object with a ticket.")
		}
	}
}

func (r *reader) objects(b *body) {
	if b.Ticket != nil {
		if b.Ticket.Rating == nil {
			b.Ticket.Rating, b.Rating = b.Rating, nil // written beside it
		}
		b.Tickets = append(b.Tickets, *b.Ticket)
	}
	for i := range b.Tickets {
		r.ticket("ticket", "", "", &b.Tickets[i])
	}
	if b.Rating != nil {
		b.Ratings = append(b.Ratings, *b.Rating)
	}
	for i := range b.Ratings {
		x := &b.Ratings[i]
		r.rating(x, &ticket{ID: x.TicketID, GroupID: x.GroupID, AssigneeID: x.AssigneeID, RequesterID: x.RequesterID})
	}
	if b.SurveyResponse != nil {
		b.SurveyResponses = append(b.SurveyResponses, *b.SurveyResponse)
	}
	for i := range b.SurveyResponses {
		r.response(&b.SurveyResponses[i])
	}
}

// ticket takes a snapshot of a ticket in, told by an event.
func (r *reader) ticket(event string, previous, at lenient.Text, t *ticket) {
	if t.Rating != nil {
		r.rating(t.Rating, t)
	}
	status, was := strings.ToLower(string(t.Status)), strings.ToLower(string(previous))
	spam := strings.HasSuffix(event, "marked_as_spam") && !strings.HasSuffix(event, "unmarked_as_spam")
	switch {
	case spam:
		status = "spam"
	case strings.HasSuffix(event, "deleted") && !strings.HasSuffix(event, "undeleted"), strings.HasSuffix(event, "merged"):
		r.Ignore(event)
		return
	case over(status):
	case strings.HasSuffix(event, "status_changed") && over(was) && status != "" && status != "deleted":
		status = "reopened"
	default:
		if t.Rating == nil {
			r.Ignore(event + " while not solved")
		}
		return
	}
	if t.ID == "" {
		r.problem("id", "The ticket has no id.", "Send the ticket's id.")
		return
	}
	created, ok := lenient.Time(t.CreatedAt, r.o.Zone)
	if !ok && !spam {
		r.problem("created_at", "The ticket does not say when it was created.", "Send created_at as ISO 8601; in a trigger's body that is {{ticket.created_at_with_timestamp}}.")
		return
	}
	changed, ok := lenient.Time(t.UpdatedAt, r.o.Zone)
	if !ok {
		if changed, ok = lenient.Time(at, r.o.Zone); !ok {
			r.problem("updated_at", "The ticket does not say when it was changed, and so which of its versions this is.", "Send updated_at as ISO 8601; in a trigger's body that is {{ticket.updated_at_with_timestamp}}.")
			return
		}
	}
	call := lenient.ID(t.ID)
	f := r.fields(call, t)
	f["status"] = status
	if !created.IsZero() {
		f["created_at"] = created.Format(time.RFC3339Nano)
	}
	r.Events = append(r.Events, lenient.Identified(format.Event{Call: call, Name: "ticket", At: changed, Fields: f}, r.o))
}

// over reports whether a status is one of a ticket that has been dealt with.
func over(status string) bool { return status == "solved" || status == "closed" }

// fields are those that tickets and ratings have in common; a 0 is nobody's id.
func (r *reader) fields(call string, t *ticket) map[string]string {
	id := func(w lenient.Text) lenient.Text {
		if w == "0" {
			return ""
		}
		return w
	}
	f := map[string]string{
		"group": string(cmp.Or(t.Group, id(t.GroupID))), "assignee": r.o.Agent(call, string(cmp.Or(t.Assignee, id(t.AssigneeID)))), "brand_id": string(id(t.BrandID)),
		"form_id": string(cmp.Or(id(t.FormID), id(t.TicketForm))), "priority": strings.ToLower(string(t.Priority)), "type": strings.ToLower(string(t.Kind)),
		"channel": strings.ToLower(string(cmp.Or(t.Via.Channel, t.Channel))), "rel": strings.ToLower(string(t.Via.Source.Rel)),
	}
	if t.Email != "" {
		f["requester"] = r.o.Person(strings.ToLower(string(t.Email)))
	} else if x := id(t.RequesterID); x != "" {
		f["requester"] = r.o.Person("zendesk:" + string(x)) // other systems' numbers are other people
	}
	return f
}
