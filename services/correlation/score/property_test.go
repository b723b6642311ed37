package score_test

import (
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"
	"pgregory.net/rapid"

	"github.com/touchstone-cx/touchstone/services/correlation/cell"
	"github.com/touchstone-cx/touchstone/services/correlation/score"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
)

func parse(s string) (float64, error) { return strconv.ParseFloat(s, 64) }

func asFault(err error, e **fault.Error) bool { return errors.As(err, e) }

// aSample draws interactions and values of any outcome, published sums now and then.
func aSample(t *rapid.T, name string, resolution int64, values *rapid.Generator[int64]) (*cell.Sample, []int64) {
	s := &cell.Sample{Interactions: map[string]int64{}, Measure: map[string]*cell.Moments{}, Bins: cell.NewBins(resolution)}
	var all []int64
	for range rapid.IntRange(0, 60).Draw(t, name) {
		outcome := rapid.SampledFrom([]string{"", "answered", "abandoned", "left"}).Draw(t, "outcome")
		if rapid.IntRange(0, 4).Draw(t, "measured") == 0 {
			calls(s, outcome, -1)
			continue
		}
		v := values.Draw(t, "value")
		s.Interactions[outcome]++
		if s.Measure[outcome] == nil {
			s.Measure[outcome] = new(cell.Moments)
		}
		s.Measure[outcome].Add(v, s.Bins.Of(v), 1)
		all = append(all, v)
	}
	if rapid.IntRange(0, 5).Draw(t, "published") == 0 {
		m := &cell.Moments{ObservedN: rapid.Int64Range(1, 1<<40).Draw(t, "cases"), ObservedSum: cell.Int(rapid.Int64Range(-1<<62, 1<<62).Draw(t, "sum"))}
		if s.Measure[""] == nil {
			s.Measure[""] = new(cell.Moments)
		}
		s.Measure[""] = added(s.Measure[""], m)
	}
	return s, all
}

func added(all ...*cell.Moments) *cell.Moments {
	var a cell.Adder
	for _, m := range all {
		a.Add(m, true)
	}
	return a.Take()
}

func merged(a, b *cell.Sample) *cell.Sample {
	s := &cell.Sample{Interactions: map[string]int64{}, Measure: map[string]*cell.Moments{}, Bins: a.Bins}
	for _, x := range []*cell.Sample{b, a} {
		for o, n := range x.Interactions {
			s.Interactions[o] += n
		}
		for o, m := range x.Measure {
			if s.Measure[o] == nil {
				s.Measure[o] = new(cell.Moments)
			}
			s.Measure[o] = added(s.Measure[o], m)
		}
	}
	return s
}

// TestEveryScoreIsSound computes every score of any sample: never NaN, values within their bounds and near their interval,
// the same for a merge of parts in any order as for the whole.
func TestEveryScoreIsSound(t *testing.T) {
	c := catalogue()
	rapid.Check(t, func(t *rapid.T) {
		resolution := rapid.SampledFrom([]int64{1, 10, 1000}).Draw(t, "resolution")
		values := rapid.OneOf(rapid.Int64Range(-12, 12), rapid.Int64Range(0, 400_000), rapid.Int64Range(-1<<47+1, 1<<47-1))
		a, _ := aSample(t, "a", resolution, values)
		b, _ := aSample(t, "b", resolution, values)
		ab, ba := merged(a, b), merged(b, a)
		for _, d := range c.All() {
			r, other := d.Compute(ab), d.Compute(ba)
			if testingResult(r) != testingResult(other) {
				t.Fatalf("%s depends on the order: %s and %s", d.ID, testingResult(r), testingResult(other))
			}
			if (r.Value == nil) != (r.Suppressed != "") {
				t.Fatalf("%s: value %v, suppressed %q", d.ID, r.Value, r.Suppressed)
			}
			for _, v := range []*float64{r.Value, r.SE, r.Coverage} {
				if v != nil && (math.IsNaN(*v) || math.IsInf(*v, 0)) {
					t.Fatalf("%s: %v", d.ID, *v)
				}
			}
			if r.Value != nil && d.Unit == "%" && (*r.Value < 0 || *r.Value > 100) {
				t.Fatalf("%s: %v%%", d.ID, *r.Value)
			}
			if r.Value != nil && isDifference(d.ID) && math.Abs(*r.Value) > 100 {
				t.Fatalf("%s: %v points", d.ID, *r.Value)
			}
			if r.Value != nil && strings.HasSuffix(d.ID, ".spread") && *r.Value < 0 {
				t.Fatalf("%s: %v", d.ID, *r.Value)
			}
			if i := r.Interval; i != nil {
				if !(i.Low <= i.High) || i.Method != "order statistic" && !(i.Low <= *r.Value+1e-9 && *r.Value-1e-9 <= i.High) {
					t.Fatalf("%s: %v outside %v", d.ID, *r.Value, *i)
				}
				if d.Unit == "%" && (i.Low < 0 || i.High > 100) {
					t.Fatalf("%s: %v", d.ID, *i)
				}
			}
			_ = r.Explain()
		}
	})
}

