package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protowire"

	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/internal/rawgrpc"
)

const (
	watchClients = 200
	watchConns   = 4 // a connection carries at most 100 streams
	// slowEvery: one client in so many reads slowly while the load lasts.
	slowEvery = 20
	slowPause = 500 * time.Millisecond
	// settleWithin is how long the newest values may take to reach everybody.
	settleWithin = 10 * time.Second
)

var watchScores = []string{"interactions.count", "queue_wait.mean", "talk_time.p90", "outcome.answered.share"}

// watch measures 200 clients that watch 336 series each while 10,000 events a second arrive, and makes sure that all of
// them have the newest values in the end.
func (b *bench) watch(ctx context.Context) error {
	r := &b.report
	series := watched()
	r.title("watch", fmt.Sprintf("%d clients watch %d series each while 10,000 events/s arrive in batches of 20; one client in %d reads slowly", watchClients, len(series), slowEvery))
	length := short(b, 20*time.Second, 5*time.Second)
	return b.instance(ctx, "watch", func(s *service) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		w := &watchers{series: series, index: map[string]int{}}
		for i, q := range series {
			w.index[q.GetScore()+"\x00"+q.GetScope().GetTouchpoint()] = i
		}
		failed := make(chan error, watchClients)
		for i := range watchConns {
			conn, err := s.dial("")
			if err != nil {
				return err
			}
			defer conn.Close()
			for k := i; k < watchClients; k += watchConns {
				c := w.client(k%slowEvery == 0)
				go func() { failed <- c.follow(ctx, conn) }()
			}
		}
		p := newPublisher(steady())
		before, err := s.usage()
		if err != nil {
			return err
		}
		go b.profile(s, "watch", length)
		ownBefore := ownCPU()
		if err := p.runFor(ctx, s, length); err != nil {
			return err
		}
		after, err := s.usage()
		if err != nil {
			return err
		}
		r.add("watch", "service CPU", "cores", after.minus(before).cpu.Seconds()/length.Seconds())
		r.add("watch", "clients' and generator's CPU", "cores", (ownCPU()-ownBefore).Seconds()/length.Seconds())
		r.add("watch", "changes received", "1/s", float64(w.changes.Load())/length.Seconds())
		r.latency("watch", "meanwhile acknowledged", p.acks(), goal{}, goal{})
		w.ending.Store(true)
		if _, err := s.folded(ctx); err != nil {
			return err
		}
		settled, behind, err := w.settle(ctx, s, failed)
		if err != nil {
			return err
		}
		r.add("watch", "newest values everywhere after", "ms", settled.Seconds()*1000, atMost(1500))
		r.add("watch", "clients without the newest values", "", float64(behind), atMost(0))
		return nil
	})
}

func watched() []*scorev1.ScoreRef {
	var out []*scorev1.ScoreRef
	for i := range touchpoints {
		for _, id := range watchScores {
			// A window that slides once a day: what changes, changes by the facts.
			out = append(out, ref(touchpointID(i), id, scorev1.Window_WINDOW_28D))
		}
	}
	return out
}

// watchers are all clients.
type watchers struct {
	series  []*scorev1.ScoreRef
	index   map[string]int // score and touchpoint → place in series
	clients []*watcher
	changes atomic.Int64
	ending  atomic.Bool // slow clients read as fast as they can
}

// watcher is one client and what it was told.
type watcher struct {
	all  *watchers
	slow bool
	mu   sync.Mutex
	last []told
}

type told struct {
	n     int64
	value uint64 // bits of the float
}

func (w *watchers) client(slow bool) *watcher {
	c := &watcher{all: w, slow: slow, last: make([]told, len(w.series))}
	w.clients = append(w.clients, c)
	return c
}

