package survey

import (
	"context"
	"encoding/hex"
	"net/http"
	"strings"
	"time"

	surveyv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/survey/v1"
	"github.com/touchstone-cx/touchstone/services/survey/channel"
	"github.com/touchstone-cx/touchstone/services/survey/channel/sms"
	"github.com/touchstone-cx/touchstone/services/survey/state"
	"github.com/touchstone-cx/touchstone/services/survey/words"
)

// hooksSMS is where the provider of text messages calls, on the listener for respondents.
const hooksSMS = "/hooks/sms"

// heard writes down what providers tell of messages.
type heard struct {
	state *state.State
	keys  keys
	log   *journal
	clock func() time.Time
}

// report takes the end of a message. What is told again, or of a message that is not known, changes nothing.
func (h *heard) report(ctx context.Context, r channel.Report) error {
	id, ok := invitationOfMessage(r.ID)
	if !ok {
		return nil
	}
	first, err := h.state.Invitation(id)
	if err != nil || first == nil {
		return err
	}
	return h.log.write(ctx, first.Organisation, func() (*surveyv1.SurveyBatch, error) {
		i, err := h.state.Invitation(id)
		if err != nil || i == nil {
			return nil, err
		}
		person, err := h.state.Person(i.Customer)
		if err != nil {
			return nil, err
		}
		now := h.clock().UnixMilli()
		b := &surveyv1.SurveyBatch{}
		if i.Bounced == 0 && (r.State != channel.Delivered || i.Arrived == 0) {
			b.Events = append(b.Events, delivered(now, id, r.State, r.Reason))
		}
		if r.OptedOut && !person.OptedOut {
			b.Events = append(b.Events, stopped(now, id, i)...)
		}
		if len(b.Events) == 0 {
			return nil, nil
		}
		return b, nil
	})
}

// reply takes a message that a person sent: where it is a STOP, every organisation that wrote to the number asks them no more.
func (h *heard) reply(ctx context.Context, r channel.Reply) error {
	if !r.Stop {
		return nil
	}
	known, err := h.state.Phone(h.keys.phone(r.From))
	if err != nil {
		return err
	}
	for _, p := range known {
		if err := h.log.write(ctx, p.Organisation, func() (*surveyv1.SurveyBatch, error) {
			person, err := h.state.Person(p.Customer)
			if err != nil || person.OptedOut {
				return nil, err
			}
			return &surveyv1.SurveyBatch{Events: []*surveyv1.SurveyEvent{wish(h.clock().UnixMilli(), p.Customer)}}, nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// wish is the event of a person who wants no more messages.
func wish(now int64, customer state.ID) *surveyv1.SurveyEvent {
	return &surveyv1.SurveyEvent{AtMs: now, What: &surveyv1.SurveyEvent_Wish{
		Wish: &surveyv1.Wish{Customer: customer[:], Preference: surveyv1.Preference_PREFERENCE_OPTED_OUT, By: "stop"},
	}}
}

// delivered is the event of what became of a message.
func delivered(now int64, id state.ID, s channel.State, reason string) *surveyv1.SurveyEvent {
	d := &surveyv1.Delivery{State: surveyv1.InvitationState_INVITATION_STATE_DELIVERED, Reason: words.Redact(reason)}
	switch s {
	case channel.Bounced:
		d.State = surveyv1.InvitationState_INVITATION_STATE_BOUNCED
	case channel.Failed:
		d.State = surveyv1.InvitationState_INVITATION_STATE_FAILED
	}
	return &surveyv1.SurveyEvent{AtMs: now, Invitation: id[:], What: &surveyv1.SurveyEvent_Delivery{Delivery: d}}
}

// stopped is the event of a wish for no more messages that a provider keeps; none for a person who is not known.
func stopped(now int64, id state.ID, i *state.Invitation) []*surveyv1.SurveyEvent {
	if i.Customer == (state.ID{}) {
		return nil
	}
	e := wish(now, i.Customer)
	e.Invitation = id[:]
	return []*surveyv1.SurveyEvent{e}
}

// invitationOfMessage reads what channel.ID wrote.
func invitationOfMessage(message string) (id state.ID, ok bool) {
	text, _, ok := strings.Cut(message, "-")
	if !ok || len(text) != hex.EncodedLen(len(id)) {
		return id, false
	}
	_, err := hex.Decode(id[:], []byte(text))
	return id, err == nil
}

// withHooks serves the calls of the provider of text messages beside the pages.
func (h *heard) withHooks(c *sms.Channel, pages http.Handler) http.Handler {
	hooks := http.StripPrefix(hooksSMS, c.Handler(sms.Heard{Report: h.report, Reply: h.reply}))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, hooksSMS+"/") {
			hooks.ServeHTTP(w, r)
			return
		}
		pages.ServeHTTP(w, r)
	})
}
