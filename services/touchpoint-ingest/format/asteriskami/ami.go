// Package asteriskami reads queue events of the Asterisk Manager Interface: blocks of "Key: Value" lines, parted by blank
// lines, as they come from the connection or stand in a log of it. Other lines and blocks are passed by.
//
// A record is a leg: one stay of a call in one queue, from QueueCallerJoin to AgentComplete, QueueCallerAbandon or another way
// out. Its ID is the call's Uniqueid and the number of the stay in it, its contact the Linkedid. That a customer left in
// another way is known when QueueCallerLeave came without AgentConnect and the call is hung up or joins a queue again, so the
// user of the connection needs the class call beside agent. What came while disconnected is lost: QueueEntry, asked for by
// QueueStatus, stands for a join that was missed, and a stay of which no end came is unterminated.
//
// Version rule: events are only added, so the number of the call's events is the version.
//
// Times: Timestamp where timestampevents is set, else when it was received. Where a call began more than a day before that,
// the events come from a log, and its beginning, which the Uniqueid tells, stands for all of its times. Without Timestamp a
// second join of the same queue at the same position looks like a repetition. Durations are the events' own (HoldTime,
// TalkTime and RingTime in seconds, RingTime of AgentRingNoAnswer in milliseconds).
//
// Not read: members' states and pauses (no customer), callers' names (personal), AgentCalled and AgentDump (the stay goes on),
// Hold (it names the agent's channel), Shutdown (it names no call; the closing by time does what it would).
package asteriskami

import (
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
		Name: "asterisk-ami", Title: "Asterisk Manager Interface", Stateful: true, Parse: parse,
		Records: func(call string, events []format.Event, _ format.Options) []format.Record {
			return records(call, events, false)
		},
		Unended: func(call string, events []format.Event, _ format.Options) []format.Record {
			return slices.DeleteFunc(records(call, events, true), func(r format.Record) bool { return r.Outcome != format.Unterminated })
		},
	}
}

// kept are the fields used of each event, by its name in lower case. Join and Leave are the names before version 12.
var kept = map[string]struct {
	name   string
	fields []string
}{
	"queuecallerjoin":    {"QueueCallerJoin", nil},
	"join":               {"QueueCallerJoin", nil},
	"queueentry":         {"QueueEntry", nil},
	"queuecallerleave":   {"QueueCallerLeave", nil},
	"leave":              {"Leave", nil},
	"queuecallerabandon": {"QueueCallerAbandon", []string{"HoldTime"}},
	"agentringnoanswer":  {"AgentRingNoAnswer", []string{"RingTime"}},
	"agentconnect":       {"AgentConnect", []string{"HoldTime", "RingTime"}},
	"agentcomplete":      {"AgentComplete", []string{"HoldTime", "TalkTime"}},
	"hangup":             {"Hangup", nil},
}

func parse(d format.Delivery, o format.Options) format.Parsed {
	var p format.Parsed
	block, first, n := map[string]string{}, 0, 0
	end := func() {
		if len(block) > 0 {
			event(block, first, d, o, &p)
			clear(block)
		}
	}
	for line := range strings.Lines(strings.ToValidUTF8(string(d.Body), "\uFFFD")) {
		n++
		line = strings.TrimRight(line, "\r\n")
		if strings.TrimSpace(line) == "" {
			end()
			continue
		}
		key, value, ok := strings.Cut(line, ":")
		if !ok {
			continue
		}
		if key = strings.ToLower(strings.TrimSpace(key)); key == "event" && block["event"] != "" {
			end() // the blank line is missing
		}
		if len(block) == 0 {
			first = n
		}
		block[key] = strings.TrimSpace(value)
	}
	end()
	return p
}

