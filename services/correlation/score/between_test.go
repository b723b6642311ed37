package score_test

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/touchstone-cx/touchstone/services/correlation/score"
)

func estimate(v float64, se ...float64) score.GroupScore {
	e := score.GroupScore{Value: v}
	if len(se) > 0 {
		e.SE = &se[0]
	}
	return e
}

// TestBetweenGroupsByHand was worked out on paper.
func TestBetweenGroupsByHand(t *testing.T) {
	for _, c := range []struct {
		name     string
		groups   []score.GroupScore
		sd, real float64
		none     bool
	}{
		// w = 1 each, mean 20, Q = 200, Σw − Σw² ÷ Σw = 2: τ² = (200 − 2) ÷ 2, I² = 198 ÷ 200.
		{"as precise", []score.GroupScore{estimate(10, 1), estimate(20, 1), estimate(30, 1)}, math.Sqrt(99), 0.99, false},
		// w = 1 and ¼, mean 0.8, Q = 0.64 + ¼ × 10.24 = 3.2, 1.25 − 1.0625 ÷ 1.25 = 0.4: τ² = 2.2 ÷ 0.4, I² = 2.2 ÷ 3.2.
		{"not as precise", []score.GroupScore{estimate(0, 1), estimate(4, 2)}, math.Sqrt(5.5), 0.6875, false},
		// Q = ½ < 1: no more than chance gives.
		{"chance", []score.GroupScore{estimate(1, 1), estimate(2, 1)}, 0, 0, false},
		{"one without", []score.GroupScore{estimate(0, 1), estimate(4, 2), estimate(100), estimate(7, 0)}, math.Sqrt(5.5), 0.6875, false},
		{"one group", []score.GroupScore{estimate(0, 1), estimate(4)}, 0, 0, true},
		{"no group", nil, 0, 0, true},
	} {
		got := score.BetweenGroups(c.groups)
		if (got == nil) != c.none || got != nil && (math.Abs(got.SD-c.sd) > 1e-12 || math.Abs(got.Real-c.real) > 1e-12) {
			t.Errorf("%s: %+v, want %v and %v", c.name, got, c.sd, c.real)
		}
	}
}

func TestBetweenGroupsWhateverTheScale(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value, se := rapid.Float64Range(-1e4, 1e4), rapid.Float64Range(1e-3, 1e3)
		var groups []score.GroupScore
		for range rapid.IntRange(2, 12).Draw(t, "groups") {
			groups = append(groups, estimate(value.Draw(t, "value"), se.Draw(t, "se")))
		}
		is := score.BetweenGroups(groups)
		if is == nil || is.SD < 0 || is.Real < 0 || is.Real > 1 || (is.SD > 0) != (is.Real > 0) || math.IsNaN(is.SD+is.Real) {
			t.Fatalf("%+v", is)
		}
		close := func(a, b float64) bool { return math.Abs(a-b) <= 1e-6*max(1, math.Abs(a), math.Abs(b)) }
		turned := slices.Clone(groups)
		slices.Reverse(turned)
		if x := score.BetweenGroups(turned); !close(x.SD, is.SD) || !close(x.Real, is.Real) {
			t.Fatalf("in another order %+v, not %+v", x, is)
		}
		by, factor := value.Draw(t, "by"), rapid.SampledFrom([]float64{1e-6, 0.01, 60, 1e6}).Draw(t, "factor")
		var other, alike []score.GroupScore
		for _, g := range groups {
			other = append(other, estimate((g.Value+by)*factor, *g.SE*factor))
			alike = append(alike, estimate(by, *g.SE))
		}
		if x := score.BetweenGroups(other); math.Abs(x.SD-factor*is.SD) > 1e-6*factor*max(1, is.SD) || math.Abs(x.Real-is.Real) > 1e-6 {
			t.Fatalf("moved and stretched %+v, not %+v", x, is)
		}
		if x := score.BetweenGroups(alike); x.SD != 0 && x.Real > 1e-9 {
			t.Fatalf("%+v between values that are alike", x)
		}
	})
}

func TestEnds(t *testing.T) {
	of := func(id string, v, low, high float64) score.GroupScore {
		return score.GroupScore{Group: id, Value: v, Interval: &score.Interval{Low: low, High: high}}
	}
	groups := []score.GroupScore{of("a", 10, 8, 12), of("b", 14, 11, 17), of("c", 20, 16, 24), of("d", 30, 9, 51), {Group: "e", Value: 99}, of("f", 9, 7, 11), of("g", 20, 17, 23), of("h", 50, 50, 50)}
	for _, c := range []struct {
		all         float64
		better      int
		best, worst string
	}{
		{15, 1, "c", "f"}, {15, -1, "f", "c"}, {15, 0, "", ""}, {10, 1, "c", ""}, {7, -1, "", "d"}, {100, 1, "", "f"},
	} {
		if best, worst := score.Ends(c.all, groups, c.better); best != c.best || worst != c.worst {
			t.Errorf("%+v: %q and %q", c, best, worst)
		}
	}
}
