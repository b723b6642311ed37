// Package amazonconnectevent reads Amazon Connect's contact events, as EventBridge sends them: one object, several after each
// other, an array, the envelopes of a queue or stream, or the detail alone. They come in any order, perhaps twice, perhaps never, and
// with fields in varying case.
//
// A record of ours is one contact, that is one leg, as in the contact records; InitialContactId becomes Contact. Each event
// carries what is known of its contact by then, so the record is made of the latest word on each field. Its version is the time
// of the latest event in milliseconds, times 256, and the number of events: a task or mail may end days after it was closed as
// unterminated and forgotten, and its last event alone says all. It is given once DISCONNECTED or COMPLETED came, or an event
// that bears DisconnectTimestamp.
//
// An event of a contact that follows another (PreviousContactId) is noted with that other one as well: by it we know that who
// left the queue without an agent was called back (Callback) or moved on (LeftOther) and did not give up, and that an agent
// transferred. Outcomes are else those of the contact records.
//
// Wait goes from EnqueueTimestamp to the agent or the end. Talk ends where after-contact work begins, else with the contact.
// These events do not tell hold, but for AgentInitiatedHoldDuration in newer ones: on voice there is no Talk without it, for
// the difference of times holds both.
//
// Not read: CONTACT_DATA_UPDATED, PAUSED, RESUMED, AMD_DISABLED, WEBRTC_API and types that come in future, which tell nothing
// about when and how a contact went; contacts by MONITOR, EXTERNAL_OUTBOUND and DISCONNECT without queue or agent; other
// events of the system (Contact Lens rules); tags, attributes, recordings, evaluations.
package amazonconnectevent

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/amazonconnect"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/lenient"
)

// Format returns the format.
func Format() *format.Format {
	return &format.Format{
		Name: "amazon-connect-event", Title: "Amazon Connect contact events", Parse: parse, Records: records, Unended: unended, Stateful: true,
	}
}

func parse(d format.Delivery, o format.Options) format.Parsed {
	r := &reader{o: o}
	for line, raw := range lenient.Enveloped(&r.Parsed, d.Body, "Send each event complete, as it was delivered.", "Send contact events as JSON objects.", "Send the envelope as it was delivered.") {
		r.event(raw, line)
	}
	return r.Parsed
}

// reader takes a delivery apart.
type reader struct {
	format.Parsed
	o format.Options
}

// kept are the fields of an event that are kept.
type kept struct{ lenient.Kept }

// next is the name of the event by which a contact learns of the one that follows it.
const next = "next contact"

// detail holds what is read of a contact event.
type detail struct {
	EventType, ContactID, InitialContactID, PreviousContactID, Channel, InitiationMethod, DisconnectReason lenient.Text

	InitiationTimestamp, ConnectedToSystemTimestamp, DisconnectTimestamp lenient.Text

	QueueInfo struct{ QueueArn, QueueName, Name, EnqueueTimestamp lenient.Text }
	AgentInfo struct {
		AgentArn, ConnectedToAgentTimestamp, AfterContactWorkStartTimestamp, AfterContactWorkDuration, AgentInitiatedHoldDuration lenient.Text
	}
	CustomerEndpoint  lenient.Loose[struct{ Address lenient.Text }]
	SegmentAttributes amazonconnect.SegmentAttributes
}

// event reads one event: an envelope of EventBridge, or its detail alone.
func (r *reader) event(raw []byte, line int) {
	var envelope struct {
		Time       lenient.Text
		DetailType lenient.Text `json:"detail-type"`
		Detail     json.RawMessage
	}
	_ = json.Unmarshal(raw, &envelope) // it is an object, and all else is loose
	if kind := strings.ToLower(string(envelope.DetailType)); kind != "" && !strings.HasSuffix(kind, "contact event") {
		r.Ignore(name(envelope.DetailType))
		return
	}
	if envelope.Detail == nil {
		envelope.Detail = raw
	}
	var d detail
	if err := json.Unmarshal(envelope.Detail, &d); err != nil {
		r.Problem(line, lenient.Misshapen(err), "This has another shape than in a contact event.", "Send contact events as they were delivered.")
		return
	}
	if d.ContactID == "" || d.EventType == "" {
		r.Problem(line, "contactId", "A contact event without contactId and eventType.", "Send contact events as they were delivered.")
		return
	}
	kind, method := strings.ToUpper(string(d.EventType)), strings.ToUpper(string(d.InitiationMethod))
	switch kind {
	case "INITIATED", "CONNECTED_TO_SYSTEM", "QUEUED", "CONNECTED_TO_AGENT", "DISCONNECTED", "COMPLETED":
	default:
		r.Ignore(name(lenient.Text(kind)))
		return
	}
	if amazonconnect.Aside(method, d.QueueInfo.EnqueueTimestamp, d.AgentInfo.ConnectedToAgentTimestamp) {
		r.Ignore("contact by " + method)
		return
	}
	k := &kept{lenient.Kept{Parsed: &r.Parsed, Options: r.o, Line: line, Record: "event", Numbers: "Send seconds and counts as numbers.", Fields: map[string]string{}}}
	k.times(&d)
	at := k.own(kind, envelope.Time)
	switch {
	case k.Broken:
		return
	case at.IsZero():
		r.Problem(line, "time", "A contact event without any time.", "Send contact events as they were delivered.")
		return
	}
	k.rest(&d, method)
	r.add(lenient.DigestID(d.ContactID), kind, at, k.Fields)
	follows := method == "TRANSFER" || method == "QUEUE_TRANSFER" || method == "CALLBACK"
	if follows && d.PreviousContactID != "" && d.PreviousContactID != d.ContactID {
		r.add(lenient.DigestID(d.PreviousContactID), next, at, map[string]string{"contactId": lenient.DigestID(d.ContactID), "initiationMethod": method})
	}
}

