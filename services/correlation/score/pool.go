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

// counts returns the measure's values over all outcomes by bin, ascending.
func counts(s *cell.Sample) []cell.BinCount {
	var all, spare []cell.BinCount
	for _, m := range s.Measure {
		out, i := spare[:0], 0
		m.Hist.Each(func(bin int32, n int64) {
			for ; i < len(all) && all[i].Bin < bin; i++ {
				out = append(out, all[i])
			}
			if i < len(all) && all[i].Bin == bin {
				n += all[i].N
				i++
			}
			out = append(out, cell.BinCount{Bin: bin, N: n})
		})
		all, spare = append(out, all[i:]...), all
	}
	return all
}

// rank returns the bin of the k-th smallest value, k from 1 to the number of values.
func rank(all []cell.BinCount, k int64) int32 {
	var at int32
	for _, c := range all {
		at = c.Bin
		if k -= c.N; k <= 0 {
			break
		}
	}
	return at
}
