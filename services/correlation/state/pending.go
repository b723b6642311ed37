package state

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/touchstone-cx/touchstone/services/internal/fold"
)

// What a fact counts is spread over hundreds of thousands of histograms: each breakdown, outcome, measure and tier has one
// of its own. Going to all of them with every fact would be one miss of the cache after the other. So contributions gather
// by touchpoint and minute, and are absorbed together: all that came for a cell is added while the cell is near.
//
// That is for floods. While little comes it is absorbed with its message, and no reader waits. Under a flood a reader absorbs
// first, and so misses nothing; what a flood has left behind is absorbed in pieces.
//
// A flush writes what came as one delta, a few dozen bytes a fact, and no cells, but that touchpoints take turns: in its
// turn a touchpoint's changed cells are written as they are. Each cell says up to which flush it is true, so that loading
// adds to it exactly the deltas after that; a delta goes when no touchpoint needs it any more. A flush thus writes what
// came instead of all that it touched.

// contribution is what one fact adds, or takes back, in every series that counts it.
type contribution struct {
	flush                  uint64 // number of the delta that holds it
	n                      uint64 // cases of an observation
	channel, team, outcome uint32
	attributes, amounts    uint32 // how many of its group's, after those of the contributions before it
	k                      int8   // 1 to count, −1 to take back
	counts                 bool   // an interaction: counts itself beside its amounts
	simulated              bool
	observed               bool // an observation: its amount is a sum over n cases
}

// amount is one value of a contribution.
type amount struct {
	measure uint32
	bin     int32
	v       int64
}

// group is the contributions of one touchpoint and minute that are not absorbed yet.
type group struct {
	buckets    [tiers]int64
	all        []contribution
	attributes []uint32
	amounts    []amount
}

const (
	// A touchpoint's contributions are absorbed when so many have gathered.
	mostPending = 4096
	// No more than few are absorbed with their message, and about some at once after a flood, while readers wait.
	few  = 512
	some = 8192
	// Within so many contributions every touchpoint has its turn. This bounds what loading has to add again.
	cycle = 1 << 20
)

// pend takes in a contribution in the making: its amounts are s.amounts.
func (s *State) pend(o *org, c context, x contribution) {
	t := s.touchpoint(o, c.touchpoint)
	t.epoch = s.epoch
	minute := floorDiv(c.at, minuteMs)
	g := t.last
	if g == nil || g.buckets[Minute] != minute {
		if g = t.groups[minute]; g == nil {
			g = s.newGroup()
			g.buckets = [tiers]int64{minute, floorDiv(c.at, quarterMs), o.days.of(c.at, o.counting.Zone)}
			t.groups[minute] = g
		}
		t.last = g
	}
	x.channel, x.team, x.outcome = c.channel, c.team, c.outcome
	x.attributes, x.amounts = uint32(len(c.attributes)), uint32(len(s.amounts))
	g.all = append(g.all, x)
	g.attributes = append(g.attributes, c.attributes...)
	g.amounts = append(g.amounts, s.amounts...)
	if t.since == 0 {
		t.since = x.flush
		s.turns = append(s.turns, t)
	}
	s.pending++
	if t.pending++; t.pending >= mostPending {
		s.absorb(t)
	}
}

func (s *State) newGroup() *group {
	if s.loading != nil {
		return s.loading.newGroup()
	}
	if n := len(s.spare); n > 0 {
		g := s.spare[n-1]
		s.spare = s.spare[:n-1]
		return g
	}
	return new(group)
}

// absorb adds a touchpoint's contributions to its cells.
func (s *State) absorb(t *touchpoint) {
	if t.pending == 0 {
		return
	}
	if s.loading != nil {
		s.loading.absorb(t)
	} else {
		for minute, g := range t.groups {
			s.own.group(s, t, g)
			delete(t.groups, minute)
			if len(s.spare) < 1024 && g.empty() {
				s.spare = append(s.spare, g)
			}
		}
		s.collect(&s.own)
	}
	s.pending -= t.pending
	t.pending, t.last = 0, nil
}

// empty empties the group; it reports whether its room is worth keeping.
func (g *group) empty() bool {
	g.all, g.attributes, g.amounts = g.all[:0], g.attributes[:0], g.amounts[:0]
	return cap(g.all) <= mostPending
}

// absorber adds contributions to cells. Of a touchpoint one does so at a time; of the state it only reads what does not
// change meanwhile.
type absorber struct {
	touched []*series // scratch
	starts  []uint32  // scratch
	cells   uint64    // made
	failed  error
}

// collect takes over what an absorber has found.
func (s *State) collect(a *absorber) {
	s.counts.Cells += a.cells
	s.failed = errors.Join(s.failed, a.failed)
	a.cells, a.failed = 0, nil
}

