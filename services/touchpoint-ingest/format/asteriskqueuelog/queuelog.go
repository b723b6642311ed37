// Package asteriskqueuelog reads Asterisk's queue_log: the file's lines "epoch|callid|queue|agent|event|args", and rows of the
// realtime table as JSON lines, as a JSON array or as CSV with the columns time, callid, queuename, agent, event and data1 to
// data5 or data.
//
// A record is a leg: one stay of a call in one queue, from ENTERQUEUE to its end. Its ID is the call's and the number of the
// stay in it ("1372864018.11/2"), its contact the call. A stay whose ENTERQUEUE is missing, because the log begins later, is
// counted from its end's own times. Ringing of several agents at once is added up.
//
// Version rule: the log is only appended to, so the number of the call's events is the version.
//
// Ends: COMPLETEAGENT, COMPLETECALLER and the transfers end an answered call (after a transfer there is no COMPLETE); ABANDON,
// with or without an agent's name, is a customer who gave up; EXITEMPTY, EXITWITHKEY, EXITWITHTIMEOUT and WITHDRAW are other
// ways out. A stay without an end is over, and unterminated, when the same call enters a queue again, and when Asterisk
// restarts: QUEUESTART names no call, so it is given to every call that has lines before it in the same delivery and no end
// there. A call whose lines all came in earlier deliveries is left to the closing by time.
//
// Not read: members' pauses, logins and penalties (no customer), OUTCALL (nobody waited), URLs, callers' names and the text of
// WITHDRAW (personal), events that a dialplan writes itself.
package asteriskqueuelog

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/lenient"
)

// Format returns the format.
func Format() *format.Format {
	return &format.Format{
		Name: "asterisk-queue-log", Title: "Asterisk queue_log", Stateful: true, Parse: parse,
		Records: func(call string, events []format.Event, _ format.Options) []format.Record {
			return records(call, events, false)
		},
		Unended: func(call string, events []format.Event, _ format.Options) []format.Record {
			return slices.DeleteFunc(records(call, events, true), func(r format.Record) bool { return r.Outcome != format.Unterminated })
		},
	}
}

// row is a line of the file or a row of the table.
type row struct {
	time, callid, queue, agent, event string
	args                              []string
}

func parse(d format.Delivery, o format.Options) format.Parsed {
	var p format.Parsed
	var starts []time.Time
	for line, r := range rows(d.Body, &p) {
		r.event = strings.ToUpper(strings.TrimSpace(r.event))
		if r.event != "QUEUESTART" && kinds[r.event] == none {
			p.Ignore(named(r.event))
			continue
		}
		at, ok := lenient.Time(strings.TrimSpace(r.time), o.Zone)
		if !ok {
			p.Problem(line, "time", "The time cannot be read.", "Send seconds since 1970 or a time as 2026-03-02 09:30:00.")
			continue
		}
		if r.event == "QUEUESTART" {
			starts = append(starts, at)
			continue
		}
		switch strings.ToUpper(r.callid) {
		case "", "NONE", "REALTIME", "MANAGER", "CLI":
			p.Problem(line, "callid", r.event+" names no call.", "Have the system write the call's unique id.")
			continue
		}
		p.Events = append(p.Events, event(r, at, line, o, &p))
	}
	restarts(&p, starts)
	return p
}

