package twiliotaskrouter

import (
	"cmp"
	"encoding/json"
	"strings"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/lenient"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/twilio"
)

// attributes keeps of a task's attributes, JSON that an application writes, those that TwiML and Flex write under fixed names:
// call_sid, conversations.conversation_id, direction, channelType, and who the customer is, hashed.
func attributes(all string, keep func(name, value string), o format.Options) {
	var given map[string]json.RawMessage
	if json.Unmarshal([]byte(all), &given) != nil {
		return
	}
	get := func(names ...string) string {
		for _, name := range names {
			var s string
			if json.Unmarshal(given[name], &s) == nil && strings.TrimSpace(s) != "" {
				return strings.TrimSpace(s)
			}
		}
		return ""
	}
	var more struct {
		ID any `json:"conversation_id"`
	}
	_ = json.Unmarshal(given["conversations"], &more) // other applications mean other things by it
	conversation, _ := more.ID.(string)
	if contact := cmp.Or(conversation, get("call_sid", "callSid", "CallSid")); contact != "" {
		keep("contact", lenient.ShortID(contact, 120, "hash-"))
	}
	direction := strings.ToLower(get("direction"))
	if direction != "inbound" && strings.HasPrefix(direction, "outbound") {
		direction = "outbound"
	}
	if direction == "inbound" || direction == "outbound" {
		keep("direction", direction)
	}
	keep("channelType", strings.ToLower(get("channelType", "channel_type")))
	who := []string{"from", "caller", "customerAddress", "email"}
	if direction == "outbound" {
		who = []string{"outbound_to", "to", "called", "customerAddress"}
	}
	for _, name := range who {
		if customer := person(get(name), o); customer != "" {
			keep("customer", customer)
			break
		}
	}
}

// person hashes a telephone number or e-mail address. A name or a made-up identity is not unique to one person and is left
// out; who hides the number is nobody.
func person(text string, o format.Options) string {
	text = strings.TrimSpace(text)
	if _, number, ok := strings.Cut(text, ":"); ok && !strings.HasPrefix(strings.ToLower(text), "sip") && !strings.HasPrefix(strings.ToLower(text), "client") {
		text = number // whatsapp:+49…
	}
	if strings.Contains(text, "@") && !strings.Contains(text, " ") {
		return o.Person(text)
	}
	return twilio.Number(text, o)
}

// Reasons of cancellation, as far as they tell how the customer left.
const (
	hungUp   = "hangup"
	timeout  = "timeout"
	callback = "callback"
	other    = "other"
)

// why reduces the text of a reason.
func why(reason string) string {
	reason = strings.ToLower(reason)
	has := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(reason, w) {
				return true
			}
		}
		return false
	}
	switch {
	case has("ttl", "timeout", "timed out", "time out"):
		return timeout
	case has("callback", "call back"):
		return callback
	case has("hangup", "hung up", "hang up", "hang-up", "abandon", "disconnect", "customer left", "caller left"):
		return hungUp
	}
	return other
}
