package score_test

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/touchstone-cx/touchstone/services/correlation/score"
)

var anyEstimates = rapid.Custom(func(rt *rapid.T) []score.Estimate {
	center := rapid.Float64Range(-1e6, 1e6).Draw(rt, "center")
	out := make([]score.Estimate, rapid.IntRange(1, 30).Draw(rt, "agents"))
	for i := range out {
		out[i] = score.Estimate{
			N: rapid.Int64Range(1, 1e6).Draw(rt, "n"), Value: center + rapid.Float64Range(-1e3, 1e3).Draw(rt, "value"),
			SE: rapid.OneOf(rapid.Just(0.0), rapid.Float64Range(1e-6, 1e3)).Draw(rt, "se"),
		}
	}
	return out
})

func alike(a, b float64) bool { return math.Abs(a-b) <= 1e-6*max(1, math.Abs(a), math.Abs(b)) }

// Every value lies between its own and the mean, by its weight, within its interval; and the order in which agents come makes
// no difference.
func TestShrunkenLieBetweenOwnAndMean(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		of := anyEstimates.Draw(rt, "estimates")
		mean, got := score.Shrink(of)
		least, most := math.Inf(1), math.Inf(-1)
		for i, e := range of {
			s := got[i]
			least, most = min(least, e.Value), max(most, e.Value)
			switch {
			case s.Weight < 0 || s.Weight > 1 || math.IsNaN(s.Weight):
				rt.Fatalf("weight %v", s.Weight)
			case !alike(s.Value, s.Weight*e.Value+(1-s.Weight)*mean):
				rt.Fatalf("%v is not %v of %v and the rest of %v", s.Value, s.Weight, e.Value, mean)
			case s.Value < min(e.Value, mean)-1e-6*math.Abs(mean)-1e-6 || s.Value > max(e.Value, mean)+1e-6*math.Abs(mean)+1e-6:
				rt.Fatalf("%v is not between %v and %v", s.Value, e.Value, mean)
			case !(s.Low <= s.Value && s.Value <= s.High):
				rt.Fatalf("%v is not in %v to %v", s.Value, s.Low, s.High)
			}
		}
		if mean < least-1e-6*math.Abs(least)-1e-6 || mean > most+1e-6*math.Abs(most)+1e-6 {
			rt.Fatalf("the mean %v is not between %v and %v", mean, least, most)
		}
		perm := rapid.Permutation(of).Draw(rt, "order")
		other, again := score.Shrink(perm)
		if !alike(mean, other) {
			rt.Fatalf("mean %v, in another order %v", mean, other)
		}
		for i, e := range perm {
			if k := indexOf(of, e); !alike(again[i].Value, got[k].Value) {
				rt.Fatalf("%v, in another order %v", got[k].Value, again[i].Value)
			}
		}
	})
}

func indexOf(of []score.Estimate, e score.Estimate) int {
	for i, x := range of {
		if x == e {
			return i
		}
	}
	return -1
}

// The more cases, the more an agent's own count.
func TestWeightGrowsToOneWithCases(t *testing.T) {
	last := -1.0
	for n := int64(10); n <= 10_000_000; n *= 10 {
		se := 20 / math.Sqrt(float64(n))
		_, got := score.Shrink([]score.Estimate{{N: n, Value: 60, SE: se}, {N: 500, Value: 80, SE: 1}, {N: 500, Value: 90, SE: 1}})
		if got[0].Weight <= last {
			t.Fatalf("n %d: weight %v after %v", n, got[0].Weight, last)
		}
		last = got[0].Weight
	}
	if last < 0.99999 {
		t.Errorf("weight %v with ten million cases", last)
	}
}

func TestShrinkByHand(t *testing.T) {
	for name, c := range map[string]struct {
		of     []score.Estimate
		mean   float64
		values []float64
		half   float64 // of the first interval
	}{
		"nobody": {},
		"alone":  {[]score.Estimate{{20, 70, 5}}, 70, []float64{70}, 1.959964 * 5},
		"equal agents are the mean": {
			[]score.Estimate{{10, 4, 1}, {90, 4, 0.5}},
			4,
			[]float64{4, 4},
			1.959964 * math.Sqrt(1/(1/1.0+1/0.25)),
		},
		"no more than chance: all are the mean": {
			[]score.Estimate{{10, 3, 2}, {10, 5, 2}},
			4,
			[]float64{4, 4},
			1.959964 * math.Sqrt2,
		},
		// Q = 2·(10/1)²=200 with w = 1; τ² = (200 − 1) ÷ (2 − 1) = 199; B = 199/200; Var(mean) = 200/2.
		"far apart": {
			[]score.Estimate{{10, 0, 1}, {10, 20, 1}},
			10,
			[]float64{0.05, 19.95},
			1.959964 * math.Sqrt(0.995+0.005*0.005*100),
		},
		"all cases the same": {[]score.Estimate{{10, 100, 0}, {30, 100, 0}}, 100, []float64{100, 100}, 0},
		"each agent's cases the same, agents not": {
			[]score.Estimate{{10, 0, 0}, {10, 100, 0}},
			50,
			[]float64{0, 100},
			0,
		},
	} {
		t.Run(name, func(t *testing.T) {
			mean, got := score.Shrink(c.of)
			if !alike(mean, c.mean) || len(got) != len(c.values) {
				t.Fatalf("mean %v of %v, want %v", mean, got, c.mean)
			}
			for i, s := range got {
				if !alike(s.Value, c.values[i]) {
					t.Errorf("%d: %v, want %v", i, s.Value, c.values[i])
				}
			}
			if len(got) > 0 && !alike(got[0].High-got[0].Value, c.half) {
				t.Errorf("half an interval %v, want %v", got[0].High-got[0].Value, c.half)
			}
		})
	}
}

// Ten of ten tells less than its standard error of 0 says: it gets that of the others' cases.
func TestAllAlikeIsNotCertain(t *testing.T) {
	_, got := score.Shrink([]score.Estimate{{10, 100, 0}, {100, 70, 4.6}, {100, 80, 4}})
	if got[0].Weight > 0.9 || got[0].Value > 99 || got[0].High-got[0].Low < 5 {
		t.Errorf("%+v", got[0])
	}
}
