package chatwoot

import (
	"strconv"
	"strings"
	"time"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/lenient"
)

// longestMail is the longest wait for a mail's first reply that is counted: nobody waits at the line for it.
const longestMail = 31 * 24 * time.Hour

// records returns the newest record of a conversation, or of a rating.
func records(call string, events []format.Event, _ format.Options) []format.Record {
	if len(events) == 0 {
		return nil
	}
	e := events[len(events)-1] // sorted by time, which is the version
	f := e.Fields
	created, _ := time.Parse(time.RFC3339Nano, f["created_at"])
	r := format.Record{
		ID: lenient.ID(call), Version: uint64(max(0, e.At.UnixMicro())), Queue: f["inbox"], Channel: channel(f["channel"]), Agent: f["assignee"], OccurredAt: created, Customer: f["contact"],
	}
	if e.Name == "csat" {
		v, err := strconv.ParseFloat(f["rating"], 64)
		if err != nil {
			return nil
		}
		r.Answer = &format.Answer{Question: "csat", Value: v, Interaction: f["conversation"], Text: e.Text}
		return []format.Record{r}
	}
	r.Attributes = lenient.Attributes(f, "priority", "status", "team")
	if reply, err := time.Parse(time.RFC3339Nano, f["first_reply_created_at"]); err == nil {
		r.Outcome = format.Answered
		// A conversation's creation is told in seconds, the reply's in milliseconds.
		wait := reply.Sub(created.Truncate(time.Second))
		if r.Channel == "email" && wait > format.LongestPlausible && wait <= longestMail {
			r.Measures = append(r.Measures, format.Measure{Name: format.Wait, Time: wait})
		} else {
			r.Times(format.Wait, wait)
		}
	}
	return []format.Record{r}
}

// channel puts Chatwoot's kinds of inbox into neutral words; those that have none stay as they are.
func channel(own string) string {
	switch own = strings.ToLower(strings.TrimPrefix(own, "Channel::")); own {
	case "webwidget":
		return "chat"
	case "twiliosms":
		return "sms"
	case "facebookpage", "twitterprofile", "instagram", "tiktok":
		return "social"
	}
	return own
}
