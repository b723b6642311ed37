package amazonconnectrecord_test

import (
	"flag"
	"os"
	"testing"

	"github.com/touchstone-cx/touchstone/services/internal/sharedtest"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/amazonconnectrecord"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/formattest"
)

var _ = flag.Bool("update", false, "write want anew")

func TestFormat(t *testing.T) { formattest.Run(t, amazonconnectrecord.Format()) }

func FuzzFormat(f *testing.F) { formattest.Fuzz(f, amazonconnectrecord.Format()) }

// What else the system sends and may land here is passed by and no error.
func TestOtherSamplesArePassedBy(t *testing.T) {
	f := amazonconnectrecord.Format()
	for name, ignored := range map[string]string{
		"lambda_contact_flow_event.json":            "contact flow event",
		"contact_event_disconnected.json":           "EventBridge event",
		"contact_lens_post_call_rules_matched.json": "EventBridge event",
	} {
		body, err := os.ReadFile(sharedtest.File(t, "data/samples/amazon-connect/"+name))
		if err != nil {
			t.Fatal(err)
		}
		p := f.Parse(format.Delivery{Body: body, ReceivedAt: formattest.Now()}, formattest.Options(t))
		if len(p.Events) > 0 || len(p.Problems) > 0 || p.Ignored[ignored] != 1 {
			t.Errorf("%s: %+v", name, p)
		}
	}
}

// A delivery that is older than what is known gives the newer record still, and a contact without LastUpdateTimestamp has the
// version of its latest time.
func TestVersion(t *testing.T) {
	f, o := amazonconnectrecord.Format(), formattest.Options(t)
	p := f.Parse(format.Delivery{Body: []byte(`{"ContactId":"a","DisconnectTimestamp":"2026-03-02T08:00:00.250Z"}`)}, o)
	got := f.Assemble(p.Events, o)
	if len(got) != 1 || got[0].Version != 1772438400250 {
		t.Errorf("%+v", got)
	}
}
