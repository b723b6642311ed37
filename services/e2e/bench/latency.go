package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/sync/errgroup"

	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
)

const (
	probeRate = 200 // probes a second, each a batch of one, of the 10,000 events a second
	pollEvery = time.Millisecond
	warmUp    = 2 * time.Second
)

// latency measures the time from when a fact was meant to be sent until a score shows it, at 10,000 events a second. Probes
// go to a touchpoint of their own, whose count is polled every millisecond: a figure is up to that and one Get too long.
func (b *bench) latency(ctx context.Context) error {
	r := &b.report
	r.title("latency", "from the intended sending to visible in GetScore, at 10,000 events/s: batches of 20, and of 1 for 200 probes/s; sync always")
	length := short(b, 20, 5) * int(time.Second)
	return b.instance(ctx, "latency", func(s *service) error {
		// Something to count into before anything is measured.
		if err := newPublisher(saturate()).runFor(ctx, s, 2*time.Second); err != nil {
			return err
		}
		if _, err := s.folded(ctx); err != nil {
			return err
		}
		began := time.Now()
		if _, err := s.score(ctx, touchpointID(0), "interactions.count", scorev1.Window_WINDOW_1H); err != nil {
			return err
		}
		r.add("latency", "first Get after a flood that nobody read", "ms", time.Since(began).Seconds()*1000)
		alone, err := syncs(ctx, b.scratch, short(b, 5*time.Second, 2*time.Second), 0)
		if err != nil {
			return err
		}
		l := steady()
		l.rate, l.first = l.rate-probeRate, 1<<40
		p := newPublisher(l)
		probes := newPublisher(load{streams: 1, window: 256, size: 1, rate: probeRate, points: []string{probe}, first: 1 << 41})
		visible, beside := latencies(), latencies()
		ending := make(chan struct{})
		done := func() bool {
			select {
			case <-ending:
				return true
			default:
				return false
			}
		}
		g, running := errgroup.WithContext(ctx)
		g.Go(func() error { return p.run(running, s, done) })
		g.Go(func() error {
			// Readers are there already when the measurement begins.
			for until := time.Now().Add(warmUp); time.Now().Before(until); time.Sleep(pollEvery) {
				if _, err := s.score(running, probe, "interactions.count", scorev1.Window_WINDOW_ALL); err != nil {
					return err
				}
			}
			before, err := s.usage()
			if err != nil {
				return err
			}
			go b.profile(s, "latency", time.Duration(length))
			p.forgetAcks()
			err = s.follow(running, probes, time.Duration(length), visible)
			r.latency("latency", "acknowledged", p.acks(), goal{}, goal{})
			after, uerr := s.usage()
			if err = errors.Join(err, uerr); err == nil {
				r.add("latency", "service CPU", "cores", after.minus(before).cpu.Seconds()/time.Duration(length).Seconds())
				beside, err = syncs(running, b.scratch, short(b, 5*time.Second, 2*time.Second), 20*time.Millisecond)
			}
			close(ending)
			return err
		})
		if err := g.Wait(); err != nil {
			return err
		}
		fsync99 := float64(alone.ValueAtQuantile(99)) / 1000
		r.latency("latency", "accepted → visible", visible, atMost(8), atMost(max(25, 3*fsync99)))
		r.latency("latency", "fsync of 4 KiB, alone", alone, goal{}, goal{})
		r.latency("latency", "fsync of 4 KiB, beside the load", beside, goal{}, goal{})
		return nil
	})
}

// follow publishes probes for a time and records when each became visible.
func (s *service) follow(ctx context.Context, probes *publisher, length time.Duration, visible *hdrhistogram.Histogram) error {
	a := probes.streams[0]
	g, ctx := errgroup.WithContext(ctx)
	published := make(chan struct{})
	g.Go(func() error {
		defer close(published)
		return probes.runFor(ctx, s, length)
	})
	g.Go(func() error {
		begin, seen, total := time.Now(), 0, -1
		for total < 0 || seen < total {
			select {
			case <-published:
				total = a.sent
			default:
			}
			next := time.Now().Add(pollEvery)
			x, err := s.score(ctx, probe, "interactions.count", scorev1.Window_WINDOW_ALL)
			if err != nil {
				return err
			}
			now := time.Now()
			for ; seen < int(x.GetN()); seen++ {
				if err := visible.RecordValue(now.Sub(a.intended(seen)).Microseconds()); err != nil {
					return err
				}
			}
			if now.Sub(begin) > length+time.Minute {
				return errors.New("probes did not become visible in a minute")
			}
			time.Sleep(time.Until(next))
		}
		return nil
	})
	return g.Wait()
}

// syncs times fsync after appending 4 KiB to a file in dir, one every so often, or one after the other.
func syncs(ctx context.Context, dir string, length, every time.Duration) (*hdrhistogram.Histogram, error) {
	h := latencies()
	f, err := os.Create(filepath.Join(dir, "fsync"))
	if err != nil {
		return nil, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	block := make([]byte, 4096)
	for until := time.Now().Add(length); time.Now().Before(until) && ctx.Err() == nil; time.Sleep(every) {
		if _, err := f.Write(block); err != nil {
			return nil, err
		}
		began := time.Now()
		if err := f.Sync(); err != nil {
			return nil, err
		}
		if err := h.RecordValue(time.Since(began).Microseconds()); err != nil {
			return nil, err
		}
	}
	return h, ctx.Err()
}
