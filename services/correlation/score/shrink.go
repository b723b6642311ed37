package score

import (
	"math"
	"strings"
)

// FewestOfAgent is the fewest cases that a score of one agent is shown with.
const FewestOfAgent = 10

// Estimate is what is known of one of several alike: a value with its standard error.
type Estimate struct {
	N     int64 // cases, at least 1
	Value float64
	SE    float64 // 0 where all cases are the same
}

// Shrunken is an estimate drawn towards the common mean by as much as it is uncertain.
type Shrunken struct {
	Value     float64
	Low, High float64 // 95% interval
	Weight    float64 // of its own cases, 0 to 1; the rest is the mean's
}

// Shrink draws estimates towards their common mean by empirical Bayes (Efron and Morris, JASA 70 (1975) 311–319): with the
// variance τ² between them, each keeps the weight B = τ² ÷ (τ² + SE²) of its own and takes the rest from the mean, in which
// each weighs 1 ÷ (τ² + SE²). τ² is DerSimonian and Laird's, 0 where they differ no more than by chance. The variance of the value is B·SE² + (1 − B)²·Var(mean), the posterior's with that of the
// mean added (Morris, JASA 78 (1983) 47–55); that τ² is estimated as well is left out.
//
// An estimate whose cases are all the same has the standard error 0, which says more than so few cases know: it gets that of
// the variance which the cases of all have within their estimates. One estimate alone stays as it is.
func Shrink(of []Estimate) (mean float64, out []Shrunken) {
	if len(of) == 0 {
		return 0, nil
	}
	squares := within(of)
	tau := betweenAgents(of, squares) // τ²
	var sum, weights float64
	for i, e := range of {
		w := weight(tau + squares[i])
		sum += w * e.Value
		weights += w
	}
	mean = sum / weights
	for i, e := range of {
		own := 1.0
		if len(of) > 1 && tau+squares[i] > 0 {
			own = tau / (tau + squares[i])
		}
		s := Shrunken{Value: own*e.Value + (1-own)*mean, Weight: own}
		half := z95 * math.Sqrt(own*squares[i]+(1-own)*(1-own)/weights)
		s.Low, s.High = s.Value-half, s.Value+half
		out = append(out, s)
	}
	return mean, out
}

// within returns the squared standard errors; where one is 0, that of the variance of all cases within their estimates.
func within(of []Estimate) []float64 {
	var cases, variance float64
	for _, e := range of {
		n := float64(e.N)
		cases += n
		variance += n * n * e.SE * e.SE
	}
	out := make([]float64, len(of))
	for i, e := range of {
		if out[i] = e.SE * e.SE; out[i] == 0 {
			out[i] = variance / cases / float64(e.N)
		}
	}
	return out
}

// weight is that of a variance. Where there is none at all everybody is as certain as everybody else.
func weight(variance float64) float64 {
	if variance == 0 {
		return 1
	}
	return 1 / variance
}

// betweenAgents estimates the variance between estimates from their squared standard errors. Where those are 0, which all are then,
// estimates differ by nothing but themselves.
func betweenAgents(of []Estimate, squares []float64) float64 {
	if len(of) < 2 {
		return 0
	}
	values := make([]float64, len(of))
	for i, e := range of {
		values[i] = e.Value
	}
	if squares[0] == 0 {
		return variation(values)
	}
	x, _ := heterogeneity(values, squares)
	return x
}

// variation is the variance of values about their mean.
func variation(values []float64) float64 {
	sum := 0.0
	for i, v := range values {
		for j := range i {
			sum += (v - values[j]) * (v - values[j])
		}
	}
	n := float64(len(values))
	return sum / n / (n - 1)
}

// OfAgents reports whether the score is shown of single agents: a mean or a share, whose standard error is known.
func (d *Definition) OfAgents() bool {
	if d.Composite != nil || d.Employees {
		return false
	}
	head, statistic, _ := strings.Cut(d.ID, ".")
	switch {
	case head == "outcome" && d.Measure == "":
		return true
	case head != d.Measure:
		return false
	case strings.HasPrefix(statistic, "share."):
		return true
	}
	switch statistic {
	case "mean", "top2", "nps", "nps_adjusted", "net", "net_top":
		return true
	}
	return false
}

// Bounds returns the least and the greatest value that the score can have; infinite where it has none.
func (d *Definition) Bounds() (low, high float64) {
	switch d.Unit {
	case "%":
		return 0, 100
	case "points":
		if !strings.HasSuffix(d.ID, ".mean") { // the unit of the answers themselves may be points, too
			return -100, 100
		}
	}
	return math.Inf(-1), math.Inf(1)
}