// event keeps what is used of a row.
func event(r row, at time.Time, line int, o format.Options, p *format.Parsed) format.Event {
	e := format.Event{Call: lenient.ShortID(r.callid, 100, "x"), Name: r.event, At: at, Fields: map[string]string{"queuename": r.queue}}
	number := func(name string, i int) {
		text := strings.TrimSpace(arg(r.args, i))
		if text == "" {
			return
		}
		if _, ok := lenient.Duration(text, time.Second); !ok {
			p.Problem(line, r.event+" "+name, "It is no number.", "Have the system write a number there, or leave it empty.")
			return
		}
		e.Fields[name] = text
	}
	agent := r.agent
	if !strings.EqualFold(agent, "NONE") {
		agent = o.Agent(e.Call, agent)
	}
	k := kinds[r.event]
	if (k == connect || k == complete || k == transfer) && !strings.EqualFold(agent, "NONE") && agent != "" {
		e.Fields["agent"] = agent
	}
	position := ""
	switch r.event {
	case "ENTERQUEUE":
		position = strings.TrimSpace(arg(r.args, 2))
		if caller := strings.TrimSpace(arg(r.args, 1)); lenient.Known(caller) {
			e.Fields["caller"] = o.Person(caller)
		}
	case "CONNECT":
		number("hold", 0)
		number("ring", 2)
	case "RINGNOANSWER", "RINGCANCELED":
		number("ringms", 0)
	case "COMPLETEAGENT", "COMPLETECALLER":
		number("hold", 0)
		number("talk", 1)
	case "BLINDTRANSFER", "TRANSFER":
		number("hold", 2)
		number("talk", 3)
	case "ATTENDEDTRANSFER":
		if i := attended(r.args); i >= 0 {
			number("hold", i)
			number("talk", i+1)
		}
	case "EXITWITHKEY":
		if key := arg(r.args, 0); len(key) == 1 {
			e.Fields["key"] = key
		}
		number("wait", 3)
	default: // ABANDON, EXITEMPTY, EXITWITHTIMEOUT, WITHDRAW
		number("wait", 2)
	}
	// The agent rings in vain more than once a second when many are rung at once.
	e.ID = identity(r.event, at, r.queue, format.Identity(agent), e.Fields["hold"], e.Fields["talk"], e.Fields["ring"], e.Fields["ringms"], e.Fields["wait"], e.Fields["key"], position)
	return e
}

// attended returns where hold and talk stand among the arguments of ATTENDEDTRANSFER: they are read from the right, because
// what stands before them varies; −1 where they are missing.
func attended(args []string) int {
	for len(args) > 0 && strings.TrimSpace(args[len(args)-1]) == "" {
		args = args[:len(args)-1]
	}
	n := 0
	for n < len(args) {
		if _, ok := lenient.Duration(strings.TrimSpace(args[len(args)-1-n]), time.Second); !ok {
			break
		}
		n++
	}
	switch {
	case n >= 3:
		return len(args) - 3
	case n == 2 && len(args) == 5 && strings.EqualFold(args[0], "LINK"): // the sixth did not fit into data5
		return 3
	}
	return -1
}

// restarts gives each call that is open when Asterisk restarts an event that says so.
func restarts(p *format.Parsed, starts []time.Time) {
	if len(starts) == 0 {
		return
	}
	slices.SortFunc(starts, time.Time.Compare)
	calls := map[string][]format.Event{}
	for _, e := range p.Events {
		calls[e.Call] = append(calls[e.Call], e)
	}
	given := 0
	for call, events := range calls {
		// Ends first within a second: an event too many says nothing about a call that has its end.
		slices.SortFunc(events, func(a, b format.Event) int {
			return cmp.Or(a.At.Compare(b.At), cmp.Compare(kinds[b.Name], kinds[a.Name]))
		})
		for i, e := range events {
			if kinds[e.Name].ends() {
				continue
			}
			next, _ := slices.BinarySearchFunc(starts, e.At, func(s, at time.Time) int {
				if s.After(at) {
					return 1
				}
				return -1
			})
			if next < len(starts) && (i+1 == len(events) || !events[i+1].At.Before(starts[next])) {
				p.Events = append(p.Events, format.Event{Call: call, ID: identity("QUEUESTART", starts[next]), Name: "QUEUESTART", At: starts[next]})
				given++
			}
		}
	}
	if given == 0 {
		p.Ignore("QUEUESTART")
	}
}

func arg(args []string, i int) string {
	if i < len(args) {
		return args[i]
	}
	return ""
}

// identity is made of what an event says, without what identifies a person.
func identity(name string, at time.Time, parts ...string) string {
	return name + "-" + strconv.FormatInt(at.UnixMicro(), 10) + "-" + lenient.Hash(parts...)[:16]
}

var word = regexp.MustCompile(`^[A-Z][A-Z_]{0,39}$`)

// named is what an event is counted by that is not read; a dialplan may write any text there.
func named(event string) string {
	if word.MatchString(event) {
		return event
	}
	return "other"
}
