package cloudevent_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/cloudevent"
)

func TestRefusalsNameTheField(t *testing.T) {
	const (
		missing   = ingestv1.Reason_REASON_MISSING
		invalid   = ingestv1.Reason_REASON_INVALID
		tooLarge  = ingestv1.Reason_REASON_TOO_LARGE
		malformed = ingestv1.Reason_REASON_MALFORMED
	)
	withData := func(data string) string { return event(`,"data":` + data) }
	withMetric := func(metric string) string {
		return withData(`{"occurred_at":"2026-01-31T08:30:00Z","metrics":[{"metric":"a","value":1},` + metric + `]}`)
	}
	many := func(n int, element string) string {
		return "[" + strings.TrimSuffix(strings.Repeat(element+",", n), ",") + "]"
	}
	entries := ""
	for i := range 17 {
		entries += fmt.Sprintf(`,"k%d":"v"`, i)
	}
	for _, c := range []struct {
		name, body string
		reason     ingestv1.Reason
		field      string
		tells      string // in message or remedy
	}{
		{"no specversion", `{"id":"a"}`, missing, "specversion", `"1.0"`},
		{"other specversion", strings.Replace(withData(interaction), `"1.0"`, `"0.3"`, 1), invalid, "specversion", `"1.0"`},
		{"no id", strings.Replace(withData(interaction), `"call-1"`, `null`, 1), missing, "id", "id of the fact"},
		{"source is an address", strings.Replace(withData(interaction), `"acd"`, `"https://acd.example/1"`, 1), invalid, "source", "beginning with a letter"},
		{"source with capitals", strings.Replace(withData(interaction), `"acd"`, `"ACD"`, 1), invalid, "source", "a-z"},
		{"source is a number", strings.Replace(withData(interaction), `"acd"`, `7`, 1), invalid, "source", "quotes"},
		{"organisation", event(`,"organisation":"Tele com","data":{}`), invalid, "organisation", "organisation of the key"},
		{"type", strings.Replace(withData(interaction), `interaction.v1`, `interaction`, 1), invalid, "type", "touchstone.answer.v1"},
		{"revision is a word", event(`,"revision":"seven","data":{}`), invalid, "revision", "whole number"},
		{"revision is empty", event(`,"revision":"","data":{}`), invalid, "revision", "whole number"},
		{"revision is negative", event(`,"revision":-1,"data":{}`), invalid, "revision", "whole number"},
		{"revision is broken", event(`,"revision":1.5,"data":{}`), invalid, "revision", "whole number"},
		{"revision is a truth", event(`,"revision":true,"data":{}`), invalid, "revision", "whole number"},
		{"id twice", event(`,"id":"b","data":{}`), invalid, "id", "twice"},
		{"no data", event(``), missing, "data", "interaction"},
		{"data is null", withData(`null`), invalid, "interaction", "no object"},
		{"data is text", withData(`"{}"`), invalid, "interaction", "no object"},
		{"data twice", event(`,"data":{},"data_base64":""`), invalid, "data", "twice"},
		{"Base64", event(`,"datacontenttype":"application/protobuf","data_base64":"a"`), invalid, "data_base64", "padding"},
		{"untold bytes", event(`,"data_base64":"aa=="`), missing, "datacontenttype", "application/protobuf"},
		{"other bytes", event(`,"datacontenttype":"text/csv","data_base64":"aaaa"`), invalid, "datacontenttype", "application/json"},
		{"other charset", event(`,"datacontenttype":"application/json; charset=latin1","data":{}`), invalid, "datacontenttype", "application/json"},
		{"protobuf as text", event(`,"datacontenttype":"application/protobuf","data":"aaaa"`), invalid, "data", "data_base64"},
		{"bytes are no JSON", event(`,"datacontenttype":"application/json","data_base64":"aaaa"`), malformed, "data", "no JSON"},
		{"misspelt field", withData(`{"touchpiont":"x"}`), invalid, "interaction.touchpiont", `"touchpoint"`},
		{"misspelt metric field", withMetric(`{"metric":"b","vaule":1}`), invalid, "interaction.metrics[1].vaule", "decimal"},
		{"no time", withData(`{"touchpoint":"x"}`), missing, "interaction.occurred_at", "attribute time"},
		{"no time, null", withData(`{"occurred_at":null}`), missing, "interaction.occurred_at", "attribute time"},
		{"no time of an answer", strings.Replace(withData(`{"question":"q"}`), "interaction", "answer", 1), missing, "answer.about_time", "interaction"},
		{"no end", strings.Replace(withData(`{"period_start":"2026-01-31T08:30:00Z"}`), "interaction", "observation", 1), missing, "observation.period_end", "RFC 3339"},
		{"day without time", withData(`{"occurred_at":"2026-01-31"}`), invalid, "interaction.occurred_at", "RFC 3339"},
		{"time without zone", withData(`{"occurred_at":"2026-01-31T08:30:00"}`), invalid, "interaction.occurred_at", "zone"},
		{"time in seconds", withData(`{"occurred_at":1769844600}`), invalid, "interaction.occurred_at", "RFC 3339"},
		{"time too fine", withData(`{"occurred_at":"2026-01-31T08:30:00.0000000001Z"}`), invalid, "interaction.occurred_at", "nanosecond"},
		{"broken value", withMetric(`{"metric":"b","value":1.5}`), invalid, "interaction.metrics[1].value", `"decimal"`},
		{"value too large", withMetric(`{"metric":"b","value":9223372036854775808}`), invalid, "interaction.metrics[1].value", "64 bits"},
		{"value far too large", withMetric(`{"metric":"b","value":1e999999999}`), invalid, "interaction.metrics[1].value", "64 bits"},
		{"value is a word", withMetric(`{"metric":"b","value":"0x10"}`), invalid, "interaction.metrics[1].value", "whole"},
		{"decimal without quotes", withMetric(`{"metric":"b","decimal":1.5}`), invalid, "interaction.metrics[1].decimal", "quotes"},
		{"two amounts", withMetric(`{"metric":"b","value":1,"decimal":"1"}`), invalid, "interaction.metrics[1].decimal", "value"},
		{"rounding", withMetric(`{"metric":"b","value":1,"rounding":"UP"}`), invalid, "interaction.metrics[1].rounding", "ROUNDING_FLOOR"},
		{"metric is null", withMetric(`null`), invalid, "interaction.metrics[1]", "no object"},
		{"field twice", withData(`{"team":"a","team":"b"}`), invalid, "interaction.team", "twice"},
		{"field twice by two names", withData(`{"contact_id":"a","contactId":"a"}`), invalid, "interaction.contact_id", "twice"},
		{"metrics are an object", withData(`{"metrics":{}}`), invalid, "interaction.metrics", "array"},
		{"too many metrics", withData(`{"metrics":` + many(65, `{}`) + `}`), tooLarge, "interaction.metrics", "64"},
		{"attributes are an array", withData(`{"attributes":[]}`), invalid, "interaction.attributes", "object"},
		{"too many attributes", withData(`{"attributes":{` + entries[1:] + `}}`), tooLarge, "interaction.attributes", "16"},
		{"attribute twice", withData(`{"attributes":{"a":"x","a":"y"}}`), invalid, "interaction.attributes", "twice"},
		{"attribute is a number", withData(`{"attributes":{"a":1}}`), invalid, "interaction.attributes", "quotes"},
		{"half a surrogate", withData(`{"note":"\ud800"}`), invalid, "interaction.note", "UTF-8"},
		{"no UTF-8", withData("{\"note\":\"\xff\"}"), invalid, "interaction.note", "UTF-8"},
		{"number for an event", `7`, invalid, "", "no object"},
	} {
		t.Run(c.name, func(t *testing.T) {
			events, err := decode(t, jsonType, []byte(c.body))
			if err != nil {
				t.Fatal(err)
			}
			why := events[0].Refusal
			if why.GetReason() != c.reason || why.GetField() != c.field || !strings.Contains(why.GetMessage()+why.GetRemedy(), c.tells) {
				t.Errorf("%v", why)
			}
			if why.GetMessage() == "" || why.GetRemedy() == "" || events[0].Fact != nil {
				t.Errorf("no message, no remedy or a fact: %v", why)
			}
		})
	}
}

