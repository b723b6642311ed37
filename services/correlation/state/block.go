package state

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/touchstone-cx/touchstone/services/correlation/cell"
)

// block holds all cells of one series in one bucket: by outcome the number of interactions, and by measure its moments. It
// is decoded while it is being changed and encoded once it rests: most buckets never change again, and encoded they take
// a tenth of the memory.
type block struct {
	enc   []byte
	outs  []outcome
	live  bool   // outs holds the truth
	dirty bool   // stands in State.queue
	flush uint64 // number of the flush up to which the store's copy is true
}

type outcome struct {
	sym       uint32
	n         int64 // interactions
	simulated int64 // facts of the simulator
	measures  []measure
}

type measure struct {
	sym uint32
	cell.Moments
}

func (b *block) open() error {
	if b.live {
		return nil
	}
	outs, err := decodeBlock(b.enc)
	if err != nil {
		return err
	}
	b.outs, b.enc, b.live = outs, nil, true
	return nil
}

func (b *block) outcome(sym uint32) *outcome {
	for i := range b.outs {
		if b.outs[i].sym == sym {
			return &b.outs[i]
		}
	}
	b.outs = append(b.outs, outcome{sym: sym})
	return &b.outs[len(b.outs)-1]
}

func (o *outcome) measure(sym uint32) *measure {
	for i := range o.measures {
		if o.measures[i].sym == sym {
			return &o.measures[i]
		}
	}
	o.measures = append(o.measures, measure{sym: sym})
	return &o.measures[len(o.measures)-1]
}

// encode appends the block, leaving out all that is zero; it appends nothing when nothing is counted.
func (b *block) encode(buf []byte) []byte {
	for i := range b.outs {
		o := &b.outs[i]
		at := len(buf)
		buf = binary.AppendUvarint(buf, uint64(o.sym))
		buf = binary.AppendVarint(buf, o.n)
		buf = binary.AppendVarint(buf, o.simulated)
		count := 0
		for j := range o.measures {
			if !o.measures[j].IsZero() {
				count++
			}
		}
		if count == 0 && o.n == 0 && o.simulated == 0 {
			buf = buf[:at]
			continue
		}
		buf = binary.AppendUvarint(buf, uint64(count))
		for j := range o.measures {
			if m := &o.measures[j]; !m.IsZero() {
				buf = m.append(buf)
			}
		}
	}
	return buf
}

func (m *measure) append(buf []byte) []byte {
	buf = binary.AppendUvarint(buf, uint64(m.sym))
	buf = binary.AppendVarint(buf, m.N)
	buf = appendInt128(buf, m.Sum)
	buf = appendInt128(buf, m.SumSq)
	buf = binary.AppendVarint(buf, m.ObservedN)
	buf = appendInt128(buf, m.ObservedSum)
	return m.Hist.Append(buf)
}

// canonical is append in the one form that equal moments share.
func (m *measure) canonical(buf []byte) []byte {
	buf = binary.AppendVarint(buf, m.N)
	buf = appendInt128(buf, m.Sum)
	buf = appendInt128(buf, m.SumSq)
	buf = binary.AppendVarint(buf, m.ObservedN)
	buf = appendInt128(buf, m.ObservedSum)
	counts := m.Hist.Counts()
	buf = binary.AppendUvarint(buf, uint64(len(counts)))
	for _, c := range counts {
		buf = binary.AppendVarint(buf, int64(c.Bin))
		buf = binary.AppendVarint(buf, c.N)
	}
	return buf
}

// appendInt128 writes the sign-extended low 64 bits when they are enough, marked by an even first number.
func appendInt128(buf []byte, v cell.Int128) []byte {
	if v.Hi == int64(v.Lo)>>63 && int64(v.Lo) < 1<<61 && int64(v.Lo) >= -1<<61 {
		return binary.AppendVarint(buf, int64(v.Lo)<<1)
	}
	buf = binary.AppendVarint(buf, 1)
	buf = binary.BigEndian.AppendUint64(buf, uint64(v.Hi))
	return binary.BigEndian.AppendUint64(buf, v.Lo)
}

