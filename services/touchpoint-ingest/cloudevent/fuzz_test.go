package cloudevent_test

import (
	"bytes"
	"encoding/json"
	"runtime"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/cloudevent"
)

const mostAllocated = 64 << 20

// sound holds what is true of every decoding, and that it allocates no more than it may.
func sound(t *testing.T, content string, body []byte, header ...string) []cloudevent.Event {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	events, err := decode(t, content, body, header...)
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > mostAllocated {
		t.Fatalf("%d bytes of input made %d bytes", len(body), n)
	}
	if err != nil && events != nil {
		t.Fatal("events and an error:", err)
	}
	size := 0
	for _, ev := range events {
		if (ev.Fact == nil) == (ev.Refusal == nil) {
			t.Fatalf("neither fact nor refusal, or both: %+v", ev)
		}
		if ev.Refusal != nil {
			if ev.Refusal.GetReason() == 0 || ev.Refusal.GetMessage() == "" || ev.Refusal.GetRemedy() == "" {
				t.Fatalf("it does not say why: %v", ev.Refusal)
			}
			if _, err := proto.Marshal(ev.Refusal); err != nil {
				t.Fatalf("a refusal that cannot be sent: %v", err)
			}
		}
		size += len(ev.Fact)
	}
	// What one request holds must fit one PublishRequest.
	if size > len(body)+len(strings.Join(header, "")) {
		t.Fatalf("%d bytes became facts of %d", len(body), size)
	}
	return events
}

// alike holds that data of an event that is taken are what protobuf's own JSON takes them for.
func alike(t *testing.T, ev cloudevent.Event, data []byte) {
	t.Helper()
	got := &factv1.Fact{}
	if err := proto.Unmarshal(ev.Fact, got); err != nil {
		t.Fatalf("a fact that cannot be read: %v", err)
	}
	content := got.ProtoReflect().WhichOneof(got.ProtoReflect().Descriptor().Oneofs().ByName("content"))
	want := got.ProtoReflect().NewField(content).Message().Interface()
	if err := protojson.Unmarshal(data, want); err != nil {
		t.Fatalf("taken, but no protobuf JSON: %v", err)
	}
	if !proto.Equal(want, got.ProtoReflect().Get(content).Message().Interface()) {
		t.Fatalf("got %v, want %v", got, want)
	}
}

func seeds() []string {
	return []string{
		interaction,
		`{"question":"recommend","value":"9","interaction":{"id":"call-1"},"text":"a\u00e9\ud834\udd1e\n"}`,
		`{"metric":"staff","period_start":"2026-01-31T08:30:00Z","periodEnd":"2026-01-31T08:45:00.5-07:00","sum":12e3,"n":"7"}`,
		`{"kind":"KIND_ANSWER","interaction":{"source":"acd","id":"call-1"}}`,
		`{"occurred_at":"2026-01-31T08:30:00Z","attributes":{"a":"b"},"contact":{"name":"x"},"metrics":[{"metric":"a","value":-1.50e2,"rounding":1},null],"note":null}`,
		`[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]`,
		`{"metrics":[{},{},{}]}`, `"\ud800"`, "{\"\xff\":1}", ``, `-0.0e-0`,
	}
}

func types() []string {
	return []string{"touchstone.interaction.v1", "touchstone.answer.v1", "touchstone.observation.v1", "touchstone.retraction.v1"}
}

func FuzzStructuredJSON(f *testing.F) {
	for _, data := range seeds() {
		for _, eventType := range types() {
			f.Add([]byte(strings.Replace(event(`,"organisation":"telecom","revision":1e1,"data":`+data), "touchstone.interaction.v1", eventType, 1)))
		}
		f.Add([]byte(data))
	}
	f.Add([]byte(event(`,"datacontenttype":"application/protobuf","data_base64":"CgA="`)))
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, ev := range sound(t, jsonType, body) {
			var e struct {
				Data   json.RawMessage `json:"data"`
				Base64 *string         `json:"data_base64"`
			}
			if ev.Fact == nil || json.Unmarshal(body, &e) != nil || e.Base64 != nil || bytes.Count(body, []byte(`ata`)) != 1 {
				continue // another reader of JSON may see other data where a name differs in case alone, or occurs twice
			}
			alike(t, ev, e.Data)
		}
	})
}

// FuzzData holds the reader of data against protobuf's own, both ways.
func FuzzData(f *testing.F) {
	for _, data := range seeds() {
		for i := range types() {
			f.Add(uint8(i), []byte(data))
		}
	}
	f.Fuzz(func(t *testing.T, kind uint8, data []byte) {
		eventType := types()[int(kind)%len(types())]
		ev := sound(t, "application/json", data, "ce-specversion", "1.0", "ce-id", "a", "ce-source", "acd", "ce-type", eventType)
		if len(ev) != 1 {
			return // too large
		}
		if ev[0].Fact != nil {
			alike(t, ev[0], data)
			return
		}
		m := []proto.Message{&factv1.Interaction{}, &factv1.Answer{}, &factv1.Observation{}, &factv1.Retraction{}}[int(kind)%len(types())]
		if !json.Valid(data) || protojson.Unmarshal(data, m) != nil { // it takes some numbers that JSON does not have
			return
		}
		switch ev[0].Refusal.GetReason() {
		case ingestv1.Reason_REASON_MISSING, ingestv1.Reason_REASON_TOO_LARGE: // more than protobuf asks for
		default:
			t.Fatalf("protobuf's own JSON takes it: %v", ev[0].Refusal)
		}
	})
}

