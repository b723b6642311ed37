// Package asteriskcel reads Asterisk's channel event logging: lines of CSV as cel_custom writes them, exports that begin with
// column names, JSON lines and JSON arrays. cel.conf must log APP_START and APP_END of queue and dial, ANSWER, BRIDGE_ENTER,
// BRIDGE_EXIT, BLINDTRANSFER, ATTENDEDTRANSFER, HANGUP, CHAN_END and LINKEDID_END: what it does not log is not counted.
//
// A record is a leg: one run of Queue() on a channel, or one of Dial() on the channel that began the call (Local channels dial
// too). Its ID is the channel's uniqueid and the number of the run on it, its contact the linkedid. Its queue is that of
// Queue(); for Dial() it is the dialplan context. Wait is from APP_START to the channel's first BRIDGE_ENTER or to the end of the
// run, talk the time in bridges during the run, with whomever the customer was transferred to.
//
// A customer who was not connected has abandoned when the channel was hung up from its own side within a second of the run's
// end; who went on in the dialplan left in another way. Where HANGUP does not say from which side, a run that ends with the
// call has no outcome.
//
// Version rule: the log is only appended to, so the number of the call's events is the version. A run is over when it has its
// APP_END after a connection, when the channel runs another or is hung up, and, unterminated, at LINKEDID_END without any of
// these. An agent who stays logged in by AgentLogin gives callers its own, older linkedid when they are connected: those runs
// end as unterminated too, so read queue_log there.
//
// Not read: parking, forwarding, user-defined events and other applications (no leg), callers' names (personal).
package asteriskcel

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/lenient"
)

// Format returns the format.
func Format() *format.Format {
	return &format.Format{
		Name: "asterisk-cel", Title: "Asterisk channel event logging", Stateful: true, Parse: parse,
		Records: func(call string, events []format.Event, _ format.Options) []format.Record {
			return records(call, events, false)
		},
		Unended: func(call string, events []format.Event, _ format.Options) []format.Record {
			return slices.DeleteFunc(records(call, events, true), func(r format.Record) bool { return r.Outcome != format.Unterminated })
		},
	}
}

// names of the events that are read; those before version 12 too.
var names = map[string]string{
	"ANSWER": "ANSWER", "APP_START": "APP_START", "APP_END": "APP_END",
	"BRIDGE_ENTER": "BRIDGE_ENTER", "BRIDGE_START": "BRIDGE_ENTER", "BRIDGE_EXIT": "BRIDGE_EXIT", "BRIDGE_END": "BRIDGE_EXIT",
	"BLINDTRANSFER": "BLINDTRANSFER", "ATTENDEDTRANSFER": "ATTENDEDTRANSFER",
	"HANGUP": "HANGUP", "CHAN_END": "CHAN_END", "LINKEDID_END": "LINKEDID_END",
}

var (
	phone = regexp.MustCompile(`[0-9]{7}`)
	short = regexp.MustCompile(`^([0-9*#]{1,6}|[a-z])$`)
	word  = regexp.MustCompile(`^[A-Z][A-Z_]{0,39}$`)
)

