package admit_test

import (
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
)

// decimal admits an interaction with one decimal amount of a metric of a resolution, and returns the value recorded.
func (r *rig) decimal(t interface{ Fatal(...any) }, text string, resolution int64, rounding factv1.Rounding) (int64, ingestv1.Reason) {
	m := *r.m
	m.Metrics = map[string]*expmap.Metric{"x": {ID: "x", Resolution: resolution, Proto: &mapv1.Metric{Id: "x", Unit: "s"}}}
	f := interaction()
	f.GetInteraction().Metrics = []*factv1.MetricValue{decimal("x", text, rounding)}
	f.GetInteraction().Note, f.GetInteraction().Contact = "", nil
	own := *r
	own.m = &m
	out, why := own.admit(t, f)
	if why != nil {
		return 0, why.GetReason()
	}
	return out.GetInteraction().GetMetrics()[0].GetValue(), 0
}

// wanted is the arithmetic of rationals: amount × resolution, fitted as the rounding says.
func wanted(text string, resolution int64, rounding factv1.Rounding) (int64, ingestv1.Reason) {
	x, ok := new(big.Rat).SetString(strings.TrimPrefix(text, "+"))
	if !ok {
		return 0, invalid
	}
	x.Mul(x, new(big.Rat).SetInt64(resolution))
	n := new(big.Int).Div(x.Num(), x.Denom()) // the floor
	if !x.IsInt() {
		rest := new(big.Rat).Sub(x, new(big.Rat).SetInt(n))
		half := rest.Cmp(big.NewRat(1, 2))
		switch rounding {
		case factv1.Rounding_ROUNDING_HALF_EVEN:
			if half > 0 || half == 0 && n.Bit(0) == 1 {
				n.Add(n, big.NewInt(1))
			}
		case factv1.Rounding_ROUNDING_FLOOR:
		case factv1.Rounding_ROUNDING_CEILING:
			n.Add(n, big.NewInt(1))
		default:
			return 0, ingestv1.Reason_REASON_RESOLUTION
		}
	}
	if new(big.Int).Abs(n).Cmp(big.NewInt(1<<47)) >= 0 {
		return 0, invalid
	}
	return n.Int64(), 0
}

func TestDecimalsAreExact(t *testing.T) {
	r := newRig(t)
	digits := func(most int) *rapid.Generator[string] {
		return rapid.OneOf(rapid.StringMatching(`[0-9]{0,3}`), rapid.StringMatching(`[0-9]{0,`+string(rune('0'+most))+`}`), rapid.SampledFrom([]string{"5", "50", "500", "4999", "0000", "9999"}))
	}
	resolutions := rapid.OneOf(rapid.SampledFrom([]int64{1, 2, 3, 7, 10, 60, 100, 1000, 3600, 999_999, 1_000_000}), rapid.Int64Range(1, 1_000_000))
	rapid.Check(t, func(rt *rapid.T) {
		for range 20 {
			text := oneOf(rt, "", "-", "+") + "0" + digits(9).Draw(rt, "whole") + digits(9).Draw(rt, "more")
			if rapid.Bool().Draw(rt, "point") {
				text += "." + digits(9).Draw(rt, "fraction") + oneOf(rt, "", "0", "5")
			}
			if strings.HasSuffix(text, ".") || len(text) > 32 {
				continue
			}
			resolution, rounding := resolutions.Draw(rt, "resolution"), factv1.Rounding(rapid.IntRange(0, 3).Draw(rt, "rounding"))
			got, why := r.decimal(rt, text, resolution, rounding)
			want, whyWant := wanted(text, resolution, rounding)
			if got != want || why != whyWant {
				rt.Fatalf("%q in 1/%d, %v: %d %v, want %d %v", text, resolution, rounding, got, why, want, whyWant)
			}
		}
	})
}

func TestDecimals(t *testing.T) {
	r := newRig(t)
	const even, floor, ceiling = factv1.Rounding_ROUNDING_HALF_EVEN, factv1.Rounding_ROUNDING_FLOOR, factv1.Rounding_ROUNDING_CEILING
	for _, c := range []struct {
		text       string
		resolution int64
		rounding   factv1.Rounding
		want       int64
		why        ingestv1.Reason
	}{
		{"12.5", 1000, 0, 12500, 0},
		{"-3", 1, 0, -3, 0},
		{"+5", 100, 0, 500, 0},
		{"5.", 1, 0, 5, 0},
		{".5", 10, 0, 5, 0},
		{"-0", 1, 0, 0, 0},
		{"-0.0000000000000000000000000000", 1, 0, 0, 0},
		{"00000000000000000000000000000001", 1, 0, 1, 0},
		{"0.1", 3, 0, 0, resolution},
		{"0.333333333333333333333333333333", 3, even, 1, 0},
		{"0.333333333333333333333333333333", 3, floor, 0, 0},
		{"0.0000000000000000000000000000001", 1, ceiling, 0, invalid}, // 33 characters
		{"0.000000000000000000000000000001", 1, ceiling, 1, 0},
		{"-0.000000000000000000000000000001", 1, floor, 0, invalid},
		{"-0.00000000000000000000000000001", 1, floor, -1, 0},
		{"-0.00000000000000000000000000001", 1, ceiling, 0, 0},
		{"0.5", 1, even, 0, 0},
		{"1.5", 1, even, 2, 0},
		{"2.5", 1, even, 2, 0},
		{"-0.5", 1, even, 0, 0},
		{"-1.5", 1, even, -2, 0},
		{"-2.5", 1, even, -2, 0},
		{"2.500000000000000000000000001", 1, even, 3, 0},
		{"140737488355327", 1, 0, 1<<47 - 1, 0},
		{"-140737488355327", 1, 0, -1<<47 + 1, 0},
		{"140737488355328", 1, 0, 0, invalid},
		{"-140737488355328", 1, 0, 0, invalid},
		{"140737488355327.4", 1, even, 1<<47 - 1, 0},
		{"140737488355327.5", 1, even, 0, invalid},
		{"140737488.355327", 1_000_000, 0, 1<<47 - 1, 0},
		{"140737488.355328", 1_000_000, 0, 0, invalid},
		{"99999999999999999999999999999999", 1_000_000, 0, 0, invalid},
		{"", 1, 0, 0, invalid},
		{"-", 1, 0, 0, invalid},
		{".", 1, 0, 0, invalid},
		{"-.", 1, 0, 0, invalid},
		{"--1", 1, 0, 0, invalid},
		{"1-", 1, 0, 0, invalid},
		{"1..2", 1, 0, 0, invalid},
		{"1.2.3", 1, 0, 0, invalid},
		{"1,5", 1, 0, 0, invalid},
		{"1e3", 1, 0, 0, invalid},
		{"0x1", 1, 0, 0, invalid},
		{"1_000", 1, 0, 0, invalid},
		{" 1", 1, 0, 0, invalid},
		{"1 ", 1, 0, 0, invalid},
		{"١", 1, 0, 0, invalid},
		{"NaN", 1, 0, 0, invalid},
		{"Inf", 1, 0, 0, invalid},
		{"1/2", 2, 0, 0, invalid},
	} {
		if got, why := r.decimal(t, c.text, c.resolution, c.rounding); got != c.want || why != c.why {
			t.Errorf("%q in 1/%d, %v: %d %v, want %d %v", c.text, c.resolution, c.rounding, got, why, c.want, c.why)
		}
	}
}
