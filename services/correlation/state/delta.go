package state

import (
	"encoding/binary"
	"errors"
	"math"
	"sync"

	"github.com/touchstone-cx/touchstone/services/correlation/cell"
)

// A delta is the contributions of one flush, one after the other.
const (
	deltaTaken = 1 << iota
	deltaCounts
	deltaSimulated
	deltaObserved
)

// keep appends a contribution in the making to the delta of the next flush.
func (s *State) keep(o *org, c context, x *contribution) {
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
	b = binary.AppendUvarint(b, uint64(c.outcome))
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

// loader absorbs what is loaded beside its reading, on all cores: it is most of what a start after a crash takes. Each
// touchpoint has one worker, so that its cells have one writer.
type loader struct {
	workers []chan loaded
	spare   chan *group
	done    sync.WaitGroup
	found   []absorber
}

// loaders are enough for the cores of most machines.
const loaders = 4

// loaded is what has gathered for a touchpoint.
type loaded struct {
	t      *touchpoint
	groups map[int64]*group
}

func (s *State) startLoading() *loader {
	l := &loader{workers: make([]chan loaded, loaders), spare: make(chan *group, 1024), found: make([]absorber, loaders)}
	for i := range l.workers {
		work := make(chan loaded, 4)
		l.workers[i] = work
		l.done.Go(func() {
			for x := range work {
				for _, g := range x.groups {
					l.found[i].group(s, x.t, g)
					if g.empty() {
						select {
						case l.spare <- g:
						default:
						}
					}
				}
			}
		})
	}
	return l
}

func (l *loader) newGroup() *group {
	select {
	case g := <-l.spare:
		return g
	default:
		return new(group)
	}
}

func (l *loader) absorb(t *touchpoint) {
	l.workers[int(t.sym)%len(l.workers)] <- loaded{t, t.groups}
	t.groups = map[int64]*group{}
}

// end waits until everything is absorbed.
func (l *loader) end(s *State) {
	for _, work := range l.workers {
		close(work)
	}
	l.done.Wait()
	for i := range l.found {
		s.collect(&l.found[i])
	}
}

// loadDeltas takes in the deltas that cells of the store may lack. Absorbing tells, cell by cell, what each has already.
func (s *State) loadDeltas() error {
	s.loading = s.startLoading()
	defer func() { s.loading = nil }()
	err := s.store.Scan([]byte{keyDelta}, func(k, v []byte) error {
		if len(k) != 9 {
			return errBlock
		}
		flush := binary.BigEndian.Uint64(k[1:])
		if s.oldest == 0 {
			s.oldest = flush
		}
		r := blockReader{b: v}
		for at := int64(0); len(r.b) > 0; {
			o, c, x, err := s.kept(&r, at)
			if err != nil {
				return err
			}
			x.flush = flush
			s.pend(o, c, x)
			at = c.at
		}
		return s.failed
	})
	s.absorbAll()
	s.loading.end(s)
	return errors.Join(err, s.failed)
}

// kept reads the next contribution of a delta; its amounts are s.amounts.
func (s *State) kept(r *blockReader, last int64) (o *org, c context, x contribution, err error) {
	flags := r.b[0]
	r.b = r.b[1:]
	org := r.symbol(s)
	c.at = last + r.int()
	c.touchpoint, c.channel, c.team, c.outcome = r.symbol(s), r.symbol(s), r.symbol(s), r.symbol(s)
	c.attributes = s.scratch.attributes[:0]
	for n := r.uint(); n > 0 && r.err == nil; n-- {
		c.attributes = append(c.attributes, r.symbol(s))
	}
	s.scratch.attributes = c.attributes
	if r.err != nil {
		return nil, c, x, r.err
	}
	if o, err = s.org(org); err != nil {
		return nil, c, x, err
	}
	s.amounts = s.amounts[:0]
	for n := r.uint(); n > 0 && r.err == nil; n-- {
		measure, v := r.symbol(s), r.int()
		if r.err != nil {
			break
		}
		layout := s.bins(o, measure)
		if layout == nil {
			return nil, c, x, errBlock // it was declared when it was counted, and measures never go
		}
		s.amounts = append(s.amounts, newAmount(measure, v, layout))
	}
	x = contribution{k: 1, counts: flags&deltaCounts != 0, simulated: flags&deltaSimulated != 0, observed: flags&deltaObserved != 0}
	if flags&deltaTaken != 0 {
		x.k = -1
	}
	if x.observed {
		x.n = r.uint()
	}
	return o, c, x, r.err
}

// symbol reads a number that was given to a name.
func (r *blockReader) symbol(s *State) uint32 {
	v := r.uint()
	if v > math.MaxUint32 || !s.symbols.has(uint32(v)) {
		r.b, r.err = nil, errBlock
		return 0
	}
	return uint32(v)
}

func newAmount(measure uint32, v int64, layout *cell.Bins) amount {
	return amount{measure: measure, v: v, bin: layout.Of(v)}
}
