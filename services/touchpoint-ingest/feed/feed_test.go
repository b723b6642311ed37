package feed

import (
	"strings"
	"testing"
	"time"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
)

func aFeed(t *testing.T) *Feed {
	t.Helper()
	point := func(id string, metrics ...string) *mapv1.Touchpoint {
		return &mapv1.Touchpoint{Id: id, FunctionalOwner: "head", OperationalOwner: "floor", Metrics: metrics}
	}
	m, problems := expmap.Compile(&mapv1.Map{
		Organisation: "acme", Zone: "Europe/Berlin",
		Touchpoints: []*mapv1.Touchpoint{point("help"), point("sale", "wait"), point("outreach")},
		Channels:    []*mapv1.Channel{{Id: "voice"}},
		Teams:       []*mapv1.Team{{Id: "north"}, {Id: "south"}},
		Outcomes:    []*mapv1.Outcome{{Id: "answered"}, {Id: "given_up"}},
		Metrics: []*mapv1.Metric{
			{Id: "wait", Unit: "s", Resolution: 1000},
			{Id: "talking", Unit: "min", Resolution: 60},
			{Id: "transfers", Unit: "transfers", Resolution: 1},
			{Id: "hold", Unit: "points", Resolution: 1},
		},
		Questions:  []*mapv1.Question{{Id: "recommend", Kind: mapv1.QuestionKind_QUESTION_KIND_NPS, ScaleMax: 10, Touchpoints: []string{"help"}}},
		Attributes: []*mapv1.Attribute{{Id: "plan", Values: []string{"gold"}}},
		Feeds: []*mapv1.Feed{{
			Source: "pbx", Format: "asterisk-queue-log", Zone: "America/New_York",
			Rules: []*mapv1.FeedRule{
				{Queue: "sales-*", Touchpoint: "sale", Team: "south"},
				{Queue: "support", Direction: mapv1.Direction_DIRECTION_OUTBOUND, Touchpoint: "outreach"},
				{Queue: "support", Touchpoint: "help"},
			},
			Outcomes: []*mapv1.Renamed{{From: "abandoned", To: "given_up"}}, Metrics: []*mapv1.Renamed{{From: "talk", To: "talking"}},
			Teams: []*mapv1.Renamed{{From: "N*", To: "north"}}, Questions: []*mapv1.Renamed{{From: "q1", To: "recommend"}},
			Attributes: []*mapv1.Renamed{{From: "tariff", To: "plan"}},
		}},
	}, 1)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	f, ok := Of(m, "pbx")
	if _, other := Of(m, "acd"); !ok || other || f.Format() != "asterisk-queue-log" || f.Zone().String() != "America/New_York" {
		t.Fatalf("%v %v", f, ok)
	}
	return f
}

func record(queue string, set func(*format.Record)) *format.Record {
	r := &format.Record{ID: "1", Version: 3, Queue: queue, Channel: "voice", OccurredAt: time.Unix(1_772_440_000, 0), Outcome: format.Answered, Contact: "c", Customer: "h"}
	if set != nil {
		set(r)
	}
	return r
}

func TestInteractions(t *testing.T) {
	f := aFeed(t)
	fact, why := f.Fact(record("support", func(r *format.Record) {
		r.Agent, r.Attributes = "Nadia", map[string]string{"tariff": "gold", "skill": "7"}
		r.Times(format.Wait, 17500*time.Millisecond)
		r.Times(format.Talk, 90*time.Second)
		r.Times(format.ACW, time.Second) // the map does not ask for it
		r.Counts(format.Transfers, 2)
	}))
	if why != nil {
		t.Fatal(why)
	}
	i := fact.GetInteraction()
	if fact.GetId() != "1" || fact.GetVersion() != 3 || i.GetTouchpoint() != "help" || i.GetChannel() != "voice" || i.GetTeam() != "north" || i.GetOutcome() != "answered" ||
		i.GetContactId() != "c" || i.GetCustomerId() != "h" || len(i.GetAttributes()) != 1 || i.GetAttributes()["plan"] != "gold" {
		t.Errorf("%v", fact)
	}
	got := map[string]int64{}
	for _, m := range i.GetMetrics() {
		got[m.GetMetric()] = m.GetValue()
	}
	if len(got) != 3 || got["wait"] != 17500 || got["talking"] != 90 || got["transfers"] != 2 {
		t.Errorf("%v", got)
	}
	for _, c := range []struct {
		queue, direction, touchpoint, team string
		metrics                            int
	}{
		{"support", "outbound", "outreach", "", 1},
		{"support", "inbound", "help", "", 1},
		{"sales-1", "", "sale", "south", 1},
	} {
		fact, why := f.Fact(record(c.queue, func(r *format.Record) {
			r.Direction, r.Agent = c.direction, "Zoe"
			r.Times(format.Wait, time.Second)
			if c.touchpoint == "sale" {
				r.Counts(format.Transfers, 1) // not measured there
			}
		}))
		if i := fact.GetInteraction(); why != nil || i.GetTouchpoint() != c.touchpoint || i.GetTeam() != c.team || len(i.GetMetrics()) != c.metrics {
			t.Errorf("%+v: %v %v", c, fact, why)
		}
	}
}

