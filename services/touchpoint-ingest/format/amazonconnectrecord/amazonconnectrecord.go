// Package amazonconnectrecord reads Amazon Connect's contact records (CTR): one JSON object, several after each other, an
// array, or the envelopes by which Kinesis and Firehose hand them to a function (base64).
//
// A record of ours is one contact, that is one leg: a transfer makes a contact of its own, linked by InitialContactId, which
// becomes Contact. Its version is LastUpdateTimestamp in milliseconds, for the system delivers a contact again whenever
// something is added (after-contact work, an attribute), for up to 24 months; where it is missing, the latest time of the
// record. A contact without DisconnectTimestamp is in progress and gives nothing.
//
//   - Answered: Agent.ConnectedToAgentTimestamp is set; on calls to customers, callbacks too,
//     the customer must have picked up as well.
//   - Abandoned: queued, never connected, and nothing says otherwise: not a callback, no next contact, not ended by the flow
//     or by telecommunications.
//   - Callback: a contact by CALLBACK that reached no agent. LeftOther: ended by the flow, expired, or moved on
//     (NextContactId). Failed: telecommunications. Contacts that never met queue or agent (menus only) have no outcome.
//
// Wait is Queue.Duration, on callbacks also: the system counts the time in the queue, on the line or not. Hold lies outside
// AgentInteractionDuration, so Talk is that as it stands. Attempts are AgentConnectionAttempts without the one that
// succeeded. A leg has one transfer when the transfer was completed or a next contact follows an agent's.
//
// Not read: contacts by MONITOR (supervisors) and EXTERNAL_OUTBOUND (third parties), and by DISCONNECT (what runs after the
// end) unless they meet a queue or an agent; Attributes, whose names and values are those of the organisation's flows and
// often a customer's number or name; recordings, references, voice id.
package amazonconnectrecord

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/lenient"
)

// Format returns the format.
func Format() *format.Format {
	return &format.Format{Name: "amazon-connect-record", Title: "Amazon Connect contact records", Parse: parse, Records: records}
}

func parse(d format.Delivery, o format.Options) format.Parsed {
	r := &reader{o: o}
	for line, raw := range r.objects(d.Body, 1) {
		r.unwrap(raw, line)
	}
	return r.Parsed
}

// contact holds what is read of a contact record.
type contact struct {
	ContactID        lenient.Text `json:"ContactId"`
	InitialContactID lenient.Text `json:"InitialContactId"`
	NextContactID    lenient.Text `json:"NextContactId"`
	CustomerID       lenient.Text `json:"CustomerId"`

	Channel, InitiationMethod, DisconnectReason lenient.Text

	InitiationTimestamp, ConnectedToSystemTimestamp, DisconnectTimestamp, LastUpdateTimestamp, TransferCompletedTimestamp lenient.Text

	AgentConnectionAttempts lenient.Text
	CustomerEndpoint        lenient.Loose[struct{ Address lenient.Text }]
	Campaign                lenient.Loose[struct {
		CampaignID lenient.Text `json:"CampaignId"`
	}]
	SegmentAttributes map[string]lenient.Loose[struct{ ValueString lenient.Text }]
	Queue             struct {
		ARN, Name, EnqueueTimestamp, DequeueTimestamp, Duration lenient.Text
	}
	Agent struct {
		ARN, Username, ConnectedToAgentTimestamp, AgentInteractionDuration, CustomerHoldDuration, LongestHoldDuration, NumberOfHolds, AfterContactWorkDuration lenient.Text

		RoutingProfile  lenient.Loose[struct{ Name lenient.Text }]
		HierarchyGroups lenient.Loose[map[string]lenient.Loose[struct{ GroupName lenient.Text }]]
	}

	// By these, other things of the system are told apart.
	AgentARN   lenient.Text
	DetailType lenient.Text `json:"detail-type"`
	Details    lenient.Loose[struct {
		ContactData struct{ Channel lenient.Text }
	}]
}

