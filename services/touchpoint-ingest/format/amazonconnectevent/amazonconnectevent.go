// Package amazonconnectevent reads Amazon Connect's contact events, as EventBridge sends them: one object, several after each
// other, an array, the envelopes of a queue, or the detail alone. They come in any order, perhaps twice, perhaps never, and
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
	"errors"
	"strings"
	"time"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
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
	for line, raw := range r.objects(d.Body, 1) {
		r.unwrap(raw, line)
	}
	return r.Parsed
}

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
	SegmentAttributes map[string]lenient.Loose[struct{ ValueString lenient.Text }]
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
		field := ""
		if wrong := (*json.UnmarshalTypeError)(nil); errors.As(err, &wrong) {
			field = wrong.Field
		}
		r.Problem(line, field, "This has another shape than in a contact event.", "Send contact events as they were delivered.")
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
	switch {
	case method == "MONITOR" || method == "EXTERNAL_OUTBOUND":
		r.Ignore("contact by " + method)
		return
	case method == "DISCONNECT" && d.QueueInfo.EnqueueTimestamp == "" && d.AgentInfo.ConnectedToAgentTimestamp == "":
		r.Ignore("contact by DISCONNECT")
		return
	}
	k := &kept{reader: r, line: line, fields: map[string]string{}}
	k.times(&d)
	at := k.own(kind, envelope.Time)
	switch {
	case k.broken:
		return
	case at.IsZero():
		r.Problem(line, "time", "A contact event without any time.", "Send contact events as they were delivered.")
		return
	}
	k.rest(&d, method)
	r.add(lenient.DigestID(d.ContactID), kind, at, k.fields)
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
	k.time("initiationTimestamp", d.InitiationTimestamp)
	k.time("connectedToSystemTimestamp", d.ConnectedToSystemTimestamp)
	k.time("disconnectTimestamp", d.DisconnectTimestamp)
	k.time("queueInfo.enqueueTimestamp", d.QueueInfo.EnqueueTimestamp)
	k.time("agentInfo.connectedToAgentTimestamp", d.AgentInfo.ConnectedToAgentTimestamp)
	k.time("agentInfo.afterContactWorkStartTimestamp", d.AgentInfo.AfterContactWorkStartTimestamp)
}

// own returns when the event happened: the time that its contact bears for it, else that of the envelope, which then stands
// in for the other.
func (k *kept) own(kind string, sent lenient.Text) time.Time {
	at, ok := lenient.Happened(sent, k.o.Zone)
	if !ok {
		k.broken = true
		k.Problem(k.line, "time", "This is no time.", "Send times as the system writes them: 2026-03-02T08:00:00Z.")
	}
	field := map[string]string{
		"INITIATED": "initiationTimestamp", "CONNECTED_TO_SYSTEM": "connectedToSystemTimestamp", "QUEUED": "queueInfo.enqueueTimestamp",
		"CONNECTED_TO_AGENT": "agentInfo.connectedToAgentTimestamp", "DISCONNECTED": "disconnectTimestamp", "COMPLETED": "disconnectTimestamp",
	}[kind]
	if t := fields(k.fields).at(field); !t.IsZero() {
		return t
	}
	if !at.IsZero() && kind != "COMPLETED" { // that is later than the disconnection by the after-contact work
		k.fields[field] = at.UTC().Format(time.RFC3339Nano)
	}
	return at
}

func (k *kept) rest(d *detail, method string) {
	k.text("initiationMethod", lenient.Text(method))
	k.text("disconnectReason", lenient.Text(strings.ToUpper(string(d.DisconnectReason))))
	ch := strings.ToLower(string(d.Channel))
	for name, v := range d.SegmentAttributes {
		if ch == "chat" && strings.EqualFold(name, "connect:Subtype") && strings.EqualFold(string(v.Is.ValueString), "connect:SMS") {
			ch = "sms"
		}
	}
	k.text("channel", lenient.Text(ch))
	if d.InitialContactID != "" {
		k.text("initialContactId", lenient.Text(lenient.DigestID(d.InitialContactID)))
	}
	k.text("queueInfo.queueArn", after(d.QueueInfo.QueueArn, "/queue/"))
	k.text("queueInfo.queueName", d.QueueInfo.Name+d.QueueInfo.QueueName)
	k.text("agentInfo.agentArn", after(d.AgentInfo.AgentArn, "/agent/"))
	k.number("agentInfo.afterContactWorkDuration", d.AgentInfo.AfterContactWorkDuration)
	k.number("agentInfo.agentInitiatedHoldDuration", d.AgentInfo.AgentInitiatedHoldDuration)
	switch who := d.CustomerEndpoint.Is.Address; strings.ToLower(string(who)) {
	case "", "anonymous", "unknown", "private", "restricted", "unavailable":
	default:
		k.text("customerEndpoint", lenient.Text(k.o.Person(string(who))))
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

// after is what an ARN ends with.
func after(arn lenient.Text, part string) lenient.Text {
	if _, id, ok := strings.Cut(string(arn), part); ok {
		return lenient.Text(id)
	}
	return arn
}
