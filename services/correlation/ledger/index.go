package ledger

import "math/bits"

// index maps 128-bit identities to entry numbers in 11 to 21 bytes a fact. A slot holds a 28-bit tag of the identity and a
// 36-bit number, so a hit only says "maybe": the entry itself decides. Slots live in 64 segments that double one by one,
// so that no insertion waits long; a slot's home follows from its tag, so that doubling needs no identity.
type index struct {
	segments [64]segment
	n        uint64
}

type segment struct {
	slots []uint64
	n     int
}

const (
	numberBits = 36
	numberMask = 1<<numberBits - 1
	tagBits    = 64 - numberBits
)

func (x *index) at(hi, lo uint64) (*segment, uint64) {
	return &x.segments[hi>>58], lo >> numberBits
}

// probe walks the numbers that may belong to one identity.
type probe struct {
	s   *segment
	tag uint64
	i   int
}

func (x *index) probe(hi, lo uint64) probe {
	s, tag := x.at(hi, lo)
	p := probe{s: s, tag: tag}
	if len(s.slots) > 0 {
		p.i = s.home(tag)
	}
	return p
}

// next returns the next number, and whether there is one.
func (p *probe) next() (uint64, bool) {
	if len(p.s.slots) == 0 {
		return 0, false
	}
	for {
		v := p.s.slots[p.i]
		if v == 0 {
			return 0, false
		}
		p.i = (p.i + 1) & (len(p.s.slots) - 1)
		if v>>numberBits == p.tag {
			return v&numberMask - 1, true
		}
	}
}

// insert adds a number for an identity.
func (x *index) insert(hi, lo, number uint64) {
	s, tag := x.at(hi, lo)
	if 4*(s.n+1) > 3*len(s.slots) {
		s.grow()
	}
	s.put(tag<<numberBits | (number + 1))
	x.n++
}

func (s *segment) home(tag uint64) int {
	return int(tag >> (tagBits - bits.TrailingZeros(uint(len(s.slots)))))
}

func (s *segment) put(v uint64) {
	i := s.home(v >> numberBits)
	for s.slots[i] != 0 {
		i = (i + 1) & (len(s.slots) - 1)
	}
	s.slots[i] = v
	s.n++
}

func (s *segment) grow() {
	old := s.slots
	size := max(64, 2*len(old))
	s.slots, s.n = make([]uint64, size), 0
	for _, v := range old {
		if v != 0 {
			s.put(v)
		}
	}
}

// bytes returns the memory of the slots.
func (x *index) bytes() uint64 {
	var n uint64
	for i := range x.segments {
		n += uint64(len(x.segments[i].slots)) * 8
	}
	return n
}
