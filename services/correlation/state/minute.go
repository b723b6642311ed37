package state

import (
	"encoding/binary"
	"errors"

	"github.com/touchstone-cx/touchstone/services/correlation/cell"
	"github.com/touchstone-cx/touchstone/services/internal/fold"
)

// Most facts are of the minute that runs, so that is where they are counted first: each series has one open minute, which
// is added to the minute, quarter-hour and day cells, rolled, when a later minute begins or its turn comes. A fact thus
// touches one histogram a measure and series instead of three. Late facts go to the cells at once.
//
// A flush writes what came as one delta, a few dozen bytes a fact, and rewrites only a part of the cells that have changed,
// oldest change first. Each cell says up to which flush it is true, so that loading adds to it exactly the deltas after
// that; a delta goes when no open minute and no changed cell needs it any more. A flush thus writes what came instead of
// all that it touched.

// contribution is what one fact adds, or takes back, in every series that counts it.
type contribution struct {
	buckets   [tiers]int64
	outcome   uint32
	k         int8 // 1 to count, −1 to take back
	counts    bool // an interaction: counts itself beside its amounts
	simulated bool
	observed  bool   // an observation: its amount is a sum over n cases
	n         uint64 // cases of an observation
}

// amount is one value of a contribution.
type amount struct {
	measure uint32
	bin     int32
	v       int64
	square  cell.Int128
}

const (
	// Every open minute is rolled and every changed cell rewritten within so many contributions, and a flush does no fewer
	// than least of each: this bounds what loading has to add again.
	cycle = 256 << 10
	least = 64
)

// minute is what came for a series in its newest minute since it was last rolled.
type minute struct {
	block
	buckets [tiers]int64
	since   uint64 // number of the first delta that speaks of it; 0 when it is empty
}

// opened is an open minute's place in the order of turns.
type opened struct {
	s     *series
	since uint64
}

// pend counts a contribution, whose amounts are all of s.amounts, in every series of its context.
func (s *State) pend(o *org, c context, x contribution) {
	x.place(o, c)
	s.encodeContribution(o, c, &x)
	s.eachSeries(o, c, func(sr *series) {
		sr.epoch = s.epoch
		m := &sr.open
		if m.since != 0 && x.buckets[Minute] > m.buckets[Minute] {
			s.roll(sr)
		}
		switch {
		case m.since == 0:
			m.buckets, m.since, m.live = x.buckets, s.flushes+1, true
			s.turns = append(s.turns, opened{sr, m.since})
		case x.buckets[Minute] < m.buckets[Minute]:
			s.spread(sr, &x.buckets, func(b *block) { x.add(b, s.amounts) })
			return
		}
		x.add(&m.block, s.amounts)
	})
}

// place finds the buckets in which a contribution counts.
func (x *contribution) place(o *org, c context) {
	x.buckets[Minute] = floorDiv(c.at, minuteMs)
	x.buckets[QuarterHour] = floorDiv(c.at, quarterMs)
	x.buckets[Day] = o.days.of(c.at, o.counting.Zone)
}

// spread calls f with the cell of each tier that still holds its bucket.
func (s *State) spread(sr *series, buckets *[tiers]int64, f func(*block)) {
	for t := range tiers {
		if b := s.block(sr, t, buckets[t]); b != nil {
			f(b)
		}
	}
}

// roll adds a series' open minute to its cells and leaves it empty.
func (s *State) roll(sr *series) {
	m := &sr.open
	if m.since == 0 {
		return
	}
	s.spread(sr, &m.buckets, func(b *block) { b.merge(&m.block) })
	m.since = 0
	m.clear()
}

func (s *State) rollAll() {
	for _, x := range s.turns {
		s.roll(x.s)
	}
	s.turns = s.turns[:0]
}

// floor is the number of the first delta that an open minute needs.
func (s *State) floor() uint64 {
	for len(s.turns) > 0 && s.turns[0].s.open.since != s.turns[0].since {
		s.turns = s.turns[1:] // rolled before its turn
	}
	if len(s.turns) > 0 {
		return s.turns[0].since
	}
	return s.flushes + 1
}

// eachSeries calls f with every series in which something of a context counts: each breakdown kept.
func (s *State) eachSeries(o *org, c context, f func(*series)) {
	t := s.touchpoint(o, c.touchpoint)
	t.epoch = s.epoch
	f(s.series(o, t, byTouchpoint, 0))
	if o.counting.Channel && c.channel != 0 {
		f(s.series(o, t, byChannel, c.channel))
	}
	if o.counting.Team && c.team != 0 {
		f(s.series(o, t, byTeam, c.team))
	}
	for _, a := range c.attributes {
		f(s.series(o, t, byAttribute, a))
	}
}

// add adds the contribution to one cell.
func (x *contribution) add(b *block, amounts []amount) {
	out, k := b.outcome(x.outcome), int64(x.k)
	if x.counts {
		out.n += k
	}
	if x.simulated {
		out.simulated += k
	}
	for i := range amounts {
		a := &amounts[i]
		m := out.measure(a.measure)
		if x.observed {
			m.Observe(a.v, int64(x.n), k)
		} else {
			m.Add(a.v, a.square, a.bin, k)
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
		s.queue = append(s.queue, place{sr, tier, bucket, s.floor()})
	}
	return b
}

func deltaKey(flush uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{keyDelta}, flush)
}

