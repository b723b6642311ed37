package score

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/touchstone-cx/touchstone/services/correlation/cell"
)

func percentileSentence(name string, p int64) func(Measure) string {
	return func(m Measure) string {
		s := fmt.Sprintf("The %s of %s %s by nearest rank: the smallest value that at least %d%% of the %s do not exceed, with the order-statistic interval.", name, m.noun(), m.ID, p, m.cases())
		if m.Resolution != 1 {
			s += fmt.Sprintf(" Values are kept in bins: exact at whole %s to 300, within half a unit between them, within 1%% beyond.", m.unit())
		} else if !m.isQuestion() {
			s += " Values are kept exactly to 300 and within 1% beyond."
		}
		return s
	}
}

// percentile returns the p-th percentile by nearest rank, p in percent. Its interval runs from the lowest to the highest
// value of the bins in which the interval's ranks lie, so that the bins never make it too narrow.
func percentile(p int64) func(Measure, *cell.Sample) Result {
	return func(d Measure, s *cell.Sample) Result {
		m := totals(s)
		if why := noDistribution(d, m); why != "" {
			return suppressed(why)
		}
		n := m.N
		k := nearestRank(p, n)
		bins := d.bins(s)
		from, counts := s.Counts()
		at := rank(from, counts, k)
		r := Result{Value: ptr(d.inUnits(bins.Middle(at))), N: n, Coverage: coverage(n, s)}
		l, u, ok := orderRanks(n, float64(p)/100)
		if ok {
			lo, _ := bins.Bounds(rank(from, counts, l))
			_, hi := bins.Bounds(rank(from, counts, u))
			r.Interval = &Interval{Low: d.inUnits(float64(lo)), High: d.inUnits(float64(hi)), Method: "order statistic"}
		}
		r.explain = func() Explanation {
			lo, hi := bins.Bounds(at)
			q := []Quantity{{"n", whole(n)}, {"rank", whole(k)}, {d.sumName("bin from"), whole(lo)}, {d.sumName("bin to"), whole(hi)}}
			if ok {
				q = append(q, Quantity{"interval from rank", whole(l)}, Quantity{"interval to rank", whole(u)})
			}
			return Explanation{Formula: fmt.Sprintf("value of rank ⌈%d%% × %d⌉ = %d", p, n, k), Quantities: q}
		}
		return r
	}
}

func spreadSentence(m Measure) string {
	return fmt.Sprintf("The spread of metric %s: its 90th percentile minus its 10th, each by nearest rank: how far apart the middle four fifths of its values lie.", m.ID)
}

// spread is p90 − p10. The method gives no interval.
func spread(d Measure, s *cell.Sample) Result {
	high := percentile(90)(d, s)
	if high.Value == nil {
		return high
	}
	low := percentile(10)(d, s)
	return Result{Value: ptr(*high.Value - *low.Value), N: high.N, Coverage: high.Coverage, explain: func() Explanation {
		return Explanation{Formula: fmt.Sprintf("%s − %s", decimal(*high.Value), decimal(*low.Value)), Quantities: []Quantity{
			{"90th percentile", decimal(*high.Value)}, {"10th percentile", decimal(*low.Value)}, {"n", whole(high.N)},
		}}
	}}
}

// nearestRank is ⌈p·n/100⌉, at least 1, without the overflow of p·n.
func nearestRank(p, n int64) int64 { return max(1, n/100*p+(n%100*p+99)/100) }

// exactRanks is the n up to which interval ranks come from the binomial itself; beyond, its normal limit is within a rank.
const exactRanks = 2000

// orderRanks returns the ranks l and u between whose values the p-quantile of the population lies with at least 95%, each
// side missing it by at most 2.5%. ok is false while n is too small for both ranks to exist (below 6 for the median).
func orderRanks(n int64, p float64) (l, u int64, ok bool) {
	mu, sigma := float64(n)*p, math.Sqrt(float64(n)*p*(1-p))
	l, u = int64(math.Floor(mu-z95*sigma)), int64(math.Ceil(mu+z95*sigma))+1
	if n <= exactRanks {
		b := distuv.Binomial{N: float64(n), P: p}
		cdf := func(k int64) float64 { // number of values at or below the quantile: at most k
			if k < 0 {
				return 0
			}
			if k >= n {
				return 1
			}
			return b.CDF(float64(k))
		}
		const tail = 0.025
		for l = min(max(l, 0), n); l > 0 && cdf(l-1) > tail; l-- {
		}
		for l < n && cdf(l) <= tail {
			l++
		}
		for u = min(max(u, 1), n+1); u <= n && 1-cdf(u-1) > tail; u++ {
		}
		for u > 1 && 1-cdf(u-2) <= tail {
			u--
		}
	}
	return l, u, l >= 1 && u <= n
}
