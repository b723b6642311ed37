package ingest

import (
	"context"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	"github.com/touchstone-cx/touchstone/services/internal/host"
	"github.com/touchstone-cx/touchstone/services/internal/rawgrpc"
)

// envWith is as much of an Env as reading its settings takes.
func envWith(c Config) *host.Env {
	return &host.Env{Config: func(_ string, into any) error {
		*into.(*Config) = c
		return nil
	}}
}

type publishStream = grpc.BidiStreamingClient[ingestv1.PublishStreamRequest, ingestv1.PublishStreamResponse]

func (g *gateway) stream(ctx context.Context) publishStream {
	g.t.Helper()
	st, err := g.client.PublishStream(ctx)
	if err != nil {
		g.t.Fatal(err)
	}
	return st
}

// finish ends the sending and reads all responses, by sequence.
func (g *gateway) finish(st publishStream) map[uint64][]*ingestv1.PublishStreamResponse {
	g.t.Helper()
	if err := st.CloseSend(); err != nil {
		g.t.Fatal(err)
	}
	out := map[uint64][]*ingestv1.PublishStreamResponse{}
	for {
		r, err := st.Recv()
		if err == io.EOF {
			return out
		}
		if err != nil {
			g.t.Fatal(err)
		}
		out[r.GetSequence()] = append(out[r.GetSequence()], r)
	}
}

func (g *gateway) send(st publishStream, sequence uint64, batch *ingestv1.PublishRequest) {
	g.t.Helper()
	if err := st.Send(&ingestv1.PublishStreamRequest{Sequence: sequence, Batch: batch}); err != nil {
		g.t.Fatal(err)
	}
}

// Far more batches than the window may be on their way: each is answered once, by its sequence, after it is on disk.
func TestStreamWindow(t *testing.T) {
	g := open(t)
	st := g.stream(g.acd())
	const n = 5 * window
	for i := range uint64(n) {
		g.send(st, i+1, batchOf(fmt.Sprint("a", i), "", fmt.Sprint("b", i)))
	}
	answers := g.finish(st)
	for i := range uint64(n) {
		r := answers[i+1]
		if len(r) != 1 || r[0].GetError() != nil || len(r[0].GetResults()) != 3 || r[0].GetResults()[0].GetStatus() != ingestv1.Status_STATUS_RECORDED ||
			r[0].GetResults()[1].GetRefusal().GetField() != "id" || r[0].GetResults()[2].GetStatus() != ingestv1.Status_STATUS_RECORDED {
			t.Fatalf("batch %d: %v", i+1, r)
		}
	}
	facts, _ := g.recorded()
	if len(answers) != n || len(facts) != 2*n {
		t.Errorf("%d answers, %d facts", len(answers), len(facts))
	}
	if m := len(messages(t, g.bus, "TS_FACT")); m >= n {
		t.Errorf("%d messages for %d batches: they do not share the way to disk", m, n)
	}
}

// A batch that is refused as a whole says why, and neither ends the stream nor costs its neighbours anything.
func TestBadBatchesAmongGoodOnes(t *testing.T) {
	g := open(t)
	st := g.stream(g.acd())
	large := batchOf("large")
	large.Facts[0].GetInteraction().Note = strings.Repeat("x", 300<<10)
	elsewhere, posing := batchOf("x"), batchOf("x")
	elsewhere.Organisation, posing.Source = "other", "crm"
	bad := map[uint64]ingestv1.Reason{}
	sequence := uint64(0)
	for _, x := range []struct {
		batch  *ingestv1.PublishRequest
		reason ingestv1.Reason
	}{
		{nil, ingestv1.Reason_REASON_INVALID},
		{batchOf(), ingestv1.Reason_REASON_INVALID},
		{large, ingestv1.Reason_REASON_TOO_LARGE},
		{elsewhere, ingestv1.Reason_REASON_FORBIDDEN},
		{posing, ingestv1.Reason_REASON_FORBIDDEN},
	} {
		sequence += 2
		bad[sequence] = x.reason
		g.send(st, sequence-1, batchOf(fmt.Sprint("good-", sequence)))
		g.send(st, sequence, x.batch)
	}
	answers := g.finish(st)
	for i := uint64(1); i <= sequence; i++ {
		r := answers[i]
		if len(r) != 1 {
			t.Fatalf("batch %d: %v", i, r)
		}
		why := r[0].GetError()
		if reason, ok := bad[i]; ok {
			if why.GetReason() != reason || why.GetMessage() == "" || why.GetRemedy() == "" || len(r[0].GetResults()) != 0 || r[0].GetRetryAfterMs() != 0 {
				t.Errorf("batch %d: %v, want %v", i, r[0], reason)
			}
		} else if why != nil || len(r[0].GetResults()) != 1 {
			t.Errorf("batch %d: %v", i, r[0])
		}
	}
	if facts, _ := g.recorded(); len(facts) != len(bad) {
		t.Errorf("%d facts", len(facts))
	}
}

