package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	"github.com/touchstone-cx/touchstone/services/internal/rawgrpc"
)

// load is how facts are sent.
type load struct {
	streams int
	window  int // batches of one stream on their way
	size    int // facts of a batch
	rate    int // facts a second of all streams, open loop; 0: as fast as the window lets
	points  []string
	alike   bool   // all facts at one place and now: they count in as few series as there can be
	first   uint64 // number of the first fact: two publishers of one server must not share numbers
	world   *world // nil: the bench's own
}

// saturate is the load that measures throughput.
func saturate() load { return load{streams: 4, window: 16, size: 400, points: allPoints()} }

// steady is 10,000 events a second in batches of 20.
func steady() load { return load{streams: 2, window: 64, size: 20, rate: 10_000, points: allPoints()} }

func allPoints() []string {
	var out []string
	for i := range touchpoints {
		out = append(out, touchpointID(i))
	}
	return out
}

// publisher sends a load on PublishStream and knows what it sent. It can run again and again, also on another server with
// the same data: what was not acknowledged is sent again first.
type publisher struct {
	load    load
	streams []*lane
	acked   atomic.Int64 // facts
	refused atomic.Int64 // batches, to be sent again later
	next    atomic.Uint64
}

// lane is one stream's share.
type lane struct {
	p       *publisher
	batches []*batch
	sentAt  []time.Time   // by index of a batch
	pending []atomic.Bool // by index of a batch
	results []byte        // of a batch that was recorded as a whole
	mu      sync.Mutex
	ack     *hdrhistogram.Histogram // mu
	// Of an open loop: when it began, the time between two batches, and how many it has sent.
	began    time.Time
	interval time.Duration
	sent     int
}

// indexes is how many batches a lane may have: the sequence holds the index of its batch.
const indexes = 1024

func newPublisher(l load) *publisher {
	p := &publisher{load: l}
	p.next.Store(l.first)
	slots := 0
	for i := range l.streams {
		a := &lane{p: p, ack: latencies()}
		// More batches than may be on their way, so that many different events are sent.
		n := min(indexes, max(4*l.window, 4000/l.size))
		r := rand.New(rand.NewPCG(uint64(i), l.first))
		for k := range n {
			a.batches = append(a.batches, newBatch(r, k, slots, l))
			slots += l.size
		}
		a.sentAt, a.pending = make([]time.Time, n), make([]atomic.Bool, n)
		for range l.size {
			a.results = append(a.results, 2<<3|byte(protowire.BytesType), 2, 1<<3, byte(ingestv1.Status_STATUS_RECORDED))
		}
		p.streams = append(p.streams, a)
	}
	return p
}

// batches returns all batches, to count again what they sent.
func (p *publisher) batches() []*batch {
	var out []*batch
	for _, a := range p.streams {
		out = append(out, a.batches...)
	}
	return out
}

// acks returns how long acknowledgements took: from the intended time of sending in an open loop.
func (p *publisher) acks() *hdrhistogram.Histogram {
	h := latencies()
	for _, a := range p.streams {
		a.mu.Lock()
		h.Merge(a.ack)
		a.mu.Unlock()
	}
	return h
}

// forgetAcks begins anew: what went before was a warm-up.
func (p *publisher) forgetAcks() {
	for _, a := range p.streams {
		a.mu.Lock()
		a.ack.Reset()
		a.mu.Unlock()
	}
}

// run sends until done says so, and returns when all it sent is acknowledged.
func (p *publisher) run(ctx context.Context, s *service, done func() bool) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, a := range p.streams {
		g.Go(func() error { return a.run(ctx, s, done) })
	}
	return g.Wait()
}

// runFor is run for a time.
func (p *publisher) runFor(ctx context.Context, s *service, d time.Duration) error {
	until := time.Now().Add(d)
	return p.run(ctx, s, func() bool { return time.Now().After(until) })
}

// runUpTo is run until facts are acknowledged, a window more or less.
func (p *publisher) runUpTo(ctx context.Context, s *service, facts int64) error {
	return p.run(ctx, s, func() bool { return p.acked.Load() >= facts })
}