func FuzzBatchJSON(f *testing.F) {
	for _, data := range seeds() {
		f.Add([]byte(`[` + event(`,"data":`+data) + `, ` + event(`,"revision":"2","data":`+data) + `]`))
		f.Add([]byte(`[` + data + `]`))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		events := sound(t, jsonBatch, body)
		var all []json.RawMessage
		if events == nil || json.Unmarshal(body, &all) != nil {
			return
		}
		if len(all) != len(events) {
			t.Fatalf("%d events of %d", len(events), len(all))
		}
		// What surrounds an event changes nothing of it.
		for i := range all {
			alone := sound(t, jsonType, all[i])
			if len(alone) != 1 || !bytes.Equal(alone[0].Fact, events[i].Fact) || !proto.Equal(alone[0].Refusal, events[i].Refusal) {
				t.Fatalf("event %d: %+v in the batch, %+v alone", i, events[i], alone)
			}
		}
	})
}

func FuzzProtobuf(f *testing.F) {
	wire, err := proto.Marshal(wantInteraction())
	if err != nil {
		f.Fatal(err)
	}
	for _, eventType := range types() {
		for _, data := range seeds() {
			f.Add(ceEvent("call-1", "acd", eventType, []string{"organisation", "telecom", "revision", "7"}, 7, []byte(data)), false)
		}
		f.Add(ceEvent("call-1", "acd", eventType, []string{"datacontenttype", "application/protobuf"}, 6, wire), false)
		one := ceEvent("call-1", "acd", eventType, nil, 8, packed("type.googleapis.com/touchstone.fact.v1.Interaction", wire))
		f.Add(ceBatch(one, nil, one, []byte{0xff}), true)
	}
	f.Add([]byte("\x0b\x0b\x0b\x0c"), true)
	f.Fuzz(func(t *testing.T, body []byte, batch bool) {
		content := protoType
		if batch {
			content = protoBatch
		}
		sound(t, content, body)
	})
}

func FuzzBinary(f *testing.F) {
	for _, data := range seeds() {
		f.Add("application/json", "call-1", "acd", "touchstone.interaction.v1", "telecom", "7", []byte(data))
	}
	f.Add("application/protobuf", `"a%20\"b"`, "%", "touchstone.answer.v1", "", "", []byte("\x0a\x00"))
	f.Add("application/vnd.x+json; charset=\"utf-8\"", "", "", "", "", "", []byte(nil))
	f.Fuzz(func(t *testing.T, content, id, source, eventType, organisation, revision string, body []byte) {
		events := sound(t, content, body, "Content-Type", content, "ce-specversion", "1.0", "Ce-Id", id, "CE-SOURCE", source, "ce-type", eventType, "ce-organisation", organisation, "ce-revision", revision)
		for _, ev := range events {
			if ev.Fact != nil && (ev.Source == "" || ev.ID == "") {
				t.Fatalf("%+v", ev)
			}
		}
	})
}

// TestAllocation tries what costs most for its size.
func TestAllocation(t *testing.T) {
	fill := func(head, unit, tail string) []byte {
		return []byte(head + strings.Repeat(unit, (cloudevent.MaxBytes-len(head)-len(tail))/len(unit)) + tail)
	}
	data := func(head, unit, tail string) []byte {
		return fill(strings.TrimSuffix(event(`,"data":`+head), "}"), unit, tail+"}")
	}
	for name, c := range map[string]struct {
		content string
		body    []byte
	}{
		"metrics":      {jsonType, data(`{"metrics":[{}`, `,{}`, `]}`)},
		"attributes":   {jsonType, data(`{"attributes":{"":""`, `,"a":""`, `}}`)},
		"members":      {jsonType, data(`{"a":1`, `,"a":1`, `}`)},
		"escapes":      {jsonType, data(`{"note":"`, `\u0041`, `"}`)},
		"nesting":      {jsonType, fill(``, `[`, ``)},
		"numbers":      {jsonBatch, fill(`[1`, `,1`, `]`)},
		"events":       {jsonBatch, fill(`[{}`, `,{}`, `]`)},
		"many events":  {jsonBatch, []byte(`[` + strings.Repeat(`{"id":1,"id":2,"source":{},"data":{"metrics":[{},{},{}]}},`, 999) + `{}]`)},
		"ce events":    {protoBatch, fill(``, "\x0a\x00", ``)},
		"ce attribute": {protoType, fill(``, "\x2a\x00", ``)},
		"ce strings":   {protoType, fill(``, "\x0a\x01a", ``)},
	} {
		t.Run(name, func(t *testing.T) { sound(t, c.content, c.body) })
	}
}
