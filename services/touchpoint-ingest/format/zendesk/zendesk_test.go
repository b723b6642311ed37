package zendesk

import (
	"bytes"
	"flag"
	"os"
	"testing"
	"time"

	"github.com/touchstone-cx/touchstone/services/internal/sharedtest"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/formattest"
)

var update = flag.Bool("update", false, "write want anew")

func TestCases(t *testing.T) {
	if *update {
		t.Log("want is written anew: read what changed")
	}
	formattest.Run(t, Format())
}

func FuzzParse(f *testing.F) { formattest.Fuzz(f, Format()) }

// A real event of a ticket that is still open gives nothing; the same ticket solved is a contact.
func TestSample(t *testing.T) {
	body, err := os.ReadFile(sharedtest.File(t, "data/samples/zendesk/eventbridge_agent_assignment_changed.json"))
	if err != nil {
		t.Fatal(err)
	}
	f, o := Format(), formattest.Options(t)
	p := f.Parse(format.Delivery{Body: body, ReceivedAt: formattest.Now()}, o)
	if len(p.Events) != 0 || len(p.Problems) != 0 || p.Ignored["ticket.agent_assignment_changed while not solved"] != 1 {
		t.Errorf("an open ticket: %+v", p)
	}
	solved := bytes.Replace(body, []byte(`"status": "open"`), []byte(`"status": "solved"`), 1)
	got := f.Assemble(f.Parse(format.Delivery{Body: solved, ReceivedAt: formattest.Now()}, o).Events, o)
	if len(got) != 1 {
		t.Fatalf("a solved ticket: %+v", got)
	}
	const want = `35436 v1558747425789534 2019-05-20T22:55:29.721Z queue="98738" channel="web" agent="235324" outcome="answered" customer="p-43c8dc6be2c1" attribute.brand_id="123" attribute.form_id="6876543" attribute.priority="low" attribute.status="solved" attribute.type="question"`
	if formattest.Named(got[0]).String() != want {
		t.Errorf("got\n%s\nwant\n%s", formattest.Named(got[0]).String(), want)
	}
}

func TestVerify(t *testing.T) {
	const secret, stamp = "zendesk-test-secret", "2026-03-02T09:28:00Z"
	body := `{"type":"zen:event-type:ticket.created","detail":{"id":"1"}}`
	// printf %s "$stamp$body" | openssl dgst -sha256 -hmac "$secret" -binary | base64
	const signature = "ZhAQHwVENfvx6YW8OTX4Y601r2KNXwAUiGCu/LfKWuc="
	now := formattest.Now()
	for _, c := range []struct {
		name, body, secret, stamp, signature string
		now                                  time.Time
		ok                                   bool
	}{
		{"as signed", body, secret, stamp, signature, now, true},
		{"another body", body + " ", secret, stamp, signature, now, false},
		{"another secret", body, "x", stamp, signature, now, false},
		{"another timestamp", body, secret, "2026-03-02T09:29:00Z", signature, now, false},
		{"sent again later", body, secret, stamp, signature, now.Add(10 * time.Minute), false},
		{"a clock far behind", body, secret, stamp, signature, now.Add(-10 * time.Minute), false},
		{"no signature", body, secret, stamp, "", now, false},
		{"no base64", body, secret, stamp, "%", now, false},
		{"no timestamp", body, secret, "", signature, now, false},
	} {
		d := format.Delivery{Body: []byte(c.body), Header: map[string][]string{
			"X-Zendesk-Webhook-Signature": {c.signature}, "X-Zendesk-Webhook-Signature-Timestamp": {c.stamp},
		}}
		if err := Format().Verify(d, c.secret, c.now); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if Format().Verify(format.Delivery{}, secret, now) == nil {
		t.Error("a delivery without headers is accepted")
	}
}