var errBlock = errors.New("a cell is damaged: rebuild the state")

// blockReader walks an encoded block. After an error its numbers are 0 and err is set.
type blockReader struct {
	b   []byte
	err error
}

func (r *blockReader) uint() uint64 {
	v, k := binary.Uvarint(r.b)
	if k <= 0 {
		r.b, r.err = nil, errBlock
		return 0
	}
	r.b = r.b[k:]
	return v
}

func (r *blockReader) int() int64 {
	v, k := binary.Varint(r.b)
	if k <= 0 {
		r.b, r.err = nil, errBlock
		return 0
	}
	r.b = r.b[k:]
	return v
}

func (r *blockReader) int128() cell.Int128 {
	v := r.int()
	if v&1 == 0 {
		return cell.Int(v >> 1)
	}
	if len(r.b) < 16 {
		r.b, r.err = nil, errBlock
		return cell.Int128{}
	}
	x := cell.Int128{Hi: int64(binary.BigEndian.Uint64(r.b)), Lo: binary.BigEndian.Uint64(r.b[8:])}
	r.b = r.b[16:]
	return x
}

// bytes reads n bytes; nil when there are fewer.
func (r *blockReader) bytes(n int) []byte {
	if len(r.b) < n {
		r.b, r.err = nil, errBlock
		return nil
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *blockReader) uint64() uint64 {
	if b := r.bytes(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// moments adds an encoded measure's moments to m; m nil passes them by.
func (r *blockReader) moments(m *cell.Moments) {
	n, sum, sumSq, on, osum := r.int(), r.int128(), r.int128(), r.int(), r.int128()
	var h *cell.Hist
	if m != nil {
		m.N += n
		m.Sum = m.Sum.Add(sum)
		m.SumSq = m.SumSq.Add(sumSq)
		m.ObservedN += on
		m.ObservedSum = m.ObservedSum.Add(osum)
		h = &m.Hist
	}
	rest, ok := h.AddEncoded(r.b)
	if !ok {
		r.b, r.err = nil, errBlock
		return
	}
	r.b = rest
}

func decodeBlock(b []byte) ([]outcome, error) {
	r := blockReader{b: b}
	var outs []outcome
	for len(r.b) > 0 && r.err == nil {
		o := outcome{sym: uint32(r.uint()), n: r.int(), simulated: r.int()}
		count := r.uint()
		for i := uint64(0); i < count && r.err == nil; i++ {
			m := measure{sym: uint32(r.uint())}
			r.moments(&m.Moments)
			o.measures = append(o.measures, m)
		}
		outs = append(outs, o)
	}
	return outs, r.err
}

// summing adds up blocks, by outcome: names are looked up once at the end, not once a cell.
type summing struct {
	measure      uint32 // 0: interactions only
	distribution bool
	outs         []outcomeSum
	scratch      cell.Moments // of an encoded block
}

type outcomeSum struct {
	sym          uint32
	n, simulated int64
	any          bool // something of the measure was added
	moments      cell.Adder
}

func (s *summing) outcome(sym uint32) *outcomeSum {
	for i := range s.outs {
		if s.outs[i].sym == sym {
			return &s.outs[i]
		}
	}
	if n := len(s.outs); n < cap(s.outs) {
		s.outs = s.outs[:n+1] // its adder keeps its room
		o := &s.outs[n]
		o.sym, o.n, o.simulated, o.any = sym, 0, 0, false
		return o
	}
	s.outs = append(s.outs, outcomeSum{sym: sym})
	return &s.outs[len(s.outs)-1]
}

// sum adds the block to s. After an error it is added in part.
func (b *block) sum(s *summing) error {
	if b.live {
		for i := range b.outs {
			o := &b.outs[i]
			to := s.outcome(o.sym)
			to.n += o.n
			to.simulated += o.simulated
			if s.measure == 0 {
				continue
			}
			for j := range o.measures {
				if m := &o.measures[j]; m.sym == s.measure {
					to.moments.Add(&m.Moments, s.distribution)
					to.any = true
				}
			}
		}
		return nil
	}
	r := blockReader{b: b.enc}
	for len(r.b) > 0 && r.err == nil {
		to := s.outcome(uint32(r.uint()))
		to.n += r.int()
		to.simulated += r.int()
		count := r.uint()
		for i := uint64(0); i < count && r.err == nil; i++ {
			if uint32(r.uint()) != s.measure || s.measure == 0 {
				r.moments(nil)
				continue
			}
			s.scratch.Clear()
			r.moments(&s.scratch)
			to.moments.Add(&s.scratch, s.distribution)
			to.any = true
		}
	}
	return r.err
}

// each calls f for each outcome with its interactions and the moments of one measure (nil when it has none).
func (b *block) each(measureSym uint32, f func(sym uint32, n, simulated int64, m *cell.Moments)) error {
	if b.live {
		for i := range b.outs {
			o := &b.outs[i]
			var m *cell.Moments
			for j := range o.measures {
				if measureSym != 0 && o.measures[j].sym == measureSym {
					m = &o.measures[j].Moments
				}
			}
			f(o.sym, o.n, o.simulated, m)
		}
		return nil
	}
	r := blockReader{b: b.enc}
	for len(r.b) > 0 && r.err == nil {
		sym, n, sim := uint32(r.uint()), r.int(), r.int()
		count := r.uint()
		var found *cell.Moments
		for i := uint64(0); i < count && r.err == nil; i++ {
			if uint32(r.uint()) == measureSym && measureSym != 0 {
				found = new(cell.Moments)
				r.moments(found)
			} else {
				r.moments(nil)
			}
		}
		if r.err == nil {
			f(sym, n, sim, found)
		}
	}
	return r.err
}

// series holds the blocks of one touchpoint and breakdown value.
type series struct {
	key        [14]byte // organisation, touchpoint, breakdown, value: the part of the store's key before tier and bucket
	epoch      uint64
	tiers      [tiers]blocks
	first      Tier // finest that is kept
	touchpoint *touchpoint
	came       []uint32 // numbers of the contributions of the group that is being absorbed
}

// blocks are the blocks of one tier, ascending by bucket.
type blocks struct {
	buckets []int64
	blocks  []*block
	last    int // where the last block found stands: most facts fall in the same bucket as the one before
}

// get returns the block of a bucket, making it if it is not there.
func (b *blocks) get(bucket int64) *block {
	if b.last < len(b.buckets) && b.buckets[b.last] == bucket {
		return b.blocks[b.last]
	}
	i, found := slices.BinarySearch(b.buckets, bucket)
	if !found {
		b.buckets = slices.Insert(b.buckets, i, bucket)
		b.blocks = slices.Insert(b.blocks, i, &block{live: true})
	}
	b.last = i
	return b.blocks[i]
}

// find returns the block of a bucket, nil when there is none.
func (b *blocks) find(bucket int64) *block {
	if i, ok := slices.BinarySearch(b.buckets, bucket); ok {
		return b.blocks[i]
	}
	return nil
}

func (b *blocks) remove(bucket int64) {
	if i, ok := slices.BinarySearch(b.buckets, bucket); ok {
		b.buckets = slices.Delete(b.buckets, i, i+1)
		b.blocks = slices.Delete(b.blocks, i, i+1)
		b.last = 0
	}
}

// span returns the blocks of the buckets [from, to).
func (b *blocks) span(from, to int64) ([]int64, []*block) {
	i, _ := slices.BinarySearch(b.buckets, from)
	j, _ := slices.BinarySearch(b.buckets, to)
	if i >= j {
		return nil, nil
	}
	return b.buckets[i:j], b.blocks[i:j]
}

// over calls f with each block of a piece.
func (sr *series) over(p Piece, f func(bucket int64, b *block)) {
	buckets, blocks := sr.tiers[p.Tier].span(p.From, p.To)
	for i, b := range blocks {
		f(buckets[i], b)
	}
}
