package survey

import (
	"context"
	"errors"
	"log/slog"
	"time"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	surveyv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/survey/v1"
	"github.com/touchstone-cx/touchstone/services/survey/channel"
	"github.com/touchstone-cx/touchstone/services/survey/channel/compose"
	"github.com/touchstone-cx/touchstone/services/survey/gate"
	"github.com/touchstone-cx/touchstone/services/survey/state"
	"github.com/touchstone-cx/touchstone/services/survey/words"
)

// scheduler hands over what is due.
//
//	step                                 a crash right after it leaves
//	1  a message is composed               nothing
//	2  its channel has taken it            the message sent, and not known to be: it is handed over again, under the same id
//	3  Sent is in the log                  it is never handed over again
type scheduler struct {
	state *state.State
	atlas *atlas
	judge *judge
	keys  keys
	log   *journal
	slog  *slog.Logger
	clock func() time.Time
	base  string // of links, without a slash at its end
	cap   uint64 // most messages a day, beside the map's
	locks *locks

	composer *compose.Composer
	via      func(gate.Medium) (channel.Channel, error)
	backoff  channel.Backoff
}

const (
	sendAtOnce   = 100         // messages between two writes of the log
	sendLook     = time.Second // longest sleep: clocks are set, orders come
	sendPace     = 5 * time.Millisecond
	sendTimeout  = 30 * time.Second
	blockedSleep = time.Second // while all that is due may not leave
)

func (s *scheduler) run(ctx context.Context) error {
	// What was sent before must be known before anything is sent.
	if err := s.log.catchUp(ctx); err != nil {
		return nil
	}
	limit := sendAtOnce
	for {
		if s.log.current(ctx) != nil {
			return nil
		}
		changed := s.state.Changed()
		sent, due, next, err := s.pass(ctx, limit)
		if ctx.Err() != nil {
			return nil
		}
		wait := sendPace
		switch {
		case err != nil:
			s.slog.Warn("messages could not be sent", "reason", err)
			wait, changed = blockedSleep, nil
		case sent > 0:
			limit = sendAtOnce
		case due == limit: // all of these may not leave: others behind them may
			limit = min(2*limit, 1<<20)
		default:
			limit = sendAtOnce
			wait = sendLook
			if next > 0 {
				wait = min(wait, max(time.UnixMilli(next).Sub(s.clock()), sendPace))
			}
			if due > 0 {
				wait, changed = blockedSleep, nil
			}
		}
		select {
		case <-time.After(wait):
		case <-changed:
			select { // one pass serves the changes of a moment
			case <-time.After(sendPace):
			case <-ctx.Done():
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// pass hands over up to sendAtOnce of what is due, and says how many were dealt with, how many were looked at, and when the next is
// due.
func (s *scheduler) pass(ctx context.Context, limit int) (dealt, looked int, next int64, err error) {
	now := s.clock()
	due, next, err := s.state.Due(now.UnixMilli(), limit)
	if err != nil {
		return 0, 0, 0, err
	}
	events := map[string][]*surveyv1.SurveyEvent{}
	today := map[string]uint64{}
	var failures []error
	for _, w := range due {
		if dealt >= sendAtOnce || ctx.Err() != nil {
			break
		}
		i, e, err := s.one(ctx, w, now, today)
		if err != nil {
			failures = append(failures, err)
			break // what was handed over before is told all the same
		}
		if e == nil {
			continue
		}
		dealt++
		all := append(events[i.Organisation], &surveyv1.SurveyEvent{AtMs: now.UnixMilli(), Invitation: w.Invitation[:], What: &surveyv1.SurveyEvent_Sent{Sent: e.sent}})
		if e.arrived {
			all = append(all, delivered(now.UnixMilli(), w.Invitation, channel.Delivered, ""))
		}
		if e.optedOut {
			all = append(all, stopped(now.UnixMilli(), w.Invitation, i)...)
		}
		events[i.Organisation] = all
	}
	for org, all := range events {
		// Also while stopping: what was handed over and not told would be handed over again.
		failures = append(failures, s.log.record(ctx, org, all))
	}
	return dealt, len(due), next, errors.Join(failures...)
}

// dealt is what was done about one message.
type dealt struct {
	sent              *surveyv1.Sent
	arrived, optedOut bool
}

// one does what is to be done about one message that is due. While it does, no answer of that invitation is saved: a reminder never
// follows an answer.
func (s *scheduler) one(ctx context.Context, w state.Waiting, now time.Time, today map[string]uint64) (*state.Invitation, *dealt, error) {
	defer s.locks.lock(w.Invitation)()
	i, err := s.state.Invitation(w.Invitation)
	if err != nil || i == nil || i.Due != w.Due || !s.log.isCurrent() {
		return nil, nil, err
	}
	e, err := s.deal(ctx, w.Invitation, i, now, today)
	return i, e, err
}

// deal does what is to be done about one message; nil where it must wait.
func (s *scheduler) deal(ctx context.Context, id state.ID, i *state.Invitation, now time.Time, today map[string]uint64) (*dealt, error) {
	by := s.atlas.current(i.Organisation)
	if by == nil || s.state.Stopped(i.Organisation) != "" {
		return nil, nil
	}
	message := i.Message
	if i.Sent > 0 {
		message = 1
	}
	day := now.In(by.zone).Format(time.DateOnly)
	e := &surveyv1.Sent{Message: message, Attempt: 1, Day: day}
	if message == i.Message {
		e.Attempt = i.Attempts + 1
	}
	person := &state.Person{}
	if i.Customer != (state.ID{}) {
		var err error
		if person, err = s.state.Person(i.Customer); err != nil {
			return nil, err
		}
	}
	switch survey := by.byID[i.Survey]; {
	case person.OptedOut:
		e.Failed = "They asked not to be asked."
	case now.UnixMilli() >= i.OpenUntil:
		e.Failed = "Its time is over."
	case survey == nil || survey.proto.GetState() == mapv1.SurveyState_SURVEY_STATE_CLOSED:
		e.Failed = "The survey is closed."
	case survey.proto.GetState() != mapv1.SurveyState_SURVEY_STATE_ACTIVE:
		return nil, nil // what has not left waits while nobody new is asked
	}
	if e.Failed != "" {
		return &dealt{sent: e}, nil
	}
	used, ok := today[i.Organisation]
	if !ok {
		n, err := s.state.Count(i.Organisation, "day/"+day)
		if err != nil {
			return nil, err
		}
		used = uint64(n)
		today[i.Organisation] = used
	}
	if used >= s.dailyCap(by) {
		return nil, nil
	}
	r, phone, err := s.send(ctx, id, i, message)
	if err == nil {
		today[i.Organisation]++
		e.ProviderId, e.Phone = r.ProviderID, phone
		return &dealt{sent: e, arrived: r.Delivered}, nil
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	e.Failed = words.Redact(err.Error()) // a provider's words may repeat the address
	if wait, again := s.backoff.Next(int(e.Attempt), err); again {
		e.Again, e.NextMs = true, now.Add(wait).UnixMilli()
	}
	return &dealt{sent: e, optedOut: channel.OptedOut(err)}, nil
}

func (s *scheduler) dailyCap(by *compiled) uint64 {
	return min(s.cap, uint64(by.view.Contact.DailyCap))
}