func (a *lane) run(ctx context.Context, s *service, done func() bool) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	desc := &grpc.StreamDesc{StreamName: "PublishStream", ServerStreams: true, ClientStreams: true}
	stream, err := s.conn.NewStream(ctx, desc, ingestv1.IngestService_PublishStream_FullMethodName)
	if err != nil {
		return err
	}
	free, repeat := make(chan *batch, len(a.batches)), make(chan *batch, len(a.batches))
	room := make(chan struct{}, a.p.load.window) // holds one for each batch on its way
	for i, b := range a.batches {
		if a.pending[i].Load() {
			room <- struct{}{}
			repeat <- b
		} else {
			free <- b
		}
	}
	received := make(chan error, 1)
	go func() {
		err := a.receive(stream, free, repeat, room)
		cancel(err)
		received <- err
	}()
	err = a.send(ctx, stream, free, repeat, room, done)
	if err != nil {
		cancel(err)
	}
	return errors.Join(err, stream.CloseSend(), <-received)
}

// send fills and sends until done, then waits until nothing is on its way.
func (a *lane) send(ctx context.Context, stream grpc.ClientStream, free, repeat <-chan *batch, room chan<- struct{}, done func() bool) error {
	l := a.p.load
	if l.rate > 0 {
		a.interval = time.Duration(float64(time.Second) * float64(l.size*l.streams) / float64(l.rate))
		a.began, a.sent = time.Now(), 0
	}
	ending := 0
	for turn := uint64(1); ; turn++ {
		var b *batch
		intended := time.Now()
		select {
		case b = <-repeat: // it has its room still
		case room <- struct{}{}:
			if ending > 0 || done() {
				if ending++; ending == cap(room) {
					return nil
				}
				continue
			}
			if l.rate > 0 {
				intended = a.intended(a.sent)
				a.sent++
				time.Sleep(time.Until(intended))
			}
			b = <-free
			b.fill(a.p.next.Add(uint64(len(b.slots)))-uint64(len(b.slots)), time.Now().Unix())
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		a.sentAt[b.index] = intended
		a.pending[b.index].Store(true)
		b.number(aSequence + turn*indexes + uint64(b.index))
		if err := stream.SendMsg(rawgrpc.NewFrame(b.frame)); err != nil {
			return err
		}
	}
}

// intended is when an open loop means to send its n-th batch.
func (a *lane) intended(n int) time.Time { return a.began.Add(time.Duration(n) * a.interval) }

// receive takes acknowledgements until the stream ends.
func (a *lane) receive(stream grpc.ClientStream, free, repeat chan<- *batch, room <-chan struct{}) error {
	frame := &rawgrpc.Frame{}
	var timers sync.WaitGroup
	defer timers.Wait()
	for {
		if err := stream.RecvMsg(frame); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		raw := frame.Bytes()
		sequence, n := protowire.ConsumeVarint(raw[min(1, len(raw)):])
		if n < 0 || raw[0] != 1<<3 {
			return errors.New("a response does not begin with its sequence")
		}
		b := a.batches[sequence%indexes]
		if !bytes.Equal(raw[1+n:], a.results) {
			wait, err := retryAfter(raw)
			frame.Free()
			if err != nil {
				return err
			}
			a.p.refused.Add(1)
			timers.Go(func() {
				time.Sleep(wait)
				repeat <- b
			})
			continue
		}
		frame.Free()
		a.mu.Lock()
		err := a.ack.RecordValue(time.Since(a.sentAt[b.index]).Microseconds())
		a.mu.Unlock()
		if err != nil {
			return err
		}
		a.p.acked.Add(int64(len(b.slots)))
		a.pending[b.index].Store(false)
		free <- b
		<-room
	}
}

// retryAfter says when a refused batch is to be sent again, or why that would not help.
func retryAfter(raw []byte) (time.Duration, error) {
	var r ingestv1.PublishStreamResponse
	if err := proto.Unmarshal(raw, &r); err != nil {
		return 0, err
	}
	if r.GetError() != nil && r.GetRetryAfterMs() > 0 {
		return time.Duration(r.GetRetryAfterMs()) * time.Millisecond, nil
	}
	for _, x := range r.GetResults() {
		if x.GetRefusal() != nil {
			return 0, fmt.Errorf("a fact was refused: %v", x.GetRefusal())
		}
	}
	return 0, fmt.Errorf("a batch was refused: %v", r.GetError())
}

// latencies returns a histogram of microseconds up to a minute.
func latencies() *hdrhistogram.Histogram { return hdrhistogram.New(1, 60_000_000, 3) }
