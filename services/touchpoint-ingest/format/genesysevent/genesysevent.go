// Package genesysevent reads the detail events of Genesys Cloud's conversations (v2.detail.events.conversation.{id}.…), as
// EventBridge sends them or as notifications: one object, several after each other, an array, or the envelopes of a queue or stream.
// They come in any order.
//
// A record of ours is one conversation, the whole contact, as in the analytics detail; its queue is that of the first ACD
// session, its version the number of events. It is given once every customer's session has ended (customer.end) and so has
// every session of ACD and agents that was begun; after-contact work (acw) comes later and makes a version of its own.
//
//   - Answered: a user.end with interactingDurationMs above 0, or an acd.end with ANSWERED. Accepting a callback is neither.
//   - Callback: no agent, and a callback was asked for. Abandoned: acdOutcome ABANDON. LeftOther: FLOW_OUT, or voicemail.
//     Conversations that met no queue and no agent have no outcome.
//
// Wait is connectedDurationMs of the ACD sessions up to the first answer, without callbacks; Ring, Talk and Hold are
// alertingDurationMs, interactingDurationMs and heldDurationMs of agents' sessions (interacting is without held); ACW is
// wrapupDurationMs; IVR is connectedDurationMs of inbound flows.
//
// Not read: attributes, contact, outbound, flow.outcome, flow.start, wrapup (acw says the same), voicemail.start, and topics
// that come in future; wrapupNotes, subjects, names. Numbers, addresses and externalContactId become the customer.
package genesysevent

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/lenient"
)

// Format returns the format.
func Format() *format.Format {
	return &format.Format{
		Name: "genesys-event", Title: "Genesys Cloud conversation events", Parse: parse, Records: records, Unended: unended, Stateful: true,
	}
}

