package state

import (
	"encoding/binary"
	"errors"

	"github.com/touchstone-cx/touchstone/services/internal/fold"
)

// What facts add does not go to the cells at once. Between two flushes it gathers in overlays, one per series and minute.
// A flush writes all overlays as one small delta, adds them to the minute, quarter-hour and day cells in memory, and
// rewrites only a part of the cells that have changed, oldest change first. Each cell says up to which flush it is true,
// so that loading adds to it exactly the deltas after that; a delta goes when no changed cell needs it any more.
// A fact thus updates one block a series instead of three, and a flush writes what came instead of all that it touched.

// overlay is what came for one series in one minute since the last flush.
type overlay struct {
	block
	buckets [tiers]int64
}

const (
	// maxOverlays bounds the minutes of one series that gather at once; an import of history touches many.
	maxOverlays = 16
	// Of the cells waiting to be rewritten a flush takes this part, and no fewer than leastRewrites.
	rewritePart   = 32
	leastRewrites = 64
)

// overlay returns the overlay of the minute in buckets, making it if it is not there.
func (s *State) overlay(sr *series, buckets [tiers]int64) *block {
	for _, o := range sr.overlays {
		if o.buckets[Minute] == buckets[Minute] {
			return &o.block
		}
	}
	if len(sr.overlays) == maxOverlays {
		s.absorb(sr)
	}
	if len(sr.overlays) == 0 {
		s.fresh = append(s.fresh, sr)
	}
	o := &overlay{buckets: buckets}
	o.live = true
	sr.overlays = append(sr.overlays, o)
	if n := len(sr.overlays) - 1; n > 0 && buckets[Minute] > sr.overlays[0].buckets[Minute] {
		sr.overlays[0], sr.overlays[n] = o, sr.overlays[0]
	}
	return &o.block
}

// absorb adds a series' overlays to the delta of the next flush and to its cells.
func (s *State) absorb(sr *series) {
	for _, o := range sr.overlays {
		s.delta = append(s.delta, sr.key[1:]...)
		for t := range tiers {
			s.delta = binary.AppendVarint(s.delta, o.buckets[t])
		}
		s.slab = o.encode(s.slab[:0])
		s.delta = binary.AppendUvarint(s.delta, uint64(len(s.slab)))
		s.delta = append(s.delta, s.slab...)
		for t := range tiers {
			if b := s.block(sr, t, o.buckets[t]); b != nil {
				b.merge(&o.block)
			}
		}
	}
	sr.overlays = sr.overlays[:0]
}

func (s *State) absorbAll() {
	for _, sr := range s.fresh {
		s.absorb(sr)
	}
	s.fresh = s.fresh[:0]
}

// over calls f with each block of a piece, overlays too.
func (sr *series) over(p Piece, f func(bucket int64, b *block)) {
	buckets, blocks := sr.tiers[p.Tier].span(p.From, p.To)
	for i, b := range blocks {
		f(buckets[i], b)
	}
	for _, o := range sr.overlays {
		if bucket := o.buckets[p.Tier]; bucket >= p.From && bucket < p.To {
			f(bucket, &o.block)
		}
	}
}

// block returns the block of a bucket, open and queued to be rewritten; nil when its tier no longer holds it.
func (s *State) block(sr *series, tier Tier, bucket int64) *block {
	if bucket < s.horizons[tier] {
		return nil
	}
	bs := &sr.tiers[tier]
	n := len(bs.blocks)
	b := bs.get(bucket)
	if len(bs.blocks) != n {
		s.counts.Cells++
	}
	if err := b.open(); err != nil {
		s.failed = errors.Join(fold.ErrStore, err)
		return nil
	}
	if !b.dirty {
		b.dirty = true
		s.queue = append(s.queue, place{sr, tier, bucket, s.flushes + 1})
	}
	return b
}

func deltaKey(flush uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{keyDelta}, flush)
}

// flushCells adds to w the delta, the cells whose turn it is, and what may go.
func (s *State) flushCells(w *fold.Write) {
	s.absorbAll()
	s.flushes++
	for n := max(leastRewrites, len(s.queue)/rewritePart); n > 0 && len(s.queue) > 0; n-- {
		s.rewrite(w, s.queue[0])
		s.queue = s.queue[1:]
	}
	needed := s.flushes + 1
	if len(s.queue) > 0 {
		needed = s.queue[0].since
	}
	for ; s.oldest < min(needed, s.flushes); s.oldest++ {
		w.Delete(deltaKey(s.oldest))
	}
	if needed <= s.flushes && len(s.delta) > 0 {
		w.Set(deltaKey(s.flushes), s.delta)
	} else {
		s.oldest = needed
	}
	s.delta = nil
	if len(s.queue) == 0 {
		// No delta is left that an empty cell would have to be protected from.
		for _, p := range s.empty {
			if p.s.tiers[p.tier].find(p.bucket) == nil {
				w.Delete(p.key())
			}
		}
		s.empty = nil
	}
}

// rewrite writes one cell as it is now. A cell that counts nothing any more stays in the store, empty, while a delta may
// still speak of it.
func (s *State) rewrite(w *fold.Write, p place) {
	b := p.s.tiers[p.tier].find(p.bucket)
	if b == nil || !b.dirty {
		return // pruned meanwhile
	}
	b.dirty, b.flush = false, s.flushes
	enc := binary.AppendUvarint(make([]byte, 0, 64), s.flushes)
	head := len(enc)
	enc = b.encode(enc)
	w.Set(p.key(), enc)
	if len(enc) == head {
		p.s.tiers[p.tier].remove(p.bucket)
		s.counts.Cells--
		s.empty = append(s.empty, p)
		return
	}
	// The newest bucket of a series will change again soon; others rest, encoded.
	if bs := p.s.tiers[p.tier].buckets; bs[len(bs)-1] != p.bucket {
		b.enc, b.outs, b.live = enc[head:len(enc):len(enc)], nil, false
	}
}

// loadDeltas adds the deltas that are newer than the cells they speak of.
func (s *State) loadDeltas() error {
	return s.store.Scan([]byte{keyDelta}, func(k, v []byte) error {
		if len(k) != 9 {
			return errBlock
		}
		flush := binary.BigEndian.Uint64(k[1:])
		if s.oldest == 0 {
			s.oldest = flush
		}
		for len(v) > 0 {
			if len(v) < seriesKeyLen {
				return errBlock
			}
			o, err := s.org(binary.BigEndian.Uint32(v))
			if err != nil {
				return err
			}
			t := s.touchpoint(o, binary.BigEndian.Uint32(v[4:]))
			sr := s.series(o, t, int(v[8]), binary.BigEndian.Uint32(v[9:]))
			r := blockReader{b: v[seriesKeyLen:]}
			var buckets [tiers]int64
			for i := range buckets {
				buckets[i] = r.int()
			}
			n := r.uint()
			if r.err != nil || n > uint64(len(r.b)) {
				return errBlock
			}
			outs, err := decodeBlock(r.b[:n])
			if err != nil {
				return err
			}
			v = r.b[n:]
			for t := range tiers {
				if b := s.block(sr, t, buckets[t]); b != nil && b.flush < flush {
					b.merge(&block{outs: outs, live: true})
				}
			}
		}
		return s.failed
	})
}