func (r *reader) add(call, kind string, at time.Time, fields map[string]string) {
	id := kind + " " + lenient.Digest(fields)
	if kind != next { // of that one repetitions come with each event of the contact that follows
		id += " " + at.UTC().Format(time.RFC3339Nano)
	}
	r.Events = append(r.Events, format.Event{Call: call, ID: id, Name: kind, At: at, Fields: fields})
}

func (k *kept) times(d *detail) {
	k.Time("initiationTimestamp", d.InitiationTimestamp)
	k.Time("connectedToSystemTimestamp", d.ConnectedToSystemTimestamp)
	k.Time("disconnectTimestamp", d.DisconnectTimestamp)
	k.Time("queueInfo.enqueueTimestamp", d.QueueInfo.EnqueueTimestamp)
	k.Time("agentInfo.connectedToAgentTimestamp", d.AgentInfo.ConnectedToAgentTimestamp)
	k.Time("agentInfo.afterContactWorkStartTimestamp", d.AgentInfo.AfterContactWorkStartTimestamp)
}

// own returns when the event happened: the time that its contact bears for it, else that of the envelope, which then stands
// in for the other.
func (k *kept) own(kind string, sent lenient.Text) time.Time {
	at := k.Moment("time", sent)
	field := map[string]string{
		"INITIATED": "initiationTimestamp", "CONNECTED_TO_SYSTEM": "connectedToSystemTimestamp", "QUEUED": "queueInfo.enqueueTimestamp",
		"CONNECTED_TO_AGENT": "agentInfo.connectedToAgentTimestamp", "DISCONNECTED": "disconnectTimestamp", "COMPLETED": "disconnectTimestamp",
	}[kind]
	if t := fields(k.Fields).at(field); !t.IsZero() {
		return t
	}
	if !at.IsZero() && kind != "COMPLETED" { // that is later than the disconnection by the after-contact work
		k.Fields[field] = at.UTC().Format(time.RFC3339Nano)
	}
	return at
}

func (k *kept) rest(d *detail, method string) {
	k.Text("initiationMethod", lenient.Text(method))
	k.Text("disconnectReason", lenient.Text(strings.ToUpper(string(d.DisconnectReason))))
	k.Text("channel", amazonconnect.Channel(d.Channel, d.SegmentAttributes))
	if d.InitialContactID != "" {
		k.Text("initialContactId", lenient.Text(lenient.DigestID(d.InitialContactID)))
	}
	k.Text("queueInfo.queueArn", amazonconnect.After(d.QueueInfo.QueueArn, "/queue/"))
	k.Text("queueInfo.queueName", d.QueueInfo.Name+d.QueueInfo.QueueName)
	k.Text("agentInfo.agentArn", lenient.Text(k.Agent(lenient.DigestID(d.ContactID), string(amazonconnect.After(d.AgentInfo.AgentArn, "/agent/")))))
	k.Number("agentInfo.afterContactWorkDuration", d.AgentInfo.AfterContactWorkDuration)
	k.Number("agentInfo.agentInitiatedHoldDuration", d.AgentInfo.AgentInitiatedHoldDuration)
	if who := d.CustomerEndpoint.Is.Address; amazonconnect.Known(who) {
		k.Text("customerEndpoint", lenient.Text(k.Person(string(who))))
	}
}

// name is what may be said of a thing that is passed by: words, not what somebody wrote.
func name(t lenient.Text) string {
	word := func(c rune) rune {
		if c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' || c == ' ' {
			return c
		}
		return -1
	}
	if s := strings.TrimSpace(strings.Map(word, string(t))); s != "" && len(s) <= 64 {
		return s
	}
	return "unknown"
}
