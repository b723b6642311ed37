package twiliotaskrouter

import (
	"cmp"
	"strconv"
	"strings"
	"time"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/lenient"
)

// task is what is known of one task. Times are zero where unknown.
type task struct {
	record                    format.Record
	entered, accepted         time.Time
	wrapup, canceled, deleted time.Time
	done                      time.Time
	reason                    string
	heard                     bool // of a reservation before the acceptance
	vain, transfers           int64
	rang, silent              map[string]time.Time // by reservation, before the acceptance
}

// known reads a task's events. They are sorted, but often by whole seconds: events of one second are in no order.
func known(sid string, events []format.Event) *task {
	t := &task{record: format.Record{ID: sid}, rang: map[string]time.Time{}, silent: map[string]time.Time{}}
	for i := range events {
		if events[i].Name == "reservation.accepted" {
			t.accepted = earlier(t.accepted, events[i].At)
		}
	}
	r := &t.record
	var created, dated time.Time
	var channel, kind, answering string
	for i := range events {
		e := &events[i]
		before := t.accepted.IsZero() || !e.At.After(t.accepted)
		// What the customer met is the queue that led to the connection, else the last.
		if queue := e.Fields["TaskQueueName"]; queue != "" && (before || r.Queue == "") {
			r.Queue = queue
			if e.Name == "reservation.accepted" {
				answering = queue
			}
		}
		if flow := e.Fields["WorkflowName"]; flow != "" && len(r.Attributes) == 0 {
			r.Attributes = map[string]string{"WorkflowName": flow}
		}
		r.Contact = cmp.Or(r.Contact, e.Fields["contact"])
		r.Direction = cmp.Or(r.Direction, e.Fields["direction"])
		r.Customer = cmp.Or(r.Customer, e.Fields["customer"])
		channel = cmp.Or(channel, strings.ToLower(e.Fields["TaskChannelUniqueName"]))
		kind = cmp.Or(kind, e.Fields["channelType"])
		dated = earlier(dated, moment(e.Fields["TaskDateCreated"]))
		t.take(e, before)
		if e.Name == "task.created" {
			created = earlier(created, e.At)
		}
	}
	r.Queue = cmp.Or(answering, r.Queue)
	r.OccurredAt = cmp.Or(created, dated, events[0].At)
	if age, err := strconv.ParseInt(events[0].Fields["TaskAge"], 10, 32); err == nil && age > 0 && created.IsZero() && dated.IsZero() {
		r.OccurredAt = events[0].At.Add(-time.Duration(age) * time.Second)
	}
	if !t.accepted.IsZero() && t.entered.After(t.accepted) {
		t.entered = time.Time{} // the first entry was not heard of
	}
	if t.entered.IsZero() && (r.OccurredAt != events[0].At || !created.IsZero() || !dated.IsZero()) {
		t.entered = r.OccurredAt
	}
	r.Contact = cmp.Or(r.Contact, sid)
	switch {
	case channel != "" && channel != "default":
		r.Channel = channel
	case kind != "":
		r.Channel = kind
	case strings.HasPrefix(r.Contact, "CA"):
		r.Channel = "voice"
	default:
		r.Channel = "task"
	}
	return t
}

// take takes in what one event says by its name. Before: no later than the first acceptance.
func (t *task) take(e *format.Event, before bool) {
	reservation := e.Fields["ReservationSid"]
	switch e.Name {
	case "task-queue.entered":
		t.entered = earlier(t.entered, e.At)
	case "reservation.created":
		if before {
			t.heard = true
			t.rang[reservation] = e.At
		}
	case "reservation.accepted":
		t.record.Agent = cmp.Or(e.Fields["WorkerName"], t.record.Agent)
		t.silent[reservation] = earlier(t.silent[reservation], e.At)
	case "reservation.rejected", "reservation.timeout", "reservation.failed", "reservation.canceled", "reservation.rescinded":
		if before && e.Name != "reservation.canceled" && e.Name != "reservation.rescinded" {
			t.heard = true
			t.vain++
		}
		t.silent[reservation] = earlier(t.silent[reservation], e.At)
	case "task.wrapup":
		t.wrapup = earlier(t.wrapup, e.At)
	case "task.canceled":
		t.canceled, t.reason = e.At, e.Fields["TaskCanceledReason"]
	case "task.completed":
		t.done = e.At
	case "task.deleted", "task.system-deleted": // the system also tidies up what is completed
		t.deleted = earlier(t.deleted, e.At)
	case "task.transfer-completed":
		t.transfers++
	}
}

// earlier returns the earlier of two times, where zero is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func records(sid string, events []format.Event, _ format.Options) []format.Record {
	t := known(sid, events)
	r := &t.record
	over := cmp.Or(earlier(t.wrapup, earlier(t.done, t.canceled)), t.deleted)
	switch {
	case over.IsZero():
		return nil
	case !t.accepted.IsZero():
		r.Outcome = format.Answered
		t.waited(t.accepted)
		r.Times(format.Talk, over.Sub(t.accepted))
		r.Counts(format.Transfers, t.transfers)
	case !t.wrapup.IsZero(), !t.done.IsZero(): // only an accepted task can be wrapped up or completed
		r.Outcome = format.Answered
	default:
		t.waited(over)
		switch {
		case t.canceled.IsZero(), t.reason == timeout, t.reason == other:
			r.Outcome = format.LeftOther
		case t.reason == hungUp:
			r.Outcome = format.Abandoned
		case t.reason == callback:
			r.Outcome = format.Callback
		}
	}
	if !t.wrapup.IsZero() && !t.done.IsZero() {
		r.Times(format.ACW, t.done.Sub(t.wrapup))
	}
	t.ringing()
	return []format.Record{*r}
}

// waited adds the wait up to a time, where it is known since when.
func (t *task) waited(until time.Time) {
	if !t.entered.IsZero() {
		t.record.Times(format.Wait, until.Sub(t.entered))
	}
}

// ringing adds ringing before the acceptance, where phones that ring together count once, and attempts.
func (t *task) ringing() {
	if !t.heard {
		return
	}
	t.record.Counts(format.Attempts, t.vain)
	var rings [][2]time.Time
	for reservation, from := range t.rang {
		to := t.silent[reservation]
		if to.IsZero() {
			return // nobody knows how long it rang
		}
		rings = append(rings, [2]time.Time{from, to})
	}
	if len(rings) > 0 {
		t.record.Times(format.Ring, lenient.Together(rings))
	}
}

// unended closes a task whose end was never heard.
func unended(sid string, events []format.Event, o format.Options) []format.Record {
	if out := records(sid, events, o); out != nil {
		return out
	}
	t := known(sid, events)
	t.record.Outcome = format.Unterminated
	if !t.accepted.IsZero() {
		t.waited(t.accepted)
	}
	return []format.Record{t.record}
}