// The sequence is the client's: it is carried back whatever it is.
func TestSequencesAreCarriedBack(t *testing.T) {
	g := open(t)
	st := g.stream(g.acd())
	for i, s := range []uint64{0, 7, 7, 3, math.MaxUint64} {
		g.send(st, s, batchOf(fmt.Sprint(i)))
	}
	answers := g.finish(st)
	if len(answers[0]) != 1 || len(answers[7]) != 2 || len(answers[3]) != 1 || len(answers[math.MaxUint64]) != 1 {
		t.Errorf("%v", answers)
	}
}

// Bytes that are no request are answered with the sequence as far as it could be read; the stream goes on.
func TestBytesThatAreNoRequest(t *testing.T) {
	g := open(t)
	good, err := proto.Marshal(&ingestv1.PublishStreamRequest{Sequence: 9, Batch: batchOf("a")})
	if err != nil {
		t.Fatal(err)
	}
	batch, err := proto.Marshal(batchOf("twice"))
	if err != nil {
		t.Fatal(err)
	}
	sequence := func(n uint64) []byte {
		return protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), n)
	}
	holding := func(b, v []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(b, 2, protowire.BytesType), v)
	}
	ctx := g.acd()
	st, err := g.conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, ingestv1.IngestService_PublishStream_FullMethodName, grpc.ForceCodecV2(rawgrpc.Codec()))
	if err != nil {
		t.Fatal(err)
	}
	sent := [][]byte{
		{0xff},
		append(sequence(1), 0xff),
		append(sequence(2), 0x12, 0x7f),                  // a batch that ends too soon
		holding(sequence(3), []byte{0x22, 0x05}),         // facts that do
		holding(holding(sequence(4), batch), batch),      // two batches
		holding(sequence(5), append([]byte{0x23}, 0x24)), // a group
		append(sequence(6), sequence(7)...),              // no batch
		append(good, 0x7a, 0x00),                         // good, with a field of a later version
	}
	for _, b := range sent {
		if err := st.SendMsg(rawgrpc.NewFrame(b)); err != nil {
			t.Fatal(err)
		}
	}
	if err := st.CloseSend(); err != nil {
		t.Fatal(err)
	}
	for i, want := range []uint64{0, 1, 2, 3, 4, 5, 7, 9} {
		r := new(ingestv1.PublishStreamResponse)
		if err := st.RecvMsg(r); err != nil {
			t.Fatal(err)
		}
		if r.GetSequence() != want || (r.GetError() == nil) != (want == 9) {
			t.Errorf("message %d: %v", i, r)
		}
		if why := r.GetError(); why != nil && (why.GetReason() == 0 || why.GetMessage() == "") {
			t.Errorf("message %d: %v", i, why)
		}
	}
	if facts, _ := g.recorded(); len(facts) != 1 {
		t.Errorf("%d facts", len(facts))
	}
}

// On a stream, what passes by itself comes as the batch's error, with the time to wait.
func TestStreamTellsWhenToRetry(t *testing.T) {
	g := open(t, "TOUCHSTONE_INGEST_RESERVE_BYTES=4611686018427387904")
	st := g.stream(g.acd())
	g.send(st, 1, batchOf("a"))
	if r := g.finish(st)[1]; len(r) != 1 || r[0].GetError().GetReason() != ingestv1.Reason_REASON_NO_SPACE || r[0].GetRetryAfterMs() != 5000 {
		t.Errorf("%v", r)
	}
	slow := open(t, "TOUCHSTONE_INGEST_SOURCE_RATE=1")
	st = slow.stream(slow.acd())
	ids := make([]string, 1000)
	for i := range ids {
		ids[i] = fmt.Sprint(i)
	}
	slow.send(st, 1, batchOf(ids...))
	slow.send(st, 2, batchOf("a"))
	if r := slow.finish(st)[2]; len(r) != 1 || r[0].GetError().GetReason() != ingestv1.Reason_REASON_RATE || r[0].GetRetryAfterMs() == 0 {
		t.Errorf("%v", r)
	}
}

// A client that goes away in the middle costs the service nothing: others are served, and what it was told is on disk.
func TestClientGoesAway(t *testing.T) {
	g := open(t)
	acd := g.acd()
	for i := range 20 {
		ctx, cancel := context.WithCancel(acd)
		st := g.stream(ctx)
		for j := range uint64(2 * window) {
			if st.Send(&ingestv1.PublishStreamRequest{Sequence: j, Batch: batchOf(fmt.Sprintf("%d-%d", i, j))}) != nil {
				break
			}
		}
		cancel()
	}
	ctx, cancel := context.WithTimeout(acd, 10*time.Second)
	defer cancel()
	if resp, err := g.client.Publish(ctx, batchOf("last")); err != nil || len(resp.GetResults()) != 1 {
		t.Errorf("%v %v", resp, err)
	}
}