func event(b map[string]string, line int, d format.Delivery, o format.Options, p *format.Parsed) {
	k, ok := kept[strings.ToLower(b["event"])]
	if !ok {
		p.Ignore(named(b["event"]))
		return
	}
	problem := func(field, message, remedy string) {
		p.Problem(line, field, message, remedy)
	}
	id, linked, queue := b["uniqueid"], b["linkedid"], b["queue"]
	switch {
	case k.name == "Hangup" && linked != "" && linked != id: // an agent's channel
		p.Ignore("Hangup")
		return
	case id == "":
		problem("Uniqueid", k.name+" names no call.", "Send the events whole; very old versions of Asterisk leave it out.")
		return
	case queue == "" && k.name != "Hangup":
		problem("Queue", k.name+" names no queue.", "Send the events whole.")
		return
	}
	e := format.Event{Call: lenient.ShortID(id, 100, "x"), Name: k.name, Fields: map[string]string{}}
	if k.name != "Hangup" {
		e.Fields["Queue"] = queue
	}
	if strings.EqualFold(b["event"], "Join") {
		e.Fields["Event"] = "Join"
	}
	for _, name := range k.fields {
		text := b[strings.ToLower(name)]
		if text == "" {
			continue
		}
		if _, ok := lenient.Duration(text, time.Second); !ok {
			problem(name, "It is no number.", "Send the events as Asterisk writes them.")
			continue
		}
		e.Fields[name] = text
	}
	switch k.name {
	case "AgentConnect", "AgentComplete":
		for _, name := range []string{"membername", "interface", "member"} {
			if e.Fields["MemberName"] == "" && b[name] != "" {
				e.Fields["MemberName"] = o.Agent(e.Call, b[name])
			}
		}
		if reason := strings.ToLower(b["reason"]); word.MatchString(reason) {
			e.Fields["Reason"] = reason
		}
	case "QueueCallerJoin", "QueueEntry":
		if linked != "" {
			e.Fields["Linkedid"] = lenient.ShortID(linked, 100, "x")
		}
		caller := b["calleridnum"]
		if caller == "" {
			caller = b["callerid"]
		}
		if lenient.Known(caller) {
			e.Fields["CallerIDNum"] = o.Person(caller)
		}
	}
	if e.At, ok = when(b, id, &e, d.ReceivedAt, len(p.Events)); !ok {
		problem("Timestamp", "The time cannot be read.", "Set timestampevents, or leave the field out.")
		return
	}
	var said string
	if k.name == "QueueEntry" { // asked for again and again: one event for one arrival
		if wait, ok := lenient.Duration(b["wait"], time.Second); ok && e.Fields["time"] != "created" {
			e.At = e.At.Add(-wait)
		}
		if e.Fields["time"] == "Timestamp" {
			said = e.At.Truncate(time.Second).Format(time.RFC3339)
		}
	} else {
		said = b["timestamp"] + "\x00" + b["sequencenumber"] + "\x00" + b["position"]
	}
	agent := e.Fields["MemberName"] // whom AgentRingNoAnswer names is told apart and not kept
	if agent == "" {
		agent = o.Agent(e.Call, b["membername"]+b["interface"]+b["member"])
	}
	e.ID = k.name + "-" + lenient.Hash(said, queue, format.Identity(agent), e.Fields["HoldTime"], e.Fields["TalkTime"], e.Fields["RingTime"], e.Fields["Reason"], b["destuniqueid"])[:16]
	p.Events = append(p.Events, e)
}

// when returns an event's time and notes in it where it is from. Events of one delivery that tell none stay in their order.
func when(b map[string]string, id string, e *format.Event, received time.Time, n int) (time.Time, bool) {
	if stamp := b["timestamp"]; stamp != "" {
		e.Fields["time"] = "Timestamp"
		return lenient.Time(stamp, time.UTC)
	}
	if m := unique.FindStringSubmatch(id); m != nil {
		if began, err := strconv.ParseInt(m[1], 10, 64); err == nil {
			if at := time.Unix(began, 0).UTC(); received.Sub(at) > 24*time.Hour {
				e.Fields["time"] = "created"
				return at.Add(time.Duration(n) * time.Microsecond), true
			}
		}
	}
	e.Fields["time"] = "received"
	return received.UTC().Add(time.Duration(n) * time.Microsecond), true
}

// unique is what Asterisk makes Uniqueids of: the system's name, seconds since 1970 and a counter.
var unique = regexp.MustCompile(`^(?:.*-)?([0-9]{9,10})\.[0-9]+$`)

var word = regexp.MustCompile(`^[A-Za-z]{1,40}$`)

// named is what a block is counted by that is not read.
func named(event string) string {
	switch {
	case event == "":
		return "no event"
	case word.MatchString(event):
		return event
	}
	return "other"
}
