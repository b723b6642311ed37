package link_test

import (
	"testing"

	"github.com/touchstone-cx/touchstone/services/survey/channel"
	"github.com/touchstone-cx/touchstone/services/survey/channel/channeltest"
	"github.com/touchstone-cx/touchstone/services/survey/channel/link"
	"github.com/touchstone-cx/touchstone/services/survey/gate"
)

// A link goes nowhere: what would fail elsewhere fails here, and the rest is there.
func TestLink(t *testing.T) {
	m := channeltest.Message(gate.Link, 1)
	if r, err := (link.Channel{}).Send(t.Context(), m); err != nil || !r.Delivered || r.ProviderID != "" {
		t.Errorf("%+v, %v", r, err)
	}
	if (link.Channel{}).Medium() != gate.Link {
		t.Error("another medium")
	}
	for name, wrong := range map[string]*channel.Message{
		"another medium": channeltest.Message(gate.SMS, 1), "no id": {Medium: gate.Link, Link: "https://a.example"}, "no link": {Medium: gate.Link, ID: "1"},
	} {
		if _, err := (link.Channel{}).Send(t.Context(), wrong); !channel.Permanent(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
