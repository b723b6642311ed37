// Package twiliovoice reads Twilio's voice status callbacks: a form each, as the body of a request, the query of its URL, or a
// line of a file; a line may be JSON with the same fields.
//
// A record is one call of a customer (a contact); its id is the CallSid. Calls that the application made for it (ParentCallSid)
// are no records: they tell whether and when somebody answered. An inbound call that was completed without such calls
// was answered by what the number runs, a bot as a rule; Twilio's queues are read by twilio-taskrouter.
//
// Version: the number of events known. The record comes with the call's last status and is made better by later events. A
// Timestamp that is missing or broken is replaced by the time of receipt, and nothing is measured from it.
//
// Talk holds what hold there was. Not read: Duration (minutes), Caller and Called, places, prices, recordings, conferences
// and the asynchronous answering machine detection (it has no CallStatus).
package twiliovoice

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/lenient"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/twilio"
)

// Format reads voice status callbacks.
func Format() *format.Format {
	return &format.Format{
		Name: "twilio-voice-status", Title: "Twilio voice status callbacks", Stateful: true,
		Parse: parse, Records: records, Unended: unended, Verify: twilio.Verify,
	}
}

func parse(d format.Delivery, o format.Options) (p format.Parsed) {
	body := bytes.TrimPrefix(d.Body, []byte("\ufeff"))
	if len(bytes.TrimSpace(body)) == 0 && d.URL != nil {
		body = []byte(d.URL.RawQuery)
	}
	n, empty := 0, true
	for line := range bytes.Lines(body) {
		n++
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		empty = false
		fields, err := form(line)
		if err != nil {
			p.Problem(n, "", "The line is no form.", "Send the callbacks as Twilio posts them, one a request or one a line.")
			continue
		}
		take(&p, n, fields, d, o)
	}
	if empty {
		p.Problem(0, "", "The delivery is empty.", "Send the callbacks as Twilio posts them.")
	}
	return p
}

// form reads the first value of each field.
func form(line []byte) (map[string]string, error) {
	out := map[string]string{}
	set := func(name, value string) {
		if value = strings.TrimSpace(strings.ToValidUTF8(value, "")); value != "" && len(value) <= 1024 {
			out[strings.ToLower(name)] = value
		}
	}
	if line[0] == '{' {
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(line, &fields); err != nil {
			return nil, err
		}
		for _, name := range slices.Sorted(maps.Keys(fields)) {
			var s string
			if json.Unmarshal(fields[name], &s) != nil {
				s = string(fields[name])
			}
			set(name, s)
		}
		return out, nil
	}
	fields, err := url.ParseQuery(string(line))
	for _, name := range slices.Sorted(maps.Keys(fields)) { // names that differ in case alone: always the same one holds
		set(name, fields[name][0])
	}
	if len(out) > 0 {
		err = nil // one bad field does not spoil the others
	}
	return out, err
}