// group adds a group's contributions: one series after the other, and in it one tier after the other.
func (a *absorber) group(s *State, t *touchpoint, g *group) {
	touched, starts := a.touched[:0], a.starts[:0]
	attribute, amount := uint32(0), uint32(0)
	for i := range g.all {
		x := &g.all[i]
		starts = append(starts, amount)
		amount += x.amounts
		note := func(sr *series) {
			if len(sr.came) == 0 {
				touched = append(touched, sr)
			}
			sr.came = append(sr.came, uint32(i))
		}
		note(s.series(t, byTouchpoint, 0))
		if t.org.counting.Channel && x.channel != 0 {
			note(s.series(t, byChannel, x.channel))
		}
		if t.org.counting.Team && x.team != 0 {
			note(s.series(t, byTeam, x.team))
		}
		for _, a := range g.attributes[attribute : attribute+x.attributes] {
			note(s.series(t, byAttribute, a))
		}
		attribute += x.attributes
	}
	for _, sr := range touched {
		sr.epoch = s.epoch
		for tier := sr.first; tier < tiers; tier++ {
			b := a.block(s, sr, tier, g.buckets[tier])
			if b == nil {
				continue
			}
			for _, i := range sr.came {
				if x := &g.all[i]; x.flush > b.flush {
					x.add(b, g.amounts[starts[i]:starts[i]+x.amounts])
				}
			}
		}
		sr.came = sr.came[:0]
	}
	a.touched, a.starts = touched, starts
}

func (s *State) absorbAll() { s.absorbSome(s.pending) }

// absorbSome absorbs at least so many contributions, if there are.
func (s *State) absorbSome(n int) {
	left := max(0, s.pending-n)
	for _, t := range s.turns {
		if s.pending <= left {
			return
		}
		s.absorb(t)
	}
}

// Settle absorbs what a flood has left behind, in pieces between which others get their turn.
func (s *State) Settle() {
	for more := true; more; {
		s.mu.Lock()
		if s.deltaN == 0 { // else the fold is at it
			s.absorbSome(some)
		}
		more = s.deltaN == 0 && s.pending > 0
		s.mu.Unlock()
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
			m.Add(a.v, a.bin, k)
		}
	}
}

// block returns the block of a bucket, open and noted as changed; nil when its tier no longer holds it.
func (a *absorber) block(s *State, sr *series, tier Tier, bucket int64) *block {
	if bucket < s.horizons[tier] {
		return nil
	}
	bs := &sr.tiers[tier]
	n := len(bs.blocks)
	b := bs.get(bucket)
	if len(bs.blocks) != n {
		a.cells++
	}
	if err := b.open(); err != nil {
		a.failed = errors.Join(fold.ErrStore, err)
		return nil
	}
	if !b.dirty {
		b.dirty = true
		sr.touchpoint.changed = append(sr.touchpoint.changed, place{sr, tier, bucket})
	}
	return b
}

func deltaKey(flush uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{keyDelta}, flush)
}

// flushCells adds to w the delta, the cells of the touchpoints whose turn it is, and what may go.
func (s *State) flushCells(w *fold.Write) {
	if s.deltaN <= few {
		s.absorbSome(some)
	}
	s.flushes++
	// The turns of a flush are its share of a cycle; what is left of a turn is kept for the next flush.
	s.credit += s.deltaN * len(s.turns)
	if s.whole {
		s.credit, s.whole = cycle*len(s.turns), false
	}
	for ; s.credit >= cycle && len(s.turns) > 0; s.credit -= cycle {
		s.turn(w, s.turns[0])
		s.turns = s.turns[1:]
	}
	needed := s.flushes + 1
	if len(s.turns) > 0 {
		needed = s.turns[0].since
	}
	for ; s.oldest < min(needed, s.flushes); s.oldest++ {
		w.Delete(deltaKey(s.oldest))
	}
	if needed <= s.flushes && len(s.delta) > 0 {
		w.Set(deltaKey(s.flushes), s.delta)
	} else if needed > s.flushes {
		s.oldest = needed
		// No delta is left that an empty cell would have to be protected from.
		for _, p := range s.empty {
			if p.s.tiers[p.tier].find(p.bucket) == nil {
				w.Delete(p.key())
			}
		}
		s.empty = nil
	}
	s.delta, s.deltaN = nil, 0
}

// turn writes a touchpoint's changed cells.
func (s *State) turn(w *fold.Write, t *touchpoint) {
	s.absorb(t)
	for _, p := range t.changed {
		s.rewrite(w, p)
	}
	t.changed, t.since = t.changed[:0], 0
}

// rewrite writes one cell as it is now. A cell that counts nothing any more stays in the store, empty, while a delta may
// still speak of it.
func (s *State) rewrite(w *fold.Write, p place) {
	b := p.s.tiers[p.tier].find(p.bucket)
	if b == nil || !b.dirty {
		return // pruned meanwhile
	}
	b.dirty, b.flush = false, s.flushes
	enc := binary.AppendUvarint(s.slab[:0], s.flushes)
	head := len(enc)
	enc = b.encode(enc)
	s.slab = enc
	enc = slices.Clone(enc)
	w.Set(p.key(), enc)
	if len(enc) == head {
		p.s.tiers[p.tier].remove(p.bucket)
		s.counts.Cells--
		s.empty = append(s.empty, p)
		return
	}
	// Recent buckets will change again soon; older ones rest, encoded.
	if bs := p.s.tiers[p.tier].buckets; p.bucket <= bs[len(bs)-1]-recent[p.tier] {
		b.enc, b.outs, b.live = enc[head:len(enc):len(enc)], nil, false
	}
}

// recent is how many of a series' newest buckets stay decoded: an interaction is published when it ends, so its minute is
// rarely the last.
var recent = [tiers]int64{Minute: 15, QuarterHour: 2, Day: 1}
