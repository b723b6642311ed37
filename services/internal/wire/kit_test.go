package wire

import (
	"bytes"
	"slices"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
)

// Random messages as standard protobuf makes them: the seeds of the fuzz targets and the stuff of the property tests.

var (
	anyText  = rapid.OneOf(rapid.Just(""), rapid.SampledFrom([]string{"wait", "help_line", "call-1", "Ünïcode", "\x00"}), rapid.StringN(0, 8, 24))
	anyInt   = rapid.OneOf(rapid.Just(int64(0)), rapid.Int64Range(-300, 300), rapid.Int64())
	anyUint  = rapid.OneOf(rapid.Just(uint64(0)), rapid.Uint64Range(0, 300), rapid.Uint64())
	anyBytes = rapid.SliceOfN(rapid.Byte(), 0, 24)
)

func maybe[T any](rt *rapid.T, f func() *T) *T {
	if rapid.Bool().Draw(rt, "present") {
		return f()
	}
	return nil
}

func text1(rt *rapid.T) string { return anyText.Draw(rt, "text") }

func anyTime(rt *rapid.T) *timestamppb.Timestamp {
	return maybe(rt, func() *timestamppb.Timestamp {
		return &timestamppb.Timestamp{Seconds: anyInt.Draw(rt, "seconds"), Nanos: int32(anyInt.Draw(rt, "nanos"))}
	})
}

func anyRef(rt *rapid.T) *factv1.InteractionRef {
	return maybe(rt, func() *factv1.InteractionRef { return &factv1.InteractionRef{Source: text1(rt), Id: text1(rt)} })
}

func anyInteraction(rt *rapid.T) *factv1.Interaction {
	x := &factv1.Interaction{
		OccurredAt: anyTime(rt), Touchpoint: text1(rt), Channel: text1(rt), Team: text1(rt), Outcome: text1(rt),
		ContactId: text1(rt), CustomerId: text1(rt), Note: text1(rt), Agent: text1(rt), Attributes: map[string]string{},
		Contact: maybe(rt, func() *factv1.Contact { return &factv1.Contact{Name: text1(rt), Email: text1(rt), Phone: text1(rt)} }),
	}
	for range rapid.IntRange(0, 5).Draw(rt, "metrics") {
		m := &factv1.MetricValue{Metric: text1(rt), Rounding: factv1.Rounding(int32(anyInt.Draw(rt, "rounding")))}
		switch rapid.IntRange(0, 2).Draw(rt, "amount") {
		case 0:
			m.Amount = &factv1.MetricValue_Value{Value: anyInt.Draw(rt, "value")}
		case 1:
			m.Amount = &factv1.MetricValue_Decimal{Decimal: text1(rt)}
		}
		x.Metrics = append(x.Metrics, m)
	}
	for range rapid.IntRange(0, 4).Draw(rt, "attributes") {
		x.Attributes[text1(rt)] = text1(rt)
	}
	return x
}

func anyFact(rt *rapid.T) *factv1.Fact {
	f := &factv1.Fact{Id: text1(rt), Version: anyUint.Draw(rt, "version")}
	switch rapid.IntRange(0, 4).Draw(rt, "content") {
	case 0:
		f.Content = &factv1.Fact_Interaction{Interaction: anyInteraction(rt)}
	case 1:
		f.Content = &factv1.Fact_Answer{Answer: &factv1.Answer{
			Question: text1(rt), Value: anyInt.Draw(rt, "value"), Interaction: anyRef(rt), AboutTime: anyTime(rt), Touchpoint: text1(rt),
			Channel: text1(rt), Team: text1(rt), CustomerId: text1(rt), ResponseId: text1(rt), Text: text1(rt),
		}}
	case 2:
		f.Content = &factv1.Fact_Observation{Observation: &factv1.Observation{
			Metric: text1(rt), PeriodStart: anyTime(rt), PeriodEnd: anyTime(rt), Sum: anyInt.Draw(rt, "sum"), N: anyUint.Draw(rt, "n"),
			Touchpoint: text1(rt), Channel: text1(rt), Team: text1(rt),
		}}
	case 3:
		f.Content = &factv1.Fact_Retraction{Retraction: &factv1.Retraction{Kind: factv1.Kind(int32(anyInt.Draw(rt, "kind"))), Interaction: anyRef(rt)}}
	}
	return f
}

