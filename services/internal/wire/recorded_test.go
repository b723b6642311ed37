package wire

import (
	"bytes"
	"errors"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
)

// FuzzRecorded holds the scanner of recorded batches to standard protobuf, as FuzzRequest does that of requests.
func FuzzRecorded(f *testing.F) {
	seeds(f, anyBatch)
	f.Fuzz(func(t *testing.T, b []byte) { agreeOnBatch(t, b) })
}

func TestBatchAgreesWithProtobuf(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) { agreeOnBatch(rt, mutated(rt, anyBatch.Draw(rt, "batch"))) })
}

func agreeOnBatch(t tester, b []byte) {
	t.Helper()
	want := new(factv1.RecordedBatch)
	refused := proto.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(b, want)
	n := 0
	var raw [][]byte
	err := ScanBatch(b, func(i int, r *Recorded) error {
		if i != n {
			t.Fatalf("fact %d after %d", i, n)
		}
		n++
		if refused == nil {
			sameRecorded(t, r, want.GetFacts()[i])
			raw = append(raw, r.Raw)
		}
		return nil
	})
	switch {
	case err != nil && !errors.Is(err, ErrMalformed):
		t.Fatalf("%v", err)
	case err != nil && refused == nil:
		if !hasGroup(want.ProtoReflect().Descriptor(), b) && !refusable(b) {
			t.Fatalf("refused what protobuf takes: %v", err)
		}
	case err == nil && refused != nil:
		t.Fatalf("took what protobuf refuses: %v", refused)
	case err == nil:
		if n != len(want.GetFacts()) {
			t.Fatalf("%d of %d facts", n, len(want.GetFacts()))
		}
		for i, x := range elements(b, 1) {
			if !bytes.Equal(x, raw[i]) {
				t.Fatalf("raw bytes of fact %d: %x, want %x", i, raw[i], x)
			}
		}
	}
}

// refusable reports whether a batch has two contents in a fact or a digest of another length: ingest writes neither.
func refusable(b []byte) bool {
	for _, f := range elements(b, 1) {
		if len(elements(f, 9))+len(elements(f, 10))+len(elements(f, 11))+len(elements(f, 14)) > 1 {
			return true
		}
		for _, d := range elements(f, 5) {
			if len(d) != 0 && len(d) != 16 {
				return true
			}
		}
	}
	return false
}

func sameRecorded(t tester, r *Recorded, f *factv1.RecordedFact) {
	t.Helper()
	got := &factv1.RecordedFact{
		Source: string(r.Source), Id: string(r.ID), Version: r.Version, Kind: r.Kind, RecordedAtMs: r.RecordedAt, History: r.History,
		ImportId: string(r.ImportID), AboutSource: string(r.AboutSource), AboutId: string(r.AboutID),
	}
	want := proto.CloneOf(f)
	if d := want.GetDigest(); len(d) == 0 && r.Digest != [16]byte{} || len(d) > 0 && !bytes.Equal(d, r.Digest[:]) {
		t.Fatalf("digest %x, want %x", r.Digest, d)
	}
	want.Digest = nil
	if r.Content != (f.GetContent() != nil) || (r.Dispute != nil) != (f.GetDispute() != nil) {
		t.Fatalf("content %v", r.Content)
	}
	// What no scanner needs is left out of the comparison: sealed texts, key versions, ends of periods, contacts of answers.
	switch x := want.GetContent().(type) {
	case *factv1.RecordedFact_Interaction:
		x.Interaction.SealedContact, x.Interaction.SealedNote, x.Interaction.KeyVersion = nil, nil, 0
		i := &factv1.RecordedInteraction{
			OccurredAtMs: r.OccurredAt, Touchpoint: string(r.Touchpoint), Channel: string(r.Channel), Team: string(r.Team), Outcome: string(r.Outcome),
			Contact: r.Contact, Customer: r.Customer, Agent: r.Agent,
		}
		for _, m := range r.Metrics {
			i.Metrics = append(i.Metrics, &factv1.RecordedMetric{Metric: string(m.Metric), Value: m.Value})
		}
		for _, a := range r.Attributes {
			i.Attributes = append(i.Attributes, &factv1.RecordedAttribute{Key: string(a.Key), Value: string(a.Value)})
		}
		got.Content = &factv1.RecordedFact_Interaction{Interaction: i}
	case *factv1.RecordedFact_Answer:
		x.Answer.SealedText, x.Answer.KeyVersion = nil, 0
		got.Content = &factv1.RecordedFact_Answer{Answer: &factv1.RecordedAnswer{
			Question: string(r.Question), Value: r.Value, AboutTimeMs: r.OccurredAt, Touchpoint: string(r.Touchpoint), Channel: string(r.Channel),
			Team: string(r.Team), Customer: r.Customer, Response: r.Response,
		}}
	case *factv1.RecordedFact_Observation:
		x.Observation.PeriodEndMs = 0
		got.Content = &factv1.RecordedFact_Observation{Observation: &factv1.RecordedObservation{
			Metric: string(r.Metric), PeriodStartMs: r.OccurredAt, Sum: r.Sum, N: r.N, Touchpoint: string(r.Touchpoint), Channel: string(r.Channel), Team: string(r.Team),
		}}
	case *factv1.RecordedFact_Dispute:
		d := r.Dispute
		got.Content = &factv1.RecordedFact_Dispute{Dispute: &factv1.RecordedDispute{
			Kind: d.Kind, Source: string(d.Source), Id: string(d.ID), AboutSource: string(d.AboutSource), AboutId: string(d.AboutID),
			Reason: string(d.Reason), Owner: string(d.Owner), RaisedBy: string(d.RaisedBy), RaisedAtMs: d.RaisedAt,
			Ruling: d.Ruling, RulingReason: string(d.RulingReason), RuledBy: string(d.RuledBy), RuledAtMs: d.RuledAt,
		}}
	}
	if !proto.Equal(got, want) {
		t.Fatalf("got  %v\nwant %v", got, want)
	}
}

