// Package freeswitchesl reads mod_callcenter's events as FreeSWITCH's event socket gives them: CUSTOM callcenter::info, as plain
// blocks of headers (with or without the frames around them) or as JSON, one after another.
//
// A record is one stay in a queue (a leg); its id is the CC-Member-UUID. A caller who comes back after an abandonment keeps
// that id (member-queue-resume): it is one wait, from the first arrival to the last leaving, and the abandonment is
// replaced. While such a second stay is open the abandonment stands.
//
// Version: the number of the stay's events. Events are lost while nobody listens on the socket: one event of the end is
// enough for a record, because it repeats the times.
//
// Talk holds what hold there was: these events do not tell it. Ring is the time during which any agent's phone rang; it is
// left out when the ringing of one attempt is unknown, and with the attempts when the stay was not heard from its start. Not read: agents' states and contacts, members-count, and all
// variables of the channels.
package freeswitchesl

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/lenient"
)

// Format reads callcenter::info.
func Format() *format.Format {
	return &format.Format{
		Name: "freeswitch-esl", Title: "FreeSWITCH event socket (mod_callcenter)", Stateful: true,
		Parse: parse, Records: records, Unended: unended,
	}
}

// Actions that are used.
const (
	start       = "member-queue-start"
	resume      = "member-queue-resume"
	offering    = "agent-offering"
	bridgeStart = "bridge-agent-start"
	bridgeEnd   = "bridge-agent-end"
	bridgeFail  = "bridge-agent-fail"
	end         = "member-queue-end"
)

// times are the headers that hold a time, in seconds since 1970.
var times = []string{
	"CC-Member-Joined-Time", "CC-Agent-Called-Time", "CC-Agent-Answered-Time", "CC-Agent-Aborted-Time",
	"CC-Bridge-Terminated-Time", "CC-Member-Leaving-Time",
}

// own is by which time an action is dated when the event itself has none.
var own = map[string]string{
	start: "CC-Member-Joined-Time", resume: "CC-Member-Joined-Time", offering: "CC-Agent-Called-Time", bridgeStart: "CC-Agent-Answered-Time",
	bridgeEnd: "CC-Bridge-Terminated-Time", bridgeFail: "CC-Agent-Aborted-Time", end: "CC-Member-Leaving-Time",
}

// take makes an event of one event's headers.
func take(p *format.Parsed, line int, h headers, o format.Options) {
	name := h.of("Event-Name")
	if sub := h.of("Event-Subclass"); !strings.EqualFold(sub, "callcenter::info") && (sub != "" || h.of("CC-Action") == "") {
		switch {
		case sub != "":
			name = sub
		case name == "":
			return // a frame around an event, or a command's reply
		}
		p.Ignore(lenient.Clip(name, 60))
		return
	}
	action := strings.ToLower(h.of("CC-Action"))
	if _, ok := own[action]; !ok {
		p.Ignore(lenient.Clip(cmp.Or(action, "callcenter::info without CC-Action"), 60))
		return
	}
	session := h.of("CC-Member-Session-UUID")
	member := cmp.Or(h.of("CC-Member-UUID"), session)
	if member == "" {
		p.Problem(line, "CC-Member-UUID", "The event "+action+" names no member.", "Send the events as mod_callcenter writes them.")
		return
	}
	e := format.Event{Call: lenient.ShortID(member, 100, "hash-"), Name: action, Fields: map[string]string{}}
	keep := func(field, value string) {
		if value != "" {
			e.Fields[field] = value
		}
	}
	keep("CC-Queue", h.of("CC-Queue"))
	keep("CC-Agent", o.Agent(e.Call, h.of("CC-Agent")))
	keep("CC-Member-Session-UUID", lenient.ShortID(session, 100, "hash-"))
	keep("CC-Member-CID-Number", person(h.of("CC-Member-CID-Number"), o))
	switch action {
	case start, resume:
		keep("Call-Direction", strings.ToLower(h.of("Call-Direction")))
	case bridgeFail:
		keep("CC-Hangup-Cause", h.of("CC-Hangup-Cause"))
	case end:
		keep("CC-Cause", strings.ToLower(h.of("CC-Cause")))
		keep("CC-Cancel-Reason", strings.ToUpper(cmp.Or(h.of("CC-Cancel-Reason"), h.of("CC-Cause-Reason"))))
	}
	for _, field := range times {
		s := h.of(field)
		if at := lenient.Epoch(s); !at.IsZero() {
			keep(field, strconv.FormatInt(at.Unix(), 10))
		} else if strings.Trim(s, "0") != "" {
			p.Problem(line, field, fmt.Sprintf("%q is no time since 2000.", lenient.Clip(s, 60)), "Find out what wrote it; the stay is parked, for its times cannot be trusted.")
			keep("unreadable", field)
		}
	}
	if e.At = dated(h, o.Zone); e.At.IsZero() {
		e.At = lenient.Epoch(e.Fields[own[action]])
	}
	if e.At.IsZero() {
		p.Problem(line, "Event-Date-Timestamp", "The event "+action+" has no time.", "Send the events with their Event-Date headers.")
		return
	}
	e.ID = action + ":" + strconv.FormatInt(e.At.UnixMicro(), 10) + ":" + lenient.Hash(format.Identity(e.Fields["CC-Agent"]))[:8]
	p.Events = append(p.Events, e)
}

// dated returns when an event was fired, by the best header that tells it.
func dated(h headers, zone *time.Location) time.Time {
	if at := lenient.Epoch(h.of("Event-Date-Timestamp")); !at.IsZero() {
		return at
	}
	if at, err := time.Parse(time.RFC1123, h.of("Event-Date-GMT")); err == nil && at.Year() >= 2000 {
		return at.UTC()
	}
	if at, err := time.ParseInLocation(time.DateTime, h.of("Event-Date-Local"), zone); err == nil && at.Year() >= 2000 {
		return at.UTC()
	}
	return time.Time{}
}

// person hashes a telephone number; that of a caller who hides it is nobody's.
func person(number string, o format.Options) string {
	if number = strings.TrimSpace(number); strings.Trim(number, "+0123456789-(). ") != "" || strings.Trim(number, "+0-. ()") == "" {
		return ""
	}
	return o.Person(number)
}
