package asteriskami

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/lenient"
)

// stay is one stay of a call in a queue: the first event of each name, and all rings in vain.
type stay struct {
	queue string
	first map[string]*format.Event
	rings []format.Event
	last  time.Time
}

func (s *stay) add(e format.Event) {
	switch {
	case e.Name == "AgentRingNoAnswer":
		s.rings = append(s.rings, e)
	case s.first[e.Name] == nil:
		s.first[e.Name] = &e
	}
	if e.At.After(s.last) {
		s.last = e.At
	}
}

// joined is the event by which the stay began, nil where it was missed.
func (s *stay) joined() *format.Event {
	if e := s.first["QueueCallerJoin"]; e != nil {
		return e
	}
	return s.first["QueueEntry"]
}

func (s *stay) ended() bool {
	return s.first["AgentComplete"] != nil || s.first["QueueCallerAbandon"] != nil
}

// start is when the customer arrived: at the join, or before a later event by the times that it tells.
func (s *stay) start() (time.Time, bool) {
	if e := s.joined(); e != nil {
		return e.At, true
	}
	for _, name := range []string{"QueueCallerAbandon", "AgentConnect", "AgentComplete"} {
		e := s.first[name]
		hold, ok := taken(e, "HoldTime")
		talk, talked := taken(e, "TalkTime")
		if !ok || name == "AgentComplete" && !talked {
			continue
		}
		if e.Fields["time"] == "created" {
			return e.At, true
		}
		return e.At.Add(-hold - talk), true
	}
	return time.Time{}, false
}

func (s *stay) order() time.Time {
	if at, ok := s.start(); ok {
		return at
	}
	return s.last
}

// stays of a call in the order in which they began. The events of one queue with one join are one stay, in whatever order they
// were received; with more joins they belong to the one before them.
func stays(events []format.Event) []*stay {
	queues, joins := map[string][]*stay{}, map[string]int{}
	for _, e := range events {
		if e.Name == "QueueCallerJoin" {
			joins[e.Fields["Queue"]]++
		}
	}
	for _, e := range events {
		if e.Name == "Hangup" {
			continue
		}
		queue := e.Fields["Queue"]
		all := queues[queue]
		fresh := len(all) == 0
		if !fresh && joins[queue] > 1 {
			last := all[len(all)-1]
			fresh = e.Name == "QueueCallerJoin" && (last.first["QueueCallerJoin"] != nil || last.ended())
		}
		if fresh {
			queues[queue] = append(all, &stay{queue: queue, first: map[string]*format.Event{}})
		}
		queues[queue][len(queues[queue])-1].add(e)
	}
	var out []*stay
	for _, queue := range slices.Sorted(maps.Keys(queues)) {
		out = append(out, queues[queue]...)
	}
	slices.SortStableFunc(out, func(a, b *stay) int { return a.order().Compare(b.order()) })
	return out
}

// records returns what is over, and with closing everything else as unterminated.
func records(call string, events []format.Event, closing bool) []format.Record {
	hungUp := slices.ContainsFunc(events, func(e format.Event) bool { return e.Name == "Hangup" })
	all := stays(events)
	var out []format.Record
	for n, s := range all {
		at, ok := s.start()
		if !ok {
			continue
		}
		again := slices.ContainsFunc(all[n+1:], func(l *stay) bool {
			return l.first["QueueCallerJoin"] != nil && l.order().After(at)
		})
		r := format.Record{ID: call + "/" + strconv.Itoa(n+1), Queue: s.queue, Channel: "voice", Contact: call, OccurredAt: at}
		if j := s.joined(); j != nil {
			r.Customer = j.Fields["CallerIDNum"]
			if j.Fields["Linkedid"] != "" {
				r.Contact = j.Fields["Linkedid"]
			}
		}
		if r.Outcome = s.outcome(hungUp, again); r.Outcome == "" {
			if !closing {
				continue
			}
			r.Outcome = format.Unterminated
		}
		s.measure(&r)
		out = append(out, r)
	}
	return out
}

// outcome says how a stay ended; it is empty while nobody knows.
func (s *stay) outcome(hungUp, again bool) string {
	connect := s.first["AgentConnect"]
	switch {
	case s.first["AgentComplete"] != nil, connect != nil && hungUp:
		return format.Answered
	case connect == nil && s.first["QueueCallerAbandon"] != nil:
		return format.Abandoned
	case connect == nil && s.first["QueueCallerLeave"] != nil && (hungUp || again):
		return format.LeftOther
	case hungUp || again: // before version 12 a Leave may have been an answer that was not reported
		return format.Unterminated
	}
	return ""
}

// measure adds what the events tell.
func (s *stay) measure(r *format.Record) {
	connect, complete := s.first["AgentConnect"], s.first["AgentComplete"]
	if connect == nil && complete == nil {
		s.waited(r, s.first["QueueCallerAbandon"], s.first["QueueCallerLeave"], s.first["Leave"])
	} else {
		s.waited(r, connect, complete)
	}
	for _, e := range []*format.Event{connect, complete} {
		if e != nil && r.Agent == "" {
			r.Agent = e.Fields["MemberName"]
		}
	}
	if talk, ok := taken(complete, "TalkTime"); ok {
		r.Times(format.Talk, talk)
	}
	if complete != nil && complete.Fields["Reason"] != "" {
		r.Attributes = map[string]string{"Reason": complete.Fields["Reason"]}
		r.Counts(format.Transfers, 0)
		if complete.Fields["Reason"] == "transfer" {
			r.Measures[len(r.Measures)-1].Count = 1
		}
	}
	s.tried(r)
}

// waited adds the wait: what one of the events tells, else the time from the join to the first, where both are stamped.
func (s *stay) waited(r *format.Record, events ...*format.Event) {
	for _, e := range events {
		if hold, ok := taken(e, "HoldTime"); ok {
			r.Times(format.Wait, hold)
			return
		}
	}
	join := s.first["QueueCallerJoin"]
	for _, e := range events {
		if e != nil && e.Name != "AgentComplete" && join != nil && join.Fields["time"] == "Timestamp" && e.Fields["time"] == "Timestamp" {
			r.Times(format.Wait, e.At.Sub(join.At))
			return
		}
	}
}

// tried adds the agents that were rung.
func (s *stay) tried(r *format.Record) {
	var total time.Duration
	known := true
	for i := range s.rings {
		ms, ok := taken(&s.rings[i], "RingTime")
		if ms < 0 || ms > format.LongestPlausible {
			r.Times(format.Ring, ms) // added up it might look right
			return
		}
		total, known = total+ms, known && ok
	}
	connect := s.first["AgentConnect"]
	last, ok := taken(connect, "RingTime")
	if known && (ok || connect == nil && s.first["AgentComplete"] == nil && len(s.rings) > 0) {
		r.Times(format.Ring, total+last)
	}
	// Before version 12 agents that do not answer are only reported where eventwhencalled is set.
	if j := s.first["QueueCallerJoin"]; j != nil && (j.Fields["Event"] == "" || len(s.rings) > 0) {
		r.Counts(format.Attempts, int64(len(s.rings)))
	}
}

// taken is a time that an event tells.
func taken(e *format.Event, name string) (time.Duration, bool) {
	if e == nil || e.Fields[name] == "" {
		return 0, false
	}
	if e.Name == "AgentRingNoAnswer" {
		return lenient.Duration(e.Fields[name], time.Millisecond)
	}
	return lenient.Duration(e.Fields[name], time.Second)
}