func TestScanBatchStopsAtAnError(t *testing.T) {
	b := must(proto.Marshal(&factv1.RecordedBatch{Facts: []*factv1.RecordedFact{{Id: "a"}, {Id: "b"}}}))
	stop := errors.New("enough")
	seen := 0
	if err := ScanBatch(b, func(int, *Recorded) error { seen++; return stop }); !errors.Is(err, stop) || seen != 1 {
		t.Errorf("%d facts, %v", seen, err)
	}
	// Batches may be laid end to end.
	seen = 0
	if err := ScanBatch(append(b, b...), func(i int, _ *Recorded) error { seen++; return nil }); err != nil || seen != 4 {
		t.Errorf("%d facts, %v", seen, err)
	}
}

// A message of recorded facts is at most a few hundred KiB; reading it may not take many times that.
func TestRecordedBombs(t *testing.T) {
	for name, b := range map[string][]byte{
		"empty facts":      repeated(1, nil, MaxRequest/2),
		"empty metrics":    repeated(1, repeated(9, repeated(6, nil, MaxRequest/2), 1), 1),
		"empty attributes": repeated(1, repeated(9, repeated(7, nil, MaxRequest/2), 1), 1),
		"unknown fields":   protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), repeated(15, nil, MaxRequest/2)),
	} {
		var err error
		used := allocated(func() { err = ScanBatch(b, func(int, *Recorded) error { return nil }) })
		if err != nil || used > 64<<20 {
			t.Errorf("%s: %d bytes allocated, %v", name, used, err)
		}
	}
}

// Where a batch is damaged, no fact from there on is told.
func TestTruncatedBatch(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		b := anyBatch.Draw(rt, "batch")
		if len(b) == 0 {
			return
		}
		cut := b[:rapid.IntRange(0, len(b)-1).Draw(rt, "cut")]
		whole := 0
		_ = ScanBatch(b, func(int, *Recorded) error { whole++; return nil })
		n := 0
		if err := ScanBatch(cut, func(int, *Recorded) error { n++; return nil }); err == nil && n >= whole && len(elements(b, 1)) > 0 {
			rt.Fatalf("%d of %d facts without an error", n, whole)
		}
	})
}

func BenchmarkScanBatch(b *testing.B) {
	x := &factv1.RecordedInteraction{
		OccurredAtMs: 1774796400000, Touchpoint: "help_line", Channel: "voice", Team: "north_1", Outcome: "answered",
		Customer: make([]byte, 16), Contact: make([]byte, 16), KeyVersion: 1,
		Metrics: []*factv1.RecordedMetric{{Metric: "hold", Value: 1200}, {Metric: "talk", Value: 251000}, {Metric: "wait", Value: 19500}, {Metric: "wrap", Value: 30000}},
	}
	fact := &factv1.RecordedFact{Source: "acd", Id: "call-0001234567", Version: 3, Kind: 1, Digest: make([]byte, 16), RecordedAtMs: 1774796400000, Content: &factv1.RecordedFact_Interaction{Interaction: x}}
	batch := &factv1.RecordedBatch{}
	for range 100 {
		batch.Facts = append(batch.Facts, fact)
	}
	data := must(proto.Marshal(batch))
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if err := ScanBatch(data, func(int, *Recorded) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100, "ns/fact")
}