// contact reads one contact record.
func (r *reader) contact(raw []byte, line int) {
	var c contact
	if err := json.Unmarshal(raw, &c); err != nil {
		field := ""
		if wrong := (*json.UnmarshalTypeError)(nil); errors.As(err, &wrong) {
			field = wrong.Field
		}
		r.Problem(line, field, "This has another shape than in a contact record.", "Send contact records as the stream delivered them.")
		return
	}
	switch {
	case c.ContactID != "":
	case c.AgentARN != "":
		r.Ignore("agent event")
		return
	case c.DetailType != "":
		r.Ignore("EventBridge event")
		return
	case c.Details.Is.ContactData.Channel != "":
		r.Ignore("contact flow event")
		return
	default:
		r.Problem(line, "ContactId", "A contact record without ContactId.", "Send contact records as the stream delivered them.")
		return
	}
	method := strings.ToUpper(string(c.InitiationMethod))
	switch {
	case method == "MONITOR" || method == "EXTERNAL_OUTBOUND":
		r.Ignore("contact by " + method)
		return
	case method == "DISCONNECT" && c.Queue.EnqueueTimestamp == "" && c.Agent.ConnectedToAgentTimestamp == "":
		r.Ignore("contact by DISCONNECT")
		return
	}
	k := &kept{reader: r, line: line, fields: map[string]string{}}
	k.times(&c)
	switch {
	case k.broken:
		return
	case k.fields["DisconnectTimestamp"] == "":
		r.Ignore("contact in progress")
		return
	}
	k.rest(&c, method)
	at, _ := lenient.Happened(k.fields["DisconnectTimestamp"], r.o.Zone)
	if latest, _ := lenient.Happened(k.fields["LastUpdateTimestamp"], r.o.Zone); !latest.IsZero() {
		at = latest
	}
	r.Events = append(r.Events, format.Event{
		Call: lenient.DigestID(c.ContactID), ID: lenient.Digest(k.fields), Name: "contact record", At: at, Fields: k.fields,
	})
}

func (k *kept) times(c *contact) {
	k.time("InitiationTimestamp", c.InitiationTimestamp)
	k.time("ConnectedToSystemTimestamp", c.ConnectedToSystemTimestamp)
	k.time("DisconnectTimestamp", c.DisconnectTimestamp)
	k.time("LastUpdateTimestamp", c.LastUpdateTimestamp)
	k.time("TransferCompletedTimestamp", c.TransferCompletedTimestamp)
	k.time("Queue.EnqueueTimestamp", c.Queue.EnqueueTimestamp)
	k.time("Queue.DequeueTimestamp", c.Queue.DequeueTimestamp)
	k.time("Agent.ConnectedToAgentTimestamp", c.Agent.ConnectedToAgentTimestamp)
}

func (k *kept) rest(c *contact, method string) {
	k.text("InitiationMethod", lenient.Text(method))
	k.text("DisconnectReason", lenient.Text(strings.ToUpper(string(c.DisconnectReason))))
	k.text("Channel", channel(c))
	if c.InitialContactID != "" {
		k.text("InitialContactId", lenient.Text(lenient.DigestID(c.InitialContactID)))
	}
	if c.NextContactID != "" {
		k.text("NextContactId", "set")
	}
	k.text("Queue.Name", c.Queue.Name)
	if c.Queue.Name == "" {
		k.text("Queue.Name", after(c.Queue.ARN, "/queue/"))
	}
	k.text("Agent.Username", c.Agent.Username)
	if c.Agent.Username == "" {
		k.text("Agent.Username", after(c.Agent.ARN, "/agent/"))
	}
	k.text("Agent.RoutingProfile", c.Agent.RoutingProfile.Is.Name)
	for _, level := range []string{"Level1", "Level2", "Level3", "Level4", "Level5"} {
		k.text("Agent.HierarchyGroups."+level, c.Agent.HierarchyGroups.Is[level].Is.GroupName)
	}
	k.text("Campaign.CampaignId", c.Campaign.Is.CampaignID)
	k.number("Queue.Duration", c.Queue.Duration)
	k.number("AgentConnectionAttempts", c.AgentConnectionAttempts)
	k.number("Agent.AgentInteractionDuration", c.Agent.AgentInteractionDuration)
	k.number("Agent.CustomerHoldDuration", c.Agent.CustomerHoldDuration)
	k.number("Agent.LongestHoldDuration", c.Agent.LongestHoldDuration)
	k.number("Agent.NumberOfHolds", c.Agent.NumberOfHolds)
	k.number("Agent.AfterContactWorkDuration", c.Agent.AfterContactWorkDuration)
	who := c.CustomerEndpoint.Is.Address
	switch strings.ToLower(string(who)) {
	case "", "anonymous", "unknown", "private", "restricted", "unavailable":
		who = c.CustomerID
	}
	k.text("CustomerEndpoint.Address", lenient.Text(k.o.Person(string(who))))
}

// channel is the system's, but messages by telephone count as such.
func channel(c *contact) lenient.Text {
	ch := strings.ToLower(string(c.Channel))
	for name, v := range c.SegmentAttributes {
		if ch == "chat" && strings.EqualFold(name, "connect:Subtype") && strings.EqualFold(string(v.Is.ValueString), "connect:SMS") {
			return "sms"
		}
	}
	return lenient.Text(ch)
}

// after is what an ARN ends with.
func after(arn lenient.Text, part string) lenient.Text {
	if _, id, ok := strings.Cut(string(arn), part); ok {
		return lenient.Text(id)
	}
	return arn
}
