package freshdesk

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
	r := format.Record{ID: lenient.ID(call), Version: uint64(max(0, e.At.UnixMicro())), Queue: f["group"], Agent: f["agent"], OccurredAt: created, Customer: f["requester"]}
	r.Channel, r.Direction = channel(f["source"])
	if e.Name == "rating" {
		v, err := strconv.ParseFloat(f["points"], 64)
		if err != nil {
			return nil
		}
		r.Direction = ""
		r.Answer = &format.Answer{Question: f["question"], Value: v, Interaction: f["ticket"], Text: e.Text}
		return []format.Record{r}
	}
	r.Attributes = lenient.Attributes(f, "priority", "status", "type")
	r.Outcome = format.Answered
	if e.At.Before(created.Add(-time.Minute)) {
		r.Implausible = "a ticket changed before it was created cannot be right"
	}
	return []format.Record{r}
}

// channel puts Freshdesk's sources, by number or name, into neutral words; those that have none stay as they are.
func channel(own string) (channel, direction string) {
	switch own {
	case "1", "email", "mail":
		return "email", "inbound"
	case "10", "outbound email", "outbound_email":
		return "email", "outbound"
	case "2", "portal", "9", "feedback widget", "feedback_widget":
		return "web", "inbound"
	case "3", "phone":
		return "voice", ""
	case "7", "chat":
		return "chat", "inbound"
	case "5", "twitter", "6", "facebook":
		return "social", ""
	case "13", "whatsapp":
		return "whatsapp", ""
	}
	return own, ""
}
