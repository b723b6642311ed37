package publisher_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"pgregory.net/rapid"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	"github.com/touchstone-cx/touchstone/services/cmd/touchstone/cli/publisher"
)

// moody is an ingest service with every bad habit a real one may show. Facts whose id begins with "bad" it refuses.
type moody struct {
	ingestv1.UnimplementedIngestServiceServer
	breakOf, busyOf, wholeOf int // one of so many; 0 never
	fail                     error

	mu       sync.Mutex
	chance   *rand.Rand
	recorded map[string]int
}

func (m *moody) one(of int) bool { return of > 0 && m.chance.IntN(of) == 0 }

func (m *moody) PublishStream(stream grpc.BidiStreamingServer[ingestv1.PublishStreamRequest, ingestv1.PublishStreamResponse]) error {
	if m.fail != nil {
		return m.fail
	}
	var answers sync.WaitGroup
	defer answers.Wait()
	var sending sync.Mutex
	for {
		req, err := stream.Recv()
		if err != nil {
			return nil
		}
		resp, broken := m.handle(req)
		if broken {
			return status.Error(codes.Unavailable, "restarting")
		}
		// Answers come in another order than requests. One that cannot be sent any more is one lost on the way.
		answers.Go(func() {
			time.Sleep(rand.N(200 * time.Microsecond))
			sending.Lock()
			defer sending.Unlock()
			_ = stream.Send(resp)
		})
	}
}

func (m *moody) handle(req *ingestv1.PublishStreamRequest) (*ingestv1.PublishStreamResponse, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	resp := &ingestv1.PublishStreamResponse{Sequence: req.GetSequence()}
	facts := req.GetBatch().GetFacts()
	bad := false
	for _, f := range facts {
		bad = bad || f.GetId()[:3] == "bad"
	}
	switch {
	case m.one(m.breakOf):
		return nil, true
	case bad && m.wholeOf > 0:
		resp.Error = &ingestv1.Refusal{Reason: ingestv1.Reason_REASON_INVALID, Message: "something is wrong"}
		return resp, false
	case m.one(m.busyOf):
		resp.Error, resp.RetryAfterMs = &ingestv1.Refusal{Reason: ingestv1.Reason_REASON_RATE}, 1
		return resp, false
	}
	for _, f := range facts {
		result := &ingestv1.FactResult{Status: ingestv1.Status_STATUS_RECORDED}
		switch {
		case f.GetId()[:3] == "bad":
			result = refused(ingestv1.Reason_REASON_NOT_IN_MAP)
		case m.one(m.busyOf):
			result, resp.RetryAfterMs = refused(ingestv1.Reason_REASON_NO_SPACE), 1
		default:
			m.recorded[f.GetId()]++
		}
		resp.Results = append(resp.Results, result)
	}
	return resp, m.one(m.breakOf) // recorded, but the answer is lost
}

func refused(r ingestv1.Reason) *ingestv1.FactResult {
	return &ingestv1.FactResult{Status: ingestv1.Status_STATUS_REFUSED, Refusal: &ingestv1.Refusal{Reason: r}}
}

// connect serves m and returns a client and what ends both.
func connect(m *moody) (ingestv1.IngestServiceClient, func(), error) {
	listener := bufconn.Listen(1 << 20)
	server := grpc.NewServer()
	ingestv1.RegisterIngestServiceServer(server, m)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:bufconn", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		return nil, nil, err
	}
	return ingestv1.NewIngestServiceClient(conn), func() { _ = conn.Close(); server.Stop(); <-served }, nil
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestEveryFactEndsRecordedOrRefusedAndInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &moody{
			breakOf: rapid.SampledFrom([]int{0, 5, 20}).Draw(t, "breakOf"), busyOf: rapid.SampledFrom([]int{0, 2, 20}).Draw(t, "busyOf"),
			wholeOf: rapid.IntRange(0, 1).Draw(t, "wholeOf"),
			chance:  rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1)), recorded: map[string]int{},
		}
		client, stop, err := connect(m)
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
		sizes := rapid.SliceOfN(rapid.IntRange(0, 6), 1, 12).Draw(t, "sizes")
		made, done := 0, 0
		good := map[string]bool{}
		next := func(context.Context) (*publisher.Batch, error) {
			if made == len(sizes) {
				return nil, io.EOF
			}
			b := &publisher.Batch{Note: made}
			for i := range sizes[made] {
				id := fmt.Sprintf("ok-%d-%d", made, i)
				if (made+i)%5 == 0 {
					id = "bad-" + id
				} else {
					good[id] = true
				}
				b.Facts = append(b.Facts, &factv1.Fact{Id: id})
			}
			made++
			return b, nil
		}
		err = publisher.Run(context.Background(), publisher.Config{Client: client, Window: 4, Backoff: 10 * time.Microsecond}, next, func(b *publisher.Batch, results []*ingestv1.FactResult) error {
			if b.Note != done {
				t.Fatalf("batch %v done when %d was due", b.Note, done)
			}
			done++
			for i, f := range b.Facts {
				if want := f.GetId()[:3] != "bad"; (results[i].GetStatus() == ingestv1.Status_STATUS_RECORDED) != want {
					t.Fatalf("%s: %v", f.GetId(), results[i])
				}
			}
			return nil
		})
		if err != nil || done != len(sizes) {
			t.Fatalf("%d of %d batches done: %v", done, len(sizes), err)
		}
		for id := range good {
			if m.recorded[id] == 0 {
				t.Fatalf("%s is not recorded", id)
			}
		}
	})
}

func one() publisher.Next {
	n := 0
	return func(context.Context) (*publisher.Batch, error) {
		if n++; n > 1 {
			return nil, io.EOF
		}
		return &publisher.Batch{Facts: []*factv1.Fact{{Id: "abc"}}}, nil
	}
}

func ignore(*publisher.Batch, []*ingestv1.FactResult) error { return nil }

func TestAKeyThatMayNotPublishEndsAtOnce(t *testing.T) {
	client, stop, err := connect(&moody{fail: status.Error(codes.PermissionDenied, "no")})
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	if err := publisher.Run(context.Background(), publisher.Config{Client: client}, one(), ignore); status.Code(err) != codes.PermissionDenied {
		t.Fatal(err)
	}
}

func TestItGivesUpWhenNothingMoves(t *testing.T) {
	client, stop, err := connect(&moody{fail: status.Error(codes.Unavailable, "down")})
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	told := 0
	c := publisher.Config{Client: client, GiveUp: 20 * time.Millisecond, Told: func(error, time.Duration) { told++ }}
	if err := publisher.Run(context.Background(), c, one(), ignore); status.Code(err) != codes.Unavailable || told == 0 {
		t.Fatalf("told %d times, %v", told, err)
	}
}

func TestErrorsOfTheCallerEndIt(t *testing.T) {
	client, stop, err := connect(&moody{chance: rand.New(rand.NewPCG(1, 1)), recorded: map[string]int{}})
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	mine := errors.New("mine")
	err = publisher.Run(context.Background(), publisher.Config{Client: client}, func(context.Context) (*publisher.Batch, error) { return nil, mine }, ignore)
	if !errors.Is(err, mine) {
		t.Fatal(err)
	}
	err = publisher.Run(context.Background(), publisher.Config{Client: client}, one(), func(*publisher.Batch, []*ingestv1.FactResult) error { return mine })
	if !errors.Is(err, mine) {
		t.Fatal(err)
	}
}