// A refusal is shown to many and kept: it must not repeat what a customer is called.
func TestRefusalsDoNotRepeatPersonalValues(t *testing.T) {
	const canary = "Ernestine-Canary"
	for _, data := range []string{
		`{"customer_id":["` + canary + `"]}`, `{"contact":{"name":{"x":"` + canary + `"}}}`, `{"note":"` + canary + `\udfff"}`,
		`{"contact":"` + canary + `"}`, `{"attributes":{"` + canary + `":1}}`, `{"occurred_at":"` + canary + `"}`, `{"contact":{"phone":"` + canary + `","phone":"1"}}`,
	} {
		events, err := decode(t, jsonType, []byte(event(`,"data":`+data)))
		if err != nil {
			t.Fatal(err)
		}
		if why := fmt.Sprint(events[0].Refusal); events[0].Refusal == nil || strings.Contains(why, canary) {
			t.Errorf("%s: %s", data, why)
		}
	}
}

func TestABadEventCostsNoNeighbour(t *testing.T) {
	good := event(`,"data":` + interaction)
	bad := []string{`7`, `null`, `[]`, `{}`, event(``), event(`,"data":{"metrics":[{"metirc":"x"}]}`), event(`,"x":{"data":` + interaction + `}`), "{\"\xff\":1}"}
	events, err := decode(t, jsonBatch, []byte("["+good+","+strings.Join(bad, ",")+","+good+"]"))
	if err != nil {
		t.Fatal(err)
	}
	check(t, events, len(bad))

	wire := ceEvent("call-1", "acd", "touchstone.interaction.v1", nil, 7, []byte(interaction))
	batch := ceBatch(wire, nil, []byte{0xff}, []byte("\x0a\x02\xff\xfe"), append(wire[:len(wire):len(wire)], 0x0b), append(wire[:len(wire):len(wire)], 0x42, 0x01, 0xff), wire)
	if events, err = decode(t, protoBatch, batch); err != nil {
		t.Fatal(err)
	}
	check(t, events, 5)
}

