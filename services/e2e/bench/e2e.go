package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"
)

// rate is the name of the figure that is compared.
const rate = "rate"

// endToEnd measures how fast facts are accepted on disk and folded: from the first one sent until all are counted.
func (b *bench) endToEnd(ctx context.Context) error {
	r := &b.report
	r.title("e2e", fmt.Sprintf("gRPC accepted → folded for %d s: sync always, ledger on, 4 metrics, 4 breakdowns; 1%% duplicates, 1%% late, 0.5%% corrections", b.seconds))
	return b.instance(ctx, "e2e", func(s *service) error {
		p := newPublisher(saturate())
		usedBefore, err := s.usage()
		if err != nil {
			return err
		}
		ownBefore, began := ownCPU(), time.Now()
		go b.profile(s, "e2e", time.Duration(b.seconds)*time.Second)
		if err := p.runFor(ctx, s, time.Duration(b.seconds)*time.Second); err != nil {
			return err
		}
		accepted := time.Since(began)
		st, err := s.folded(ctx)
		if err != nil {
			return err
		}
		took := time.Since(began)
		own := ownCPU() - ownBefore
		usedAfter, err := s.usage()
		if err != nil {
			return err
		}
		rss, err := s.resident()
		if err != nil {
			return err
		}
		facts, bytes := sent(p.batches())
		n, used := float64(facts), usedAfter.minus(usedBefore)
		r.add("e2e", rate, "events/s", n/took.Seconds(), atLeast(250_000))
		r.add("e2e", "service CPU", "µs/event", micros(used.cpu)/n)
		r.add("e2e", "generator CPU", "µs/event", micros(own)/n)
		r.latency("e2e", "acknowledged", p.acks(), goal{}, goal{})
		r.add("e2e", "folded after the last acknowledgement", "ms", (took-accepted).Seconds()*1000)
		r.add("e2e", "event on the wire", "bytes", bytes)
		r.add("e2e", "written to disk", "bytes/event", float64(used.written)/n)
		for _, folder := range []string{"nats", "correlation"} {
			size, err := folderBytes(filepath.Join(s.data(), folder))
			if err != nil {
				return err
			}
			r.add("e2e", "of it kept in "+folder, "bytes/event", float64(size)/n)
		}
		r.add("e2e", "resident memory", "MiB", float64(rss)/(1<<20))
		r.add("e2e", "events", "", n)
		r.add("e2e", "live cells", "", float64(st.GetCells()), atLeast(50_000))
		r.add("e2e", "duplicates found", "% of events", 100*float64(st.GetDuplicates())/n)
		r.add("e2e", "corrections applied", "% of events", 100*float64(st.GetCorrections()+st.GetStale())/n)
		r.add("e2e", "batches refused and sent again", "", float64(p.refused.Load()))
		if err := exact(ctx, s, recount(p.batches())); err != nil {
			return fmt.Errorf("the scores differ from a recount: %w", err)
		}
		r.add("e2e", "touchpoints equal to a recount", "", touchpoints, atLeast(touchpoints))
		return nil
	})
}

func micros(d time.Duration) float64 { return d.Seconds() * 1e6 }