func parse(d format.Delivery, o format.Options) format.Parsed {
	var p format.Parsed
	for line, row := range rows(d.Body, &p) {
		name := strings.ToUpper(row["eventtype"])
		kind, ok := names[name]
		app := strings.ToLower(row["appname"])
		if !ok || strings.HasPrefix(kind, "APP_") && app != "queue" && app != "dial" {
			if !word.MatchString(name) {
				name = "other"
			}
			p.Ignore(name)
			continue
		}
		bad := func(field, message, remedy string) {
			p.Problem(line, field, message, remedy)
		}
		at, ok := lenient.Time(row["eventtime"], o.Zone)
		if !ok {
			bad("eventtime", "The time cannot be read.", "Send seconds since 1970 or a time as 2026-03-02 09:30:00.123456.")
			continue
		}
		if row["uniqueid"] == "" {
			bad("uniqueid", kind+" names no channel.", "Log uniqueid and linkedid.")
			continue
		}
		linked := row["linkedid"]
		if linked == "" {
			linked = row["uniqueid"]
		}
		e := format.Event{Call: lenient.ShortID(linked, 100, "x"), Name: kind, At: at}
		e.Fields = fields(e.Call, kind, app, row, o)
		said := []string{}
		for _, k := range slices.Sorted(maps.Keys(e.Fields)) {
			if k != "cid_num" {
				said = append(said, k, format.Identity(e.Fields[k]))
			}
		}
		e.ID = kind + "-" + strconv.FormatInt(at.UnixMicro(), 10) + "-" + lenient.Hash(said...)[:16]
		p.Events = append(p.Events, e)
	}
	return p
}

// fields keeps what is used of a row.
func fields(call, kind, app string, row map[string]string, o format.Options) map[string]string {
	f := map[string]string{"uniqueid": lenient.ShortID(row["uniqueid"], 100, "x")}
	keep := func(name, text string) {
		if text != "" && !phone.MatchString(text) {
			f[name] = text
		}
	}
	agent := func(name, device string) {
		if device != "" && !phone.MatchString(device) {
			f[name] = o.Agent(call, device)
		}
	}
	switch kind {
	case "APP_START", "APP_END":
		f["appname"] = app
		if app == "queue" {
			queue, _, _ := strings.Cut(row["appdata"], ",")
			queue, _, _ = strings.Cut(queue, "|") // before version 1.6
			f["queue"] = strings.TrimSpace(queue)
		} else {
			keep("context", row["context"])
		}
		if short.MatchString(row["exten"]) {
			keep("exten", row["exten"])
		}
		if caller := customer(app, row); caller != "" && kind == "APP_START" {
			f["cid_num"] = o.Person(caller)
		}
	case "BRIDGE_ENTER", "BRIDGE_EXIT":
		keep("bridge_id", extra(row["extra"])["bridge_id"])
		if kind == "BRIDGE_ENTER" {
			peer, _, _ := strings.Cut(row["peer"], ",")
			agent("peer", device(peer))
			agent("channame", device(row["channame"]))
		}
	case "HANGUP":
		x := extra(row["extra"])
		switch source := x["hangupsource"]; {
		case source == "":
		case source == row["channame"]:
			f["hangupsource"] = "self"
		default:
			f["hangupsource"] = "other"
		}
		if word.MatchString(x["dialstatus"]) {
			f["dialstatus"] = x["dialstatus"]
		}
	}
	return f
}

// customer returns the number of the one who is no extension; a dialplan may present a number of the house on calls out, so of
// two numbers in Dial() none is taken.
func customer(app string, row map[string]string) string {
	caller, called := row["cidnum"], row["ciddnid"]
	if called == "" || !phone.MatchString(called) {
		called = row["exten"]
	}
	switch from, to := phone.MatchString(caller), phone.MatchString(called); {
	case app == "queue":
		if lenient.Known(caller) {
			return caller
		}
	case from && !to:
		return caller
	case to && !from:
		return called
	}
	return ""
}

// extra reads the column of that name: JSON, or cause, source and status of a HANGUP before version 12.
func extra(text string) map[string]string {
	if strings.HasPrefix(text, "{") {
		var x map[string]json.RawMessage
		if json.Unmarshal([]byte(text), &x) != nil {
			return nil
		}
		return columns(x)
	}
	if f := strings.Split(text, ","); len(f) >= 3 {
		return map[string]string{"hangupsource": f[1], "dialstatus": f[2]}
	}
	return nil
}

// device is a channel without what tells calls apart ("PJSIP/2001-0000000a").
func device(channel string) string {
	if i := strings.LastIndex(channel, "-"); i >= 0 {
		return channel[:i]
	}
	return channel
}
