// Package cell holds the exact, additive cells from which every score is computed: counts, sums and sums of squares as
// integers, and integer histograms. Adding commutes; subtracting undoes a fact to the byte.
package cell

// Moments are the sums of one measure (a metric or a question) over the cases of one cell.
type Moments struct {
	N     int64  // values
	Sum   Int128 // Σx in the measure's resolution
	SumSq Int128 // Σx²
	Hist  Hist   // by bin of the measure's Bins
	// Observed sums come as published aggregates: their squares and distribution are not known.
	ObservedN   int64
	ObservedSum Int128
}

// Add adds one value k times: k is 1 to count a fact and −1 to take it back.
func (m *Moments) Add(v int64, bin int32, k int64) {
	square := Square(v)
	if k == 1 {
		m.N++
		m.Sum = m.Sum.Add(Int(v))
		m.SumSq = m.SumSq.Add(square)
	} else {
		m.N--
		m.Sum = m.Sum.Sub(Int(v))
		m.SumSq = m.SumSq.Sub(square)
	}
	m.Hist.Add(bin, k)
}

// Observe adds a sum over n cases, k times as Add does.
func (m *Moments) Observe(sum, n, k int64) {
	m.ObservedN += k * n
	if k == 1 {
		m.ObservedSum = m.ObservedSum.Add(Int(sum))
	} else {
		m.ObservedSum = m.ObservedSum.Sub(Int(sum))
	}
}

// Clear empties m and keeps its room.
func (m *Moments) Clear() {
	m.Hist.Clear()
	*m = Moments{Hist: m.Hist}
}

// IsZero reports whether nothing is counted.
func (m *Moments) IsZero() bool {
	return m.N == 0 && m.ObservedN == 0 && m.Sum.IsZero() && m.SumSq.IsZero() && m.ObservedSum.IsZero() && m.Hist.Len() == 0
}

// Needs says what of the cells is to be added up.
type Needs struct {
	// Measure whose moments are wanted; empty when interactions are enough.
	Measure string
	// Distribution is false when histograms may be left out, which take the most time.
	Distribution bool
}

// Sample is what a score is computed from: cells of one scope and window added up, by outcome.
type Sample struct {
	// Interactions by outcome id ("" = unknown).
	Interactions map[string]int64
	// Moments of one measure by outcome id of the interaction ("" = unknown or none).
	Measure map[string]*Moments
	// Bins of the measure; nil for scores without one.
	Bins *Bins
	// Simulated is how many of the interactions and values were simulated.
	Simulated int64
	// Damaged says that a cell could not be read: no score may be shown.
	Damaged bool
	// Beside are samples of what a score needs beside the measure, of the same scope; nil for most scores.
	Beside []*Sample
}

// Offered returns the number of interactions of all outcomes.
func (s *Sample) Offered() int64 {
	var n int64
	for _, c := range s.Interactions {
		n += c
	}
	return n
}
