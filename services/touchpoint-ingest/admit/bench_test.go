package admit_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	"github.com/touchstone-cx/touchstone/services/internal/wire"
)

// typical is the call of the performance target: about 250 bytes, 4 metrics, customer and contact.
func typical() *factv1.Fact {
	return &factv1.Fact{Id: "call-2026-03-29-0001234567", Version: 1774796400123, Content: &factv1.Fact_Interaction{Interaction: &factv1.Interaction{
		OccurredAt: timestamppb.New(now.Add(-time.Minute)), Touchpoint: "help", Channel: "voice", Team: "north", Outcome: "answered",
		ContactId: "contact-2026-03-29-0001234567", CustomerId: "customer-00012345678",
		Metrics:    []*factv1.MetricValue{value("cost", 412), value("talk", 251_000), value("transfers", 1), value("wait", 19_500)},
		Attributes: map[string]string{"segment": "business", "region": "n"},
	}}}
}

func BenchmarkAdmit(b *testing.B) {
	r := newRig(b)
	f := scan(b, typical())
	b.Logf("%d bytes", proto.Size(typical()))
	var out []byte
	b.ReportAllocs()
	for b.Loop() {
		res := r.Admit(out[:0], r.m, "acd", nil, now, f)
		if res.Refusal != nil {
			b.Fatal(res.Refusal)
		}
		out = res.Out
	}
}

// BenchmarkRequest is what a batch of 100 costs from its bytes to those that go to disk, per fact.
func BenchmarkRequest(b *testing.B) {
	r := newRig(b)
	req := new(ingestv1.PublishRequest)
	for range 100 {
		req.Facts = append(req.Facts, typical())
	}
	data, err := proto.Marshal(req)
	if err != nil {
		b.Fatal(err)
	}
	var out []byte
	b.ReportAllocs()
	for b.Loop() {
		out = out[:0]
		if _, err := wire.ScanRequest(data); err != nil {
			b.Fatal(err)
		}
		if err := wire.EachFact(data, func(_ int, f *wire.Fact, err error) error {
			out = r.Admit(out, r.m, "acd", nil, now, f).Out
			return err
		}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100, "ns/fact")
}
