package state

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"

	"google.golang.org/protobuf/proto"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	"github.com/touchstone-cx/touchstone/services/internal/fold"
	"github.com/touchstone-cx/touchstone/services/internal/fold/pebblestore"
)

// BenchmarkApply folds messages of 1,000 interactions with four metrics over 84 touchpoints, 8 channels, 12 teams and 6
// segments, which began four minutes ago in the mean, and flushes every 20 messages. cpu-ns/op is the processor's time,
// which a busy machine changes less than the clock's.
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
	messages := make([][]byte, 400)
	for m := range messages {
		rb := &factv1.RecordedBatch{}
		for i := range batch {
			f := &factv1.RecordedFact{Source: "pbx", Id: fmt.Sprintf("%08d", m*batch+i), Kind: factv1.Kind_KIND_INTERACTION, RecordedAtMs: now.UnixMilli(), Digest: make([]byte, 16)}
			f.Content = &factv1.RecordedFact_Interaction{Interaction: &factv1.RecordedInteraction{
				OccurredAtMs: now.UnixMilli() - int64(r.ExpFloat64()*240_000), Touchpoint: fmt.Sprint("touchpoint-", r.IntN(84)), Channel: fmt.Sprint("channel-", r.IntN(8)),
				Team: fmt.Sprint("team-", r.IntN(12)), Outcome: pick(r, "answered", "resolved", "transferred", "abandoned"),
				Metrics:    []*factv1.RecordedMetric{{Metric: "cost", Value: r.Int64N(900)}, {Metric: "recommend", Value: r.Int64N(10)}, {Metric: "talk", Value: int64(r.ExpFloat64() * 240_000)}, {Metric: "wait", Value: int64(r.ExpFloat64() * 40_000)}},
				Attributes: []*factv1.RecordedAttribute{{Key: "segment", Value: fmt.Sprint("segment-", r.IntN(6))}}, Customer: make([]byte, 16),
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
	began := cpu(b)
	for i := range (b.N + batch - 1) / batch {
		// Other facts each time round: their source changes.
		m := messages[i%len(messages)]
		if turn := i / len(messages); turn > 0 {
			m = bytes.ReplaceAll(m, []byte("pbx"), fmt.Appendf(nil, "p%02d", turn)[:3])
		}
		l.seq++
		if err := l.s.Apply(fold.Message{Sequence: l.seq, Subject: "ts.fact.acme.0", Data: m}); err != nil {
			b.Fatal(err)
		}
		if l.seq%20 == 0 {
			l.flush()
		}
	}
	b.ReportMetric(float64(cpu(b)-began)/float64(b.N), "cpu-ns/op")
}

func cpu(b *testing.B) int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}