func parse(d format.Delivery, o format.Options) format.Parsed {
	r := &reader{o: o}
	for line, raw := range lenient.Enveloped(&r.Parsed, d.Body, "Send each event complete, as it was delivered.", "Send events as JSON objects.", "Send the envelope as it was delivered.") {
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

// topics begin with this, then comes the conversation, then what happened.
const topics = "v2.detail.events.conversation."

// read are the ends of the topics that are.
var read = []string{"customer.start", "customer.end", "acd.start", "acd.end", "user.start", "user.end", "acw", "flow.end", "voicemail.end"}

// notification is an event as it is notified; EventBridge has it in detail.
type notification struct {
	TopicName lenient.Text
	EventBody json.RawMessage
	Timestamp lenient.Text
}

// body holds what is read of an event.
type body struct {
	EventTime         lenient.Text
	ConversationID    lenient.Text `json:"conversationId"`
	ParticipantID     lenient.Text `json:"participantId"`
	SessionID         lenient.Text `json:"sessionId"`
	QueueID           lenient.Text `json:"queueId"`
	DivisionID        lenient.Text `json:"divisionId"`
	UserID            lenient.Text `json:"userId"`
	AnsweredUserID    lenient.Text `json:"answeredUserId"`
	ExternalContactID lenient.Text `json:"externalContactId"`

	MediaType, MessageType, Direction, DisconnectType, AcdOutcome, FlowType, WrapupCode lenient.Text
	ANI, DNIS, AddressFrom, AddressTo                                                   lenient.Text

	InteractingDurationMs, HeldDurationMs, AlertingDurationMs, ConnectedDurationMs, WrapupDurationMs lenient.Text

	ConversationExternalContactIDs []lenient.Text `json:"conversationExternalContactIds"`
}

// event reads one event: an envelope of EventBridge, or a notification.
func (r *reader) event(raw []byte, line int) {
	var n notification
	var envelope struct {
		DetailType lenient.Text `json:"detail-type"`
		Detail     *notification
	}
	err := json.Unmarshal(raw, &envelope)
	if err == nil && envelope.Detail == nil {
		envelope.Detail, err = &n, json.Unmarshal(raw, &n)
	}
	if err != nil {
		r.Problem(line, "detail", "This has another shape than in an event.", "Send events as they were delivered.")
		return
	}
	n = *envelope.Detail
	for _, t := range []lenient.Text{envelope.DetailType, n.TopicName} {
		if t != "" && !strings.HasPrefix(strings.ToLower(string(t)), topics) {
			r.Ignore(name(t))
			return
		}
	}
	topic := strings.ToLower(string(cmp.Or(n.TopicName, envelope.DetailType)))
	i := slices.IndexFunc(read, func(kind string) bool { return strings.HasSuffix(topic, "."+kind) })
	switch _, rest, _ := strings.Cut(strings.TrimPrefix(topic, topics), "."); {
	case rest == "":
		r.Problem(line, "topicName", "An event without the topic that says what happened.", "Send events as they were delivered.")
		return
	case i < 0:
		r.Ignore(name(lenient.Text(topics + "{id}." + rest)))
		return
	}
	kind := read[i]
	var b body
	if err := json.Unmarshal(n.EventBody, &b); err != nil || b.ConversationID == "" {
		r.Problem(line, "eventBody", "An event without a body that names the conversation.", "Send events as they were delivered.")
		return
	}
	if b.SessionID = cmp.Or(b.SessionID, b.ParticipantID); b.SessionID == "" {
		r.Problem(line, "sessionId", "An event that does not say whose it is.", "Send events as they were delivered.")
		return
	}
	when := cmp.Or(b.EventTime, n.Timestamp)
	at, ok := lenient.Time(when, r.o.Zone)
	if ms, number := lenient.Number(when); !ok || number && ms < 1e11 { // in seconds it is a mistake
		r.Problem(line, "eventTime", "This is no time.", "Send times as the system writes them: 1772438400000.")
		return
	}
	k := &kept{lenient.Kept{Parsed: &r.Parsed, Options: r.o, Line: line, Record: "event", Numbers: "Send durations as numbers of milliseconds.", Fields: map[string]string{}}}
	k.keep(kind, &b)
	r.Events = append(r.Events, format.Event{
		Call: lenient.DigestID(b.ConversationID), ID: kind + " " + at.UTC().Format("20060102T150405.000") + " " + lenient.Digest(k.Fields), Name: kind, At: at, Fields: k.Fields,
	})
}

// keep keeps what is used of an event.
func (k *kept) keep(kind string, b *body) {
	lower := func(t lenient.Text) lenient.Text { return lenient.Text(strings.ToLower(string(t))) }
	agent := func(t lenient.Text) lenient.Text {
		return lenient.Text(k.Agent(lenient.DigestID(b.ConversationID), string(t)))
	}
	k.Text("sessionId", b.SessionID)
	k.Text("mediaType", channel(b))
	if lower(b.MediaType) == "callback" {
		k.Text("callback", "asked for")
	}
	k.Text("direction", lower(b.Direction))
	part, _, _ := strings.Cut(kind, ".")
	switch part {
	case "customer":
		k.Text("disconnectType", lower(b.DisconnectType))
		for _, id := range append([]lenient.Text{b.ExternalContactID}, b.ConversationExternalContactIDs...) {
			if id != "" {
				k.Text("externalContactId", lenient.Text(k.Person(string(id))))
				break
			}
		}
		who := cmp.Or(b.ANI, b.AddressFrom)
		if lower(b.Direction) == "outbound" {
			who = cmp.Or(b.DNIS, b.AddressTo)
		}
		k.Text("address", lenient.Text(k.Person(lenient.Address(string(who)))))
		k.Number("interactingDurationMs", b.InteractingDurationMs)
	case "acd":
		k.Text("queueId", b.QueueID)
		k.Text("divisionId", b.DivisionID)
		k.Text("acdOutcome", lenient.Text(strings.ToUpper(string(b.AcdOutcome))))
		k.Text("answeredUserId", agent(b.AnsweredUserID))
		k.Number("connectedDurationMs", b.ConnectedDurationMs)
	case "user":
		k.Text("queueId", b.QueueID)
		k.Text("userId", agent(b.UserID))
		k.Text("disconnectType", lower(b.DisconnectType))
		k.Number("interactingDurationMs", b.InteractingDurationMs)
		k.Number("heldDurationMs", b.HeldDurationMs)
		k.Number("alertingDurationMs", b.AlertingDurationMs)
	case "acw":
		k.Text("wrapupCode", b.WrapupCode)
		k.Number("wrapupDurationMs", b.WrapupDurationMs)
	case "flow":
		k.Text("flowType", lower(b.FlowType))
		k.Number("connectedDurationMs", b.ConnectedDurationMs)
	}
}

// channel in neutral terms.
func channel(b *body) lenient.Text {
	media, kind := strings.ToLower(string(b.MediaType)), strings.ToLower(string(b.MessageType))
	switch {
	case media == "callback":
		return "voice"
	case media != "message":
		return lenient.Text(media)
	case kind == "sms":
		return "sms"
	case kind == "webmessaging":
		return "chat"
	case kind == "facebook" || kind == "twitter" || kind == "instagram" || kind == "whatsapp" || kind == "line" || kind == "apple":
		return "social"
	}
	return lenient.Text(media)
}

// name is what may be said of a thing that is passed by: a topic, not what somebody wrote.
func name(t lenient.Text) string {
	s := strings.ToLower(string(t))
	if s == "" || len(s) > 100 || strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789._{}") != "" {
		return "unknown"
	}
	return s
}
