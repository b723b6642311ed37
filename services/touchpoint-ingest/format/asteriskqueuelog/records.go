package asteriskqueuelog

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/lenient"
)

// kind is what an event means for a stay, in the order in which events of one second are taken.
type kind int

const (
	none kind = iota
	enter
	ring
	connect
	transfer
	complete
	leave
)

var kinds = map[string]kind{
	"ENTERQUEUE": enter, "RINGNOANSWER": ring, "RINGCANCELED": ring, "CONNECT": connect,
	"BLINDTRANSFER": transfer, "ATTENDEDTRANSFER": transfer, "TRANSFER": transfer,
	"COMPLETEAGENT": complete, "COMPLETECALLER": complete,
	"ABANDON": leave, "EXITEMPTY": leave, "EXITWITHKEY": leave, "EXITWITHTIMEOUT": leave, "WITHDRAW": leave,
}

func (k kind) ends() bool { return k >= transfer }

// stay is one stay of a call in a queue; what is missing is nil.
type stay struct {
	queue               string
	enter, connect, end *format.Event
	rings               []format.Event
	last                time.Time
}

func (s *stay) add(e format.Event) {
	switch k := kinds[e.Name]; {
	case k == enter:
		s.enter = &e
	case k == ring:
		s.rings = append(s.rings, e)
	case k == connect && s.connect == nil:
		s.connect = &e
	case k.ends() && (s.end == nil || k < kinds[s.end.Name]):
		s.end = &e
	}
	if e.At.After(s.last) {
		s.last = e.At
	}
}

// start is when the customer arrived: at ENTERQUEUE, or before the end by the times that the end tells.
func (s *stay) start() (time.Time, bool) {
	if s.enter != nil {
		return s.enter.At, true
	}
	if s.end != nil {
		if wait, ok := taken(s.end, "wait"); ok && s.connect == nil {
			return s.end.At.Add(-wait), true
		}
		hold, ok := taken(s.end, "hold")
		if talk, known := taken(s.end, "talk"); ok && known {
			return s.end.At.Add(-hold - talk), true
		}
	}
	if hold, ok := taken(s.connect, "hold"); ok {
		return s.connect.At.Add(-hold), true
	}
	return time.Time{}, false
}

// order is what stays are numbered by.
func (s *stay) order() time.Time {
	if at, ok := s.start(); ok {
		return at
	}
	return s.last
}

// stays of a call in the order in which they began.
func stays(events []format.Event) []*stay {
	queues := map[string][]format.Event{}
	for _, e := range events {
		if kinds[e.Name] != none {
			queues[e.Fields["queuename"]] = append(queues[e.Fields["queuename"]], e)
		}
	}
	var all []*stay
	for _, queue := range slices.Sorted(maps.Keys(queues)) {
		all = append(all, inQueue(queue, queues[queue])...)
	}
	slices.SortStableFunc(all, func(a, b *stay) int { return a.order().Compare(b.order()) })
	return all
}

// inQueue parts the events of a call in one queue: they belong to the stay that is open, and of one second those come first
// that can be.
func inQueue(queue string, events []format.Event) []*stay {
	var all []*stay
	for len(events) > 0 {
		n := 1
		for n < len(events) && events[n].At.Equal(events[0].At) {
			n++
		}
		second := events[:n]
		slices.SortStableFunc(second, func(a, b format.Event) int { return cmp.Compare(kinds[a.Name], kinds[b.Name]) })
		events = events[n:]
		for len(second) > 0 {
			open := len(all) > 0 && all[len(all)-1].end == nil
			i := 0 // an ENTERQUEUE, where there is one
			if open && kinds[second[0].Name] == enter {
				i = max(0, slices.IndexFunc(second, func(e format.Event) bool { return kinds[e.Name] != enter }))
			}
			if kinds[second[i].Name] == enter || len(all) == 0 {
				all = append(all, &stay{queue: queue})
			}
			all[len(all)-1].add(second[i])
			second = slices.Delete(second, i, i+1)
		}
	}
	return all
}

