// Package freeswitchcdr reads what FreeSWITCH's mod_json_cdr posts when a leg has ended: raw JSON, the form cdr= with URL-encoded
// or base64 JSON, and its spool files in all three writings.
//
// A record is one call as its first leg (a-leg) knows it; its id is that leg's uuid. Where mod_callcenter had it in a queue, it
// tells of the queue; else of what was dialled. A leg that passed several queues tells of the last one only: read
// freeswitch-esl instead where that matters. Legs that were made for another leg (agents, b-legs) add to that leg's record
// what only they know: hold by the agent, ringing, attempts. So hold, ring and attempts are unknown where log-b-leg is
// off, and talk then holds what hold there was.
//
// Version: the number of legs known of the call. Of two records of one leg the one that ended later holds.
//
// Calls between users (call_direction local, or from and to an extension, without a queue) are passed by.
//
// Not read: duration and billsec (they count menus and queues as talk), IVR (nothing tells menus from an earlier queue), names,
// app_log, and the free text of transfer_history, which holds telephone numbers.
package freeswitchcdr

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/lenient"
)

// Format reads mod_json_cdr.
func Format() *format.Format {
	return &format.Format{
		Name: "freeswitch-json-cdr", Title: "FreeSWITCH mod_json_cdr", Stateful: true,
		Parse: parse, Records: records, Unended: unended,
	}
}

// Names of events: the leg that stands for the call, and one that was made for it.
const (
	aLeg = "a-leg"
	bLeg = "b-leg"
)

// plain are variables kept as they are.
var plain = []string{"cc_queue", "cc_cause", "cc_cancel_reason", "hangup_cause", "sip_hangup_disposition"}

// read makes the event of one leg.
func read(p *format.Parsed, line int, l leg, o format.Options) {
	uuid := l.of("uuid")
	if uuid == "" {
		uuid = l.of("call_uuid")
	}
	if uuid == "" {
		p.Problem(line, "variables.uuid", "The record names no leg.", "Send the records as mod_json_cdr writes them; one without uuid cannot be told from others.")
		return
	}
	e := event{format.Event{Call: lenient.ShortID(uuid, 100, "hash-"), Name: aLeg, Fields: map[string]string{"uuid": lenient.ShortID(uuid, 100, "hash-")}}}
	if owner := l.owner(uuid); owner != "" {
		e.Call, e.Name = lenient.ShortID(owner, 100, "hash-"), bLeg
		if l.of("cc_member_session_uuid") == owner {
			e.Fields["cc_side"] = "agent"
		}
	}
	keep := func(name, value string) {
		if value != "" {
			e.Fields[name] = value
		}
	}
	for _, name := range plain {
		keep(name, l.of(name))
	}
	keep("cc_agent", o.Agent(e.Call, l.of("cc_agent")))
	known := len(p.Problems)
	keep("call_uuid", lenient.ShortID(l.of("call_uuid"), 100, "hash-"))
	for _, name := range []string{"start", "answer", "bridge", "end"} {
		if at := l.moment(p, line, name, o.Zone); !at.IsZero() {
			keep(name+"_uepoch", strconv.FormatInt(at.UnixMicro(), 10))
		}
	}
	for _, name := range []string{"joined", "answered", "terminated", "canceled"} {
		name = "cc_queue_" + name + "_epoch"
		if at := l.epoch(p, line, name); !at.IsZero() {
			keep(name, strconv.FormatInt(at.Unix(), 10))
		}
	}
	if s := l.of("hold_accum_seconds"); s != "" {
		if _, err := strconv.ParseInt(s, 10, 32); err != nil {
			p.Problem(line, "variables.hold_accum_seconds", fmt.Sprintf("%q is no number of seconds.", lenient.Clip(s, 40)), "Find out what wrote it; the call is taken with an unknown hold.")
		} else {
			keep("hold_accum_seconds", s)
		}
	}
	keep("hold_events", strings.Join(digits(l.of("hold_events")), " "))
	keep("transfer_history", transfers(l.of("transfer_history")))
	if !l.parties(e.Name, keep, o) {
		p.Ignore("local call")
		return
	}

	e.At = e.time("end_uepoch")
	for _, name := range []string{"start_uepoch", "cc_queue_joined_epoch"} {
		if e.At.IsZero() {
			e.At = e.time(name)
		}
	}
	if e.At.IsZero() {
		p.Problem(line, "variables.start_epoch", "The record has no time.", "Send start_epoch or start_uepoch, in seconds or microseconds since 1970.")
		return
	}
	keep("unreadable", unreadable(p.Problems[known:]))
	sum := sha256.New()
	for _, k := range slices.Sorted(maps.Keys(e.Fields)) {
		fmt.Fprintf(sum, "%s=%s\n", k, format.Identity(e.Fields[k]))
	}
	e.ID = e.Fields["uuid"] + ":" + hex.EncodeToString(sum.Sum(nil)[:6])
	p.Events = append(p.Events, e.Event)
}

// unreadable names the first time that could not be read. Without it the rest would say something else than what happened.
func unreadable(problems []format.Problem) string {
	for _, x := range problems {
		if name := strings.TrimPrefix(x.Field, "variables."); name != "hold_accum_seconds" {
			return name
		}
	}
	return ""
}

// parties keeps who was met. Telephone numbers of others than the organisation become hashes.
//
// FreeSWITCH's direction is the switch's, not the organisation's: a call that a logged-in user makes is "inbound". It
// returns false for a call between users, which meets no customer.
func (l leg) parties(name string, keep func(name, value string), o format.Options) bool {
	if name == bLeg {
		return true
	}
	direction := strings.ToLower(l.of("call_direction"))
	if direction == "" {
		direction = strings.ToLower(cmp.Or(l.of("direction"), l.direction))
		if direction == "inbound" && cmp.Or(l.of("user_name"), l.of("sip_auth_username")) != "" && l.of("cc_queue") == "" {
			direction = "outbound"
		}
	}
	caller := cmp.Or(l.profile["caller_id_number"], l.profile["ani"], l.of("caller_id_number"), l.of("sip_from_user"))
	dialled := cmp.Or(l.profile["destination_number"], l.of("destination_number"), l.of("sip_req_user"))
	keep("direction", direction)
	switch direction {
	case "local":
		return l.of("cc_queue") != ""
	case "inbound":
		keep("caller_id_number", person(caller, o))
		keep("destination_number", dialled)
	case "outbound":
		if l.of("user_name") != "" && len(caller) <= extension && len(dialled) <= extension && l.of("cc_queue") == "" {
			return false
		}
		keep("destination_number", person(dialled, o))
	}
	return true
}

// extension is the most digits that a user's own number has.
const extension = 5

// person hashes a telephone number; that of a caller who hides it is nobody's.
func person(number string, o format.Options) string {
	if number = strings.TrimSpace(number); strings.Trim(number, "+0123456789-(). ") != "" || strings.Trim(number, "+0-. ()") == "" {
		return ""
	}
	return o.Person(number)
}

// time returns the time of a field; zero where it has none.
func (e *event) time(name string) time.Time { return lenient.Epoch(e.Fields[name]) }
