package amazonconnectrecord

import (
	"math"
	"strings"
	"time"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/amazonconnect"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/lenient"
)

// records returns the contact as its newest delivery has it.
func records(call string, events []format.Event, _ format.Options) []format.Record {
	if len(events) == 0 {
		return nil
	}
	newest, version := fields(events[0].Fields), uint64(0)
	for _, e := range events {
		if v := fields(e.Fields).version(); v >= version {
			newest, version = e.Fields, v
		}
	}
	return []format.Record{newest.record(call, version)}
}

// fields of a contact, as they are kept.
type fields map[string]string

func (f fields) at(name string) time.Time {
	t, _ := time.Parse(time.RFC3339Nano, f[name])
	return t
}

func (f fields) version() uint64 {
	latest := f.at("LastUpdateTimestamp")
	if latest.IsZero() {
		for _, name := range []string{"DisconnectTimestamp", "TransferCompletedTimestamp", "InitiationTimestamp"} {
			if t := f.at(name); t.After(latest) {
				latest = t
			}
		}
	}
	return uint64(max(1, latest.UnixMilli()))
}

func (f fields) record(call string, version uint64) format.Record {
	r := format.Record{
		ID: call, Version: version, Queue: f["Queue.Name"], Channel: f["Channel"], Agent: f["Agent.Username"],
		Direction: f.direction(), Outcome: f.outcome(), Contact: f["InitialContactId"], Customer: f["CustomerEndpoint.Address"],
		Attributes: map[string]string{},
	}
	if r.Contact == "" {
		r.Contact = call
	}
	for _, name := range []string{
		"InitiationMethod", "DisconnectReason", "Agent.RoutingProfile", "Campaign.CampaignId", "Agent.HierarchyGroups.Level1",
		"Agent.HierarchyGroups.Level2", "Agent.HierarchyGroups.Level3", "Agent.HierarchyGroups.Level4", "Agent.HierarchyGroups.Level5",
	} {
		if f[name] != "" {
			r.Attributes[strings.TrimPrefix(name, "Agent.")] = f[name]
		}
	}
	for _, name := range []string{"InitiationTimestamp", "ConnectedToSystemTimestamp", "Queue.EnqueueTimestamp", "Agent.ConnectedToAgentTimestamp", "DisconnectTimestamp"} {
		if r.OccurredAt = f.at(name); !r.OccurredAt.IsZero() {
			break
		}
	}
	if f.at("DisconnectTimestamp").Before(r.OccurredAt) {
		r.Implausible = "it ended before it began"
	}
	f.measure(&r)
	return r
}

// measure adds what was measured.
func (f fields) measure(r *format.Record) {
	enqueued, connected := f.at("Queue.EnqueueTimestamp"), f.connected()
	f.menus(r, enqueued)
	if wait, ok := amazonconnect.Seconds(f["Queue.Duration"]); ok && !enqueued.IsZero() {
		r.Times(format.Wait, wait)
	} else if left := f.at("Queue.DequeueTimestamp"); !enqueued.IsZero() && !left.IsZero() {
		r.Times(format.Wait, left.Sub(enqueued))
	}
	if n, ok := lenient.Number(f["AgentConnectionAttempts"]); ok {
		if connected && n > 0 {
			n--
		}
		r.Counts(format.Attempts, count(n))
	}
	if !connected {
		return
	}
	for _, x := range []struct{ measure, field string }{
		{format.Talk, "Agent.AgentInteractionDuration"},
		{format.Hold, "Agent.CustomerHoldDuration"},
		{format.LongestHold, "Agent.LongestHoldDuration"},
		{format.ACW, "Agent.AfterContactWorkDuration"},
	} {
		if d, ok := amazonconnect.Seconds(f[x.field]); ok {
			r.Times(x.measure, d)
		}
	}
	if n, ok := lenient.Number(f["Agent.NumberOfHolds"]); ok {
		r.Counts(format.Holds, count(n))
	}
	transfers := int64(0)
	if f["TransferCompletedTimestamp"] != "" || f["NextContactId"] != "" {
		transfers = 1
	}
	r.Counts(format.Transfers, transfers)
}

// menus adds the time that a caller spent in the flow.
func (f fields) menus(r *format.Record, enqueued time.Time) {
	switch f["InitiationMethod"] {
	case "INBOUND", "API", "WEBRTC_API":
	default:
		return
	}
	came, left := f.at("ConnectedToSystemTimestamp"), enqueued
	if left.IsZero() && !f.connected() {
		left = f.at("DisconnectTimestamp")
	}
	if r.Channel == "voice" && r.Direction != "outbound" && !came.IsZero() && !left.IsZero() {
		r.Times(format.IVR, left.Sub(came))
	}
}

// connected tells whether the customer spoke with an agent. Of a call to a customer, ConnectedToSystemTimestamp is when they
// picked up.
func (f fields) connected() bool {
	if f["Agent.ConnectedToAgentTimestamp"] == "" {
		return false
	}
	talk, _ := amazonconnect.Seconds(f["Agent.AgentInteractionDuration"])
	called := f["Channel"] == "voice" && (f.direction() == "outbound" || f["InitiationMethod"] == "CALLBACK")
	return !called || f["ConnectedToSystemTimestamp"] != "" || talk > 0
}

func (f fields) outcome() string {
	reason, queued := f["DisconnectReason"], f["Queue.EnqueueTimestamp"] != ""
	switch {
	case f.connected():
		return format.Answered
	case amazonconnect.Technical(reason):
		return format.Failed
	case f["InitiationMethod"] == "CALLBACK":
		return format.Callback
	case !queued:
		return ""
	case f["NextContactId"] != "" || reason == "CONTACT_FLOW_DISCONNECT" || reason == "EXPIRED" || reason == "API":
		return format.LeftOther
	}
	return format.Abandoned
}

func (f fields) direction() string {
	return amazonconnect.Direction(f["InitiationMethod"], f["Channel"])
}

// count is a whole number; a negative one stays negative.
func count(n float64) int64 { return int64(min(max(math.Floor(n), -1), 1e9)) }
