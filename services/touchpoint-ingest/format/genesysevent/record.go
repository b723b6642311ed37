package genesysevent

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/lenient"
)

// session is one session of a conversation: what the latest of each of its events says.
type session struct {
	start, end, acw *format.Event
}

// conversation holds the sessions by kind ("acd"), in order of time.
type conversation struct {
	events   []format.Event
	sessions map[string][]*session
}

func gather(events []format.Event) conversation {
	c := conversation{events: events, sessions: map[string][]*session{}}
	known := map[string]*session{}
	for i := range events {
		e := &events[i]
		kind, what, _ := strings.Cut(e.Name, ".")
		if kind == "acw" {
			kind = "user" // whose session it belongs to
		}
		key := kind + " " + e.Fields["sessionId"]
		if kind == "flow" { // a session may go through several
			key = e.ID
		}
		s := known[key]
		if s == nil {
			s = &session{}
			known[key] = s
			c.sessions[kind] = append(c.sessions[kind], s)
		}
		switch {
		case e.Name == "acw":
			s.acw = e
		case what == "start":
			if s.start == nil {
				s.start = e
			}
		default:
			s.end = e
		}
	}
	return c
}

// over tells whether the customer has gone and nothing that was begun goes on.
func (c conversation) over() bool {
	for _, kind := range []string{"customer", "acd", "user"} {
		for _, s := range c.sessions[kind] {
			if s.start != nil && s.end == nil {
				return false
			}
		}
	}
	return slices.ContainsFunc(c.sessions["customer"], func(s *session) bool { return s.end != nil })
}

// began is when the customer came; zero while no event tells it.
func (c conversation) began() time.Time {
	var at time.Time
	earlier := func(t time.Time) {
		if at.IsZero() || t.Before(at) {
			at = t
		}
	}
	for _, kind := range []string{"customer", "acd", "user"} {
		for _, s := range c.sessions[kind] {
			if s.start != nil {
				earlier(s.start.At)
			}
		}
	}
	for _, s := range c.sessions["customer"] {
		if s.start == nil && s.end != nil {
			ms, _ := lenient.Number(s.end.Fields["interactingDurationMs"])
			earlier(s.end.At.Add(-max(0, duration(min(ms, 864e5)))))
		}
	}
	return at
}

func records(call string, events []format.Event, _ format.Options) []format.Record {
	c := gather(events)
	if !c.over() {
		return nil
	}
	r := c.record(call)
	r.Outcome = c.outcome()
	return []format.Record{r}
}

func unended(call string, events []format.Event, _ format.Options) []format.Record {
	c := gather(events)
	if c.over() || c.began().IsZero() {
		return nil
	}
	r := c.record(call)
	r.Outcome = format.Unterminated
	return []format.Record{r}
}

// first returns the earliest that is said of a field, by kinds of sessions in order.
func (c conversation) first(field string, kinds ...string) string {
	for _, kind := range kinds {
		for _, s := range c.sessions[kind] {
			for _, e := range []*format.Event{s.start, s.end, s.acw} {
				if e != nil && e.Fields[field] != "" {
					return e.Fields[field]
				}
			}
		}
	}
	return ""
}

func (c conversation) record(call string) format.Record {
	r := format.Record{
		ID: call, Contact: call, OccurredAt: c.began(), Queue: c.first("queueId", "acd", "user"), Channel: c.first("mediaType", "customer", "acd", "user"),
		Direction: c.first("direction", "customer", "acd", "user"), Customer: c.first("externalContactId", "customer"), Attributes: map[string]string{},
	}
	if r.Customer == "" {
		r.Customer = c.first("address", "customer")
	}
	for name, value := range map[string]string{
		"divisionId": c.first("divisionId", "acd"), "wrapUpCode": c.first("wrapupCode", "user"), "disconnectType": c.first("disconnectType", "customer"),
	} {
		if value != "" {
			r.Attributes[name] = value
		}
	}
	c.measure(&r)
	return r
}