// isDifference reports whether a score is a share minus a share.
func isDifference(id string) bool {
	return slices.ContainsFunc([]string{".nps", ".nps_adjusted", ".net", ".net_top"}, func(s string) bool { return strings.HasSuffix(id, s) })
}

func testingResult(r score.Result) string {
	f := func(v *float64) string {
		if v == nil {
			return "-"
		}
		return strconv.FormatFloat(*v, 'x', -1, 64)
	}
	s := f(r.Value) + " " + f(r.SE) + " " + f(r.Coverage) + " " + strconv.FormatInt(r.N, 10) + " " + r.Suppressed
	if r.Interval != nil {
		s += " " + f(&r.Interval.Low) + " " + f(&r.Interval.High)
	}
	return s
}

// TestAgainstPlainSums compares mean, SD and percentiles with the plain list of values.
func TestAgainstPlainSums(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.OneOf(rapid.Int64Range(0, 300), rapid.Int64Range(-5000, 100_000)), 1, 200).Draw(t, "values")
		s := sampleOf(values, 1)
		slices.Sort(values)
		n := len(values)
		var sum, dev float64
		for _, v := range values {
			sum += float64(v)
		}
		mean := sum / float64(n)
		for _, v := range values {
			dev += (float64(v) - mean) * (float64(v) - mean)
		}
		get := func(id string) score.Result {
			d, err := catalogue().Find("", id)
			if err != nil {
				t.Fatal(err)
			}
			return d.Compute(s)
		}
		if got := *get("points.mean").Value; math.Abs(got-mean) > 1e-9*(1+math.Abs(mean)) {
			t.Fatalf("mean %v, want %v", got, mean)
		}
		if n > 1 {
			if got, want := *get("points.sd").Value, math.Sqrt(dev/float64(n-1)); math.Abs(got-want) > 1e-9*(1+want) {
				t.Fatalf("sd %v, want %v", got, want)
			}
		}
		if got, want := *get("points.spread").Value, *get("points.p90").Value-*get("points.p10").Value; got != want {
			t.Fatalf("spread %v, want %v", got, want)
		}
		for p, id := range map[float64]string{10: "points.p10", 50: "points.median", 90: "points.p90", 95: "points.p95"} {
			r := get(id)
			want := float64(values[int(math.Ceil(p*float64(n)/100-1e-9))-1])
			if tol := 0.01 * math.Abs(want); math.Abs(want) <= 300 && *r.Value != want || math.Abs(*r.Value-want) > tol+1e-9 {
				t.Fatalf("%s of %d: %v, want %v", id, n, *r.Value, want)
			}
			if r.Interval == nil {
				continue
			}
			// The interval's ranks, by the binomial itself: each tail at most 2.5%, and no tighter rank does.
			below := func(x float64) int { i, _ := slices.BinarySearch(values, int64(math.Ceil(x))); return i }
			b := distuv.Binomial{N: float64(n), P: p / 100}
			if l := below(r.Interval.Low) + 1; l > 1 && float64(l-1) > 0 && b.CDF(float64(below(r.Interval.Low)-1)) > 0.025+1e-12 {
				t.Fatalf("%s: lower tail %v", id, b.CDF(float64(below(r.Interval.Low)-1)))
			}
			atMost := n - below(r.Interval.High+1)
			if u := n - atMost; u <= n && 1-b.CDF(float64(u-1)) > 0.025+1e-12 {
				t.Fatalf("%s: upper tail %v", id, 1-b.CDF(float64(u-1)))
			}
		}
	})
}

// TestNoIntervalWithoutRanks: below 6 values no two ranks hold the median with 95%.
func TestNoIntervalWithoutRanks(t *testing.T) {
	for n := 1; n <= 12; n++ {
		values := make([]int64, n)
		for i := range values {
			values[i] = int64(i)
		}
		r := compute(t, "points.median", sampleOf(values, 1))
		if (r.Interval != nil) != (n >= 6) {
			t.Errorf("%d values: %v", n, r.Interval)
		}
		if n == 10 && (r.Interval.Low != 1 || r.Interval.High != 8) { // ranks 2 and 9, as every table has it
			t.Errorf("10 values: %v", *r.Interval)
		}
	}
}

// TestNoCancellation: values far from zero with a small spread keep every digit.
func TestNoCancellation(t *testing.T) {
	base := int64(1)<<46 + 12345
	r := compute(t, "points.sd", sampleOf([]int64{base - 1, base, base + 1}, 1))
	if *r.Value != 1 {
		t.Errorf("sd %v, want 1", *r.Value)
	}
}

func BenchmarkCompute(b *testing.B) {
	values := make([]int64, 2000)
	for i := range values {
		values[i] = int64(i*i) % 400_000
	}
	s := sampleOf(values, 1000)
	s.Interactions["answered"] = 2000
	s.Measure["answered"], s.Measure[""] = s.Measure[""], nil
	delete(s.Measure, "")
	c := catalogue()
	for _, id := range []string{"wait.mean", "wait.median", "wait.p95", "wait.sd", "sl_below"} {
		b.Run(id, func(b *testing.B) {
			d := c.Lookup(id)
			for b.Loop() {
				d.Compute(s)
			}
		})
	}
}
