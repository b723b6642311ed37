// Package twiliotaskrouter reads Twilio TaskRouter's events: the forms that it posts to a workspace's EventCallbackUrl, and the
// CloudEvents of Event Streams, alone or in a list. Both name the same fields, as TaskSid and as task_sid.
//
// A record is one task (a contact); its id is the TaskSid. Its wait is from the first queue to the first acceptance, or to the
// cancellation; its talk from there to the wrap-up or, without one, to the completion. A record comes with the wrap-up,
// cancellation, completion or deletion; what comes later (after-contact work) makes it better.
//
// Version: the number of the task's events, so all of task.*, task-queue.* and reservation.* should be subscribed to. What is
// not heard cannot be counted: attempts and ring are left out when no reservation was heard before the acceptance.
//
// Talk holds what hold there was. Ring is the time during which any agent's phone rang. Not read: EventDescription and all
// attributes but those named in attributes.go; events of workers, activities, workflows and workspaces; task.updated.
package twiliotaskrouter

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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

// Format reads TaskRouter's events.
func Format() *format.Format {
	return &format.Format{
		Name: "twilio-taskrouter", Title: "Twilio TaskRouter events", Stateful: true,
		Parse: parse, Records: records, Unended: unended, Verify: twilio.Verify,
	}
}

// used reports whether an event says something about a task. Their names are the callback's.
func used(name string) bool {
	switch name {
	case "task.created", "task.canceled", "task.wrapup", "task.completed", "task.deleted", "task.system-deleted", "task.transfer-completed",
		"task-queue.entered", "task-queue.moved", "task-queue.timeout",
		"reservation.created", "reservation.accepted", "reservation.rejected", "reservation.timeout", "reservation.canceled",
		"reservation.rescinded", "reservation.failed":
		return true
	}
	return false
}

// fields of one event, by their names in lower case without underscores.
type fields map[string]string

func (f fields) set(name, value string) {
	if value = strings.TrimSpace(strings.ToValidUTF8(value, "")); value != "" {
		f[strings.ToLower(strings.ReplaceAll(name, "_", ""))] = value
	}
}

// kept are the fields that are stored as they are.
var kept = []string{
	"TaskQueueName", "WorkflowName", "TaskChannelUniqueName", "TaskCanceledReason", "ReservationSid", "TaskAge",
}

func parse(d format.Delivery, o format.Options) (p format.Parsed) {
	body := bytes.TrimSpace(bytes.TrimPrefix(d.Body, []byte("\ufeff")))
	switch {
	case len(body) == 0:
		p.Problem(0, "", "The delivery is empty.", "Send the events as TaskRouter posts them.")
		return p
	case body[0] == '{' || body[0] == '[':
		stream(&p, body, o)
		return p
	}
	n := 0
	for line := range bytes.Lines(body) {
		n++
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		f := fields{}
		all, err := url.ParseQuery(string(line))
		for _, name := range slices.Sorted(maps.Keys(all)) { // names that differ in case alone: always the same one holds
			f.set(name, all[name][0])
		}
		if err != nil && f["eventtype"] == "" {
			p.Problem(n, "", "The line is no form.", "Send the events as TaskRouter posts them, one a request or one a line.")
			continue
		}
		take(&p, n, f, o)
	}
	return p
}

// stream reads CloudEvents, one after another or in lists.
func stream(p *format.Parsed, body []byte, o format.Options) {
	dec := json.NewDecoder(bytes.NewReader(body))
	for n := 1; ; n++ {
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			if !errors.Is(err, io.EOF) {
				p.Problem(n, "", "The event is no JSON: "+lenient.Clip(err.Error(), 60)+".", "Send the events as Event Streams sends them.")
			}
			return
		}
		var many []json.RawMessage
		if json.Unmarshal(raw, &many) != nil {
			many = []json.RawMessage{raw}
		}
		for _, one := range many {
			take(p, n, cloud(one), o)
		}
	}
}

