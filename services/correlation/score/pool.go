package score

import "github.com/touchstone-cx/touchstone/services/correlation/cell"

// totals returns the measure's sums over all outcomes, without its histogram, which most statistics do not need.
func totals(s *cell.Sample) *cell.Moments {
	t := new(cell.Moments)
	for _, m := range s.Measure {
		t.N += m.N
		t.Sum = t.Sum.Add(m.Sum)
		t.SumSq = t.SumSq.Add(m.SumSq)
		t.ObservedN += m.ObservedN
		t.ObservedSum = t.ObservedSum.Add(m.ObservedSum)
	}
	return t
}

// rank returns the bin of the k-th smallest value, k from 1 to the number of values; counts are of successive bins from lo.
func rank(lo int32, counts []int64, k int64) int32 {
	for i, n := range counts {
		if k -= n; k <= 0 {
			return lo + int32(i)
		}
	}
	return lo + int32(len(counts)) - 1
}
