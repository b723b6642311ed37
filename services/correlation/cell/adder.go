package cell

import "encoding/binary"

// Adder adds up many moments. It counts in one wide run, so that each histogram added is one pass over its counts. The zero
// value is ready; an Adder is meant to be used again.
type Adder struct {
	sums   Moments // its histogram stays empty
	counts []int64 // by bin + maxBin
	lo, hi int32   // the bins that may have a count, half open
}

// Add adds all of m; without distribution its histogram is left out.
func (a *Adder) Add(m *Moments, distribution bool) {
	a.sums.N += m.N
	a.sums.Sum = a.sums.Sum.Add(m.Sum)
	a.sums.SumSq = a.sums.SumSq.Add(m.SumSq)
	a.sums.ObservedN += m.ObservedN
	a.sums.ObservedSum = a.sums.ObservedSum.Add(m.ObservedSum)
	if distribution {
		a.hist(&m.Hist)
	}
}

func (a *Adder) hist(h *Hist) {
	lo, hi := h.span()
	if lo == hi {
		return
	}
	if a.counts == nil {
		a.counts = make([]int64, 2*maxBin)
	}
	h.addTo(a.counts, -maxBin)
	if a.lo == a.hi {
		a.lo, a.hi = lo, hi
	} else {
		a.lo, a.hi = min(a.lo, lo), max(a.hi, hi)
	}
}

// Take returns what was added, and empties a.
func (a *Adder) Take() *Moments {
	out := a.sums
	if a.lo < a.hi {
		run := a.counts[a.lo+maxBin : a.hi+maxBin]
		out.Hist = histOf(a.lo, run)
		clear(run)
	}
	a.sums, a.lo, a.hi = Moments{}, 0, 0
	return &out
}

// histOf returns the histogram with these counts of successive bins, as narrow as they allow.
func histOf(lo int32, counts []int64) Hist {
	for len(counts) > 0 && counts[0] == 0 {
		lo, counts = lo+1, counts[1:]
	}
	for len(counts) > 0 && counts[len(counts)-1] == 0 {
		counts = counts[:len(counts)-1]
	}
	if len(counts) == 0 {
		return Hist{}
	}
	h := Hist{base: lo, width: 1}
	for _, n := range counts {
		switch {
		case int64(int32(n)) != n:
			h.width = 8
		case int64(int8(n)) != n:
			h.width = max(h.width, 4)
		}
	}
	h.data = make([]byte, len(counts)*int(h.width))
	for i, n := range counts {
		if n != 0 {
			h.bump(i, n)
		}
	}
	return h
}

// Counts returns the measure's values over all outcomes: counts of successive bins, of which lo is the first.
func (s *Sample) Counts() (lo int32, counts []int64) {
	var hi int32
	for _, m := range s.Measure {
		if from, to := m.Hist.span(); from < to {
			if lo == hi {
				lo, hi = from, to
			}
			lo, hi = min(lo, from), max(hi, to)
		}
	}
	counts = make([]int64, hi-lo)
	for _, m := range s.Measure {
		m.Hist.addTo(counts, lo)
	}
	return lo, counts
}

// span returns the bins that may have a count, half open.
func (h *Hist) span() (lo, hi int32) {
	if h.width != 0 {
		return h.base, h.base + int32(h.size())
	}
	n := len(h.data) / 4
	if n == 0 {
		return 0, 0
	}
	lo, _ = h.listed(0)
	hi, _ = h.listed(n - 1)
	return lo, hi + 1
}

// addTo adds h to counts of successive bins from lo on, which hold its span.
func (h *Hist) addTo(counts []int64, lo int32) {
	if h.width == 0 {
		for i := range len(h.data) / 4 {
			bin, n := h.listed(i)
			counts[bin-lo] += n
		}
		return
	}
	run := counts[h.base-lo:][:h.size()]
	switch h.width {
	case 1:
		for i, n := range h.data[:len(run)] {
			run[i] += int64(int8(n))
		}
	case 4:
		for i := range run {
			run[i] += int64(int32(binary.LittleEndian.Uint32(h.data[4*i:])))
		}
	default:
		for i := range run {
			run[i] += h.at(i)
		}
	}
}
