package zendesk

import (
	"cmp"
	"strconv"
	"strings"
	"time"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/lenient"
)

// rating is a satisfaction rating, within its ticket or by itself.
type rating struct {
	TicketID    lenient.Text `json:"ticket_id"`
	Score       lenient.Text `json:"score"`
	Comment     lenient.Text `json:"comment"`
	CreatedAt   lenient.Text `json:"created_at"`
	UpdatedAt   lenient.Text `json:"updated_at"`
	GroupID     lenient.Text `json:"group_id"`
	AssigneeID  lenient.Text `json:"assignee_id"`
	RequesterID lenient.Text `json:"requester_id"`
}

// response is a survey response, of which the API tells.
type response struct {
	ID       lenient.Text `json:"id"`
	Survey   lenient.Text `json:"survey_id"`
	Subjects []struct {
		ID   lenient.Text `json:"id"`
		Type lenient.Text `json:"type"`
		ZRN  lenient.Text `json:"zrn"`
	} `json:"subjects"`
	Responder lenient.Text `json:"responder_id"`
	Answers   []struct {
		Type      lenient.Text `json:"type"`
		Rating    lenient.Text `json:"rating"`
		Value     lenient.Text `json:"value"`
		CreatedAt lenient.Text `json:"created_at"`
		UpdatedAt lenient.Text `json:"updated_at"`
	} `json:"answers"`
}

// rating takes a rating of a ticket in.
func (r *reader) rating(x *rating, t *ticket) {
	score := strings.ToLower(string(x.Score))
	question, value := "satisfaction", ""
	switch {
	case strings.HasPrefix(score, "good"):
		value = "1"
	case strings.HasPrefix(score, "bad"):
		value = "0"
	case score == "" || strings.HasSuffix(score, "offered"): // offered, unoffered: not answered
		r.Ignore("rating not given")
		return
	default:
		if _, err := strconv.ParseUint(score, 10, 16); err != nil {
			r.problem("satisfaction_rating.score", "The score is neither good nor bad nor a number.", "Send the score as the API names it, not as it is translated.")
			return
		}
		question, value = "rating", score
	}
	r.answer(t, question, value, string(cmp.Or(x.UpdatedAt, x.CreatedAt, t.UpdatedAt)), string(cmp.Or(x.CreatedAt, t.CreatedAt, x.UpdatedAt, t.UpdatedAt)), x.Comment)
}

// response takes a survey response about a ticket in.
func (r *reader) response(x *response) {
	var t ticket
	for _, s := range x.Subjects {
		if strings.EqualFold(string(s.Type), "ticket") || strings.HasPrefix(string(s.ZRN), "zen:ticket:") {
			t.ID = cmp.Or(s.ID, lenient.Text(strings.TrimPrefix(string(s.ZRN), "zen:ticket:")))
		}
	}
	t.RequesterID = x.Responder
	var rated, text, created, updated lenient.Text
	for _, a := range x.Answers {
		switch strings.ToLower(string(a.Type)) {
		case "rating_scale":
			rated, created, updated = a.Rating, a.CreatedAt, a.UpdatedAt
		case "open_ended":
			text = a.Value
		}
	}
	if rated == "" {
		r.Ignore("survey response without a rating")
		return
	}
	if _, err := strconv.ParseUint(string(rated), 10, 16); err != nil {
		r.problem("survey_response.answers.rating", "The rating is no number.", "Send the rating's points.")
		return
	}
	r.answer(&t, "rating", string(rated), string(cmp.Or(updated, created)), string(cmp.Or(created, updated)), text)
}

func (r *reader) answer(t *ticket, question, value, updated, created string, text lenient.Text) {
	if t.ID == "" {
		r.problem("ticket_id", "The rating does not say whose it is.", "Send the id of the ticket with its rating.")
		return
	}
	changed, ok := lenient.Time(updated, r.o.Zone)
	if !ok {
		r.problem("updated_at", "The rating does not say when it was given.", "Send updated_at with the rating, as ISO 8601.")
		return
	}
	about, ok := lenient.Time(created, r.o.Zone)
	if !ok {
		about = changed
	}
	call := "rating:" + lenient.ID(t.ID)
	f := r.fields(call, t)
	delete(f, "priority")
	delete(f, "type")
	f["ticket"], f["question"], f["value"], f["created_at"] = lenient.ID(t.ID), question, value, about.Format(time.RFC3339Nano)
	e := format.Event{Call: call, Name: "rating", At: changed, Fields: f, Text: lenient.Comment(text)}
	if e.Text != "" {
		e.Customer = f["requester"]
	}
	r.Events = append(r.Events, lenient.Identified(e, r.o))
}
