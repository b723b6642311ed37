package state

import (
	"bytes"
	"encoding/binary"
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
func BenchmarkApply(b *testing.B) { benchmarkApply(b, counting, 1) }

// BenchmarkApplyLinked does the same where a metric follows 200,000 customers.
func BenchmarkApplyLinked(b *testing.B) { benchmarkApply(b, times, 200_000) }

// BenchmarkLoad and BenchmarkLoadLinked load a state of 200,000 facts.
func BenchmarkLoad(b *testing.B) { benchmarkLoad(b, counting) }

func BenchmarkLoadLinked(b *testing.B) { benchmarkLoad(b, times) }

// floods returns messages of interactions of so many customers.
func floods(b *testing.B, n, customers int) [][]byte {
	r := rand.New(rand.NewPCG(1, 2))
	messages := make([][]byte, n)
	for m := range messages {
		rb := &factv1.RecordedBatch{}
		for i := range batch {
			f := &factv1.RecordedFact{Source: "pbx", Id: fmt.Sprintf("%08d", m*batch+i), Kind: factv1.Kind_KIND_INTERACTION, RecordedAtMs: now.UnixMilli(), Digest: make([]byte, 16)}
			f.Content = &factv1.RecordedFact_Interaction{Interaction: &factv1.RecordedInteraction{
				OccurredAtMs: now.UnixMilli() - int64(r.ExpFloat64()*240_000), Touchpoint: fmt.Sprint("touchpoint-", r.IntN(84)), Channel: fmt.Sprint("channel-", r.IntN(8)),
				Team: fmt.Sprint("team-", r.IntN(12)), Outcome: pick(r, "answered", "resolved", "transferred", "abandoned"),
				Metrics:    []*factv1.RecordedMetric{{Metric: "cost", Value: r.Int64N(900)}, {Metric: "recommend", Value: r.Int64N(10)}, {Metric: "talk", Value: int64(r.ExpFloat64() * 240_000)}, {Metric: "wait", Value: int64(r.ExpFloat64() * 40_000)}},
				Attributes: []*factv1.RecordedAttribute{{Key: "segment", Value: fmt.Sprint("segment-", r.IntN(6))}}, Customer: binary.BigEndian.AppendUint64(make([]byte, 8), r.Uint64N(uint64(customers))),
			}}
			rb.Facts = append(rb.Facts, f)
		}
		var err error
		if messages[m], err = proto.Marshal(rb); err != nil {
			b.Fatal(err)
		}
	}
	return messages
}

const batch = 1000

func onDisk(b *testing.B, maps Maps) *life {
	stores, err := pebblestore.Open(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := stores.Close(); err != nil {
			b.Error(err)
		}
	})
	st, err := stores.Open("x")
	if err != nil {
		b.Fatal(err)
	}
	l := &life{t: b, st: st, maps: maps}
	l.restart()
	return l
}

func (l *life) flood(b *testing.B, m []byte) {
	l.seq++
	if err := l.s.Apply(fold.Message{Sequence: l.seq, Subject: "ts.fact.acme.0", Data: m}); err != nil {
		b.Fatal(err)
	}
	if l.seq%20 == 0 {
		l.flush()
	}
}

func benchmarkApply(b *testing.B, maps Maps, customers int) {
	l := onDisk(b, maps)
	messages := floods(b, 400, customers)
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
		l.flood(b, m)
	}
	b.ReportMetric(float64(cpu(b)-began)/float64(b.N), "cpu-ns/op")
}

func benchmarkLoad(b *testing.B, maps Maps) {
	l := onDisk(b, maps)
	for _, m := range floods(b, 200, 100_000) {
		l.flood(b, m)
	}
	b.ResetTimer()
	began := cpu(b)
	for range b.N {
		l.restart()
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
