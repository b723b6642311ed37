package freeswitchcdr

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/lenient"
)

// event is one leg's.
type event struct{ format.Event }

// legs returns the a-leg, nil while it is not known, and the legs that were made for it: of each the record that ended last.
func legs(events []format.Event) (a *event, bs []*event) {
	newest := map[string]*event{}
	for _, e := range events {
		newest[e.Name+e.Fields["uuid"]] = &event{e}
	}
	for _, e := range newest {
		if e.Name == aLeg {
			a = e
		} else {
			bs = append(bs, e)
		}
	}
	slices.SortFunc(bs, func(x, y *event) int { return cmp.Compare(x.ID, y.ID) })
	return a, bs
}

func records(call string, events []format.Event, _ format.Options) []format.Record {
	a, bs := legs(events)
	if a == nil {
		return nil
	}
	r := format.Record{
		ID: call, Channel: "voice", Agent: a.Fields["cc_agent"], Contact: cmp.Or(a.Fields["call_uuid"], call),
		OccurredAt: a.time("start_uepoch"),
	}
	if d := a.Fields["direction"]; d == "inbound" || d == "outbound" {
		r.Direction = d
	}
	r.Customer = a.Fields["caller_id_number"]
	if r.Direction == "outbound" {
		r.Customer = a.Fields["destination_number"]
	}
	if name := a.Fields["unreadable"]; name != "" {
		r.Implausible = name + " cannot be read"
	}
	if r.OccurredAt.IsZero() {
		r.OccurredAt = a.At
		if a.time("cc_queue_joined_epoch").IsZero() && r.Implausible == "" {
			r.Implausible = "nothing tells when it began"
		}
	}
	var connected time.Time
	if a.Fields["cc_queue"] != "" {
		connected = queued(&r, a, bs)
	} else {
		connected = direct(&r, a, bs)
	}
	ringing(&r, bs, connected)
	return []format.Record{r}
}

// queued tells of a call's last queue. All its times are whole seconds of one clock. Where a leg passed several queues what
// stands there from an earlier one is older than the last entry.
func queued(r *format.Record, a *event, bs []*event) (connected time.Time) {
	joined, answered, left := a.time("cc_queue_joined_epoch"), a.time("cc_queue_answered_epoch"), a.time("cc_queue_canceled_epoch")
	r.Queue = a.Fields["cc_queue"]
	if !joined.IsZero() {
		r.OccurredAt = joined
	}
	cause := strings.ToLower(a.Fields["cc_cause"])
	reason := strings.ToUpper(a.Fields["cc_cancel_reason"])
	inQueue := !answered.IsZero() && !answered.Before(joined)
	// The caller may hang up as the agent answers: then it is canceled for no reason.
	if cause == "answered" || inQueue && (cause != "cancel" || reason == "NONE" || reason == "") {
		r.Outcome = format.Answered
		if answered.IsZero() {
			return answered
		}
		if !joined.IsZero() {
			r.Times(format.Wait, answered.Sub(joined))
		}
		end := a.time("cc_queue_terminated_epoch")
		if end.Before(answered) { // written after the leg's end, often too late for its record
			end = a.time("end_uepoch").Truncate(time.Second)
		}
		talked(r, a, bs, answered, end)
		return answered
	}
	r.Agent = ""
	switch {
	case cause != "cancel":
	case reason == "BREAK_OUT":
		r.Outcome = format.Abandoned
	case reason != "NONE" && reason != "":
		r.Outcome = format.LeftOther
	}
	if left.IsZero() {
		left = a.time("end_uepoch").Truncate(time.Second)
	}
	if !left.IsZero() && !joined.IsZero() {
		r.Times(format.Wait, left.Sub(joined))
	}
	return time.Time{}
}

// direct tells of a call without a queue.
func direct(r *format.Record, a *event, bs []*event) (connected time.Time) {
	if r.Direction == "inbound" {
		r.Queue = a.Fields["destination_number"]
	}
	start, bridged, end := a.time("start_uepoch"), a.time("bridge_uepoch"), a.time("end_uepoch")
	if !bridged.IsZero() {
		r.Outcome = format.Answered
		if !start.IsZero() {
			r.Times(format.Wait, bridged.Sub(start))
		}
		talked(r, a, bs, bridged, end)
		return bridged
	}
	if !a.time("answer_uepoch").IsZero() {
		return bridged // a menu, an announcement, a mailbox: the record does not tell which
	}
	cause := strings.ToUpper(a.Fields["hangup_cause"])
	switch cause {
	case "ORIGINATOR_CANCEL":
		r.Outcome = format.Abandoned
	case "NORMAL_CLEARING":
		if strings.HasPrefix(a.Fields["sip_hangup_disposition"], "recv_") {
			r.Outcome = format.Abandoned
		}
	case "NO_ANSWER", "NO_USER_RESPONSE", "USER_BUSY", "CALL_REJECTED", "ALLOTTED_TIMEOUT", "SUBSCRIBER_ABSENT", "USER_NOT_REGISTERED":
		r.Outcome = format.LeftOther
	case "", "NONE", "SUCCESS", "UNSPECIFIED":
	default:
		r.Outcome = format.Failed
	}
	if r.Outcome == format.Abandoned && r.Direction == "outbound" {
		r.Outcome = format.LeftOther // we gave up, not the customer
	}
	if r.Outcome != format.Failed && !start.IsZero() && !end.IsZero() {
		r.Times(format.Wait, end.Sub(start))
	}
	return bridged
}

