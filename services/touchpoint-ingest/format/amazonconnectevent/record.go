package amazonconnectevent

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/amazonconnect"
)

// fields of a contact: the latest word of its events on each.
type fields map[string]string

// contact is what the events of a contact say.
type contact struct {
	fields
	begun, ended bool
	first        time.Time
	version      uint64
	followers    map[string]string // initiation methods of the contacts that follow, by contact
}

// course is that of a contact: of events at one time, the later in it has the last word.
var course = []string{"INITIATED", "CONNECTED_TO_SYSTEM", "QUEUED", "CONNECTED_TO_AGENT", "DISCONNECTED", "COMPLETED"}

func gather(events []format.Event) contact {
	c := contact{fields: fields{}, followers: map[string]string{}}
	var latest time.Time
	for _, e := range events {
		if e.Name != next && e.At.After(latest) {
			latest = e.At
		}
	}
	c.version = uint64(max(0, latest.UnixMilli()))<<8 | uint64(min(len(events), 255))
	events = slices.Clone(events)
	slices.SortStableFunc(events, func(a, b format.Event) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(slices.Index(course, a.Name), slices.Index(course, b.Name)))
	})
	for _, e := range events {
		if e.Name == next {
			c.followers[e.Fields["contactId"]] = e.Fields["initiationMethod"]
			continue
		}
		if !c.begun {
			c.begun, c.first = true, e.At
		}
		c.ended = c.ended || e.Name == "DISCONNECTED" || e.Name == "COMPLETED" || e.Fields["disconnectTimestamp"] != ""
		maps.Copy(c.fields, e.Fields)
	}
	return c
}

func records(call string, events []format.Event, _ format.Options) []format.Record {
	c := gather(events)
	if !c.begun || !c.ended {
		return nil
	}
	r := c.record(call)
	r.Outcome = c.outcome()
	return []format.Record{r}
}

func unended(call string, events []format.Event, _ format.Options) []format.Record {
	c := gather(events)
	if !c.begun || c.ended {
		return nil
	}
	r := c.record(call)
	r.Outcome = format.Unterminated
	return []format.Record{r}
}

func (f fields) at(name string) time.Time {
	t, _ := time.Parse(time.RFC3339Nano, f[name])
	return t
}

func (c contact) record(call string) format.Record {
	r := format.Record{
		ID: call, Version: c.version, Queue: c.fields["queueInfo.queueName"], Channel: c.fields["channel"], Direction: c.direction(),
		Agent: c.fields["agentInfo.agentArn"], Contact: c.fields["initialContactId"], Customer: c.fields["customerEndpoint"],
		Attributes: map[string]string{},
	}
	if r.Queue == "" {
		r.Queue = c.fields["queueInfo.queueArn"]
	}
	if r.Contact == "" {
		r.Contact = call
	}
	for name, field := range map[string]string{"InitiationMethod": "initiationMethod", "DisconnectReason": "disconnectReason"} {
		if c.fields[field] != "" {
			r.Attributes[name] = c.fields[field]
		}
	}
	for _, name := range []string{"initiationTimestamp", "connectedToSystemTimestamp", "queueInfo.enqueueTimestamp", "agentInfo.connectedToAgentTimestamp", "disconnectTimestamp"} {
		if r.OccurredAt = c.at(name); !r.OccurredAt.IsZero() {
			break
		}
	}
	if r.OccurredAt.IsZero() {
		r.OccurredAt = c.first
	}
	if end := c.at("disconnectTimestamp"); !end.IsZero() && end.Before(r.OccurredAt) {
		r.Implausible = "it ended before it began"
	} else if !end.IsZero() && end.Before(c.at("agentInfo.connectedToAgentTimestamp")) {
		r.Implausible = "the agent came after the end"
	}
	c.measure(&r)
	return r
}

func (c contact) measure(r *format.Record) {
	enqueued, agent, end := c.at("queueInfo.enqueueTimestamp"), c.at("agentInfo.connectedToAgentTimestamp"), c.at("disconnectTimestamp")
	c.menus(r, enqueued, end)
	left := end
	if !agent.IsZero() {
		left = agent
	}
	if !enqueued.IsZero() && !left.IsZero() {
		r.Times(format.Wait, left.Sub(enqueued))
	}
	if !c.connected() || !c.ended {
		return
	}
	hold, told := amazonconnect.Seconds(c.fields["agentInfo.agentInitiatedHoldDuration"])
	if worked := c.at("agentInfo.afterContactWorkStartTimestamp"); !worked.IsZero() {
		end = worked // the customer may have stayed longer, with whom they were transferred to
	}
	if !end.IsZero() && (told || r.Channel != "voice") {
		r.Times(format.Talk, end.Sub(agent)-hold)
	}
	if told {
		r.Times(format.Hold, hold)
	}
	if acw, ok := amazonconnect.Seconds(c.fields["agentInfo.afterContactWorkDuration"]); ok {
		r.Times(format.ACW, acw)
	}
	transfers := int64(0)
	if c.followedBy("TRANSFER") {
		transfers = 1
	}
	r.Counts(format.Transfers, transfers)
}

func (c contact) followedBy(method string) bool {
	return slices.Contains(slices.Collect(maps.Values(c.followers)), method)
}

// menus adds the time that a caller spent in the flow.
func (c contact) menus(r *format.Record, enqueued, end time.Time) {
	came, left := c.at("connectedToSystemTimestamp"), enqueued
	if left.IsZero() && c.at("agentInfo.connectedToAgentTimestamp").IsZero() {
		left = end
	}
	if r.Channel == "voice" && r.Direction == "inbound" && !came.IsZero() && !left.IsZero() {
		r.Times(format.IVR, left.Sub(came))
	}
}

// connected tells whether the customer spoke with an agent. Of a call to a customer, connectedToSystemTimestamp is when they
// picked up.
func (c contact) connected() bool {
	if c.fields["agentInfo.connectedToAgentTimestamp"] == "" {
		return false
	}
	called := c.fields["channel"] == "voice" && (c.direction() == "outbound" || c.fields["initiationMethod"] == "CALLBACK")
	return !called || c.fields["connectedToSystemTimestamp"] != ""
}

func (c contact) outcome() string {
	reason := c.fields["disconnectReason"]
	switch {
	case c.connected():
		return format.Answered
	case amazonconnect.Technical(reason):
		return format.Failed
	case c.followedBy("CALLBACK") || c.fields["initiationMethod"] == "CALLBACK":
		return format.Callback
	case c.fields["queueInfo.enqueueTimestamp"] == "":
		return ""
	case len(c.followers) > 0 || reason == "CONTACT_FLOW_DISCONNECT" || reason == "EXPIRED" || reason == "API":
		return format.LeftOther
	}
	return format.Abandoned
}

func (c contact) direction() string {
	return amazonconnect.Direction(c.fields["initiationMethod"], c.fields["channel"])
}
