package cell

import "sort"

// Bins is the histogram layout of one measure. With u = resolution (values per unit): for |v| ≤ 300·u, bin 2k holds exactly
// k units and bin 2k+1 what lies strictly between k and k+1 units, so that a share below or at most a whole number of
// units is exact either way; beyond, bins grow by 2%, so that a bin's middle is within 1% of each of its values. Negative
// values mirror positive ones with negative bin numbers. The layout is a pure function of the resolution: it never drifts.
type Bins struct {
	unit  int64
	edges []int64 // lower edges (magnitude) of the growing bins; edges[i] belongs to bin exactBins+i
}

const (
	exactUnits = 300
	exactBins  = 2*exactUnits + 1 // bins 0..600; 600 is exactly 300 units
	maxValue   = 1 << 47
)

// NewBins returns the layout for a resolution of values per unit, 1 to 1,000,000.
func NewBins(resolution int64) *Bins {
	b := &Bins{unit: resolution}
	for e := exactUnits*resolution + 1; e < maxValue; {
		b.edges = append(b.edges, e)
		step := e / 50
		if step < 1 {
			step = 1
		}
		e += step
	}
	return b
}

// Of returns the bin of v.
func (b *Bins) Of(v int64) int32 {
	if v < 0 {
		return -b.of(-v)
	}
	return b.of(v)
}

func (b *Bins) of(v int64) int32 {
	if v <= exactUnits*b.unit {
		k := v / b.unit
		if k*b.unit == v {
			return int32(2 * k)
		}
		return int32(2*k + 1)
	}
	i := sort.Search(len(b.edges), func(i int) bool { return b.edges[i] > v })
	return int32(exactBins + i - 1)
}

// Bounds returns the least and the largest value of a bin.
func (b *Bins) Bounds(bin int32) (lo, hi int64) {
	if bin < 0 {
		lo, hi = b.Bounds(-bin)
		return -hi, -lo
	}
	if bin < exactBins {
		k := int64(bin / 2)
		if bin%2 == 0 {
			return k * b.unit, k * b.unit
		}
		if b.unit == 1 {
			return k, k + 1 // never used: no integer lies strictly between
		}
		return k*b.unit + 1, (k+1)*b.unit - 1
	}
	i := int(bin - exactBins)
	lo = b.edges[i]
	if i+1 < len(b.edges) {
		return lo, b.edges[i+1] - 1
	}
	return lo, maxValue - 1
}

// Middle returns the value that stands for a bin: exact for exact bins, else its middle.
func (b *Bins) Middle(bin int32) float64 {
	lo, hi := b.Bounds(bin)
	return (float64(lo) + float64(hi)) / 2
}

// Unit returns the values per unit.
func (b *Bins) Unit() int64 { return b.unit }