var anyRequest = rapid.Custom(func(rt *rapid.T) []byte {
	r := &ingestv1.PublishRequest{Organisation: text1(rt), Source: text1(rt), ImportId: text1(rt)}
	for range rapid.IntRange(0, 4).Draw(rt, "facts") {
		r.Facts = append(r.Facts, anyFact(rt))
	}
	return must(proto.Marshal(r))
})

func anyRecorded(rt *rapid.T) *factv1.RecordedFact {
	r := &factv1.RecordedFact{
		Source: text1(rt), Id: text1(rt), Version: anyUint.Draw(rt, "version"), Kind: factv1.Kind(int32(anyInt.Draw(rt, "kind"))),
		RecordedAtMs: anyInt.Draw(rt, "at"), History: rapid.Bool().Draw(rt, "history"), ImportId: text1(rt), AboutSource: text1(rt), AboutId: text1(rt),
	}
	if rapid.Bool().Draw(rt, "digest") {
		r.Digest = rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(rt, "digest")
	}
	switch rapid.IntRange(0, 4).Draw(rt, "content") {
	case 0:
		x := &factv1.RecordedInteraction{
			OccurredAtMs: anyInt.Draw(rt, "at"), Touchpoint: text1(rt), Channel: text1(rt), Team: text1(rt), Outcome: text1(rt),
			Contact: anyBytes.Draw(rt, "contact"), Customer: anyBytes.Draw(rt, "customer"), KeyVersion: uint32(anyUint.Draw(rt, "key")),
			SealedContact: anyBytes.Draw(rt, "sealed"), SealedNote: anyBytes.Draw(rt, "note"), Agent: anyBytes.Draw(rt, "agent"),
		}
		for range rapid.IntRange(0, 5).Draw(rt, "metrics") {
			x.Metrics = append(x.Metrics, &factv1.RecordedMetric{Metric: text1(rt), Value: anyInt.Draw(rt, "value")})
		}
		for range rapid.IntRange(0, 4).Draw(rt, "attributes") {
			x.Attributes = append(x.Attributes, &factv1.RecordedAttribute{Key: text1(rt), Value: text1(rt)})
		}
		r.Content = &factv1.RecordedFact_Interaction{Interaction: x}
	case 1:
		r.Content = &factv1.RecordedFact_Answer{Answer: &factv1.RecordedAnswer{
			Question: text1(rt), Value: anyInt.Draw(rt, "value"), AboutTimeMs: anyInt.Draw(rt, "at"), Touchpoint: text1(rt), Channel: text1(rt),
			Team: text1(rt), Customer: anyBytes.Draw(rt, "customer"), Response: anyBytes.Draw(rt, "response"), SealedText: anyBytes.Draw(rt, "text"),
		}}
	case 2:
		r.Content = &factv1.RecordedFact_Observation{Observation: &factv1.RecordedObservation{
			Metric: text1(rt), PeriodStartMs: anyInt.Draw(rt, "from"), PeriodEndMs: anyInt.Draw(rt, "to"), Sum: anyInt.Draw(rt, "sum"),
			N: anyUint.Draw(rt, "n"), Touchpoint: text1(rt), Channel: text1(rt), Team: text1(rt),
		}}
	case 3:
		r.Content = &factv1.RecordedFact_Dispute{Dispute: &factv1.RecordedDispute{
			Kind: factv1.Kind(int32(anyInt.Draw(rt, "of"))), Source: text1(rt), Id: text1(rt), AboutSource: text1(rt), AboutId: text1(rt),
			Reason: text1(rt), Owner: text1(rt), RaisedBy: text1(rt), RaisedAtMs: anyInt.Draw(rt, "raised"),
			Ruling: factv1.Ruling(int32(anyInt.Draw(rt, "ruling"))), RulingReason: text1(rt), RuledBy: text1(rt), RuledAtMs: anyInt.Draw(rt, "ruled"),
		}}
	}
	return r
}

