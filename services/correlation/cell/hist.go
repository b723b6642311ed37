package cell

import "encoding/binary"

// Hist counts values by bin, exactly. Counts may be negative while facts arrive out of order and are zero when nothing is
// left, so that subtracting what was added restores the histogram. The zero value is empty.
//
// There are hundreds of thousands of histograms, most with few and small counts, and what limits the fold is how much of
// them fits in the cache. So a few bins are a sorted list of four bytes each, and many are a run of counts as narrow as the
// largest of them allows: one, four or eight bytes.
type Hist struct {
	data  []byte
	base  int32 // bin of the first count of a run
	width uint8 // bytes of a count of a run; 0 for a list
}

// BinCount is one bin and its count.
type BinCount struct {
	Bin int32
	N   int64
}

const (
	listMost = 32   // bins in a list
	maxBin   = 4096 // magnitude of a bin, exclusive: of every layout
)

// entry packs a bin and a small count.
func entry(bin int32, n int64) uint32 { return uint32(bin)<<8 | uint32(uint8(n)) }

func (h *Hist) listed(i int) (bin int32, n int64) {
	e := binary.LittleEndian.Uint32(h.data[4*i:])
	return int32(e) >> 8, int64(int8(e))
}

// Add adds n to a bin, whose magnitude is below 4096.
func (h *Hist) Add(bin int32, n int64) {
	if h.width != 0 {
		i := int(bin) - int(h.base)
		if uint(i) >= uint(len(h.data))/uint(h.width) {
			h.cover(bin, bin+1)
			i = int(bin) - int(h.base)
		}
		h.bump(i, n)
		return
	}
	if n == 0 {
		return
	}
	i, entries := 0, len(h.data)/4
	for i < entries && int32(binary.LittleEndian.Uint32(h.data[4*i:]))>>8 < bin {
		i++
	}
	if i < entries {
		if at, have := h.listed(i); at == bin {
			switch sum := have + n; {
			case sum == 0:
				h.data = append(h.data[:4*i], h.data[4*i+4:]...)
			case int64(int8(sum)) == sum:
				binary.LittleEndian.PutUint32(h.data[4*i:], entry(bin, sum))
			default:
				h.cover(bin, bin+1)
				h.bump(int(bin)-int(h.base), n)
			}
			return
		}
	}
	if entries == listMost || int64(int8(n)) != n {
		h.cover(bin, bin+1)
		h.bump(int(bin)-int(h.base), n)
		return
	}
	h.data = append(h.data, 0, 0, 0, 0)
	copy(h.data[4*i+4:], h.data[4*i:])
	binary.LittleEndian.PutUint32(h.data[4*i:], entry(bin, n))
}

// bump adds n to the i-th count of a run, widening the run when it does not fit.
func (h *Hist) bump(i int, n int64) {
	switch h.width {
	case 1:
		if sum := int64(int8(h.data[i])) + n; int64(int8(sum)) == sum {
			h.data[i] = byte(sum)
			return
		}
	case 4:
		at := h.data[4*i : 4*i+4]
		if sum := int64(int32(binary.LittleEndian.Uint32(at))) + n; int64(int32(sum)) == sum {
			binary.LittleEndian.PutUint32(at, uint32(sum))
			return
		}
	default:
		at := h.data[8*i : 8*i+8]
		binary.LittleEndian.PutUint64(at, binary.LittleEndian.Uint64(at)+uint64(n))
		return
	}
	h.widen()
	h.bump(i, n)
}

// at returns the i-th count of a run.
func (h *Hist) at(i int) int64 {
	switch h.width {
	case 1:
		return int64(int8(h.data[i]))
	case 4:
		return int64(int32(binary.LittleEndian.Uint32(h.data[4*i:])))
	default:
		return int64(binary.LittleEndian.Uint64(h.data[8*i:]))
	}
}

// size returns the number of counts of a run.
func (h *Hist) size() int { return len(h.data) / int(h.width) }

// widen makes the counts of a run four times as wide, or twice.
func (h *Hist) widen() {
	w := Hist{base: h.base, width: 4}
	if h.width == 4 {
		w.width = 8
	}
	w.data = make([]byte, h.size()*int(w.width))
	for i := range h.size() {
		if n := h.at(i); n != 0 {
			w.bump(i, n)
		}
	}
	*h = w
}

