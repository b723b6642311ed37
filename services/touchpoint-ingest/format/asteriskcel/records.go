package asteriskcel

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
)

// margin is how far apart the times of one moment may be written.
const margin = time.Second

// run is one run of Queue() or Dial() on a channel.
type run struct {
	channel, app, queue string
	start               format.Event
	end                 *time.Time // of the run: its APP_END, the next run or the end of the channel
	next                bool       // the channel runs another afterwards
	n                   int
}

// runs of a call, in the order in which they began on each channel.
func runs(call string, events []format.Event) []*run {
	var all []*run
	for _, e := range events {
		u, app := e.Fields["uniqueid"], e.Fields["appname"]
		if e.Name == "APP_START" && (app == "queue" || u == call) {
			all = append(all, &run{channel: u, app: app, queue: e.Fields["queue"], start: e})
		}
	}
	slices.SortStableFunc(all, func(a, b *run) int { return cmp.Compare(a.channel, b.channel) })
	used := map[string]bool{}
	for i, r := range all {
		r.n = 1
		if i > 0 && all[i-1].channel == r.channel {
			r.n = all[i-1].n + 1
		}
		if i+1 < len(all) && all[i+1].channel == r.channel {
			r.next, r.end = true, &all[i+1].start.At
		}
		for _, e := range events {
			if e.Fields["uniqueid"] != r.channel || e.At.Before(r.start.At) {
				continue
			}
			own := e.Name == "APP_END" && e.Fields["appname"] == r.app && e.Fields["queue"] == r.queue && !used[e.ID]
			if own || e.Name == "HANGUP" || e.Name == "CHAN_END" {
				if r.end == nil || e.At.Before(*r.end) || own && e.At.Equal(*r.end) {
					r.end = &e.At
				}
				if own {
					used[e.ID] = true
					break
				}
			}
		}
	}
	return all
}

// bridges returns when the channel was connected first and how long in all, during the run; talked is false where an end is
// missing.
func (r *run) bridges(events []format.Event) (first *format.Event, talk time.Duration, talked bool) {
	open := 0
	for _, e := range events {
		if e.Fields["uniqueid"] != r.channel || e.At.Before(r.start.At) || r.end != nil && e.At.After(*r.end) {
			continue
		}
		// Of one second the order is not known, so times are added up and not paired.
		switch e.Name {
		case "BRIDGE_ENTER":
			if first == nil {
				first = &e
			}
			open++
			talk -= e.At.Sub(r.start.At)
		case "BRIDGE_EXIT":
			open--
			talk += e.At.Sub(r.start.At)
		}
	}
	if first != nil && open == 1 && r.end != nil {
		open--
		talk += r.end.Sub(r.start.At)
	}
	return first, talk, first != nil && open == 0
}

// records returns what is over, and with closing everything else as unterminated.
func records(call string, events []format.Event, closing bool) []format.Record {
	over := slices.ContainsFunc(events, func(e format.Event) bool { return e.Name == "LINKEDID_END" })
	var out []format.Record
	for _, x := range runs(call, events) {
		r := format.Record{
			ID: x.channel + "/" + strconv.Itoa(x.n), Queue: x.queue, Channel: "voice", Contact: call, OccurredAt: x.start.At,
			Customer: x.start.Fields["cid_num"], Attributes: map[string]string{"appname": x.app},
		}
		if x.app == "dial" {
			r.Queue = x.start.Fields["context"]
		}
		if exten := x.start.Fields["exten"]; exten != "" {
			r.Attributes["exten"] = exten
		}
		gone := x.gone(events)
		first, talk, talked := x.bridges(events)
		switch {
		case x.end != nil && (x.next || gone != nil || over || first != nil):
			x.finish(&r, gone, first, events)
			if talked {
				r.Times(format.Talk, talk)
			}
		case over || closing:
			r.Outcome = format.Unterminated
		default:
			continue
		}
		x.before(&r, first, events)
		out = append(out, r)
	}
	return out
}

// gone returns the end of the run's channel: its HANGUP, else its CHAN_END; nil while it lives.
func (r *run) gone(events []format.Event) *format.Event {
	var end *format.Event
	for _, e := range events {
		if e.Fields["uniqueid"] == r.channel && (e.Name == "HANGUP" && (end == nil || end.Name != "HANGUP") || e.Name == "CHAN_END" && end == nil) {
			end = &e
		}
	}
	return end
}

// finish says how a run ended.
func (r *run) finish(rec *format.Record, gone, first *format.Event, events []format.Event) {
	if first != nil {
		rec.Outcome = format.Answered
		transfers := int64(0)
		for _, e := range events {
			if (e.Name == "BLINDTRANSFER" || e.Name == "ATTENDEDTRANSFER") && !e.At.Before(first.At) && !e.At.After(*r.end) {
				transfers++
			}
		}
		rec.Counts(format.Transfers, transfers)
		return
	}
	rec.Times(format.Wait, r.end.Sub(r.start.At))
	if r.next || gone != nil && gone.At.Sub(*r.end) > margin {
		rec.Outcome = format.LeftOther
	}
	if r.next || gone == nil || rec.Outcome != "" {
		return
	}
	status := ""
	if r.app == "dial" {
		status = gone.Fields["dialstatus"]
	}
	switch {
	case status == "CHANUNAVAIL" || status == "CONGESTION":
		rec.Outcome = format.Failed
	case status == "BUSY" || status == "NOANSWER":
		rec.Outcome = format.LeftOther
	case gone.Fields["hangupsource"] == "self" || status == "CANCEL":
		rec.Outcome = format.Abandoned
	case gone.Fields["hangupsource"] == "other":
		rec.Outcome = format.LeftOther
	}
}

// before adds what was before the connection, and with whom it was.
func (r *run) before(rec *format.Record, first *format.Event, events []format.Event) {
	if first != nil {
		rec.Times(format.Wait, first.At.Sub(r.start.At))
		rec.Agent = first.Fields["peer"]
		for _, e := range events {
			if rec.Agent == "" && e.Name == "BRIDGE_ENTER" && e.Fields["uniqueid"] != r.channel &&
				e.Fields["bridge_id"] != "" && e.Fields["bridge_id"] == first.Fields["bridge_id"] {
				rec.Agent = e.Fields["channame"]
			}
		}
	}
	if r.n > 1 || r.app != "queue" {
		return
	}
	for _, e := range events {
		if e.Name == "ANSWER" && e.Fields["uniqueid"] == r.channel && !e.At.After(r.start.At) {
			rec.Times(format.IVR, r.start.At.Sub(e.At))
			return
		}
	}
}