// flushCells adds to w the delta, the cells whose turn it is, and what may go.
func (s *State) flushCells(w *fold.Write) {
	for n := max(least, len(s.turns)*s.deltaN/cycle); n > 0 && len(s.turns) > 0; n-- {
		if x := s.turns[0]; x.s.open.since == x.since {
			s.roll(x.s)
		}
		s.turns = s.turns[1:]
	}
	turns := len(s.queue) * s.deltaN / cycle
	s.flushes++
	for n := max(least, turns); n > 0 && len(s.queue) > 0; n-- {
		s.rewrite(w, s.queue[0])
		s.queue = s.queue[1:]
	}
	needed := s.floor()
	if len(s.queue) > 0 {
		needed = min(needed, s.queue[0].since)
	}
	for ; s.oldest < min(needed, s.flushes); s.oldest++ {
		w.Delete(deltaKey(s.oldest))
	}
	if needed <= s.flushes && len(s.delta) > 0 {
		w.Set(deltaKey(s.flushes), s.delta)
	} else {
		s.oldest = needed
	}
	s.delta, s.deltaN = nil, 0
	if needed > s.flushes {
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
	if p.s.open.since != 0 && p.s.open.buckets[p.tier] == p.bucket {
		s.roll(p.s) // what is written is true up to this flush
	}
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
		r := blockReader{b: v}
		for at := int64(0); len(r.b) > 0; {
			o, c, x, err := s.decodeContribution(&r, at)
			if err != nil {
				return err
			}
			at = c.at
			s.eachSeries(o, c, func(sr *series) {
				for t := range tiers {
					if b := s.block(sr, t, x.buckets[t]); b != nil && b.flush < flush {
						x.add(b, s.amounts)
					}
				}
			})
		}
		return s.failed
	})
}

const (
	deltaTaken = 1 << iota
	deltaCounts
	deltaSimulated
	deltaObserved
)

// encodeContribution appends to the delta of the next flush what a series needs to know of a contribution.
func (s *State) encodeContribution(o *org, c context, x *contribution) {
	var flags byte
	for i, on := range [...]bool{x.k < 0, x.counts, x.simulated, x.observed} {
		if on {
			flags |= 1 << i
		}
	}
	if len(s.delta) == 0 {
		s.deltaAt = 0
	}
	b := append(s.delta, flags)
	b = binary.AppendUvarint(b, uint64(o.sym))
	b = binary.AppendVarint(b, c.at-s.deltaAt)
	b = binary.AppendUvarint(b, uint64(c.touchpoint))
	b = binary.AppendUvarint(b, uint64(c.channel))
	b = binary.AppendUvarint(b, uint64(c.team))
	b = binary.AppendUvarint(b, uint64(x.outcome))
	b = binary.AppendUvarint(b, uint64(len(c.attributes)))
	for _, a := range c.attributes {
		b = binary.AppendUvarint(b, uint64(a))
	}
	b = binary.AppendUvarint(b, uint64(len(s.amounts)))
	for i := range s.amounts {
		b = binary.AppendUvarint(b, uint64(s.amounts[i].measure))
		b = binary.AppendVarint(b, s.amounts[i].v)
	}
	if x.observed {
		b = binary.AppendUvarint(b, x.n)
	}
	s.delta, s.deltaAt = b, c.at
	s.deltaN++
}

// decodeContribution reads the next contribution of a delta; its amounts are all of s.amounts.
func (s *State) decodeContribution(r *blockReader, last int64) (o *org, c context, x contribution, err error) {
	if len(r.b) == 0 {
		return nil, c, x, errBlock
	}
	flags := r.b[0]
	r.b = r.b[1:]
	org := r.uint32()
	c.at = last + r.int()
	c.touchpoint, c.channel, c.team, c.outcome = r.uint32(), r.uint32(), r.uint32(), r.uint32()
	for n := r.uint(); n > 0 && r.err == nil; n-- {
		c.attributes = append(c.attributes, r.uint32())
	}
	for _, sym := range append([]uint32{org, c.touchpoint, c.channel, c.team, c.outcome}, c.attributes...) {
		if !s.symbols.has(sym) {
			return nil, c, x, errBlock
		}
	}
	if r.err != nil {
		return nil, c, x, r.err
	}
	if o, err = s.org(org); err != nil {
		return nil, c, x, err
	}
	s.amounts = s.amounts[:0]
	for n := r.uint(); n > 0 && r.err == nil; n-- {
		sym, v := r.uint32(), r.int()
		if !s.symbols.has(sym) {
			return nil, c, x, errBlock
		}
		layout := s.bins(o, sym)
		if layout == nil {
			return nil, c, x, errBlock // it was declared when it was counted, and measures never go
		}
		s.amounts = append(s.amounts, newAmount(sym, v, layout))
	}
	x = contribution{outcome: c.outcome, k: 1, counts: flags&deltaCounts != 0, simulated: flags&deltaSimulated != 0, observed: flags&deltaObserved != 0}
	if flags&deltaTaken != 0 {
		x.k = -1
	}
	if x.observed {
		x.n = r.uint()
	}
	x.place(o, c)
	return o, c, x, r.err
}

func newAmount(measure uint32, v int64, layout *cell.Bins) amount {
	return amount{measure: measure, v: v, bin: layout.Of(v), square: cell.Square(v)}
}