func take(p *format.Parsed, line int, f map[string]string, d format.Delivery, o format.Options) {
	sid, status := f["callsid"], strings.ToLower(f["callstatus"])
	switch {
	case status == "":
		p.Ignore(lenient.Clip(cmp.Or(f["statuscallbackevent"], f["callbacksource"], "a request without CallStatus"), 60))
		return
	case sid == "":
		p.Problem(line, "CallSid", "The callback names no call.", "Send the callbacks as Twilio posts them.")
		return
	case !step(status) && !final(status):
		p.Ignore(lenient.Clip(status, 60))
		return
	}
	e := format.Event{Call: lenient.ShortID(cmp.Or(f["parentcallsid"], sid), 64, "hash-"), Name: status, Fields: map[string]string{"CallSid": lenient.ShortID(sid, 64, "hash-")}}
	keep := func(name, value string) {
		if value != "" {
			e.Fields[name] = value
		}
	}
	parties(e.Call, f, keep, o)
	keep("AnsweredBy", strings.ToLower(f["answeredby"]))
	for _, name := range []string{"CallDuration", "SequenceNumber"} {
		s := f[strings.ToLower(name)]
		if n, err := strconv.ParseFloat(s, 64); err == nil && n > -1e9 && n < 1e9 {
			keep(name, strconv.FormatInt(int64(n), 10))
		} else if s != "" {
			p.Problem(line, name, fmt.Sprintf("%q is no number.", lenient.Clip(s, 60)), "Find out what wrote it; the event is taken without it.")
		}
	}
	stamp := f["timestamp"]
	if e.At = moment(stamp); e.At.IsZero() {
		if stamp != "" {
			p.Problem(line, "Timestamp", fmt.Sprintf("%q is no time since 2000.", lenient.Clip(stamp, 60)), "Twilio writes RFC 2822 (\"Mon, 02 Mar 2026 08:00:00 +0000\"); the time of receipt is taken for it, and nothing is measured from it.")
		}
		if d.Origin != "" {
			p.Problem(line, "Timestamp", "The event has no time, and that of a file's reading is not its own.", "Keep the Timestamp of callbacks in the file.")
			return
		}
		e.At = d.ReceivedAt.UTC()
		keep("received", "true")
	}
	tell := e.Fields["SequenceNumber"]
	if tell == "" {
		tell = "h" + lenient.Hash(stamp + "\n" + f["callduration"])[:12]
	}
	e.ID = e.Fields["CallSid"] + ":" + tell + ":" + status
	p.Events = append(p.Events, e)
}

// parties keeps who called and was called: the organisation's own numbers as they are, clients (agents) and customers hashed.
// A call that the application made for a customer's carries the customer's number as its caller.
func parties(call string, f map[string]string, keep func(name, value string), o format.Options) {
	direction, from, to := strings.ToLower(f["direction"]), f["from"], f["to"]
	switch {
	case f["parentcallsid"] != "":
		keep("Direction", "outbound-dial")
		keep("To", person(to, o))
	case strings.HasPrefix(strings.ToLower(from), "client:"):
		keep("Direction", "outbound-client")
		keep("Client", o.Agent(call, from[len("client:"):]))
		keep("To", person(to, o))
	case direction == "inbound", direction == "trunking-originating":
		keep("Direction", "inbound")
		keep("From", person(from, o))
		if strings.HasPrefix(strings.ToLower(to), "client:") {
			to = "client:" // whose it is, is a name
		}
		keep("To", to)
	case strings.HasPrefix(direction, "outbound"), direction == "trunking-terminating":
		keep("Direction", "outbound")
		keep("From", from)
		keep("To", person(to, o))
	}
}

// person hashes a telephone number or SIP address; who hides it is nobody.
func person(address string, o format.Options) string {
	kind, number, ok := strings.Cut(strings.TrimSpace(address), ":")
	switch strings.ToLower(kind) {
	case "sip", "sips":
		return o.Person(strings.TrimSpace(address))
	case "client":
		return ""
	}
	if !ok {
		number = kind
	}
	return twilio.Number(strings.TrimSpace(number), o)
}

// moment reads a time that carries its zone; zero where it is none, or before 2000. Weekdays are not believed.
func moment(s string) time.Time {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && n >= 946684800 && n < 1e14 {
		if n >= 1e11 {
			return time.UnixMilli(n).UTC()
		}
		return time.Unix(n, 0).UTC()
	}
	if at, err := time.Parse(time.RFC3339Nano, s); err == nil && at.Year() >= 2000 {
		return at.UTC()
	}
	if _, after, ok := strings.Cut(s, ","); ok {
		s = after
	}
	s = strings.Join(strings.Fields(s), " ")
	for _, utc := range []string{" GMT", " UTC", " UT", " Z"} {
		if date, ok := strings.CutSuffix(strings.ToUpper(s), utc); ok {
			s = date + " +0000"
		}
	}
	for _, layout := range []string{"2 Jan 2006 15:04:05 -0700", "2 January 2006 15:04:05 -0700", "Jan 2 2006 15:04:05 -0700"} {
		if at, err := time.Parse(layout, s); err == nil && at.Year() >= 2000 {
			return at.UTC()
		}
	}
	return time.Time{}
}
