package score_test

import (
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/touchstone-cx/touchstone/services/correlation/cell"
	"github.com/touchstone-cx/touchstone/services/correlation/score"
	"github.com/touchstone-cx/touchstone/services/internal/sharedtest"
)

// sixLevels are the published formulas, sl1 to sl6.
func sixLevels(threshold float64, atMost bool, short float64) []score.ServiceLevel {
	var all []score.ServiceLevel
	for f := score.WithinSucceed; f <= score.ShortLeftOut; f++ {
		all = append(all, score.ServiceLevel{
			ID: fmt.Sprintf("sl%d", f), Metric: wait, Threshold: threshold, AtMost: atMost, Short: short,
			Outcomes: []string{"answered"}, Abandoned: []string{"abandoned"}, Abandons: f,
		})
	}
	return all
}

func levels(all []score.ServiceLevel, outcomes ...string) *score.Catalogue {
	return score.NewCatalogue(score.Spec{Metrics: []score.Measure{wait}, Outcomes: outcomes, ServiceLevels: all})
}

func noCalls() *cell.Sample {
	return &cell.Sample{Interactions: map[string]int64{}, Measure: map[string]*cell.Moments{}, Bins: cell.NewBins(1000)}
}

// worked holds A 1000 of which 860 within 20 s, Ab 60 of which 20 within 20 s and 10 before 5 s.
func worked() *cell.Sample {
	s := noCalls()
	for outcome, waits := range map[string]map[int64]int{
		"answered":  {19_999: 860, 20_001: 140},
		"abandoned": {4_999: 10, 5_000: 10, 30_000: 40},
	} {
		for w, n := range waits {
			calls(s, outcome, slices.Repeat([]int64{w}, n)...)
		}
	}
	return s
}

func TestSixServiceLevels(t *testing.T) {
	c := levels(sixLevels(20, false, 5), "answered", "abandoned", "left")
	for id, want := range map[string]struct {
		value   float64
		formula string
	}{
		"sl1": {83.02, "100 × (860 + 20) ÷ (1000 + 60)"},
		"sl2": {86.00, "100 × 860 ÷ 1000"},
		"sl3": {81.13, "100 × 860 ÷ (1000 + 60)"},
		"sl4": {82.69, "100 × 860 ÷ (1000 + 60 − 20)"},
		"sl5": {82.08, "100 × (860 + 10) ÷ (1000 + 60)"},
		"sl6": {81.90, "100 × 860 ÷ (1000 + 60 − 10)"},
	} {
		r := c.Lookup(id).Compute(worked())
		sound(t, id, r)
		if r.Suppressed != "" || *r.Coverage != 1 {
			t.Errorf("%s: %+v", id, r)
			continue
		}
		near(t, id, *r.Value, want.value, tolerance{Abs: 0.005})
		if f := r.Explain().Formula; f != want.formula {
			t.Errorf("%s: %s, want %s", id, f, want.formula)
		}
	}
	q := c.Lookup("sl6").Compute(worked()).Explain().Quantities
	if q[0].Value != "860" || q[2] != (score.Quantity{Name: "abandoned", Value: "60"}) || q[3] != (score.Quantity{Name: "short abandons", Value: "10"}) {
		t.Errorf("%v", q)
	}
}

// TestBoundaries: 20 s is within "at most" for answered and abandoned alike; a short abandon is always below its limit.
func TestBoundaries(t *testing.T) {
	s := noCalls()
	calls(s, "answered", 20_000, 20_000, 30_000)
	calls(s, "abandoned", 20_000, 5_000)
	for atMost, want := range map[bool][]string{
		false: {"100 × (0 + 1) ÷ (3 + 2)", "100 × 0 ÷ 3", "100 × 0 ÷ (3 + 2)", "100 × 0 ÷ (3 + 2 − 1)", "100 × (0 + 0) ÷ (3 + 2)", "100 × 0 ÷ (3 + 2 − 0)"},
		true:  {"100 × (2 + 2) ÷ (3 + 2)", "100 × 2 ÷ 3", "100 × 2 ÷ (3 + 2)", "100 × 2 ÷ (3 + 2 − 2)", "100 × (2 + 0) ÷ (3 + 2)", "100 × 2 ÷ (3 + 2 − 0)"},
	} {
		c := levels(sixLevels(20, atMost, 5), "answered", "abandoned")
		for i, f := range want {
			if got := c.Lookup(fmt.Sprintf("sl%d", i+1)).Compute(s).Explain().Formula; got != f {
				t.Errorf("at most %v, sl%d: %s, want %s", atMost, i+1, got, f)
			}
		}
	}
}

