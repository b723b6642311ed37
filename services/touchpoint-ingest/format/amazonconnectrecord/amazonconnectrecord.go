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
	"cmp"
	"encoding/json"
	"strings"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/amazonconnect"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/lenient"
)

// Format returns the format.
func Format() *format.Format {
	return &format.Format{Name: "amazon-connect-record", Title: "Amazon Connect contact records", Parse: parse, Records: records}
}

func parse(d format.Delivery, o format.Options) format.Parsed {
	r := &reader{o: o}
	for line, raw := range lenient.Enveloped(&r.Parsed, d.Body, "Send each record complete, as the stream delivered it.", "Send contact records as JSON objects.", "Send the envelope as the stream delivered it.") {
		r.contact(raw, line)
	}
	return r.Parsed
}

// reader takes a delivery apart.
type reader struct {
	format.Parsed
	o format.Options
}

// kept are the fields of a contact that are kept.
type kept struct{ lenient.Kept }

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
	SegmentAttributes amazonconnect.SegmentAttributes
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
		r.Problem(line, lenient.Misshapen(err), "This has another shape than in a contact record.", "Send contact records as the stream delivered them.")
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
	if amazonconnect.Aside(method, c.Queue.EnqueueTimestamp, c.Agent.ConnectedToAgentTimestamp) {
		r.Ignore("contact by " + method)
		return
	}
	k := &kept{lenient.Kept{Parsed: &r.Parsed, Options: r.o, Line: line, Record: "record", Numbers: "Send seconds and counts as numbers.", Fields: map[string]string{}}}
	k.times(&c)
	switch {
	case k.Broken:
		return
	case k.Fields["DisconnectTimestamp"] == "":
		r.Ignore("contact in progress")
		return
	}
	k.rest(&c, method)
	at, _ := lenient.Happened(k.Fields["DisconnectTimestamp"], r.o.Zone)
	if latest, _ := lenient.Happened(k.Fields["LastUpdateTimestamp"], r.o.Zone); !latest.IsZero() {
		at = latest
	}
	r.Events = append(r.Events, format.Event{
		Call: lenient.DigestID(c.ContactID), ID: lenient.Digest(k.Fields), Name: "contact record", At: at, Fields: k.Fields,
	})
}

func (k *kept) times(c *contact) {
	k.Time("InitiationTimestamp", c.InitiationTimestamp)
	k.Time("ConnectedToSystemTimestamp", c.ConnectedToSystemTimestamp)
	k.Time("DisconnectTimestamp", c.DisconnectTimestamp)
	k.Time("LastUpdateTimestamp", c.LastUpdateTimestamp)
	k.Time("TransferCompletedTimestamp", c.TransferCompletedTimestamp)
	k.Time("Queue.EnqueueTimestamp", c.Queue.EnqueueTimestamp)
	k.Time("Queue.DequeueTimestamp", c.Queue.DequeueTimestamp)
	k.Time("Agent.ConnectedToAgentTimestamp", c.Agent.ConnectedToAgentTimestamp)
}

func (k *kept) rest(c *contact, method string) {
	k.Text("InitiationMethod", lenient.Text(method))
	k.Text("DisconnectReason", lenient.Text(strings.ToUpper(string(c.DisconnectReason))))
	k.Text("Channel", amazonconnect.Channel(c.Channel, c.SegmentAttributes))
	if c.InitialContactID != "" {
		k.Text("InitialContactId", lenient.Text(lenient.DigestID(c.InitialContactID)))
	}
	if c.NextContactID != "" {
		k.Text("NextContactId", "set")
	}
	k.Text("Queue.Name", c.Queue.Name)
	if c.Queue.Name == "" {
		k.Text("Queue.Name", amazonconnect.After(c.Queue.ARN, "/queue/"))
	}
	agent := cmp.Or(c.Agent.Username, amazonconnect.After(c.Agent.ARN, "/agent/"))
	k.Text("Agent.Username", lenient.Text(k.Agent(lenient.DigestID(c.ContactID), string(agent))))
	k.Text("Agent.RoutingProfile", c.Agent.RoutingProfile.Is.Name)
	for _, level := range []string{"Level1", "Level2", "Level3", "Level4", "Level5"} {
		k.Text("Agent.HierarchyGroups."+level, c.Agent.HierarchyGroups.Is[level].Is.GroupName)
	}
	k.Text("Campaign.CampaignId", c.Campaign.Is.CampaignID)
	k.Number("Queue.Duration", c.Queue.Duration)
	k.Number("AgentConnectionAttempts", c.AgentConnectionAttempts)
	k.Number("Agent.AgentInteractionDuration", c.Agent.AgentInteractionDuration)
	k.Number("Agent.CustomerHoldDuration", c.Agent.CustomerHoldDuration)
	k.Number("Agent.LongestHoldDuration", c.Agent.LongestHoldDuration)
	k.Number("Agent.NumberOfHolds", c.Agent.NumberOfHolds)
	k.Number("Agent.AfterContactWorkDuration", c.Agent.AfterContactWorkDuration)
	who := c.CustomerEndpoint.Is.Address
	if !amazonconnect.Known(who) {
		who = c.CustomerID
	}
	k.Text("CustomerEndpoint.Address", lenient.Text(k.Person(string(who))))
}
