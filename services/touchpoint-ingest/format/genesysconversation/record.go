package genesysconversation

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/lenient"
)

// fields of a conversation, as they are kept.
type fields map[string]string

// records returns the conversation as its newest delivery has it, and the answers to its surveys.
func records(call string, events []format.Event, _ format.Options) []format.Record {
	var newest fields
	surveys := map[string]fields{}
	for _, e := range events {
		f := fields(e.Fields)
		switch e.Name {
		case "conversation":
			if newest == nil || f.version() >= newest.version() {
				newest = f
			}
		case "survey":
			if old, ok := surveys[f["surveyId"]]; !ok || !f.at("surveyCompletedDate").Before(old.at("surveyCompletedDate")) {
				surveys[f["surveyId"]] = f
			}
		}
	}
	if newest == nil {
		return nil
	}
	out := []format.Record{newest.record(call)}
	for _, id := range slices.Sorted(maps.Keys(surveys)) {
		f := surveys[id]
		about := out[0]
		score, _ := lenient.Number(f["surveyPromoterScore"])
		out = append(out, format.Record{
			ID: id, Version: uint64(max(1, f.at("surveyCompletedDate").UnixMilli())), Queue: about.Queue, Channel: about.Channel,
			Direction: about.Direction, Agent: about.Agent, OccurredAt: about.OccurredAt, Contact: call, Customer: about.Customer,
			Answer: &format.Answer{Question: "surveyPromoterScore", Value: score, Interaction: call},
		})
	}
	return out
}

func (f fields) version() uint64 {
	n, _ := strconv.ParseInt(f["latest"], 10, 64)
	return uint64(max(1, n))
}

func (f fields) at(name string) time.Time {
	t, _ := time.Parse(time.RFC3339Nano, f[name])
	return t
}

func (f fields) record(call string) format.Record {
	r := format.Record{
		ID: call, Version: f.version(), Queue: f["queueId"], Channel: f["mediaType"], Direction: f["originatingDirection"], Agent: f["userId"],
		OccurredAt: f.at("conversationStart"), Outcome: f.outcome(), Contact: call, Customer: f["externalContactId"], Attributes: map[string]string{},
	}
	if r.Customer == "" {
		r.Customer = f["address"]
	}
	if r.Direction == "" {
		r.Direction = f["direction"]
	}
	for _, name := range []string{"divisionId", "wrapUpCode", "disconnectType"} {
		if f[name] != "" {
			r.Attributes[name] = f[name]
		}
	}
	if f.at("conversationEnd").Before(r.OccurredAt) {
		r.Implausible = "it ended before it began"
	}
	f.measure(&r)
	return r
}

func (f fields) measure(r *format.Record) {
	for _, x := range []struct{ measure, field string }{
		{format.IVR, "tIvr"},
		{format.Wait, "tAcd"},
		{format.Ring, "tAlert"},
		{format.Talk, "tTalkComplete"},
		{format.Hold, "tHeldComplete"},
		{format.ACW, "tAcw"},
	} {
		if ms, ok := lenient.Number(f[x.field]); ok {
			r.Times(x.measure, duration(ms))
		}
	}
	if n, ok := lenient.Number(f["notResponding"]); ok {
		r.Counts(format.Attempts, int64(n))
	}
	if f["answered"] == "" || f["metrics"] == "" {
		return
	}
	// Of what did not happen the system has no metric: holds and transfers are none where they are not told.
	n, held := lenient.Number(f["holds"])
	switch {
	case held:
		r.Counts(format.Holds, int64(n))
		if ms, ok := lenient.Number(f["longestHold"]); ok && ms >= 0 {
			r.Times(format.LongestHold, duration(ms))
		}
	case f["tHeldComplete"] == "":
		r.Times(format.Hold, 0)
		r.Counts(format.Holds, 0)
	}
	transfers, _ := lenient.Number(f["nTransferred"])
	r.Counts(format.Transfers, int64(min(max(math.Floor(transfers), -1), 1e9)))
}

func (f fields) outcome() string {
	has := func(name string) bool { return f[name] != "" }
	switch {
	case has("answered"):
		return format.Answered
	case has("callback"):
		return format.Callback
	case has("tAbandon"):
		return format.Abandoned
	case has("tFlowOut") || has("voicemail"):
		return format.LeftOther
	case has("nError"):
		return format.Failed
	}
	return ""
}

func duration(ms float64) time.Duration {
	return time.Duration(math.Round(min(max(ms, -1e12), 1e12))) * time.Millisecond // far beyond what is plausible either way
}