// TestLeftOtherIsASwitch: who left in another way is offered and not answered where that is switched on, else not counted.
func TestLeftOtherIsASwitch(t *testing.T) {
	s := worked()
	calls(s, "left", 1_000, -1) // need no wait
	calls(s, "misdialled", 2_000)
	for i, l := range sixLevels(20, false, 5) {
		without := levels([]score.ServiceLevel{l}, "answered", "abandoned", "left", "misdialled").Lookup(l.ID).Compute(s)
		l.LeftOther = []string{"left"}
		d := levels([]score.ServiceLevel{l}, "answered", "abandoned", "left", "misdialled").Lookup(l.ID)
		with := d.Compute(s)
		if with.Suppressed != "" || with.N != without.N+2 || !strings.Contains(with.Explain().Formula, " + 2") || !strings.Contains(d.Sentence, "left") {
			t.Errorf("sl%d: %+v %s %s", i+1, with, with.Explain().Formula, d.Sentence)
		}
	}
}

// TestUnknownSaysWhatIsLacking also for those without outcome: one whose wait settles it in every case is no matter.
func TestUnknownSaysWhatIsLacking(t *testing.T) {
	s := noCalls()
	calls(s, "answered", 1_000, 30_000)
	calls(s, "abandoned", 40_000)
	calls(s, "", 50_000)
	c := levels(sixLevels(20, false, 5), "answered", "abandoned")
	for id, want := range map[string]string{
		"sl1": "100 × (1 + 0 + 0) ÷ (2 + 1 + 1)", "sl3": "100 × 1 ÷ (2 + 1 + 1)", "sl4": "100 × (1 + 0) ÷ (2 + 1 + 1 − 0)",
	} {
		r := c.Lookup(id).Compute(s)
		want = strings.ReplaceAll(want, "100 × 1 ÷", "100 × (1 + 0) ÷")
		if r.Suppressed != "" || *r.Value != 25 || r.Explain().Formula != want {
			t.Errorf("%s: %+v %s", id, r, r.Explain().Formula)
		}
	}
	if r := c.Lookup("sl2").Compute(s); r.Suppressed != "unknown: 1 without outcome of 3; between 33.33% and 50.00%" {
		t.Errorf("sl2: %+v", r)
	}
	calls(s, "abandoned", -1)
	if r := c.Lookup("sl1").Compute(s); r.Suppressed != "unknown: 1 without wait of 5; between 20.00% and 40.00%" || *r.Coverage != 0.8 || r.N != 5 {
		t.Errorf("sl1: %+v", r)
	}
	if f := c.Lookup("sl4").Compute(s).Explain().Formula; f != "between 100 × 1 ÷ 5 and 100 × 1 ÷ 4" {
		t.Errorf("sl4: %s", f)
	}
	s = noCalls()
	calls(s, "abandoned", -1, 3_000)
	if r := c.Lookup("sl6").Compute(s); r.Suppressed != "unknown: 1 without wait of 1; between 0.00% and 0.00%, or no value" {
		t.Errorf("sl6: %+v", r)
	}
	if r := c.Lookup("sl2").Compute(s); r.Suppressed != "no interactions" {
		t.Errorf("sl2: %+v", r)
	}
}

// TestServiceLevelsOfCalls: nobody noted when the 369 callers that were not answered gave up. Two formulas need not know,
// four cannot be told.
func TestServiceLevelsOfCalls(t *testing.T) {
	f, err := os.Open(sharedtest.File(t, filepath.Join("data", "calls", "calls.csv")))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	s := noCalls()
	within := map[bool]int64{}
	for _, row := range rows[1:] {
		if row[3] == "" {
			calls(s, "abandoned", -1)
			continue
		}
		from, err1 := time.Parse(time.TimeOnly, row[2])
		to, err2 := time.Parse(time.TimeOnly, row[3])
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		w := to.Sub(from)
		if w < 0 {
			w += 24 * time.Hour
		}
		calls(s, "answered", w.Milliseconds())
		for atMost := range map[bool]bool{false: true, true: true} {
			if w < 20*time.Second || atMost && w == 20*time.Second {
				within[atMost]++
			}
		}
	}
	const offered, lost = 25_100, 369
	percent := func(hits, n int64) float64 { return 100 * float64(hits) / float64(n) }
	for atMost, hits := range within {
		c := levels(sixLevels(20, atMost, 5), "answered", "abandoned")
		for id, n := range map[string]int64{"sl2": offered - lost, "sl3": offered} {
			r := c.Lookup(id).Compute(s)
			if r.Suppressed != "" || r.N != n || math.Abs(*r.Value-percent(hits, n)) > 1e-9 {
				t.Errorf("%s: %+v", id, r)
			}
		}
		for id, most := range map[string]float64{
			"sl1": percent(hits+lost, offered), "sl4": percent(hits, offered-lost),
			"sl5": percent(hits+lost, offered), "sl6": percent(hits, offered-lost),
		} {
			want := fmt.Sprintf("unknown: 369 without wait of 25100; between %.2f%% and %.2f%%", percent(hits, offered), most)
			if r := c.Lookup(id).Compute(s); r.Suppressed != want || r.N != offered {
				t.Errorf("%s: %+v, want %s", id, r, want)
			}
		}
	}
}

