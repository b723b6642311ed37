package asteriskami

import (
	"flag"
	"strings"
	"testing"
	"time"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/formattest"
)

var _ = flag.Bool("update", false, "write want anew")

func TestFormat(t *testing.T) { formattest.Run(t, Format()) }

func FuzzFormat(f *testing.F) { formattest.Fuzz(f, Format()) }

const (
	joined    = "Event: QueueCallerJoin\nTimestamp: 1772440000.5\nUniqueid: c.1\nQueue: q\n\n"
	left      = "Event: QueueCallerLeave\nTimestamp: 1772440009.5\nUniqueid: c.1\nQueue: q\n\n"
	connected = "Event: AgentConnect\nTimestamp: 1772440010.5\nUniqueid: c.1\nQueue: q\nMemberName: a\nHoldTime: 10\nRingTime: 3\n\n"
)

func TestInProgress(t *testing.T) {
	f, o := Format(), formattest.Options(t)
	for name, c := range map[string]struct{ events, unended string }{
		"waiting":   {joined, `outcome="unterminated" contact="c.1" attempts=0`},
		"left":      {joined + left, `outcome="unterminated" contact="c.1" wait=9s attempts=0`},
		"connected": {joined + left + connected, `agent="a" outcome="unterminated" contact="c.1" wait=10s ring=3s attempts=0`},
	} {
		p := f.Parse(format.Delivery{Body: []byte(c.events), ReceivedAt: formattest.Now()}, o)
		if got := f.Assemble(p.Events, o); len(got) != 0 {
			t.Errorf("%s: in progress, and yet %v", name, formattest.Named(got[0]).String())
		}
		if got := f.Unended("c.1", p.Events, o); len(got) != 1 || !strings.HasSuffix(formattest.Named(got[0]).String(), c.unended) {
			t.Errorf("%s: unended: got %+v, want %s", name, got, c.unended)
		}
	}
}

// TestLateArrivals has the same events received in other orders, at other times and without stamps.
func TestLateArrivals(t *testing.T) {
	f, o := Format(), formattest.Options(t)
	complete := "Event: AgentComplete\nUniqueid: 1772443700.1\nQueue: q\nHoldTime: 10\nTalkTime: 30\nReason: caller\n\n"
	join := "Event: QueueCallerJoin\nUniqueid: 1772443700.1\nQueue: q\n\n"
	var events []format.Event
	for i, body := range []string{complete, join, complete} {
		d := format.Delivery{Body: []byte(body), ReceivedAt: formattest.Now().Add(time.Duration(i) * time.Second)}
		events = append(events, f.Parse(d, o).Events...)
	}
	if got := f.Assemble(events, o); len(got) != 1 || !strings.Contains(formattest.Named(got[0]).String(), `/1 v2 `) || !strings.Contains(got[0].String(), "wait=10s talk=30s transfers=0") {
		t.Errorf("got %+v", got)
	}
}
