package twiliovoice

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
)

// step reports whether a status is one on the way.
func step(status string) bool {
	switch status {
	case "queued", "initiated", "ringing", "in-progress", "answered":
		return true
	}
	return false
}

// final reports whether a status is a call's last.
func final(status string) bool {
	switch status {
	case "completed", "busy", "failed", "no-answer", "canceled":
		return true
	}
	return false
}

// call is what is known of one CallSid. Times are zero where unknown; receipt times are none.
type call struct {
	status           string // the last; empty while it goes on
	fields           map[string]string
	first            time.Time // of any event, by receipt if need be
	began            time.Time // of the first event before the last status
	ringing, up, end time.Time
	duration         time.Duration
	timed            bool // duration is known
	answered         bool
}

// calls reads events, which are sorted, by CallSid.
func calls(events []format.Event) map[string]*call {
	out := map[string]*call{}
	last := map[string]int64{}
	for _, e := range events {
		sid := e.Fields["CallSid"]
		c := out[sid]
		if c == nil {
			c = &call{fields: map[string]string{}, first: e.At}
			out[sid], last[sid] = c, -1
		}
		for k, v := range e.Fields {
			if c.fields[k] == "" {
				c.fields[k] = v
			}
		}
		at := e.At
		if e.Fields["received"] != "" {
			at = time.Time{}
		}
		if !final(e.Name) && c.began.IsZero() {
			c.began = at
		}
		switch e.Name {
		case "ringing":
			c.ringing = cmp.Or(c.ringing, at)
		case "in-progress", "answered":
			c.up, c.answered = cmp.Or(c.up, at), true
		}
		if n := number(e.Fields["SequenceNumber"]); final(e.Name) && n >= last[sid] {
			c.status, c.end, last[sid] = e.Name, at, n
			d, err := strconv.ParseInt(e.Fields["CallDuration"], 10, 64)
			c.duration, c.timed = time.Duration(d)*time.Second, err == nil
			c.fields["AnsweredBy"] = cmp.Or(e.Fields["AnsweredBy"], c.fields["AnsweredBy"])
		}
	}
	for _, c := range out {
		if c.status == "completed" {
			c.answered = true
			if c.up.IsZero() && c.timed && !c.end.IsZero() && c.duration >= 0 && c.duration <= format.LongestPlausible {
				c.up = c.end.Add(-c.duration)
			}
			if !c.timed && !c.up.IsZero() && !c.end.IsZero() {
				c.duration, c.timed = c.end.Sub(c.up), true
			}
		}
	}
	return out
}

func number(s string) int64 {
	n, _ := strconv.ParseInt(s, 10, 64)
	return n
}

// begun returns the record of a customer's call without its end, and the calls made for it; nil while the call itself is not
// known.
func begun(sid string, events []format.Event) (r *format.Record, own *call, made []*call) {
	all := calls(events)
	if own = all[sid]; own == nil {
		return nil, nil, nil
	}
	delete(all, sid)
	for _, k := range slices.Sorted(maps.Keys(all)) {
		made = append(made, all[k])
	}
	r = &format.Record{ID: sid, Contact: sid, Channel: "voice", OccurredAt: cmp.Or(own.began, own.first)}
	if own.status != "" && own.began.IsZero() {
		if !own.up.IsZero() {
			r.OccurredAt = own.up
		} else if own.timed && own.duration >= 0 && own.duration <= format.LongestPlausible {
			r.OccurredAt = own.first.Add(-own.duration) // received when it ended
		}
	}
	switch own.fields["Direction"] {
	case "inbound":
		r.Direction, r.Queue, r.Customer = "inbound", own.fields["To"], own.fields["From"]
	case "outbound":
		r.Direction, r.Queue, r.Customer = "outbound", own.fields["From"], own.fields["To"]
	case "outbound-client": // an agent's softphone calls the application, and that the customer
		r.Direction, r.Customer = "outbound", own.fields["To"]
		_, before, _ := strings.Cut(own.fields["From"], ":") // in events stored before there were tokens
		r.Agent = cmp.Or(own.fields["Client"], before)
		if len(made) == 1 {
			r.Customer = cmp.Or(made[0].fields["To"], r.Customer)
		}
	}
	return r, own, made
}

func records(sid string, events []format.Event, _ format.Options) []format.Record {
	r, own, made := begun(sid, events)
	if r == nil || own.status == "" {
		return nil
	}
	switch own.status {
	case "completed":
		if len(made) > 0 {
			dialled(r, own, made)
			break
		}
		r.Outcome = format.Answered
		if by := own.fields["AnsweredBy"]; strings.HasPrefix(by, "machine") || by == "fax" {
			r.Outcome = format.LeftOther
		}
		if own.timed {
			r.Times(format.Talk, own.duration)
		}
		if r.Direction == "outbound" && !own.ringing.IsZero() && !own.up.IsZero() {
			r.Times(format.Ring, own.up.Sub(own.ringing))
		}
	case "failed":
		r.Outcome = format.Failed
	case "busy":
		r.Outcome = format.LeftOther
	default: // the caller gave up; of a call that we make it was not the customer
		r.Outcome = format.Abandoned
		if r.Direction != "inbound" {
			r.Outcome = format.LeftOther
		}
		if r.Direction == "inbound" && !own.began.IsZero() && !own.end.IsZero() {
			r.Times(format.Wait, own.end.Sub(own.began))
		}
	}
	return []format.Record{*r}
}

// dialled tells of a call by the calls made for it: who answered, after how long, how many did not.
func dialled(r *format.Record, own *call, made []*call) {
	var answered, open, canceled bool
	var vain int64
	var up time.Time
	var talk time.Duration
	timed := true
	for _, c := range made {
		switch {
		case c.answered:
			answered = true
			if up.IsZero() || !c.up.IsZero() && c.up.Before(up) {
				up = c.up
			}
			talk += c.duration
			timed = timed && c.timed && c.status != ""
			if c.duration < 0 {
				r.Times(format.Talk, c.duration) // never hidden in a sum
				timed = false
			}
		case c.status == "":
			open = true
		case c.status == "canceled":
			canceled = true
		default:
			vain++
		}
	}
	began := cmp.Or(own.began, own.up)
	switch {
	case answered:
		r.Outcome = format.Answered
		if timed {
			r.Times(format.Talk, talk)
		}
	case open:
	case canceled && r.Direction == "inbound":
		r.Outcome, up = format.Abandoned, own.end
	default:
		r.Outcome, up = format.LeftOther, own.end
	}
	if r.Direction == "inbound" && !began.IsZero() && !up.IsZero() {
		r.Times(format.Wait, up.Sub(began))
	}
	r.Counts(format.Attempts, vain)
}

// unended closes a call whose last status never came.
func unended(sid string, events []format.Event, o format.Options) []format.Record {
	if out := records(sid, events, o); out != nil {
		return out
	}
	r, _, _ := begun(sid, events)
	if r == nil { // only calls made for it are known
		r = &format.Record{ID: sid, Contact: sid, Channel: "voice", OccurredAt: events[0].At}
	}
	r.Outcome = format.Unterminated
	return []format.Record{*r}
}
