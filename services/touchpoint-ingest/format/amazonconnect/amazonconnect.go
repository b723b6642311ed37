// Package amazonconnect is what Amazon Connect's contact records and contact events mean alike. It is no format: what a
// contact is, each of the two says in words of its own.
package amazonconnect

import (
	"math"
	"strings"
	"time"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/lenient"
)

// SegmentAttributes of a contact, by name.
type SegmentAttributes map[string]lenient.Loose[struct{ ValueString lenient.Text }]

// Channel is the system's in lower case, but messages by telephone count as such.
func Channel(channel lenient.Text, attributes SegmentAttributes) lenient.Text {
	ch := lenient.Text(strings.ToLower(string(channel)))
	for name, v := range attributes {
		if ch == "chat" && strings.EqualFold(name, "connect:Subtype") && strings.EqualFold(string(v.Is.ValueString), "connect:SMS") {
			return "sms"
		}
	}
	return ch
}

// Direction is told for what somebody began, by how a contact was initiated; transfers and callbacks go on with what was begun
// before.
func Direction(method, channel string) string {
	switch method {
	case "INBOUND", "WEBRTC_API":
		return "inbound"
	case "OUTBOUND", "AGENT_REPLY", "FLOW":
		return "outbound"
	case "API": // calls are placed by it; chats, tasks and mails are the customer's
		if channel == "voice" {
			return "outbound"
		}
		return "inbound"
	}
	return ""
}

// Aside reports whether a contact is none of a customer's: a supervisor listens in, an agent calls out of the system, or what a
// flow does after a disconnection met no queue and no agent.
func Aside(method string, enqueued, connected lenient.Text) bool {
	return method == "MONITOR" || method == "EXTERNAL_OUTBOUND" || method == "DISCONNECT" && enqueued == "" && connected == ""
}

// Technical reports whether a contact ended by a fault.
func Technical(disconnectReason string) bool {
	return disconnectReason == "TELECOM_PROBLEM" || strings.HasSuffix(disconnectReason, "_ERROR") || strings.HasSuffix(disconnectReason, "_FAILED")
}

// Known reports whether a customer's address identifies anybody.
func Known(address lenient.Text) bool {
	switch strings.ToLower(string(address)) {
	case "", "anonymous", "unknown", "private", "restricted", "unavailable":
		return false
	}
	return true
}

// After is what an ARN ends with, after a part of it ("/queue/"); a text without that part as it is.
func After(arn lenient.Text, part string) lenient.Text {
	if _, id, ok := strings.Cut(string(arn), part); ok {
		return lenient.Text(id)
	}
	return arn
}

// Seconds reads a number of seconds, to the millisecond.
func Seconds(s string) (time.Duration, bool) {
	n, ok := lenient.Number(s)
	n = min(max(n, -1e9), 1e9) // far beyond what is plausible either way
	return time.Duration(math.Round(n*1000)) * time.Millisecond, ok
}