// cover makes h a run that holds the bins [lo, hi), and some more on the side on which it grows.
func (h *Hist) cover(lo, hi int32) {
	if h.width == 0 {
		list := *h
		if n := len(list.data) / 4; n > 0 {
			first, _ := list.listed(0)
			last, _ := list.listed(n - 1)
			lo, hi = min(lo, first), max(hi, last+1)
		}
		*h = Hist{base: lo, width: 1, data: make([]byte, hi-lo)}
		for i := range len(list.data) / 4 {
			bin, n := list.listed(i)
			h.bump(int(bin-lo), n)
		}
		return
	}
	size := int32(h.size())
	if lo >= h.base && hi <= h.base+size {
		return
	}
	room := max(8, size/4)
	if lo < h.base {
		lo = max(lo-room, 1-maxBin)
	} else {
		lo = h.base
	}
	if hi > h.base+size {
		hi = min(hi+room, maxBin)
	} else {
		hi = h.base + size
	}
	data := make([]byte, int(hi-lo)*int(h.width))
	copy(data[int(h.base-lo)*int(h.width):], h.data)
	h.base, h.data = lo, data
}

// Each calls f for every bin with a count, in ascending order.
func (h *Hist) Each(f func(bin int32, n int64)) {
	if h.width == 0 {
		for i := range len(h.data) / 4 {
			f(h.listed(i))
		}
		return
	}
	for i := range h.size() {
		if n := h.at(i); n != 0 {
			f(h.base+int32(i), n)
		}
	}
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

// Clear empties h and keeps its room.
func (h *Hist) Clear() {
	if h.width == 0 {
		h.data = h.data[:0]
		return
	}
	clear(h.data)
}

// ends returns the part of a run between its outermost counts.
func (h *Hist) ends() (from, to int) {
	to = h.size()
	for from < to && h.at(from) == 0 {
		from++
	}
	for to > from && h.at(to-1) == 0 {
		to--
	}
	return from, to
}

// Forms of an encoded histogram.
const (
	formList   = iota // bins and counts
	formRun           // counts of successive bins
	formNarrow        // counts of successive bins, a byte each
)

// Append encodes h as it stands. Equal histograms may differ in encoding; Counts is the form to compare.
func (h *Hist) Append(buf []byte) []byte {
	if h.width == 0 {
		n := len(h.data) / 4
		buf = binary.AppendUvarint(buf, uint64(n)<<2|formList)
		last := int32(0)
		for i := range n {
			bin, count := h.listed(i)
			buf = binary.AppendVarint(buf, int64(bin-last))
			buf = binary.AppendVarint(buf, count)
			last = bin
		}
		return buf
	}
	from, to := h.ends()
	form := uint64(formRun)
	if h.width == 1 {
		form = formNarrow
	}
	buf = binary.AppendUvarint(buf, uint64(to-from)<<2|form)
	buf = binary.AppendVarint(buf, int64(h.base)+int64(from))
	if h.width == 1 {
		return append(buf, h.data[from:to]...)
	}
	for i := from; i < to; i++ {
		buf = binary.AppendVarint(buf, h.at(i))
	}
	return buf
}

// AddEncoded adds what Append encoded and returns the bytes after it; ok is false when they are damaged. A nil h passes
// them by.
func (h *Hist) AddEncoded(b []byte) (rest []byte, ok bool) {
	head, k := binary.Uvarint(b)
	count := int(head >> 2)
	if k <= 0 || head>>2 >= 2*maxBin {
		return nil, false
	}
	b = b[k:]
	bin := int64(0)
	if form := head & 3; form != formList {
		if bin, k = binary.Varint(b); k <= 0 || bin <= -maxBin || bin+int64(count) > maxBin {
			return nil, false
		}
		b = b[k:]
		if form == formNarrow {
			return h.addNarrow(b, int32(bin), count)
		}
		for i := range count {
			n, k := binary.Varint(b)
			if k <= 0 {
				return nil, false
			}
			b = b[k:]
			if h != nil && n != 0 {
				h.Add(int32(bin)+int32(i), n)
			}
		}
		return b, form == formRun
	}
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
		if bin += d; bin <= -maxBin || bin >= maxBin {
			return nil, false
		}
		if h != nil {
			h.Add(int32(bin), n)
		}
	}
	return b, true
}

func (h *Hist) addNarrow(b []byte, base int32, count int) (rest []byte, ok bool) {
	if count > len(b) {
		return nil, false
	}
	switch {
	case h == nil:
	case h.width == 0 && len(h.data) == 0:
		*h = Hist{base: base, width: 1, data: append(make([]byte, 0, count), b[:count]...)}
	default:
		for i, c := range b[:count] {
			if c != 0 {
				h.Add(base+int32(i), int64(int8(c)))
			}
		}
	}
	return b[count:], true
}
