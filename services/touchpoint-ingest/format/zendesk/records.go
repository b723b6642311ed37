package zendesk

import (
	"strconv"
	"time"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/lenient"
)

// records returns the newest record of a ticket, or of its rating.
func records(call string, events []format.Event, _ format.Options) []format.Record {
	if len(events) == 0 {
		return nil
	}
	e := events[len(events)-1] // sorted by time, which is the version
	f := e.Fields
	created, _ := time.Parse(time.RFC3339Nano, f["created_at"])
	r := format.Record{
		ID: lenient.ID(call), Version: uint64(max(0, e.At.UnixMicro())), Queue: f["group"], Channel: channel(f["channel"]), Agent: f["assignee"], OccurredAt: created, Customer: f["requester"],
	}
	if f["rel"] == "inbound" || f["rel"] == "outbound" {
		r.Direction = f["rel"]
	}
	r.Attributes = lenient.Attributes(f, "brand_id", "form_id", "priority", "type", "status")
	if e.Name == "rating" {
		v, err := strconv.ParseFloat(f["value"], 64)
		if err != nil {
			return nil
		}
		r.Answer = &format.Answer{Question: f["question"], Value: v, Interaction: f["ticket"], Text: e.Text}
		return []format.Record{r}
	}
	if f["status"] == "spam" {
		return []format.Record{{ID: r.ID, Version: r.Version, OccurredAt: created, Retracted: true}}
	}
	r.Outcome = format.Answered
	if e.At.Before(created.Add(-time.Minute)) {
		r.Implausible = "a ticket changed before it was created cannot be right"
	}
	return []format.Record{r}
}

// channel puts Zendesk's channels into neutral words; those that have none stay as they are.
func channel(own string) string {
	switch own {
	case "voice", "phone", "phone_call_inbound", "phone_call_outbound", "phone call (inbound)", "phone call (outbound)", "voicemail":
		return "voice"
	case "mail":
		return "email"
	case "chat", "messaging", "native_messaging", "web_messaging", "chat_transcript":
		return "chat"
	case "web", "web form", "web_form", "web_widget", "help_center":
		return "web"
	case "facebook", "twitter", "twitter_dm", "twitter_favorite", "instagram", "instagram_dm", "facebook_messenger", "x_corp_dm":
		return "social"
	}
	return own
}