var anyBatch = rapid.Custom(func(rt *rapid.T) []byte {
	b := new(factv1.RecordedBatch)
	for range rapid.IntRange(0, 4).Draw(rt, "facts") {
		b.Facts = append(b.Facts, anyRecorded(rt))
	}
	return must(proto.Marshal(b))
})

// mutated damages bytes in a few places: what a fuzzer does, in every run of the tests.
func mutated(rt *rapid.T, b []byte) []byte {
	b = bytes.Clone(b)
	for range rapid.IntRange(0, 4).Draw(rt, "mutations") {
		if len(b) == 0 {
			return b
		}
		i := rapid.IntRange(0, len(b)-1).Draw(rt, "at")
		j := rapid.IntRange(i, min(len(b), i+40)).Draw(rt, "to")
		switch rapid.IntRange(0, 3).Draw(rt, "how") {
		case 0:
			b[i] = rapid.Byte().Draw(rt, "byte")
		case 1:
			b = slices.Insert(b, i, bytes.Clone(b[i:j])...)
		case 2:
			b = slices.Delete(b, i, j)
		case 3: // two messages one after the other merge
			b = append(b, b...)
		}
	}
	return b
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// facts returns the bytes of the elements of field num of a message.
func elements(b []byte, num protowire.Number) (out [][]byte) {
	for len(b) > 0 {
		n, typ, k := protowire.ConsumeTag(b)
		m := protowire.ConsumeFieldValue(n, typ, b[k:])
		if n == num && typ == protowire.BytesType {
			v, _ := protowire.ConsumeBytes(b[k:])
			out = append(out, v)
		}
		b = b[k+m:]
	}
	return out
}

// hasGroup reports whether a valid message of a type holds a group anywhere: the one form of protobuf we refuse, because
// no message of ours has one.
func hasGroup(d protoreflect.MessageDescriptor, b []byte) bool {
	for len(b) > 0 {
		num, typ, k := protowire.ConsumeTag(b)
		m := protowire.ConsumeFieldValue(num, typ, b[k:])
		if typ == protowire.StartGroupType {
			return true
		}
		if f := d.Fields().ByNumber(num); f != nil && f.Message() != nil && typ == protowire.BytesType {
			if v, _ := protowire.ConsumeBytes(b[k:]); hasGroup(f.Message(), v) {
				return true
			}
		}
		b = b[k+m:]
	}
	return false
}

// seeds gives a fuzz target valid messages, damaged ones, and the forms by which decoders differ.
func seeds(f *testing.F, valid *rapid.Generator[[]byte]) {
	damaged := rapid.Custom(func(rt *rapid.T) []byte { return mutated(rt, valid.Draw(rt, "valid")) })
	for i := range 40 {
		f.Add(valid.Example(i))
		f.Add(damaged.Example(i))
	}
	f.Add([]byte{})
	f.Add([]byte{0x23, 0x24})                                                                          // a group
	f.Add([]byte{0x8a, 0x80, 0x00, 0x01, 'a'})                                                         // a tag in more bytes than it needs
	f.Add(append(bytes.Repeat([]byte{0xff}, 9), 1))                                                    // the largest varint
	f.Add(append(bytes.Repeat([]byte{0xff}, 9), 2))                                                    // one past it
	f.Add([]byte{0x22, 0x06, 0x2a, 0x00, 0x2a, 0x00, 0x10, 0x01})                                      // two contents
	f.Add([]byte{0x22, 0x06, 0x1a, 0x04, 0x52, 0x00, 0x52, 0x00})                                      // contact twice
	f.Add([]byte{0x0a, 0x02, 0xc3, 0x28})                                                              // no UTF-8
	f.Add([]byte{0x0a, 0x06, 0x2a, 0x02, 1, 2, 0x2a, 0x00})                                            // a digest of two bytes
	f.Add(append([]byte{0x22, 0x82, 0x01, 0x1a, 0x80, 0x01}, bytes.Repeat([]byte{0x42, 0x00}, 64)...)) // 64 empty metrics
}