// parts is what one interaction adds to numerator and denominator.
type parts struct{ num, den int }

// published is one interaction by the formulas as they are published; 0 is the share of answered in time of all offered.
func published(l score.ServiceLevel, outcome string, waited float64) parts {
	inTime := waited < l.Threshold || l.AtMost && waited == l.Threshold
	short := waited < l.Short
	is := func(yes bool) int {
		if yes {
			return 1
		}
		return 0
	}
	switch {
	case outcome == "answered":
		return parts{is(inTime), 1}
	case l.Abandons == score.ByOutcomes:
		return parts{0, 1}
	case slices.Contains(l.LeftOther, outcome):
		return parts{0, 1}
	case outcome != "abandoned":
		return parts{}
	}
	switch l.Abandons {
	case score.WithinSucceed:
		return parts{is(inTime), 1}
	case score.LeftOut:
		return parts{}
	case score.Fail:
		return parts{0, 1}
	case score.WithinLeftOut:
		return parts{0, 1 - is(inTime)}
	case score.ShortSucceed:
		return parts{is(short), 1}
	default:
		return parts{0, 1 - is(short)}
	}
}

// TestBoundsAgainstEveryAssignment draws few interactions, lets each that is not wholly known be everything that it may be,
// and compares value and bounds with the least and the most over all the ways in which they may fall together.
func TestBoundsAgainstEveryAssignment(t *testing.T) {
	waits := []int64{0, 4_999, 5_000, 5_001, 5_499, 5_500, 5_501, 5_999, 6_000, 19_999, 20_000, 20_001, 20_499, 20_500, 20_501, 20_999, 21_000, 60_000}
	bins := cell.NewBins(1000)
	rapid.Check(t, func(t *rapid.T) {
		declared := []string{"answered", "abandoned"}
		for _, o := range []string{"left", "other"} {
			if rapid.Bool().Draw(t, "declares "+o) {
				declared = append(declared, o)
			}
		}
		l := score.ServiceLevel{
			ID: "sl", Metric: wait, Outcomes: []string{"answered"}, Abandoned: []string{"abandoned"},
			Threshold: rapid.SampledFrom([]float64{20, 20.5}).Draw(t, "threshold"), Short: rapid.SampledFrom([]float64{0, 5, 5.5}).Draw(t, "short"),
			AtMost:   rapid.Bool().Draw(t, "at most"),
			Abandons: score.Abandons(rapid.IntRange(int(score.ByOutcomes), int(score.ShortLeftOut)).Draw(t, "formula")),
		}
		if slices.Contains(declared, "left") && rapid.Bool().Draw(t, "counts left") {
			l.LeftOther = []string{"left"}
		}
		s := noCalls()
		ways := []map[parts]bool{}
		for range rapid.IntRange(0, 7).Draw(t, "n") {
			outcome := rapid.SampledFrom(append([]string{""}, declared...)).Draw(t, "outcome")
			w := rapid.SampledFrom(append([]int64{-1}, waits...)).Draw(t, "wait")
			calls(s, outcome, w)
			may := map[parts]bool{}
			for _, o := range declared {
				for _, x := range waits {
					if (outcome == "" || o == outcome) && (w < 0 || bins.Of(x) == bins.Of(w)) {
						may[published(l, o, float64(x)/1000)] = true
					}
				}
			}
			ways = append(ways, may)
		}
		totals := map[parts]bool{{}: true}
		known := true
		for _, may := range ways {
			known = known && len(may) == 1
			next := map[parts]bool{}
			for a := range totals {
				for b := range may {
					next[parts{a.num + b.num, a.den + b.den}] = true
				}
			}
			totals = next
		}
		least, most, n := math.Inf(1), math.Inf(-1), 0
		for p := range totals {
			if n = max(n, p.den); p.den > 0 {
				v := 100 * float64(p.num) / float64(p.den)
				least, most = min(least, v), max(most, v)
			}
		}
		r := levels([]score.ServiceLevel{l}, declared...).Lookup("sl").Compute(s)
		switch {
		case n == 0:
			if r.Suppressed != "no interactions" {
				t.Fatalf("%+v", r)
			}
		case known:
			if r.Suppressed != "" || math.Abs(*r.Value-least) > 1e-9 || least != most || r.N != int64(n) || *r.Coverage != 1 {
				t.Fatalf("%+v, want %v of %d", r, least, n)
			}
		default:
			want := fmt.Sprintf(" of %d; between %.2f%% and %.2f%%", n, least, most)
			if totals[parts{}] {
				want += ", or no value"
			}
			if !strings.HasPrefix(r.Suppressed, "unknown: ") || !strings.HasSuffix(r.Suppressed, want) || r.N != int64(n) || *r.Coverage >= 1 {
				t.Fatalf("%+v, want …%s", r, want)
			}
		}
	})
}
