package genesysevent_test

import (
	"flag"
	"os"
	"testing"

	"github.com/touchstone-cx/touchstone/services/internal/sharedtest"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/formattest"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/genesysevent"
)

var _ = flag.Bool("update", false, "write want anew")

func TestFormat(t *testing.T) { formattest.Run(t, genesysevent.Format()) }

func FuzzFormat(f *testing.F) { formattest.Fuzz(f, genesysevent.Format()) }

func event(kind, rest string) string {
	return `{"topicName":"v2.detail.events.conversation.c1.` + kind + `","eventBody":{"conversationId":"c1",` + rest + `}}`
}

// What was begun and never ended is closed with what is known for certain; what ended is not.
func TestUnended(t *testing.T) {
	f, o := genesysevent.Format(), formattest.Options(t)
	begun := event("customer.start", `"sessionId":"c","eventTime":1772438400000,"mediaType":"VOICE","direction":"INBOUND"`)
	queued := event("acd.start", `"sessionId":"a","eventTime":1772438410000,"queueId":"q"`)
	answered := event("acd.end", `"sessionId":"a","eventTime":1772438420000,"queueId":"q","acdOutcome":"ANSWERED","connectedDurationMs":10000`)
	ended := event("customer.end", `"sessionId":"c","eventTime":1772438500000`)
	acw := event("acw", `"sessionId":"u","eventTime":1772438600000,"wrapupDurationMs":1000`)
	for _, c := range []struct{ body, want string }{
		{begun + queued, `c1 v0 2026-03-02T08:00:00.000Z queue="q" channel="voice" direction="inbound" outcome="unterminated" contact="c1"`},
		{begun + queued + answered, `c1 v0 2026-03-02T08:00:00.000Z queue="q" channel="voice" direction="inbound" outcome="unterminated" contact="c1" wait=10s`},
		{begun + queued + ended, `c1 v0 2026-03-02T08:00:00.000Z queue="q" channel="voice" direction="inbound" outcome="unterminated" contact="c1"`},
		{begun + queued + answered + ended, ""},
		{acw, ""}, // when the customer came was never heard
	} {
		p := f.Parse(format.Delivery{Body: []byte(c.body)}, o)
		if len(p.Problems) > 0 {
			t.Fatalf("%+v", p.Problems)
		}
		got := ""
		for _, r := range f.Unended("c1", p.Events, o) {
			got += r.String()
		}
		if got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

// The vendor's samples: the start and the end of one chat make one record, an event beside them is passed by.
func TestSamples(t *testing.T) {
	f, o := genesysevent.Format(), formattest.Options(t)
	read := func(name string) format.Parsed {
		body, err := os.ReadFile(sharedtest.File(t, "data/samples/genesys-cloud/aws-event-bridge-"+name))
		if err != nil {
			t.Fatal(err)
		}
		p := f.Parse(format.Delivery{Body: body, ReceivedAt: formattest.Now()}, o)
		if len(p.Problems) > 0 {
			t.Errorf("%s: %+v", name, p.Problems)
		}
		return p
	}
	record := func(events ...format.Event) (got string) {
		for _, r := range f.Assemble(events, o) {
			got += r.String()
		}
		return got
	}
	start, end := read("conversation-start-event.json").Events, read("conversation-end-event.json").Events
	if got := record(start...); got != "" {
		t.Errorf("of a chat that goes on: %s", got)
	}
	const want = `2f7bf00a-0fc2-4d6a-9b56-92238191433e v2 2022-04-06T09:30:44.949Z channel="chat" direction="inbound" contact="2f7bf00a-0fc2-4d6a-9b56-92238191433e" customer="`
	if got := record(append(end, start...)...); len(got) < len(want) || got[:len(want)] != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	const alone = `2f7bf00a-0fc2-4d6a-9b56-92238191433e v1 2022-04-06T09:30:44.949Z channel="chat" direction="inbound" contact="2f7bf00a-0fc2-4d6a-9b56-92238191433e"`
	if got := record(read("conversation-end-event-no-external-contact-id.json").Events...); got != alone {
		t.Errorf("got  %s\nwant %s", got, alone)
	}
	if p := read("non-conversation-event.json"); len(p.Events) > 0 || p.Ignored["v2.something.but.conversation.{id}.customer.start"] != 1 {
		t.Errorf("%+v", p)
	}
}