func check(t *testing.T, events []cloudevent.Event, bad int) {
	t.Helper()
	if len(events) != bad+2 {
		t.Fatalf("%d events", len(events))
	}
	for i, ev := range events {
		if good := i == 0 || i == bad+1; good != (ev.Refusal == nil) || good != (ev.Fact != nil) {
			t.Errorf("event %d: %+v", i, ev)
		}
	}
}

func TestRefusalsOfTheOtherFormats(t *testing.T) {
	const eventType = "touchstone.interaction.v1"
	head := []string{"ce-specversion", "1.0", "ce-id", "call-1", "ce-source", "acd", "ce-type", eventType}
	attribute := func(name string, value []byte) []byte { // with a value that is not text
		entry := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), name)
		entry = protowire.AppendBytes(protowire.AppendTag(entry, 2, protowire.BytesType), value)
		return protowire.AppendBytes(protowire.AppendTag(ceEvent("call-1", "acd", eventType, nil, 7, []byte(interaction)), 5, protowire.BytesType), entry)
	}
	for name, c := range map[string]struct {
		content string
		body    []byte
		header  []string
		field   string
	}{
		"packed otherwise":         {protoType, ceEvent("a", "acd", eventType, nil, 8, packed("type.googleapis.com/touchstone.fact.v1.Answer", nil)), nil, "data"},
		"packed JSON":              {protoType, ceEvent("a", "acd", eventType, []string{"datacontenttype", "application/json"}, 8, packed("x/touchstone.fact.v1.Interaction", nil)), nil, "datacontenttype"},
		"untold bytes":             {protoType, ceEvent("a", "acd", eventType, nil, 6, []byte(interaction)), nil, "datacontenttype"},
		"text is no JSON":          {protoType, ceEvent("a", "acd", eventType, nil, 7, nil), nil, "data"},
		"text is too deep":         {protoType, ceEvent("a", "acd", eventType, nil, 7, []byte(strings.Repeat("[", 40)+strings.Repeat("]", 40))), nil, "data"},
		"id among attributes":      {protoType, ceEvent("a", "acd", eventType, []string{"id", "b"}, 7, []byte(interaction)), nil, "id"},
		"revision is negative":     {protoType, attribute("revision", []byte{2 << 3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}), nil, "revision"},
		"revision is a truth":      {protoType, attribute("revision", []byte{1 << 3, 1}), nil, "revision"},
		"header twice":             {"application/json", []byte(interaction), append(head, "ce-id", "b"), "id"},
		"header badly encoded":     {"application/json", []byte(interaction), append(head, "ce-organisation", "a%zz"), "organisation"},
		"header is no UTF-8":       {"application/json", []byte(interaction), append(head, "ce-organisation", "%ff"), "organisation"},
		"content type of its own":  {"application/json", []byte(interaction), append(head, "ce-datacontenttype", "application/json"), "datacontenttype"},
		"a body that is no JSON":   {"application/json", []byte("{"), head, "data"},
		"a header that is missing": {"application/json", []byte(interaction), head[:6], "type"},
	} {
		t.Run(name, func(t *testing.T) {
			events, err := decode(t, c.content, c.body, c.header...)
			if err != nil {
				t.Fatal(err)
			}
			if why := events[0].Refusal; why == nil || why.GetField() != c.field {
				t.Errorf("%v", why)
			}
		})
	}
}

