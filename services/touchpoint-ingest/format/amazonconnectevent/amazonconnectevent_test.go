package amazonconnectevent_test

import (
	"encoding/base64"
	"flag"
	"os"
	"reflect"
	"strconv"
	"testing"

	"github.com/touchstone-cx/touchstone/services/internal/sharedtest"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/amazonconnectevent"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/formattest"
)

var _ = flag.Bool("update", false, "write want anew")

func TestFormat(t *testing.T) { formattest.Run(t, amazonconnectevent.Format()) }

func FuzzFormat(f *testing.F) { formattest.Fuzz(f, amazonconnectevent.Format()) }

func read(t *testing.T, body string) []format.Event {
	t.Helper()
	p := amazonconnectevent.Format().Parse(format.Delivery{Body: []byte(body), ReceivedAt: formattest.Now()}, formattest.Options(t))
	if len(p.Problems) > 0 {
		t.Fatalf("%+v", p.Problems)
	}
	return p.Events
}

// What was begun and never ended is closed with what is known for certain; what ended is not.
func TestUnended(t *testing.T) {
	f, o := amazonconnectevent.Format(), formattest.Options(t)
	begun := `{"eventType":"QUEUED","contactId":"a","channel":"VOICE","initiationMethod":"INBOUND","initiationTimestamp":"2026-03-02T08:00:00Z",
		"queueInfo":{"queueArn":"arn:x/queue/q","enqueueTimestamp":"2026-03-02T08:01:00Z"}}`
	connected := `{"eventType":"CONNECTED_TO_AGENT","contactId":"a","agentInfo":{"agentArn":"arn:x/agent/w","connectedToAgentTimestamp":"2026-03-02T08:02:00Z"}}`
	ended := `{"eventType":"DISCONNECTED","contactId":"a","disconnectTimestamp":"2026-03-02T08:03:00Z"}`
	follower := `{"eventType":"INITIATED","contactId":"b","previousContactId":"a","initiationMethod":"TRANSFER","initiationTimestamp":"2026-03-02T08:02:30Z"}`
	for _, c := range []struct{ body, want string }{
		{begun, `a v453744245760001 2026-03-02T08:00:00.000Z queue="q" channel="voice" direction="inbound" outcome="unterminated" contact="a" attribute.InitiationMethod="INBOUND"`},
		{begun + connected, `a v453744261120002 2026-03-02T08:00:00.000Z queue="q" channel="voice" direction="inbound" agent="w" outcome="unterminated" contact="a" wait=1m0s attribute.InitiationMethod="INBOUND"`},
		{begun + connected + ended, ""},
		{follower, ""}, // of the contact before it nothing else was heard
	} {
		var events []format.Event
		for _, e := range read(t, c.body) {
			if e.Call == "a" {
				events = append(events, e)
			}
		}
		got := ""
		for _, r := range f.Unended("a", events, o) {
			got += formattest.Named(r).String()
		}
		if got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

// The vendor's samples: times of the second contradict each other, and so it is not counted.
func TestSamples(t *testing.T) {
	f, o := amazonconnectevent.Format(), formattest.Options(t)
	for name, want := range map[string]string{
		"contact_event_connected_to_agent.detail.json": "",
		"contact_event_disconnected.json": `11111111-1111-1111-1111-111111111111 v416792964352001 2021-08-04T17:17:53.000Z queue="arn" channel="voice" direction="outbound" agent="arn" ` +
			`outcome="answered" contact="11111111-2222-3333-4444-555555555555" wait=5s transfers=0 attribute.InitiationMethod="OUTBOUND" implausible="the agent came after the end"`,
	} {
		body, err := os.ReadFile(sharedtest.File(t, "data/samples/amazon-connect/"+name))
		if err != nil {
			t.Fatal(err)
		}
		events := read(t, string(body))
		if len(events) != 1 {
			t.Fatalf("%s: %+v", name, events)
		}
		got := ""
		for _, r := range f.Assemble(events, o) {
			got += formattest.Named(r).String()
		}
		if got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", name, got, want)
		}
	}
	for _, name := range []string{"contact_lens_post_call_rules_matched.json"} {
		body, err := os.ReadFile(sharedtest.File(t, "data/samples/amazon-connect/"+name))
		if err != nil {
			t.Fatal(err)
		}
		p := f.Parse(format.Delivery{Body: body}, o)
		if len(p.Events)+len(p.Problems) > 0 || p.Ignored["Contact Lens Post Call Rules Matched"] != 1 {
			t.Errorf("%s: %+v", name, p)
		}
	}
}

// An event is the same by itself, in a queue's envelope and in a stream's.
func TestEnvelopes(t *testing.T) {
	const event = `{"eventType":"INITIATED","contactId":"a","channel":"VOICE","initiationMethod":"INBOUND","initiationTimestamp":"2026-03-02T08:00:00Z"}`
	want := read(t, event)
	coded := base64.StdEncoding.EncodeToString([]byte(event))
	for _, body := range []string{`{"Records":[{"body":` + strconv.Quote(event) + `}]}`, `{"Records":[{"Data":"` + coded + `"}]}`, `{"Records":[{"kinesis":{"data":"` + coded + `"}}]}`} {
		if got := read(t, body); len(got) != 1 || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, want %+v", body, got, want)
		}
	}
}
