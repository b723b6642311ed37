package state

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"google.golang.org/protobuf/proto"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	"github.com/touchstone-cx/touchstone/services/internal/fold"
	"github.com/touchstone-cx/touchstone/services/internal/fold/pebblestore"
)

// BenchmarkApply folds messages of 1,000 interactions with four metrics over 84 touchpoints, flushing every 20 messages.
func BenchmarkApply(b *testing.B) {
	stores, err := pebblestore.Open(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer stores.Close()
	st, err := stores.Open("x")
	if err != nil {
		b.Fatal(err)
	}
	l := &life{t: b, st: st}
	l.restart()
	r := rand.New(rand.NewPCG(1, 2))
	const batch = 1000
	messages := make([][]byte, (b.N+batch-1)/batch)
	for m := range messages {
		rb := &factv1.RecordedBatch{}
		for i := range batch {
			f := &factv1.RecordedFact{Source: "pbx", Id: fmt.Sprint(m*batch + i), Kind: factv1.Kind_KIND_INTERACTION, RecordedAtMs: now.UnixMilli(), Digest: make([]byte, 16)}
			f.Content = &factv1.RecordedFact_Interaction{Interaction: &factv1.RecordedInteraction{
				OccurredAtMs: now.UnixMilli() - r.Int64N(5000), Touchpoint: fmt.Sprint("touchpoint-", r.IntN(84)), Channel: fmt.Sprint("channel-", r.IntN(4)),
				Team: fmt.Sprint("team-", r.IntN(8)), Outcome: pick(r, "answered", "answered", "abandoned"),
				Metrics:    []*factv1.RecordedMetric{{Metric: "cost", Value: r.Int64N(900)}, {Metric: "recommend", Value: r.Int64N(10)}, {Metric: "talk", Value: r.Int64N(600000)}, {Metric: "wait", Value: r.Int64N(120000)}},
				Attributes: []*factv1.RecordedAttribute{{Key: "segment", Value: pick(r, "home", "work")}}, Customer: make([]byte, 16),
			}}
			rb.Facts = append(rb.Facts, f)
		}
		messages[m], err = proto.Marshal(rb)
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(messages[0])) / batch)
	b.ResetTimer()
	for _, m := range messages {
		l.seq++
		if err := l.s.Apply(fold.Message{Sequence: l.seq, Subject: "ts.fact.acme.0", Data: m}); err != nil {
			b.Fatal(err)
		}
		if l.seq%20 == 0 {
			l.flush()
		}
	}
}
