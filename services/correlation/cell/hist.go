package cell

import "encoding/binary"

// Hist counts values by bin, exactly. Counts may be negative while facts arrive out of order and are zero when nothing is
// left, so that subtracting what was added restores the histogram to the byte. The zero value is empty.
//
// A few bins are kept as a sorted list; many as a dense run of counts.
type Hist struct {
	sparse []BinCount
	base   int32 // bin of dense[0]
	dense  []int64
}

// BinCount is one bin and its count.
type BinCount struct {
	Bin int32
	N   int64
}

const sparseMax = 24

// Add adds n to a bin.
func (h *Hist) Add(bin int32, n int64) {
	if h.dense != nil {
		i := int(bin) - int(h.base)
		if uint(i) < uint(len(h.dense)) {
			h.dense[i] += n
			return
		}
		h.cover(bin-8, bin+9) // with slack, so that growth is rare
		h.dense[int(bin)-int(h.base)] += n
		return
	}
	s := h.sparse
	i := 0
	for i < len(s) && s[i].Bin < bin {
		i++
	}
	if i < len(s) && s[i].Bin == bin {
		s[i].N += n
		if s[i].N == 0 {
			h.sparse = append(s[:i], s[i+1:]...)
		}
		return
	}
	if n == 0 {
		return
	}
	if len(s) < sparseMax {
		s = append(s, BinCount{})
		copy(s[i+1:], s[i:])
		s[i] = BinCount{bin, n}
		h.sparse = s
		return
	}
	lo, hi := min(s[0].Bin, bin), max(s[len(s)-1].Bin, bin)
	if int(hi)-int(lo) >= 4096 { // far apart: stay a list
		s = append(s, BinCount{})
		copy(s[i+1:], s[i:])
		s[i] = BinCount{bin, n}
		h.sparse = s
		return
	}
	h.base = lo
	h.dense = make([]int64, int(hi)-int(lo)+1)
	for _, c := range s {
		h.dense[c.Bin-lo] = c.N
	}
	h.sparse = nil
	h.dense[bin-lo] += n
}

// Each calls f for every bin with a count, in ascending order.
func (h *Hist) Each(f func(bin int32, n int64)) {
	for _, c := range h.sparse {
		f(c.Bin, c.N)
	}
	for i, n := range h.dense {
		if n != 0 {
			f(h.base+int32(i), n)
		}
	}
}

// Merge adds all counts of o.
func (h *Hist) Merge(o *Hist) {
	if o.dense == nil {
		for _, c := range o.sparse {
			h.Add(c.Bin, c.N)
		}
		return
	}
	from, to := o.ends()
	if from == to {
		return
	}
	h.cover(o.base+int32(from), o.base+int32(to))
	d := h.dense[int(o.base)+from-int(h.base):]
	for i, n := range o.dense[from:to] {
		d[i] += n
	}
}

// cover makes h a run that holds the bins [lo, hi).
func (h *Hist) cover(lo, hi int32) {
	if h.dense != nil && lo >= h.base && int(hi) <= int(h.base)+len(h.dense) {
		return
	}
	if h.dense != nil {
		lo, hi = min(lo, h.base), max(hi, h.base+int32(len(h.dense)))
	} else if n := len(h.sparse); n > 0 {
		lo, hi = min(lo, h.sparse[0].Bin), max(hi, h.sparse[n-1].Bin+1)
	}
	d := make([]int64, hi-lo)
	if h.dense != nil {
		copy(d[h.base-lo:], h.dense)
	}
	for _, c := range h.sparse {
		d[c.Bin-lo] = c.N
	}
	h.base, h.dense, h.sparse = lo, d, nil
}

// Counts returns the bins with a count, ascending.
func (h *Hist) Counts() []BinCount {
	var out []BinCount
	h.Each(func(b int32, n int64) { out = append(out, BinCount{b, n}) })
	return out
}

// Len returns the number of bins with a count.
func (h *Hist) Len() int {
	n := 0
	h.Each(func(int32, int64) { n++ })
	return n
}

