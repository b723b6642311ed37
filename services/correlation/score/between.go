package score

import (
	"math"
	"slices"
)

// GroupScore is the score of one group.
type GroupScore struct {
	Group string
	Value float64
	// SE is the standard error; nil where it is not known.
	SE       *float64
	Interval *Interval
}

// Between is how far groups differ beyond chance.
type Between struct {
	// SD is the standard deviation τ of the true values about their mean.
	SD float64
	// Real is the share of the variation between the values that is more than chance, I².
	Real float64
}

// BetweenGroups compares groups whose standard errors are known and whose cases are not the same. A standard error of 0 is of few
// cases that happen to be alike, which does not mean that chance had no part in it: it counts as not known. It returns nil for
// fewer than two groups.
func BetweenGroups(groups []GroupScore) *Between {
	var values, squares []float64
	for _, g := range groups {
		if g.SE != nil && *g.SE > 0 && !math.IsInf(*g.SE, 1) {
			values, squares = append(values, g.Value), append(squares, *g.SE**g.SE)
		}
	}
	if len(values) < 2 {
		return nil
	}
	between, real := heterogeneity(values, squares)
	return &Between{SD: math.Sqrt(between), Real: real}
}

// heterogeneity estimates from values with their squared standard errors, all above 0, the variance of the true values about
// their mean by the method of moments: τ² = (Q − (k − 1)) ÷ (Σw − Σw² ÷ Σw), at least 0, with w = 1 ÷ SE² and Q = Σw (value − Σw
// value ÷ Σw)² (DerSimonian and Laird, Controlled Clinical Trials 7 (1986) 177–188); and the share of the variation between the
// values that is more than chance: I² = (Q − (k − 1)) ÷ Q, at least 0 (Higgins and Thompson, Statistics in Medicine 21 (2002)
// 1539–1558).
func heterogeneity(values, squares []float64) (between, real float64) {
	lowest := slices.Min(squares) // weights in its units: no scale of values overflows
	// Q and Σw − Σw² ÷ Σw, both as sums over pairs: no digit cancels where one is far more certain than the others.
	var weights, q, spread float64
	for i, v := range values {
		w := lowest / squares[i]
		weights += w
		for j := range i {
			pair, d := w*(lowest/squares[j]), (v-values[j])/math.Sqrt(lowest)
			spread += 2 * pair
			q += pair * d * d
		}
	}
	q, spread = q/weights, spread/weights
	if beyond := q - float64(len(values)-1); beyond > 0 && spread > 0 {
		return lowest * beyond / spread, min(1, beyond/q)
	}
	return 0, 0
}

// Ends returns the best and the worst of those groups whose interval lies wholly on one side of the value over all; empty where
// there is none, and where better is 0. Of equal ones it is the first. An interval without width is of cases that happen to be
// alike, and places no group.
func Ends(all float64, groups []GroupScore, better int) (best, worst string) {
	var top, bottom float64
	for _, g := range groups {
		if better == 0 || g.Interval == nil || g.Interval.Low == g.Interval.High {
			continue
		}
		at, near, far := float64(better)*g.Value, float64(better)*g.Interval.Low, float64(better)*g.Interval.High
		mean := float64(better) * all
		if min(near, far) > mean && (best == "" || at > top) {
			best, top = g.Group, at
		}
		if max(near, far) < mean && (worst == "" || at < bottom) {
			worst, bottom = g.Group, at
		}
	}
	return best, worst
}