// talked adds talk, hold and transfers of a connection.
func talked(r *format.Record, a *event, bs []*event, from, to time.Time) {
	hold, known := a.hold()
	known = known && hold != 0 // an agent's hold stands in the agent's leg: none here means nothing
	count, longest, listed := a.holds()
	for _, b := range bs {
		if b.time("answer_uepoch").IsZero() {
			continue
		}
		if h, ok := b.hold(); ok {
			known, hold = true, hold+h
		}
		n, l, ok := b.holds()
		count, longest, listed = count+n, max(longest, l), listed || ok
	}
	if !to.IsZero() {
		talk := to.Sub(from)
		if known {
			talk -= hold
		}
		if talk < 0 && talk >= -time.Second { // seconds are rounded one by one
			talk = 0
		}
		r.Times(format.Talk, talk)
	}
	if known {
		r.Times(format.Hold, hold)
		if listed || hold == 0 {
			r.Times(format.LongestHold, longest)
			r.Counts(format.Holds, count)
		}
	}
	var n int64
	for _, at := range strings.Fields(a.Fields["transfer_history"]) {
		if !lenient.Epoch(at).Before(from) { // before it, menus and dial plans move calls about
			n++
		}
	}
	r.Counts(format.Transfers, n)
}

// hold is how long a leg held the other.
func (e *event) hold() (d time.Duration, ok bool) {
	n, err := strconv.ParseInt(e.Fields["hold_accum_seconds"], 10, 32)
	return time.Duration(n) * time.Second, err == nil
}

// holds reads hold_events, pairs of microseconds.
func (e *event) holds() (n int64, longest time.Duration, ok bool) {
	all := strings.Fields(e.Fields["hold_events"])
	for i := 0; i+1 < len(all); i += 2 {
		from, to := lenient.Epoch(all[i]), lenient.Epoch(all[i+1])
		if from.IsZero() || to.Before(from) {
			return 0, 0, false
		}
		n, longest = n+1, max(longest, to.Sub(from))
	}
	return n, longest, n > 0 && len(all)%2 == 0
}

// ringing adds, where the legs of agents are known, how long phones rang before the connection (several at once count once)
// and how many rang in vain.
func ringing(r *format.Record, bs []*event, connected time.Time) {
	if len(bs) == 0 {
		return
	}
	slices.SortFunc(bs, func(x, y *event) int {
		return cmp.Or(x.time("start_uepoch").Compare(y.time("start_uepoch")), cmp.Compare(x.ID, y.ID))
	})
	var vain int64
	var rang time.Duration
	var until time.Time
	known := true
	for _, b := range bs {
		from, to := b.time("start_uepoch"), b.time("answer_uepoch")
		if !connected.IsZero() && from.After(connected) {
			continue // a transfer's
		}
		if to.IsZero() {
			to = b.time("end_uepoch")
			if c := strings.ToUpper(b.Fields["hangup_cause"]); c != "ORIGINATOR_CANCEL" && c != "LOSE_RACE" && c != "PICKED_OFF" {
				vain++
			}
		}
		if from.IsZero() || to.Before(from) {
			known = false
			continue
		}
		if from.Before(until) {
			from = until
		}
		if to.After(from) {
			rang, until = rang+to.Sub(from), to
		}
	}
	if known {
		r.Times(format.Ring, rang)
	}
	r.Counts(format.Attempts, vain)
}

// unended closes a call of which only legs of agents are known: a customer waited, and how it ended stands in a record that
// never came. Other legs alone prove nothing: they may be a consultation.
func unended(call string, events []format.Event, _ format.Options) []format.Record {
	a, bs := legs(events)
	bs = slices.DeleteFunc(bs, func(b *event) bool { return b.Fields["cc_side"] != "agent" })
	if a != nil || len(bs) == 0 {
		return nil
	}
	r := format.Record{ID: call, Contact: call, Channel: "voice", Outcome: format.Unterminated, OccurredAt: bs[0].At}
	for _, b := range bs {
		if at := b.time("start_uepoch"); !at.IsZero() && at.Before(r.OccurredAt) {
			r.OccurredAt = at
		}
		r.Queue = cmp.Or(r.Queue, b.Fields["cc_queue"])
	}
	return []format.Record{r}
}
