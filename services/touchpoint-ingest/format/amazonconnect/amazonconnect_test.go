package amazonconnect_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/amazonconnect"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/lenient"
)

func TestChannel(t *testing.T) {
	for _, c := range []struct{ channel, attributes, want string }{
		{"VOICE", `{}`, "voice"},
		{"CHAT", `null`, "chat"},
		{"CHAT", `{"connect:Subtype":{"ValueString":"connect:SMS"}}`, "sms"},
		{"CHAT", `{"Connect:subtype":{"valueString":"connect:sms"}}`, "sms"},
		{"CHAT", `{"connect:Subtype":{"ValueString":"connect:Guide"}}`, "chat"},
		{"CHAT", `{"connect:Subtype":7}`, "chat"},
		{"TASK", `{"connect:Subtype":{"ValueString":"connect:SMS"}}`, "task"},
		{"", `{}`, ""},
	} {
		var attributes amazonconnect.SegmentAttributes
		if err := json.Unmarshal([]byte(c.attributes), &attributes); err != nil {
			t.Fatal(err)
		}
		if got := amazonconnect.Channel(lenient.Text(c.channel), attributes); string(got) != c.want {
			t.Errorf("%s %s: got %q", c.channel, c.attributes, got)
		}
	}
}

func TestDirection(t *testing.T) {
	for _, c := range []struct{ method, channel, want string }{
		{"INBOUND", "voice", "inbound"},
		{"WEBRTC_API", "voice", "inbound"},
		{"OUTBOUND", "voice", "outbound"},
		{"AGENT_REPLY", "email", "outbound"},
		{"FLOW", "email", "outbound"},
		{"API", "voice", "outbound"},
		{"API", "chat", "inbound"},
		{"TRANSFER", "voice", ""},
		{"CALLBACK", "voice", ""},
		{"", "", ""},
	} {
		if got := amazonconnect.Direction(c.method, c.channel); got != c.want {
			t.Errorf("%s of %s: got %q", c.method, c.channel, got)
		}
	}
}

func TestAside(t *testing.T) {
	for _, c := range []struct {
		method              string
		enqueued, connected lenient.Text
		want                bool
	}{
		{"MONITOR", "x", "x", true}, {"EXTERNAL_OUTBOUND", "x", "x", true}, {"DISCONNECT", "", "", true}, {"DISCONNECT", "x", "", false}, {"DISCONNECT", "", "x", false}, {"INBOUND", "", "", false},
	} {
		if got := amazonconnect.Aside(c.method, c.enqueued, c.connected); got != c.want {
			t.Errorf("%+v: got %v", c, got)
		}
	}
}

func TestWords(t *testing.T) {
	for reason, want := range map[string]bool{"TELECOM_PROBLEM": true, "CONTACT_FLOW_ERROR": true, "OUTBOUND_ATTEMPT_FAILED": true, "CUSTOMER_DISCONNECT": false, "": false} {
		if amazonconnect.Technical(reason) != want {
			t.Errorf("%q is told wrong", reason)
		}
	}
	for address, want := range map[lenient.Text]bool{"+49305550100": true, "a@example.org": true, "Anonymous": false, "RESTRICTED": false, "": false} {
		if amazonconnect.Known(address) != want {
			t.Errorf("%q is told wrong", address)
		}
	}
	for arn, want := range map[lenient.Text]lenient.Text{"arn:aws:connect:eu:1:instance/2/queue/3": "3", "arn:aws:connect:eu:1:instance/2/queue/agent/4": "agent/4", "3": "3", "": ""} {
		if got := amazonconnect.After(arn, "/queue/"); got != want {
			t.Errorf("%q: got %q", arn, got)
		}
	}
}

func TestSeconds(t *testing.T) {
	for in, want := range map[string]time.Duration{"0": 0, "1.5": 1500 * time.Millisecond, "1.0004": time.Second, "-2": -2 * time.Second, "1e300": 1e9 * time.Second} {
		if got, ok := amazonconnect.Seconds(in); got != want || !ok {
			t.Errorf("%q: got %s, %v", in, got, ok)
		}
	}
	if got, ok := amazonconnect.Seconds("soon"); got != 0 || ok {
		t.Errorf("got %s, %v", got, ok)
	}
}
