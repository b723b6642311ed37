package score_test

import (
	"encoding/csv"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/touchstone-cx/touchstone/services/correlation/cell"
	"github.com/touchstone-cx/touchstone/services/internal/sharedtest"
)

func readGolden(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(sharedtest.File(t, filepath.Join("golden-stats", path)))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

type tolerance struct{ Rel, Abs float64 }

func near(t *testing.T, name string, got, want float64, tol tolerance) {
	t.Helper()
	if !(math.Abs(got-want) <= tol.Abs+tol.Rel*math.Abs(want)) {
		t.Errorf("%s: got %.17g, want %.17g", name, got, want)
	}
}

func npsSample(promoters, passives, detractors int64) *cell.Sample {
	s := sampleOf(nil, 1)
	m := s.Measure[""]
	for v, n := range map[int64]int64{10: promoters, 7: passives, 0: detractors} {
		for range n {
			m.Add(v, s.Bins.Of(v), 1)
		}
	}
	return s
}

func TestGoldenNPS(t *testing.T) {
	var cases []struct {
		ID     string
		Inputs struct {
			A []int64 `json:"a_promoters_passives_detractors"`
			B []int64 `json:"b_promoters_passives_detractors"`
		}
		Expected map[string]map[string]float64
		Tol      map[string]tolerance
	}
	if err := json.Unmarshal(readGolden(t, "cases/nps.json"), &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		for group, in := range map[string][]int64{"a": c.Inputs.A, "b": c.Inputs.B} {
			if in == nil {
				continue
			}
			s, want, tol := npsSample(in[0], in[1], in[2]), c.Expected[group], c.Tol["default"]
			wald, adjusted := compute(t, "recommend.nps", s), compute(t, "recommend.nps_adjusted", s)
			if wald.N != int64(want["n"]) || adjusted.N != wald.N {
				t.Errorf("%s %s: n %d and %d, want %v", c.ID, group, wald.N, adjusted.N, want["n"])
			}
			for name, got := range map[string]float64{
				"nps": *wald.Value, "se": *wald.SE, "wald_lo": wald.Interval.Low, "wald_hi": wald.Interval.High,
				"adj_nps": *adjusted.Value, "adj_se": *adjusted.SE, "adj_lo": adjusted.Interval.Low, "adj_hi": adjusted.Interval.High,
			} {
				near(t, c.ID+" "+group+" "+name, got, want[name], tol)
			}
		}
	}
}

func TestGoldenProportions(t *testing.T) {
	var cases []struct {
		ID       string
		Inputs   struct{ X1, N1, X2, N2 int64 }
		Expected map[string]float64
		Tol      map[string]tolerance
	}
	if err := json.Unmarshal(readGolden(t, "cases/two_proportions.json"), &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		for group, in := range map[string][2]int64{"1": {c.Inputs.X1, c.Inputs.N1}, "2": {c.Inputs.X2, c.Inputs.N2}} {
			r := compute(t, "satisfied.top2", topSample(in[0], in[1]))
			tol := c.Tol["default"]
			near(t, c.ID+" p", *r.Value/100, c.Expected["p"+group], tol)
			near(t, c.ID+" low", r.Interval.Low/100, c.Expected["wilson"+group+"_lo"], tol)
			near(t, c.ID+" high", r.Interval.High/100, c.Expected["wilson"+group+"_hi"], tol)
		}
	}
}

// TestGoldenUnivariate compares mean and SD with NIST's certified values; NumAcc3 is the case in which the textbook formula
// in floating point loses every digit.
func TestGoldenUnivariate(t *testing.T) {
	var cases []struct {
		ID       string
		Data     struct{ CSV, Y string }
		Expected map[string]float64
		Tol      map[string]tolerance
	}
	if err := json.Unmarshal(readGolden(t, "cases/nist_univariate.json"), &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		rows, err := csv.NewReader(strings.NewReader(string(readGolden(t, c.Data.CSV)))).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		var values []int64
		for _, row := range rows[1:] {
			// At most one decimal in these files, so that tenths hold them exactly.
			values = append(values, tenths(t, row[0]))
		}
		s := sampleOf(values, 10)
		near(t, c.ID+" mean", *compute(t, "tenths.mean", s).Value, c.Expected["mean"], c.Tol["mean"])
		near(t, c.ID+" sd", *compute(t, "tenths.sd", s).Value, c.Expected["sd"], c.Tol["sd"])
	}
}

// TestWorkedSFO are the worked numbers of the San Francisco airport surveys of 2017 and 2018.
func TestWorkedSFO(t *testing.T) {
	for _, c := range []struct {
		n, p, d                        int64
		nps, se, low, high, adj, al, a float64
	}{
		{2746, 1436, 342, 39.8398, 1.33414, 37.2249, 42.4546, 39.7963, 37.1824, 42.4102},
		{2650, 1268, 447, 30.9811, 1.44220, 28.1545, 33.8078, 30.9461, 28.1209, 33.7713},
	} {
		s := npsSample(c.p, c.n-c.p-c.d, c.d)
		w, a := compute(t, "recommend.nps", s), compute(t, "recommend.nps_adjusted", s)
		for name, pair := range map[string][2]float64{
			"nps": {*w.Value, c.nps}, "low": {w.Interval.Low, c.low}, "high": {w.Interval.High, c.high},
			"adjusted": {*a.Value, c.adj}, "adjusted low": {a.Interval.Low, c.al}, "adjusted high": {a.Interval.High, c.a},
		} {
			near(t, name, pair[0], pair[1], tolerance{Abs: 0.00006})
		}
		near(t, "se", *w.SE, c.se, tolerance{Abs: 0.000006})
	}
	for _, c := range []struct {
		hits, n   int64
		low, high float64
	}{{8, 10, 49.02, 94.33}, {80, 100, 71.12, 86.66}, {0, 10, 0, 27.75}} {
		r := compute(t, "satisfied.top2", topSample(c.hits, c.n))
		near(t, "low", r.Interval.Low, c.low, tolerance{Abs: 0.005})
		near(t, "high", r.Interval.High, c.high, tolerance{Abs: 0.005})
	}
}

// TestStudentT compares mean intervals with R's t.test: one per sample size, published 97.5% quantiles of t.
func TestStudentT(t *testing.T) {
	for df, want := range map[int]float64{1: 12.706204736432095, 2: 4.302652729911275, 9: 2.2621571627409915, 30: 2.0422724563012373, 199: 1.9719565442493954, 200: 1.9718962236339095, 1000: 1.9623390808264078} {
		values := make([]int64, df+1)
		for i := range values {
			values[i] = int64(i % 2)
		}
		r := compute(t, "points.mean", sampleOf(values, 1))
		near(t, "t", (r.Interval.High-*r.Value)/(*r.SE), want, tolerance{Rel: 1e-9})
	}
}
