package cloudevent_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/cloudevent"
)

const (
	jsonType    = "application/cloudevents+json"
	protoType   = "application/cloudevents+protobuf"
	jsonBatch   = "application/cloudevents-batch+json"
	protoBatch  = "application/cloudevents-batch+protobuf"
	interaction = `{"occurred_at":"2026-01-31T08:30:00.25+01:00","touchpoint":"help_line","metrics":[{"metric":"wait","decimal":"12.5"}]}`
)

func wantInteraction() *factv1.Interaction {
	return &factv1.Interaction{
		OccurredAt: &timestamppb.Timestamp{Seconds: 1769844600, Nanos: 250e6}, Touchpoint: "help_line",
		Metrics: []*factv1.MetricValue{{Metric: "wait", Amount: &factv1.MetricValue_Decimal{Decimal: "12.5"}}},
	}
}

// decode decodes a request; header holds pairs of name and value.
func decode(t testing.TB, content string, body []byte, header ...string) ([]cloudevent.Event, error) {
	t.Helper()
	h := map[string][]string{"Content-Type": {content}}
	for i := 0; i < len(header); i += 2 {
		h[header[i]] = append(h[header[i]], header[i+1])
	}
	m, err := cloudevent.Detect(h)
	if err != nil {
		return nil, err
	}
	if m == nil {
		t.Fatal("no CloudEvent")
	}
	return m.Decode(body)
}

func event(extra string) string {
	return `{"specversion":"1.0","id":"call-1","source":"acd","type":"touchstone.interaction.v1"` + extra + `}`
}

func fact(t testing.TB, ev cloudevent.Event) *factv1.Fact {
	t.Helper()
	if ev.Refusal != nil {
		t.Fatalf("refused: %v", ev.Refusal)
	}
	f := &factv1.Fact{}
	if err := proto.Unmarshal(ev.Fact, f); err != nil {
		t.Fatal(err)
	}
	return f
}

// ceEvent encodes an io.cloudevents.v1.CloudEvent by its schema's numbers: attributes as pairs, then the field of the data.
func ceEvent(id, source, eventType string, attributes []string, num protowire.Number, data []byte) []byte {
	var b []byte
	for i, s := range []string{id, source, "1.0", eventType} {
		b = protowire.AppendString(protowire.AppendTag(b, protowire.Number(i+1), protowire.BytesType), s)
	}
	for i := 0; i < len(attributes); i += 2 {
		value := protowire.AppendString(protowire.AppendTag(nil, 3, protowire.BytesType), attributes[i+1])
		entry := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), attributes[i])
		entry = protowire.AppendBytes(protowire.AppendTag(entry, 2, protowire.BytesType), value)
		b = protowire.AppendBytes(protowire.AppendTag(b, 5, protowire.BytesType), entry)
	}
	return protowire.AppendBytes(protowire.AppendTag(b, num, protowire.BytesType), data)
}

func packed(typeURL string, value []byte) []byte {
	b := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), typeURL)
	return protowire.AppendBytes(protowire.AppendTag(b, 2, protowire.BytesType), value)
}

func ceBatch(events ...[]byte) []byte {
	var b []byte
	for _, e := range events {
		b = protowire.AppendBytes(protowire.AppendTag(b, 1, protowire.BytesType), e)
	}
	return b
}