// Total returns the sum of all counts.
func (h *Hist) Total() int64 {
	var t int64
	h.Each(func(_ int32, n int64) { t += n })
	return t
}

// Within returns the counts of values certainly below or at a limit, and those of the one bin the limit cuts, of which
// it cannot be told: limit in the measure's resolution; atMost includes the limit itself. cut is 0 for whole units to 300.
func (h *Hist) Within(b *Bins, limit int64, atMost bool) (within, cut int64) {
	h.Each(func(bin int32, n int64) {
		lo, hi := b.Bounds(bin)
		switch {
		case hi < limit || atMost && hi == limit:
			within += n
		case lo > limit || !atMost && lo == limit:
		default:
			cut += n
		}
	})
	return within, cut
}

// Rank returns the bin of the k-th smallest value, k from 1 to Total.
func (h *Hist) Rank(k int64) int32 {
	var seen int64
	var at int32
	found := false
	h.Each(func(bin int32, n int64) {
		seen += n
		if !found && seen >= k {
			at, found = bin, true
		}
	})
	return at
}

// Clear empties h and keeps its room.
func (h *Hist) Clear() {
	h.sparse = h.sparse[:0]
	clear(h.dense)
}

// ends returns the part of dense between its outermost counts.
func (h *Hist) ends() (from, to int) {
	to = len(h.dense)
	for from < to && h.dense[from] == 0 {
		from++
	}
	for to > from && h.dense[to-1] == 0 {
		to--
	}
	return from, to
}

// Append encodes h as it stands: a list as pairs, a run as its counts. Equal histograms may differ in encoding; Counts is
// the form to compare.
func (h *Hist) Append(buf []byte) []byte {
	if h.dense == nil {
		buf = binary.AppendUvarint(buf, uint64(len(h.sparse))<<1)
		last := int32(0)
		for _, c := range h.sparse {
			buf = binary.AppendVarint(buf, int64(c.Bin-last))
			buf = binary.AppendVarint(buf, c.N)
			last = c.Bin
		}
		return buf
	}
	from, to := h.ends()
	buf = binary.AppendUvarint(buf, uint64(to-from)<<1|1)
	buf = binary.AppendVarint(buf, int64(h.base)+int64(from))
	for _, n := range h.dense[from:to] {
		if u := uint64(n<<1) ^ uint64(n>>63); u < 0x80 {
			buf = append(buf, byte(u))
		} else {
			buf = binary.AppendUvarint(buf, u)
		}
	}
	return buf
}

// AddEncoded adds what Append encoded and returns the bytes after it; ok is false when they are damaged. A nil h passes
// them by.
func (h *Hist) AddEncoded(b []byte) (rest []byte, ok bool) {
	head, k := binary.Uvarint(b)
	if k <= 0 || head>>1 > 1<<20 {
		return nil, false
	}
	b = b[k:]
	count := int(head >> 1)
	if head&1 == 0 {
		bin := int64(0)
		for range count {
			d, k := binary.Varint(b)
			if k <= 0 {
				return nil, false
			}
			n, k2 := binary.Varint(b[k:])
			if k2 <= 0 {
				return nil, false
			}
			b = b[k+k2:]
			if bin += d; bin < -1<<20 || bin > 1<<20 {
				return nil, false
			}
			if h != nil {
				h.Add(int32(bin), n)
			}
		}
		return b, true
	}
	base, k := binary.Varint(b)
	if k <= 0 || base < -1<<20 || base > 1<<20 {
		return nil, false
	}
	b = b[k:]
	if h != nil && h.dense == nil && len(h.sparse) == 0 {
		h.base, h.dense = int32(base), make([]int64, count)
	}
	for i := range count {
		var u uint64
		if len(b) > 0 && b[0] < 0x80 {
			u, b = uint64(b[0]), b[1:]
		} else {
			var k int
			if u, k = binary.Uvarint(b); k <= 0 {
				return nil, false
			}
			b = b[k:]
		}
		if u != 0 && h != nil {
			h.Add(int32(base)+int32(i), int64(u>>1)^-int64(u&1))
		}
	}
	return b, true
}