// follow watches until ctx ends. Responses are read as bytes: 200 clients in one process would else cost more than the
// service.
func (c *watcher) follow(ctx context.Context, conn *grpc.ClientConn) error {
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{StreamName: "WatchScores", ServerStreams: true}, scorev1.ScoreService_WatchScores_FullMethodName)
	if err != nil {
		return err
	}
	if err := stream.SendMsg(&scorev1.WatchScoresRequest{Refs: c.all.series}); err != nil {
		return err
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	frame := &rawgrpc.Frame{}
	for {
		if err := stream.RecvMsg(frame); err != nil {
			return err
		}
		c.mu.Lock()
		err := eachField(frame.Bytes(), 3, func(change []byte) error { // WatchScoresResponse.changes
			return eachField(change, 1, c.take) // ScoreChange.score
		})
		c.mu.Unlock()
		frame.Free()
		if err != nil {
			return err
		}
		if c.slow && !c.all.ending.Load() {
			time.Sleep(slowPause)
		}
	}
}

// take notes the newest value of a Score.
func (c *watcher) take(score []byte) error {
	i, v, err := c.all.read(score)
	if err != nil {
		return err
	}
	c.last[i] = v
	c.all.changes.Add(1)
	return nil
}

// read finds the place of a Score in the series watched, and its value.
func (w *watchers) read(score []byte) (place int, v told, err error) {
	var key [256]byte
	k := key[:0]
	var touchpoint []byte
	err = eachField(score, 1, func(ref []byte) error { // Score.ref
		return errors.Join(
			eachField(ref, 2, func(id []byte) error { k = append(k, id...); return nil }), // ScoreRef.score
			eachField(ref, 3, func(scope []byte) error { // ScoreRef.scope
				return eachField(scope, 1, func(id []byte) error { touchpoint = id; return nil }) // Scope.touchpoint
			}),
		)
	})
	k = append(append(k, 0), touchpoint...)
	place, known := w.index[string(k)]
	if err == nil && !known {
		err = fmt.Errorf("told of %q, which was not asked for", k)
	}
	for b := score; err == nil && len(b) > 0; {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return 0, v, protowire.ParseError(n)
		}
		b = b[n:]
		switch {
		case num == 2 && typ == protowire.Fixed64Type: // Score.value
			v.value, n = protowire.ConsumeFixed64(b)
		case num == 3 && typ == protowire.VarintType: // Score.n
			var x uint64
			x, n = protowire.ConsumeVarint(b)
			v.n = int64(x)
		default:
			n = protowire.ConsumeFieldValue(num, typ, b)
		}
		if n < 0 {
			return 0, v, protowire.ParseError(n)
		}
		b = b[n:]
	}
	return place, v, err
}

// settle waits until every client has what BatchGetScores says, and returns how long that took and how many have not.
func (w *watchers) settle(ctx context.Context, s *service, failed <-chan error) (took time.Duration, behind int, err error) {
	began := time.Now()
	res, err := s.scores.BatchGetScores(ctx, &scorev1.BatchGetScoresRequest{Refs: w.series})
	if err != nil {
		return 0, 0, err
	}
	want := make([]told, len(w.series))
	for i, x := range res.GetScores() {
		want[i] = told{x.GetN(), math.Float64bits(x.GetValue())}
	}
	for {
		select {
		case err := <-failed:
			return 0, 0, fmt.Errorf("a watch ended: %w", err)
		default:
		}
		behind = 0
		for _, c := range w.clients {
			if !c.has(want) {
				behind++
			}
		}
		if took = time.Since(began); behind == 0 || took > settleWithin {
			return took, behind, nil
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (c *watcher) has(want []told) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, v := range want {
		if c.last[i] != v {
			return false
		}
	}
	return true
}

// eachField calls f with each message or string of a field.
func eachField(b []byte, field protowire.Number, f func([]byte) error) error {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		if num != field || typ != protowire.BytesType {
			if n = protowire.ConsumeFieldValue(num, typ, b); n < 0 {
				return protowire.ParseError(n)
			}
			b = b[n:]
			continue
		}
		v, n := protowire.ConsumeBytes(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		if err := f(v); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}
