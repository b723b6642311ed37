package main

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
)

const (
	queryRate    = 5000
	queryCallers = 64
	queryConns   = 4
)

// query measures 5,000 GetScore a second while 10,000 events a second arrive. Each counts from its intended start.
func (b *bench) query(ctx context.Context) error {
	r := &b.report
	r.title("query", "5,000 GetScore/s while 10,000 events/s arrive in batches of 20: 85% a touchpoint, 10% of these by channel or team, 15% the organisation")
	length := short(b, 20*time.Second, 5*time.Second)
	return b.instance(ctx, "query", func(s *service) error {
		if err := newPublisher(saturate()).runFor(ctx, s, 2*time.Second); err != nil {
			return err
		}
		if _, err := s.folded(ctx); err != nil {
			return err
		}
		l := steady()
		l.first = 1 << 40
		p := newPublisher(l)
		g, running := errgroup.WithContext(ctx)
		g.Go(func() error { return p.runFor(running, s, warmUp+length) })
		g.Go(func() error {
			if _, _, err := s.ask(running, warmUp); err != nil {
				return err
			}
			before, err := s.usage()
			if err != nil {
				return err
			}
			go b.profile(s, "query", length)
			ownBefore := ownCPU()
			answered, h, err := s.ask(running, length)
			if err != nil {
				return err
			}
			after, err := s.usage()
			if err != nil {
				return err
			}
			r.add("query", "answered", "Get/s", float64(answered)/length.Seconds(), atLeast(0.99*queryRate))
			r.latency("query", "answered", h, goal{}, atMost(5))
			r.add("query", "service CPU", "cores", after.minus(before).cpu.Seconds()/length.Seconds())
			r.add("query", "generator CPU", "cores", (ownCPU()-ownBefore).Seconds()/length.Seconds())
			return nil
		})
		if err := g.Wait(); err != nil {
			return err
		}
		r.latency("query", "meanwhile acknowledged", p.acks(), goal{}, goal{})
		return nil
	})
}

// ask asks questions, each at its time, of as many callers as there are.
func (s *service) ask(ctx context.Context, length time.Duration) (answered int64, h *hdrhistogram.Histogram, err error) {
	questions := questions()
	conns := make([]*grpc.ClientConn, queryConns)
	for i := range conns {
		if conns[i], err = s.dial(""); err != nil {
			return 0, h, err
		}
		defer conns[i].Close()
	}
	h = latencies()
	var next atomic.Int64
	var mu sync.Mutex
	began := time.Now()
	g, ctx := errgroup.WithContext(ctx)
	for i := range queryCallers {
		client := scorev1.NewScoreServiceClient(conns[i%queryConns])
		g.Go(func() error {
			mine := latencies()
			defer func() {
				mu.Lock()
				defer mu.Unlock()
				h.Merge(mine)
			}()
			for {
				k := next.Add(1) - 1
				at := time.Duration(k) * time.Second / queryRate
				if at >= length {
					return nil
				}
				time.Sleep(time.Until(began.Add(at)))
				if _, err := client.GetScore(ctx, questions[int(k)%len(questions)]); err != nil {
					return err
				}
				if err := mine.RecordValue((time.Since(began) - at).Microseconds()); err != nil {
					return err
				}
			}
		})
	}
	err = g.Wait()
	return h.TotalCount(), h, err
}

// questions are what dashboards and services ask.
func questions() []*scorev1.GetScoreRequest {
	r := rand.New(rand.NewPCG(5, 6))
	scores := []string{"interactions.count", "queue_wait.mean", "queue_wait.p90", "talk_time.median", "hold_time.sd", "outcome.answered.share"}
	windows := []scorev1.Window{scorev1.Window_WINDOW_5M, scorev1.Window_WINDOW_1H, scorev1.Window_WINDOW_24H, scorev1.Window_WINDOW_28D}
	var out []*scorev1.GetScoreRequest
	for range 4096 {
		q := ref(touchpointID(r.IntN(touchpoints)), pick(r, scores), windows[r.IntN(len(windows))])
		switch n := r.IntN(100); {
		case n < 15:
			q.Scope = nil
		case n < 20:
			q.Scope.Channel = pick(r, channels)
		case n < 25:
			q.Scope.Team = pick(r, teams)
		}
		out = append(out, &scorev1.GetScoreRequest{Ref: q})
	}
	return out
}