// measure adds what was measured, and the agent who was first.
func (c conversation) measure(r *format.Record) {
	sums := map[string]float64{}
	add := func(name string, n float64, told bool) {
		switch old := sums[name]; {
		case !told:
		case n < 0 || old < 0: // what cannot be right is not hidden by others
			sums[name] = min(old, n)
		default:
			sums[name] = old + n
		}
	}
	say := func(name string, e *format.Event, field string) {
		n, told := lenient.Number(e.Fields[field])
		add(name, n, told)
	}
	for _, s := range c.sessions["flow"] {
		if s.end != nil && strings.HasPrefix(s.end.Fields["flowType"], "inbound") {
			say(format.IVR, s.end, "connectedDurationMs")
		}
	}
	for _, s := range c.waits() {
		ms, told := lenient.Number(s.end.Fields["connectedDurationMs"])
		if !told && s.start != nil {
			ms, told = float64(s.end.At.Sub(s.start.At).Milliseconds()), true
		}
		add(format.Wait, ms, told)
	}
	var attempts, transfers int64
	tried := false
	for _, s := range c.sessions["user"] {
		if s.acw != nil {
			say(format.ACW, s.acw, "wrapupDurationMs")
		}
		if s.end == nil || s.end.Fields["callback"] != "" {
			continue
		}
		say(format.Ring, s.end, "alertingDurationMs")
		if talked(s) {
			say(format.Talk, s.end, "interactingDurationMs")
			say(format.Hold, s.end, "heldDurationMs")
			if r.Agent == "" {
				r.Agent = s.end.Fields["userId"]
			}
		} else if s.end.Fields["queueId"] != "" && s.end.Fields["alertingDurationMs"] != "" {
			attempts++
		}
		tried = true
		if strings.Contains(s.end.Fields["disconnectType"], "transfer") {
			transfers++
		}
	}
	if r.Agent == "" {
		r.Agent = c.first("answeredUserId", "acd")
	}
	for _, name := range []string{format.IVR, format.Wait, format.Ring, format.Talk, format.Hold, format.ACW} {
		if ms, ok := sums[name]; ok {
			r.Times(name, duration(ms))
		}
	}
	if tried {
		r.Counts(format.Attempts, attempts)
		r.Counts(format.Transfers, transfers)
	}
}

// waits are the ended ACD sessions up to the first answer, without callbacks: nobody holds the line there.
func (c conversation) waits() []*session {
	ended := slices.DeleteFunc(slices.Clone(c.sessions["acd"]), func(s *session) bool { return s.end == nil || s.end.Fields["callback"] != "" })
	slices.SortStableFunc(ended, func(a, b *session) int { return a.end.At.Compare(b.end.At) })
	for i, s := range ended {
		if s.end.Fields["acdOutcome"] == "ANSWERED" {
			return ended[:i+1]
		}
	}
	return ended
}

func talked(s *session) bool {
	n, _ := lenient.Number(s.end.Fields["interactingDurationMs"])
	return n != 0
}

func (c conversation) outcome() string {
	how := map[string]bool{}
	for kind, all := range c.sessions {
		for _, s := range all {
			for _, e := range []*format.Event{s.start, s.end} {
				if e == nil {
					continue
				}
				asked := e.Fields["callback"] != ""
				how["callback"] = how["callback"] || asked
				if kind == "user" && e == s.end && !asked && talked(s) {
					how["ANSWERED"] = true
				}
				if kind == "acd" && !asked {
					how[e.Fields["acdOutcome"]] = true
				}
			}
		}
	}
	switch {
	case how["ANSWERED"]:
		return format.Answered
	case how["callback"]:
		return format.Callback
	case how["ABANDON"]:
		return format.Abandoned
	case how["FLOW_OUT"] || how["FLOWOUT"] || len(c.sessions["voicemail"]) > 0:
		return format.LeftOther
	}
	return ""
}

func duration(ms float64) time.Duration {
	return time.Duration(math.Round(min(max(ms, -1e12), 1e12))) * time.Millisecond // far beyond what is plausible either way
}
