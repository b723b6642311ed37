package twiliotaskrouter

import (
	"flag"
	"net/http"
	"net/url"
	"testing"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/formattest"
)

var _ = flag.Bool("update", false, "write want anew")

func TestFormat(t *testing.T) { formattest.Run(t, Format()) }

func FuzzFormat(f *testing.F) { formattest.Fuzz(f, Format()) }

func TestUnended(t *testing.T) {
	o := formattest.Options(t)
	const entered = "Sid=EV1&EventType=task-queue.entered&TaskSid=WT1&TaskQueueName=Support&TimestampMs=1772438400250\n"
	for _, c := range []struct{ name, body, want string }{
		{"waiting", entered, `WT1 v1 2026-03-02T08:00:00.250Z queue="Support" channel="task" outcome="unterminated" contact="WT1"`},
		{"talking", entered + "Sid=EV2&EventType=reservation.accepted&TaskSid=WT1&WorkerName=amira&TimestampMs=1772438410250", `WT1 v2 2026-03-02T08:00:00.250Z queue="Support" channel="task" agent="amira" outcome="unterminated" contact="WT1" wait=10s`},
	} {
		f := Format()
		events := f.Parse(format.Delivery{Body: []byte(c.body)}, o).Events
		if got := f.Call("WT1", events, o); len(got) != 0 {
			t.Errorf("%s: %v before its end", c.name, got)
		}
		f.Records = f.Unended
		var got string
		for _, r := range f.Call("WT1", events, o) {
			got += formattest.Named(r).String()
		}
		if got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
}

// A callback and Event Streams tell of one event alike.
func TestFormAndCloudEvent(t *testing.T) {
	o := formattest.Options(t)
	for _, body := range []string{
		"Sid=EV1&EventType=task.canceled&TaskSid=WT1&TaskCanceledReason=hangup&Timestamp=1772438400&TimestampMs=1772438400250",
		`{"specversion":"1.0","type":"com.twilio.taskrouter.task.canceled","id":"NO1","source":"AB1","data":{"sid":"EV1","name":"x","payload":{"sid":"EV1","eventtype":"task.canceled","task_sid":"WT1","task_canceled_reason":"hangup","timestamp":"2026-03-02T08:00:00.250Z"}}}`,
		`[{"type":"com.twilio.taskrouter.task.canceled","data":{"sid":"EV1","task_sid":"WT1","task_canceled_reason":"hangup","timestamp":"2026-03-02T08:00:00.250Z","task_age":null}}]`,
		`{"type":"com.twilio.taskrouter.task.canceled","data":{"payload":"{\"sid\":\"EV1\",\"task_sid\":\"WT1\",\"reason\":\"hangup\",\"timestamp\":1772438400250}"}}`,
		`{"sid":"EV1","event_type":"task.canceled","event_date":"2026-03-02T08:00:00Z","event_date_ms":1772438400250,"resource_sid":"WT1","resource_type":"task","event_data":{"task_sid":"WT1","task_canceled_reason":"hangup"}}`,
	} {
		p := Format().Parse(format.Delivery{Body: []byte(body)}, o)
		if len(p.Events) != 1 || len(p.Problems) != 0 {
			t.Errorf("%s: %+v", body, p)
			continue
		}
		if e := p.Events[0]; e.ID != "EV1" || e.Call != "WT1" || e.Name != "task.canceled" || e.At.UnixMilli() != 1772438400250 || e.Fields["TaskCanceledReason"] != hungUp {
			t.Errorf("%s: %+v", body, e)
		}
	}
}

func TestVerify(t *testing.T) {
	u, err := url.Parse("https://mycompany.com/myapp.php?foo=1&bar=2&bodySHA256=0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620")
	if err != nil {
		t.Fatal(err)
	}
	d := format.Delivery{
		Body:   []byte(`{"property": "value", "boolean": true}`),
		Header: http.Header{"Content-Type": {"application/cloudevents+json"}, "X-Twilio-Signature": {"a9nBmqA0ju/hNViExpshrM61xv4="}}, URL: u,
	}
	if err := Format().Verify(d, "12345", formattest.Now()); err != nil {
		t.Error(err)
	}
	d.Body = []byte(`{"property": "other", "boolean": true}`)
	if Format().Verify(d, "12345", formattest.Now()) == nil {
		t.Error("another body holds")
	}
}