func TestRequestsRefusedAsAWhole(t *testing.T) {
	deep := strings.Repeat("[", 33) + strings.Repeat("]", 33)
	for name, c := range map[string]struct {
		content, body string
		header        []string
		fault         cloudevent.Fault
	}{
		"no JSON":               {jsonType, `{"id":`, nil, cloudevent.Malformed},
		"nothing":               {jsonType, ``, nil, cloudevent.Malformed},
		"two documents":         {jsonType, `{} {}`, nil, cloudevent.Malformed},
		"nested":                {jsonType, deep, nil, cloudevent.Malformed},
		"nested in a neighbour": {jsonBatch, `[` + event("") + `,` + deep + `]`, nil, cloudevent.Malformed},
		"a batch that is none":  {jsonBatch, `{}`, nil, cloudevent.Malformed},
		"no protobuf":           {protoType, "\xff", nil, cloudevent.Malformed},
		"groups":                {protoType, strings.Repeat("\x0b", 1000), nil, cloudevent.Malformed},
		"a batch of nothing":    {protoBatch, "\x0a\x05a", nil, cloudevent.Malformed},
		"bytes":                 {jsonType, strings.Repeat(" ", cloudevent.MaxBytes+1), nil, cloudevent.TooLarge},
		"events":                {jsonBatch, `[` + strings.Repeat(`1,`, cloudevent.MaxEvents) + `1]`, nil, cloudevent.TooLarge},
		"events of protobuf":    {protoBatch, strings.Repeat("\x0a\x00", cloudevent.MaxEvents+1), nil, cloudevent.TooLarge},
		"another format":        {"application/cloudevents+xml", ``, nil, cloudevent.Unsupported},
		"no format":             {"application/cloudevents", ``, nil, cloudevent.Unsupported},
		"another charset":       {jsonType + "; charset=utf-16", `{}`, nil, cloudevent.Unsupported},
		"binary of a table":     {"text/csv", `a,b`, []string{"ce-id", "a"}, cloudevent.Unsupported},
		"binary of no type":     {"", `{}`, []string{"ce-id", "a"}, cloudevent.Unsupported},
	} {
		t.Run(name, func(t *testing.T) {
			events, err := decode(t, c.content, []byte(c.body), c.header...)
			var e *cloudevent.Error
			if !errors.As(err, &e) || e.Fault != c.fault || e.Message == "" || e.Remedy == "" || events != nil {
				t.Errorf("%+v, %v", events, err)
			}
		})
	}
}

func TestAnEmptyBatchIsNoMistake(t *testing.T) {
	for content, body := range map[string]string{jsonBatch: "[ ]", protoBatch: ""} {
		if events, err := decode(t, content, []byte(body)); err != nil || len(events) != 0 {
			t.Errorf("%s: %v, %v", content, events, err)
		}
	}
}

func TestWhatIsNoCloudEvent(t *testing.T) {
	for _, header := range []map[string][]string{nil, {"Content-Type": {"application/x-protobuf"}}, {"Content-Type": {"application/json"}, "Cell-Id": {"1"}}} {
		if m, err := cloudevent.Detect(header); m != nil || err != nil {
			t.Errorf("%v: %v, %v", header, m, err)
		}
	}
}
