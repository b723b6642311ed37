package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const kills = 3

// restart measures the time from starting the process to its being ready, after kill -9 in the middle of the load. What was
// not acknowledged is sent again, and then the scores must equal a recount.
func (b *bench) restart(ctx context.Context) error {
	r := &b.report
	r.title("restart", fmt.Sprintf("kill -9 at full load with %s facts: from exec to /readyz 200, page cache warm; then the rest is sent again and all is recounted", number(float64(b.facts))))
	return b.instance(ctx, "restart", func(s *service) error {
		p := newPublisher(saturate())
		if err := p.runUpTo(ctx, s, int64(b.facts)); err != nil {
			return err
		}
		for range kills {
			if err := s.killUnder(ctx, p); err != nil {
				return err
			}
			if err := s.start(ctx); err != nil {
				return err
			}
			r.add("restart", "ready", "s", time.Since(s.began).Seconds(), atMost(5))
			st, err := s.folded(ctx)
			if err != nil {
				return err
			}
			r.add("restart", "all folded", "s", time.Since(s.began).Seconds())
			r.add("restart", "facts", "", float64(st.GetFacts()))
			rss, err := s.resident()
			if err != nil {
				return err
			}
			r.add("restart", "resident memory then", "MiB", float64(rss)/(1<<20))
			if err := p.runFor(ctx, s, time.Second); err != nil {
				return err
			}
		}
		if _, err := s.folded(ctx); err != nil {
			return err
		}
		if err := exact(ctx, s, recount(p.batches())); err != nil {
			return fmt.Errorf("the scores differ from a recount after kill -9: %w", err)
		}
		r.add("restart", "touchpoints equal to a recount", "", touchpoints, atLeast(touchpoints))
		return nil
	})
}

// killUnder kills the service a second into the load.
func (s *service) killUnder(ctx context.Context, p *publisher) error {
	killed := make(chan error, 1)
	go func() {
		time.Sleep(time.Second)
		s.cmd.Process.Kill()
		<-s.exited
		killed <- nil
	}()
	if err := p.runFor(ctx, s, time.Minute); err == nil {
		return errors.New("the service was killed, and nothing was left unacknowledged")
	}
	return errors.Join(<-killed, s.kill(), ctx.Err())
}
