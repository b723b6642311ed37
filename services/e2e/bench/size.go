package main

import (
	"context"
	"path/filepath"
	"time"
)

// size measures what a ledger entry and a series cost, in memory and on disk. The same number of facts is counted into four
// series, which shows what a fact costs, and then into all of them, whose rest is what the series cost. Memory is the live
// heap of a service just started, so that no cache is in it.
func (b *bench) size(ctx context.Context) error {
	r := &b.report
	r.title("size", "live heap after a restart and disk; a series is a touchpoint with one value of a breakdown, here with 20 minutes and 1% late facts in three tiers")
	facts := int64(short(b, 4_000_000, 1_000_000))
	return b.instance(ctx, "size", func(s *service) error {
		none, err := s.weigh(ctx)
		if err != nil {
			return err
		}
		narrow := saturate()
		narrow.points, narrow.alike = narrow.points[:1], true
		if err := newPublisher(narrow).runUpTo(ctx, s, facts); err != nil {
			return err
		}
		few, err := s.weigh(ctx)
		if err != nil {
			return err
		}
		wide := saturate()
		wide.first = 1 << 40
		if err := newPublisher(wide).runUpTo(ctx, s, facts); err != nil {
			return err
		}
		all, err := s.weigh(ctx)
		if err != nil {
			return err
		}
		ledger := few.minus(none)
		perMillion := 1e6 / ledger.facts
		const mib = 1 << 20
		r.add("size", "memory of a million ledger entries", "MiB", ledger.heap*perMillion/mib)
		r.add("size", "of it the index", "MiB", ledger.index*perMillion/mib)
		r.add("size", "store on disk of a million ledger entries", "MiB", ledger.store*perMillion/mib)
		r.add("size", "stream on disk of a million facts", "MiB", ledger.stream*perMillion/mib)
		series := all.minus(few)
		share := series.facts / ledger.facts // of what facts cost in them
		perThousand := 1000.0 / (touchpoints * seriesPerTouchpoint)
		r.add("size", "memory of a thousand series", "MiB", (series.heap-share*ledger.heap)*perThousand/mib)
		r.add("size", "store on disk of a thousand series", "MiB", (series.store-share*ledger.store)*perThousand/mib)
		r.add("size", "cells of a thousand series", "", series.cells*perThousand)
		r.add("size", "memory of a cell", "bytes", (series.heap-share*ledger.heap)/series.cells)
		return nil
	})
}

// weight is what a service holds.
type weight struct{ facts, cells, heap, index, store, stream float64 }

func (w weight) minus(o weight) weight {
	return weight{w.facts - o.facts, w.cells - o.cells, w.heap - o.heap, w.index - o.index, w.store - o.store, w.stream - o.stream}
}

// weigh starts the service again and weighs it.
func (s *service) weigh(ctx context.Context) (w weight, err error) {
	if _, err := s.folded(ctx); err != nil {
		return w, err
	}
	if err := s.stop(); err != nil {
		return w, err
	}
	if err := s.start(ctx); err != nil {
		return w, err
	}
	st, err := s.folded(ctx)
	if err != nil {
		return w, err
	}
	w.facts, w.cells = float64(st.GetFacts()), float64(st.GetCells())
	heap, err := s.heap()
	if err != nil {
		return w, err
	}
	w.heap = float64(heap)
	if w.index, err = s.metric("touchstone_ledger_index_bytes"); err != nil {
		return w, err
	}
	store, err := restingBytes(ctx, filepath.Join(s.data(), "correlation"))
	if err != nil {
		return w, err
	}
	stream, err := folderBytes(filepath.Join(s.data(), "nats"))
	if err != nil {
		return w, err
	}
	w.store, w.stream = float64(store), float64(stream)
	return w, nil
}

// restingBytes is the disk space of a folder once it hardly changes any more: a store goes on compacting for a while.
func restingBytes(ctx context.Context, dir string) (n int64, err error) {
	const still = time.Second
	for until := time.Now().Add(10 * still); ; {
		before := n
		if n, err = folderBytes(dir); err != nil || max(n-before, before-n) < 1<<16 || time.Now().After(until) {
			return n, err
		}
		select {
		case <-time.After(still):
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}