func marshal(t testing.TB, m proto.Message) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestEveryModeGivesTheSameFact(t *testing.T) {
	const eventType = "touchstone.interaction.v1"
	wire := marshal(t, wantInteraction())
	attributes := []string{"organisation", "telecom", "revision", "7", "time", "2026-02-01T00:00:00Z", "traceparent", "x"}
	extra := `,"organisation":"telecom","revision":"7","time":"2026-02-01T00:00:00Z","anything":{"a":[1]}`
	header := []string{"ce-specversion", "1.0", "ce-id", "call-1", "ce-source", "acd", "ce-type", eventType, "ce-organisation", "telecom", "ce-revision", "7", "ce-other", "%"}
	type request struct {
		content string
		body    []byte
		header  []string
	}
	for name, r := range map[string]request{
		"structured":                      {jsonType, []byte(event(extra + `,"datacontenttype":"application/json","data":` + interaction)), nil},
		"structured, charset":             {jsonType + "; charset=UTF-8", []byte(event(extra + `,"data":` + interaction)), nil},
		"structured, camel case":          {jsonType, []byte(event(extra + `,"data":` + strings.Replace(interaction, "occurred_at", "occurredAt", 1))), nil},
		"structured, number":              {jsonType, []byte(event(strings.Replace(extra, `"7"`, `7`, 1) + `,"data":` + interaction)), nil},
		"structured, nulls":               {jsonType, []byte(event(extra + `,"datacontenttype":null,"data":` + strings.Replace(interaction, "{", `{"note":null,"metrics":null,`, 1))), nil},
		"structured, escapes":             {jsonType, []byte(strings.ReplaceAll(event(extra+`,"data":`+interaction), "call", `\u0063al\u006C`)), nil},
		"structured, protobuf data":       {jsonType, []byte(event(extra + `,"datacontenttype":"application/protobuf","data_base64":"` + base64.StdEncoding.EncodeToString(wire) + `"`)), nil},
		"structured, JSON in Base64":      {jsonType, []byte(event(extra + `,"datacontenttype":"application/json","data_base64":"` + base64.StdEncoding.EncodeToString([]byte(interaction)) + `"`)), nil},
		"batch":                           {jsonBatch, []byte(" [ " + event(extra+`,"data":`+interaction) + " ] "), nil},
		"protobuf, packed":                {protoType, ceEvent("call-1", "acd", eventType, attributes, 8, packed("type.googleapis.com/touchstone.fact.v1.Interaction", wire)), nil},
		"protobuf, binary":                {protoType, ceEvent("call-1", "acd", eventType, append(attributes, "datacontenttype", "application/x-protobuf"), 6, wire), nil},
		"protobuf, binary JSON":           {protoType, ceEvent("call-1", "acd", eventType, append(attributes, "datacontenttype", "application/json"), 6, []byte(interaction)), nil},
		"protobuf, text":                  {protoType, ceEvent("call-1", "acd", eventType, attributes, 7, []byte(interaction)), nil},
		"protobuf batch":                  {protoBatch, ceBatch(ceEvent("call-1", "acd", eventType, attributes, 7, []byte(interaction))), nil},
		"binary":                          {"application/json", []byte(interaction), header},
		"binary, protobuf":                {"application/protobuf", wire, header},
		"binary, percent and quotes":      {"application/json", []byte(interaction), append([]string{"Ce-Id", `"call%2D\1"`}, append(header[:2:2], header[4:]...)...)},
		"binary, a vendor's kind of JSON": {"application/vnd.acme+json", []byte(interaction), header},
	} {
		t.Run(name, func(t *testing.T) {
			events, err := decode(t, r.content, r.body, r.header...)
			if err != nil {
				t.Fatal(err)
			}
			if len(events) != 1 || events[0].Organisation != "telecom" || events[0].Source != "acd" || events[0].ID != "call-1" {
				t.Fatalf("%+v", events)
			}
			want := &factv1.Fact{Id: "call-1", Version: 7, Content: &factv1.Fact_Interaction{Interaction: wantInteraction()}}
			if diff := cmp.Diff(want, fact(t, events[0]), protocmp.Transform()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestEveryKindOfFact(t *testing.T) {
	at := &timestamppb.Timestamp{Seconds: 1769844600}
	for eventType, want := range map[string]*factv1.Fact{
		"touchstone.interaction.v1": {Content: &factv1.Fact_Interaction{Interaction: &factv1.Interaction{
			OccurredAt: at, Touchpoint: "t", Channel: "voice", Team: "A.1", Outcome: "answered", ContactId: "c", CustomerId: "Grüße \"\\\n 𝄞",
			Metrics: []*factv1.MetricValue{
				{Metric: "wait", Amount: &factv1.MetricValue_Value{Value: -1 << 46}},
				{Metric: "zero", Amount: &factv1.MetricValue_Value{}, Rounding: factv1.Rounding_ROUNDING_FLOOR},
			},
			Attributes: map[string]string{"segment": "gold", "age": ""}, Contact: &factv1.Contact{Name: "n", Email: "e", Phone: "p", Language: "de", Zone: "Europe/Berlin"}, Note: "note", Agent: "agent",
		}}},
		"touchstone.answer.v1": {Content: &factv1.Fact_Answer{Answer: &factv1.Answer{
			Question: "recommend", Value: 9, Interaction: &factv1.InteractionRef{Source: "acd", Id: "call-1"}, AboutTime: at,
			Touchpoint: "t", Channel: "voice", Team: "A", CustomerId: "c", ResponseId: "r", Text: "thanks",
		}}},
		"touchstone.observation.v1": {Content: &factv1.Fact_Observation{Observation: &factv1.Observation{
			Metric: "staff", PeriodStart: at, PeriodEnd: &timestamppb.Timestamp{Seconds: at.Seconds + 900, Nanos: 1}, Sum: -5, N: 1 << 39, Touchpoint: "t", Channel: "c", Team: "A",
		}}},
		"touchstone.retraction.v1": {Content: &factv1.Fact_Retraction{Retraction: &factv1.Retraction{
			Kind: factv1.Kind_KIND_ANSWER, Interaction: &factv1.InteractionRef{Id: "call-1"},
		}}},
	} {
		want.Id = "x"
		content := want.ProtoReflect().Get(want.ProtoReflect().WhichOneof(want.ProtoReflect().Descriptor().Oneofs().ByName("content"))).Message().Interface()
		covers(t, content.ProtoReflect())
		for _, options := range []protojson.MarshalOptions{{}, {UseProtoNames: true, Multiline: true, UseEnumNumbers: true, EmitUnpopulated: true}} {
			data, err := options.Marshal(content)
			if err != nil {
				t.Fatal(err)
			}
			body := fmt.Sprintf(`{"specversion":"1.0","id":"x","source":"acd","type":%q,"data":%s}`, eventType, data)
			events, err := decode(t, jsonType, []byte(body))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, fact(t, events[0]), protocmp.Transform()); diff != "" {
				t.Errorf("%s: %s", body, diff)
			}
		}
	}
}

// covers holds that a message has every field of the contract set: a field that is added there is tested here.
func covers(t *testing.T, m protoreflect.Message) {
	t.Helper()
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		if fd.Number() > 63 {
			t.Errorf("%s: the number is over 63, which a set of fields holds", fd.FullName())
		}
		if !m.Has(fd) && fd.ContainingOneof() == nil {
			if fd.FullName() != "touchstone.fact.v1.InteractionRef.source" {
				t.Errorf("%s is not set", fd.FullName())
			}
			continue
		}
		if fd.Kind() == protoreflect.MessageKind && !fd.IsList() && !fd.IsMap() && m.Has(fd) {
			if fd.Message().Name() != "Timestamp" {
				covers(t, m.Get(fd).Message())
			}
		}
	}
}
