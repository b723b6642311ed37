package freeswitchesl

import (
	"cmp"
	"time"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/lenient"
)

// stay is what is known of one member.
type stay struct {
	record                    format.Record
	joined, answered, over    time.Time // over: when the conversation ended
	left                      time.Time // the last leaving without an answer
	cause, reason             string    // of that
	heard                     bool      // from its beginning: else attempts may be missing
	canceled, bridged, ended  bool
	attempts                  int64
	rings                     [][2]time.Time
	ringUnknown, ringAnswered bool
}

// at returns the time of a header; zero where the event has none.
func at(e *format.Event, field string) time.Time { return lenient.Epoch(e.Fields[field]) }

// known reads a member's events, which are sorted. All differences are between whole seconds of one clock.
func known(call string, events []format.Event) *stay {
	s := &stay{record: format.Record{ID: call, Channel: "voice"}}
	r := &s.record
	offered := map[string]time.Time{}
	for i := range events {
		e := &events[i]
		s.heard = s.heard || e.Name == start
		joined := at(e, "CC-Member-Joined-Time")
		if joined.IsZero() && (e.Name == start || e.Name == resume) {
			joined = e.At.Truncate(time.Second)
		}
		if !joined.IsZero() && (s.joined.IsZero() || joined.Before(s.joined)) {
			s.joined = joined
		}
		r.Queue = cmp.Or(e.Fields["CC-Queue"], r.Queue)
		r.Contact = cmp.Or(r.Contact, e.Fields["CC-Member-Session-UUID"])
		r.Customer = cmp.Or(r.Customer, e.Fields["CC-Member-CID-Number"])
		if d := e.Fields["Call-Direction"]; d == "inbound" || d == "outbound" {
			r.Direction = cmp.Or(r.Direction, d)
		}
		if field := e.Fields["unreadable"]; field != "" && r.Implausible == "" {
			r.Implausible = field + " cannot be read"
		}
		agent, called, answered := e.Fields["CC-Agent"], at(e, "CC-Agent-Called-Time"), at(e, "CC-Agent-Answered-Time")
		if e.Name == offering {
			offered[format.Identity(agent)] = e.At.Truncate(time.Second)
			continue
		}
		if called.IsZero() {
			called = offered[format.Identity(agent)]
		}
		switch {
		case e.Name == bridgeFail:
			s.ring(called, cmp.Or(at(e, "CC-Agent-Aborted-Time"), e.At.Truncate(time.Second)))
			// Of phones that ring together the others are canceled when one is answered.
			if c := e.Fields["CC-Hangup-Cause"]; c != "ORIGINATOR_CANCEL" && c != "LOSE_RACE" && c != "PICKED_OFF" {
				s.attempts++
			}
		case e.Name == end && e.Fields["CC-Cause"] != "terminated":
			s.canceled, s.cause, s.reason = true, e.Fields["CC-Cause"], e.Fields["CC-Cancel-Reason"]
			s.left = cmp.Or(at(e, "CC-Member-Leaving-Time"), e.At.Truncate(time.Second))
		case e.Name == bridgeStart, e.Name == bridgeEnd, e.Name == end:
			s.bridged = true
			r.Agent = cmp.Or(agent, r.Agent)
			if answered.IsZero() && e.Name == bridgeStart {
				answered = e.At.Truncate(time.Second)
			}
			if s.answered.IsZero() {
				s.answered = answered
			}
			if !s.ringAnswered && !answered.IsZero() {
				s.ringAnswered = true
				s.ring(called, answered)
			}
			if e.Name != bridgeStart {
				s.ended = true
				over := cmp.Or(at(e, "CC-Bridge-Terminated-Time"), at(e, "CC-Member-Leaving-Time"), e.At.Truncate(time.Second))
				if s.over.IsZero() || over.Before(s.over) {
					s.over = over
				}
			}
		}
	}
	r.OccurredAt = s.joined
	if r.OccurredAt.IsZero() {
		r.OccurredAt = events[0].At
	}
	r.Contact = cmp.Or(r.Contact, call)
	return s
}

// ring notes that a phone rang.
func (s *stay) ring(from, to time.Time) {
	if from.IsZero() || to.Before(from) {
		s.ringUnknown = true
		return
	}
	s.rings = append(s.rings, [2]time.Time{from, to})
}

func records(call string, events []format.Event, _ format.Options) []format.Record {
	s := known(call, events)
	r := &s.record
	// A caller who hangs up as the agent answers is canceled for no reason, and was answered.
	hungUp := s.canceled && s.bridged && !s.left.Before(s.answered)
	switch {
	case s.ended, hungUp:
		r.Outcome = format.Answered
		if s.over.IsZero() {
			s.over = s.left
		}
		s.waited(s.answered)
		if !s.answered.IsZero() {
			r.Times(format.Talk, s.over.Sub(s.answered))
		}
	case s.canceled:
		r.Agent = ""
		switch {
		case s.cause != "cancel":
		case s.reason == "BREAK_OUT":
			r.Outcome = format.Abandoned
		case s.reason != "NONE" && s.reason != "":
			r.Outcome = format.LeftOther
		}
		s.waited(s.left)
	default:
		return nil
	}
	s.rang()
	return []format.Record{*r}
}

// waited adds the wait up to a time, where both ends are known.
func (s *stay) waited(until time.Time) {
	if !s.joined.IsZero() && !until.IsZero() {
		s.record.Times(format.Wait, until.Sub(s.joined))
	}
}

// rang adds ringing, where phones that ring together count once, and attempts.
func (s *stay) rang() {
	if !s.heard {
		return
	}
	s.record.Counts(format.Attempts, s.attempts)
	if s.ringUnknown || len(s.rings) == 0 {
		return
	}
	s.record.Times(format.Ring, lenient.Together(s.rings))
}

// unended closes a stay whose end was never heard: the socket was not listened to, or the switch fell over.
func unended(call string, events []format.Event, o format.Options) []format.Record {
	if out := records(call, events, o); out != nil {
		return out
	}
	s := known(call, events)
	s.record.Outcome = format.Unterminated
	if s.bridged {
		s.waited(s.answered)
	}
	return []format.Record{s.record}
}
