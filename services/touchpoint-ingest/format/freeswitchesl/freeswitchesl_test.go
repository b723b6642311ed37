package freeswitchesl

import (
	"flag"
	"testing"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/formattest"
)

var _ = flag.Bool("update", false, "write want anew")

func TestFormat(t *testing.T) { formattest.Run(t, Format()) }

func FuzzFormat(f *testing.F) { formattest.Fuzz(f, Format()) }

const (
	entered  = "Event-Subclass: callcenter::info\nEvent-Name: CUSTOM\nEvent-Date-Timestamp: 1772438400500000\nCC-Queue: support@default\nCC-Action: member-queue-start\nCC-Member-UUID: m1\nCC-Member-Session-UUID: s1\n\n"
	answered = "Event-Subclass: callcenter::info\nEvent-Name: CUSTOM\nEvent-Date-Timestamp: 1772438430500000\nCC-Queue: support@default\nCC-Action: bridge-agent-start\nCC-Agent: 1004\nCC-Agent-Called-Time: 1772438420\nCC-Agent-Answered-Time: 1772438430\nCC-Member-Joined-Time: 1772438400\nCC-Member-UUID: m1\nCC-Member-Session-UUID: s1\n\n"
	gaveUp   = "Event-Subclass: callcenter::info\nEvent-Name: CUSTOM\nEvent-Date-Timestamp: 1772438420500000\nCC-Action: member-queue-end\nCC-Cause: Cancel\nCC-Cancel-Reason: BREAK_OUT\nCC-Member-Joined-Time: 1772438400\nCC-Member-Leaving-Time: 1772438420\nCC-Member-UUID: m1\nCC-Queue: support@default\n\n"
	cameBack = "Event-Subclass: callcenter::info\nEvent-Name: CUSTOM\nEvent-Date-Timestamp: 1772438425500000\nCC-Action: member-queue-resume\nCC-Member-UUID: m1\nCC-Queue: support@default\n\n"
)

func TestOpenAndUnended(t *testing.T) {
	o := formattest.Options(t)
	const abandoned = `m1 v3 2026-03-02T08:00:00.000Z queue="support@default" channel="voice" outcome="abandoned" contact="s1" wait=20s attempts=0`
	for _, c := range []struct{ name, body, records, unended string }{
		{"waiting", entered, "", `m1 v1 2026-03-02T08:00:00.000Z queue="support@default" channel="voice" outcome="unterminated" contact="s1"`},
		{"talking", entered + answered, "", `m1 v2 2026-03-02T08:00:00.000Z queue="support@default" channel="voice" agent="1004" outcome="unterminated" contact="s1" wait=30s`},
		{"came back", entered + gaveUp + cameBack, abandoned, abandoned},
	} {
		f := Format()
		p := f.Parse(format.Delivery{Body: []byte(c.body)}, o)
		if len(p.Problems) != 0 {
			t.Errorf("%s: %v", c.name, p.Problems)
		}
		say := func(of func(string, []format.Event, format.Options) []format.Record) (s string) {
			f.Records = of
			for _, r := range f.Call("m1", p.Events, o) {
				s += formattest.Named(r).String()
			}
			return s
		}
		if got := say(records); got != c.records {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, got, c.records)
		}
		if got := say(unended); got != c.unended {
			t.Errorf("%s, unended: got\n%s\nwant\n%s", c.name, got, c.unended)
		}
	}
}

// The same events by two connections, one plain and one JSON, are the same events.
func TestTwoConnections(t *testing.T) {
	o := formattest.Options(t)
	plain := Format().Parse(format.Delivery{Body: []byte(entered)}, o)
	asJSON := Format().Parse(format.Delivery{Body: []byte(`{"Event-Name":"CUSTOM","Event-Subclass":"callcenter::info","Event-Date-Timestamp":1772438400500000,"CC-Action":"member-queue-start","CC-Queue":"support@default","CC-Member-UUID":"m1"}`)}, o)
	if len(plain.Events) != 1 || len(asJSON.Events) != 1 || plain.Events[0].ID != asJSON.Events[0].ID {
		t.Errorf("plain %v, JSON %v", plain, asJSON)
	}
}