func TestWhatBecomesNothing(t *testing.T) {
	f := aFeed(t)
	for words, r := range map[string]*format.Record{
		`no rule for the queue "fax"`: record("fax", nil),
		"wait of -1s cannot be right": record("support", func(r *format.Record) { r.Times(format.Wait, -time.Second) }),
		"talk of 25h0m0s":             record("support", func(r *format.Record) { r.Times(format.Talk, 25*time.Hour) }),
		"a negative number":           record("support", func(r *format.Record) { r.Counts(format.Transfers, -1) }),
		`read in "points"`:            record("support", func(r *format.Record) { r.Times(format.Hold, time.Second) }),
		`which question "q2" is`:      record("support", func(r *format.Record) { r.Answer = &format.Answer{Question: "q2"} }),
		"no point of a scale":         record("support", func(r *format.Record) { r.Answer = &format.Answer{Question: "q1", Value: 7.5} }),
	} {
		fact, why := f.Fact(r)
		if fact != nil || !strings.Contains(why.GetMessage(), words) || why.GetRemedy() == "" {
			t.Errorf("%s: %v, %v", words, fact, why)
		}
	}
}

func TestAnswersAndRetractions(t *testing.T) {
	f := aFeed(t)
	fact, why := f.Fact(record("fax", func(r *format.Record) {
		r.Answer = &format.Answer{Question: "q1", Value: 9, Interaction: "call/1", Text: "kind"}
	}))
	if a := fact.GetAnswer(); why != nil || a.GetQuestion() != "recommend" || a.GetValue() != 9 || a.GetInteraction().GetId() != "call/1" || a.GetText() != "kind" || a.GetTouchpoint() != "" {
		t.Errorf("%v %v", fact, why)
	}
	if fact, why := f.Fact(record("fax", func(r *format.Record) { r.Answer = &format.Answer{Question: "q1", Value: 9} })); fact != nil || why == nil {
		t.Errorf("an answer about nothing: %v", fact)
	}
	// What was carried along is of the source that the feed names; what is the source's own stays so.
	f.proto.AboutSource = "acd"
	for carried, source := range map[bool]string{true: "acd", false: ""} {
		a := &format.Answer{Question: "q1", Value: 9, Interaction: "call/1", Carried: carried}
		fact, why := f.Fact(record("fax", func(r *format.Record) { r.Answer = a }))
		gone, _ := f.Fact(&format.Record{ID: "9", Version: 2, Retracted: true, Answer: a})
		if why != nil || fact.GetAnswer().GetInteraction().GetSource() != source || gone.GetRetraction().GetInteraction().GetSource() != source {
			t.Errorf("carried %v: %v, %v, %v", carried, fact, gone, why)
		}
	}
	fact, why = f.Fact(&format.Record{ID: "9", Version: 2, Retracted: true, Answer: &format.Answer{Interaction: "call/1"}})
	if r := fact.GetRetraction(); why != nil || r.GetKind() != factv1.Kind_KIND_ANSWER || r.GetInteraction().GetId() != "call/1" {
		t.Errorf("%v %v", fact, why)
	}
}

// TestWithoutAFeed: every record of a source that has none says which rule is missing.
func TestWithoutAFeed(t *testing.T) {
	if _, why := Plain(aFeed(t).m, "acd", "zendesk").Fact(record("mail", nil)); !strings.Contains(why.GetMessage(), `source "acd" has no rule for the queue "mail"`) {
		t.Errorf("%v", why)
	}
}
