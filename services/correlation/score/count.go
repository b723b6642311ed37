package score

import (
	"fmt"

	"github.com/touchstone-cx/touchstone/services/correlation/cell"
)

func countSentence(m Measure) string {
	return fmt.Sprintf("The number of %s of %s %s, published sums included with the number of cases they stand for.", m.cases(), m.noun(), m.ID)
}

// count is never suppressed: nothing measured is 0, not unknown.
func count(_ Measure, s *cell.Sample) Result {
	m := totals(s)
	n := m.N + m.ObservedN
	return Result{Value: ptr(float64(n)), N: n, Coverage: coverage(m.N, s), explain: func() Explanation {
		return Explanation{Formula: fmt.Sprintf("%d + %d", m.N, m.ObservedN), Quantities: []Quantity{
			{"measured one by one", whole(m.N)}, {"cases in published sums", whole(m.ObservedN)},
		}}
	}}
}

func sumSentence(m Measure) string {
	return fmt.Sprintf("The sum of all values of metric %s, published sums included.", m.ID)
}

func sum(d Measure, s *cell.Sample) Result {
	m := totals(s)
	n := m.N + m.ObservedN
	if n <= 0 {
		return suppressed(d.none())
	}
	total := m.Sum.Add(m.ObservedSum)
	return Result{Value: ptr(d.inUnits(total.Float())), N: n, Coverage: coverage(m.N, s), explain: func() Explanation {
		return Explanation{Formula: fmt.Sprintf("%s ÷ %d", total, d.Resolution), Quantities: []Quantity{
			{"n", whole(n)}, {d.sumName("sum"), total.String()},
		}}
	}}
}

// interactions counts the interactions of every outcome; none is 0.
func interactions(s *cell.Sample) Result {
	n := s.Offered()
	return Result{Value: ptr(float64(n)), N: n, explain: func() Explanation {
		return Explanation{Formula: whole(n), Quantities: []Quantity{{"interactions", whole(n)}}}
	}}
}