// records returns what is over, and with closing everything else as unterminated.
func records(call string, events []format.Event, closing bool) []format.Record {
	all := stays(events)
	var out []format.Record
	for n, s := range all {
		at, ok := s.start()
		if !ok {
			continue
		}
		r := format.Record{ID: call + "/" + strconv.Itoa(n+1), Queue: s.queue, Channel: "voice", Contact: call, OccurredAt: at}
		if s.enter != nil {
			r.Customer = s.enter.Fields["caller"]
		}
		if s.end != nil {
			s.ended(&r)
		} else if closing || s.left(events, all[n+1:]) {
			r.Outcome = format.Unterminated
			s.connected(&r)
		} else {
			continue
		}
		s.tried(&r)
		out = append(out, r)
	}
	return out
}

// left reports whether a stay without an end is over: Asterisk has restarted, or the call has entered a queue again.
func (s *stay) left(events []format.Event, later []*stay) bool {
	return slices.ContainsFunc(events, func(e format.Event) bool { return e.Name == "QUEUESTART" && e.At.After(s.last) }) ||
		slices.ContainsFunc(later, func(l *stay) bool {
			return l.enter != nil && !l.enter.At.Before(s.last) && l.enter.At.After(s.order())
		})
}

// ended says how a stay ended.
func (s *stay) ended(r *format.Record) {
	k := kinds[s.end.Name]
	r.Attributes = map[string]string{"event": s.end.Name}
	if k == leave && s.connect == nil {
		r.Outcome = format.LeftOther
		if s.end.Name == "ABANDON" {
			r.Outcome = format.Abandoned
		}
		if key := s.end.Fields["key"]; key != "" {
			r.Attributes["key"] = key
		}
		if wait, ok := taken(s.end, "wait"); ok {
			r.Times(format.Wait, wait)
		} else if s.enter != nil {
			r.Times(format.Wait, s.end.At.Sub(s.enter.At))
		}
		return
	}
	r.Outcome = format.Answered
	s.connected(r)
	if k == leave {
		return // it was connected, and how long is not told
	}
	if talk, ok := taken(s.end, "talk"); ok {
		r.Times(format.Talk, talk)
	} else if s.connect != nil {
		r.Times(format.Talk, s.end.At.Sub(s.connect.At))
	}
	if k == transfer {
		r.Counts(format.Transfers, 1)
	} else {
		r.Counts(format.Transfers, 0)
	}
}

// connected adds what is known of a stay that was answered.
func (s *stay) connected(r *format.Record) {
	if s.connect == nil && (s.end == nil || kinds[s.end.Name] == leave) {
		return
	}
	for _, e := range []*format.Event{s.connect, s.end} {
		if e != nil && kinds[e.Name] != leave && r.Agent == "" {
			r.Agent = e.Fields["agent"]
		}
	}
	if hold, ok := taken(s.connect, "hold"); ok {
		r.Times(format.Wait, hold)
	} else if hold, ok := taken(s.end, "hold"); ok {
		r.Times(format.Wait, hold)
	} else if s.connect != nil && s.enter != nil {
		r.Times(format.Wait, s.connect.At.Sub(s.enter.At))
	}
}

// tried adds the agents that were rung. Who answered rang too, and old versions do not say how long: then nothing is said.
func (s *stay) tried(r *format.Record) {
	total, known, attempts := time.Duration(0), len(s.rings) > 0, int64(0)
	for i := range s.rings {
		if s.rings[i].Name == "RINGNOANSWER" {
			attempts++
		}
		ms, ok := taken(&s.rings[i], "ringms")
		if ms < 0 || ms > format.LongestPlausible {
			r.Times(format.Ring, ms) // added up it might look right
			return
		}
		total, known = total+ms, known && ok
	}
	if s.connect != nil || s.end != nil && kinds[s.end.Name] != leave {
		last, ok := taken(s.connect, "ring")
		total, known = total+last, ok && (known || len(s.rings) == 0)
	}
	if known {
		r.Times(format.Ring, total)
	}
	if s.enter != nil { // else the log begins in its middle
		r.Counts(format.Attempts, attempts)
	}
}

// taken is a time that an event tells.
func taken(e *format.Event, name string) (time.Duration, bool) {
	if e == nil || e.Fields[name] == "" {
		return 0, false
	}
	if name == "ringms" {
		return lenient.Duration(e.Fields[name], time.Millisecond)
	}
	return lenient.Duration(e.Fields[name], time.Second)
}