// cloud reads the fields of a CloudEvent: of data.payload, which may be text, of data, of the event itself, in this order; only
// what happened is taken from the envelope first. An event as the REST API lists it has its fields in event_data.
func cloud(raw json.RawMessage) fields {
	f, what := fields{}, ""
	for level := range 3 {
		var inner string
		if json.Unmarshal(raw, &inner) == nil {
			raw = json.RawMessage(inner)
		}
		var object map[string]json.RawMessage
		if json.Unmarshal(raw, &object) != nil {
			break
		}
		if level == 0 {
			what = text(object["type"])
			if _, event, ok := strings.Cut(what, ".taskrouter."); ok {
				what = event
			}
		}
		f.set("timestamp", text(object["event_date"]))
		f.set("timestampms", text(object["event_date_ms"]))
		raw = nil
		for _, name := range []string{"event_data", "payload", "data"} {
			if object[name] != nil {
				raw = object[name]
				delete(object, name)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(object)) {
			f.set(name, text(object[name])) // what is further in says it better
		}
	}
	f.set("eventtype", what)
	return f
}

// text returns a JSON text, number or object as text; null is "".
func text(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}

func take(p *format.Parsed, line int, f fields, o format.Options) {
	name, task := strings.ToLower(f["eventtype"]), f["tasksid"]
	switch {
	case name == "":
		p.Problem(line, "EventType", "The event has no type.", "Send the events as TaskRouter posts them.")
		return
	case !used(name):
		p.Ignore(lenient.Clip(name, 60))
		return
	case task == "" && strings.EqualFold(f["resourcetype"], "task"):
		task = f["resourcesid"]
	}
	if task == "" {
		p.Problem(line, "TaskSid", "The event "+name+" names no task.", "Send the events as TaskRouter posts them.")
		return
	}
	e := format.Event{Call: lenient.ShortID(task, 120, "hash-"), Name: name, Fields: map[string]string{}}
	keep := func(name, value string) {
		if value != "" && len(value) <= 1024 {
			e.Fields[name] = value
		}
	}
	for _, name := range kept {
		keep(name, f[strings.ToLower(name)])
	}
	keep("WorkerName", o.Agent(e.Call, f["workername"]))
	if e.Fields["TaskCanceledReason"] == "" && name == "task.canceled" {
		keep("TaskCanceledReason", f["reason"])
	}
	if reason := e.Fields["TaskCanceledReason"]; reason != "" {
		e.Fields["TaskCanceledReason"] = why(reason) // the text is an application's, and may name anybody
	}
	attributes(f["taskattributes"], keep, o)
	if s := f["taskdatecreated"]; !moment(s).IsZero() {
		keep("TaskDateCreated", strconv.FormatInt(moment(s).UnixMilli(), 10))
	} else if s != "" {
		p.Problem(line, "TaskDateCreated", fmt.Sprintf("%q is no time since 2000.", lenient.Clip(s, 60)), "Find out what wrote it; the event is taken without it.")
	}
	stamp := cmp.Or(f["timestampms"], f["timestamp"])
	if e.At = moment(stamp); e.At.IsZero() {
		e.At = moment(f["timestamp"])
	}
	if e.At.IsZero() {
		p.Problem(line, "Timestamp", fmt.Sprintf("%q is no time since 2000.", lenient.Clip(stamp, 60)), "Send the events as TaskRouter posts them: what happened when is all that they tell.")
		return
	}
	e.ID = lenient.ShortID(cmp.Or(f["sid"], f["resourcesid"]+":"+name+":"+strconv.FormatInt(e.At.UnixMilli(), 10)), 120, "hash-")
	p.Events = append(p.Events, e)
}

// moment reads seconds or milliseconds since 1970 or ISO 8601; zero where it is none, or before 2000.
func moment(s string) time.Time {
	if n, err := strconv.ParseFloat(s, 64); err == nil {
		switch {
		case n < 946684800 || n > 1e14:
			return time.Time{}
		case n >= 1e11:
			return time.UnixMilli(int64(n)).UTC()
		}
		return time.Unix(int64(n), 0).UTC()
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999-0700", time.RFC1123Z} {
		if at, err := time.Parse(layout, s); err == nil && at.Year() >= 2000 {
			return at.UTC()
		}
	}
	return time.Time{}
}
