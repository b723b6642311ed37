package score_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/touchstone-cx/touchstone/services/correlation/cell"
	"github.com/touchstone-cx/touchstone/services/correlation/score"
)

func seconds(id string) score.Measure { return score.Measure{ID: id, Unit: "s", Resolution: 1000} }

func cases(id string) score.Measure { return score.Measure{ID: id, Unit: "invitations", Resolution: 1} }

// beside puts samples together as a score with several measures is given them.
func beside(all ...*cell.Sample) *cell.Sample {
	s := *all[0]
	s.Beside = all[1:]
	return &s
}

// observed is a published sum.
func observed(sum, n int64) *cell.Sample {
	m := new(cell.Moments)
	m.Observe(sum, n, 1)
	return &cell.Sample{Measure: map[string]*cell.Moments{"": m}}
}

// handled is a sample of one metric over handled and lost interactions; −1 is none.
func handled(values []int64, lost ...int64) *cell.Sample {
	s := &cell.Sample{Interactions: map[string]int64{}, Measure: map[string]*cell.Moments{}, Bins: cell.NewBins(1000)}
	calls(s, "answered", values...)
	calls(s, "abandoned", lost...)
	return s
}

func ratio(r score.Ratio) *score.Definition {
	return score.NewCatalogue(score.Spec{Ratios: []score.Ratio{r}}).Lookup(r.ID)
}

func TestHandlingTime(t *testing.T) {
	aht := ratio(score.Ratio{
		ID: "aht", Over: []score.Measure{seconds("talk"), seconds("hold"), seconds("acw")}, Outcomes: []string{"answered"},
		AbsentIsZero: []string{"hold"}, Better: -1,
	})
	if aht.Unit != "s" || !aht.Headline || !aht.OfInteractions || aht.Better != -1 || strings.Join(aht.Of, " ") != "talk acw" || strings.Join(aht.Measures(), " ") != "talk hold acw" {
		t.Errorf("%+v", aht)
	}
	// Talk 100, 200 and 301 s, one hold of 10 s, wrap-up 20 and 30 s and 1 ms. A lost call's value is not in it.
	r := aht.Compute(beside(handled([]int64{100_000, 200_000, 301_000}, 5_000), handled([]int64{-1, 10_000, -1}, -1), handled([]int64{20_000, 30_000, 1}, -1)))
	sound(t, "aht", r)
	if r.Value == nil || *r.Value != 661.001/3 || r.N != 3 || *r.Coverage != 1 || r.Interval != nil {
		t.Errorf("%+v", r)
	}
	if x := r.Explain(); x.Formula != "(601000 ÷ 1000 + 10000 ÷ 1000 + 50001 ÷ 1000) ÷ 3" || x.Quantities[0] != (score.Quantity{Name: "sum of talk (1/1000 s)", Value: "601000"}) {
		t.Errorf("%+v", x)
	}
	// Wrap-up comes late: two have none yet.
	r = aht.Compute(beside(handled([]int64{100_000, 200_000, 300_000}), handled([]int64{-1, -1, -1}), handled([]int64{-1, 30_000, -1})))
	sound(t, "aht", r)
	if r.Suppressed != "unknown: 2 interactions without acw, of 3; at least 210.00 s if nothing that is missing is below 0" || r.N != 3 || math.Abs(*r.Coverage-1.0/3) > 1e-12 {
		t.Errorf("%+v", r)
	}
	if r = aht.Compute(beside(handled(nil, 5_000), handled(nil), handled(nil))); r.Suppressed != "nothing to divide by: no interactions that ended answered" {
		t.Error(r.Suppressed)
	}
}

func TestOccupancy(t *testing.T) {
	d := ratio(score.Ratio{ID: "occupancy", Over: []score.Measure{seconds("busy"), {ID: "acw", Unit: "s", Resolution: 10}}, Under: []score.Measure{seconds("staffed")}})
	if d.Unit != "%" || d.OfInteractions || !strings.Contains(d.Sentence, "more than 100%") {
		t.Errorf("%+v", d)
	}
	for name, c := range map[string]struct {
		s     *cell.Sample
		want  float64
		words string
	}{
		"in part":        {beside(observed(3_000_000, 4), observed(600, 2), observed(3_600_000, 4)), 100 * 3060.0 / 3600, ""},
		"several chats":  {beside(observed(7_200_000, 4), observed(0, 2), observed(3_600_000, 4)), 200, ""},
		"nobody staffed": {beside(observed(0, 1), observed(0, 2), observed(0, 4)), -1, "nothing to divide by: the sum of staffed is 0"},
		"below nothing":  {beside(observed(0, 1), observed(0, 2), observed(-5, 4)), -1, "is below 0"},
		"not published":  {beside(observed(5, 1), observed(5, 2), &cell.Sample{}), -1, "unknown: no measured values of staffed"},
		"half of it":     {beside(observed(5, 1), &cell.Sample{}, observed(5, 1)), -1, "unknown: no measured values of acw"},
	} {
		r := d.Compute(c.s)
		sound(t, name, r)
		if c.want < 0 && !strings.Contains(r.Suppressed, c.words) || c.want >= 0 && (r.Value == nil || math.Abs(*r.Value-c.want) > 1e-9) {
			t.Errorf("%s: %v %q", name, r.Value, r.Suppressed)
		}
	}
	r := d.Compute(beside(observed(3_000_000, 4), observed(600, 2), observed(3_600_000, 4)))
	if x := r.Explain(); x.Formula != "100 × (3000000 ÷ 1000 + 600 ÷ 10) ÷ (3600000 ÷ 1000)" || r.N != 4 {
		t.Errorf("%+v", x)
	}
}

// TestResponseRates: RR1 counts complete answers of delivered invitations, RR2 partial ones too (AAPOR).
func TestResponseRates(t *testing.T) {
	rr1 := ratio(score.Ratio{ID: "rr1", Over: []score.Measure{cases("complete")}, Under: []score.Measure{cases("delivered")}, ShareOfCases: true, Better: 1})
	rr2 := ratio(score.Ratio{ID: "rr2", Over: []score.Measure{cases("complete"), cases("partial")}, Under: []score.Measure{cases("delivered")}, ShareOfCases: true, Better: 1})
	complete, partial, delivered := observed(8, 1), observed(1, 1), observed(10, 1)
	one, two := rr1.Compute(beside(complete, delivered)), rr2.Compute(beside(complete, partial, delivered))
	for _, r := range []score.Result{one, two} {
		sound(t, "rr", r)
		if r.N != 10 || r.Interval.Method != "wilson" {
			t.Errorf("%+v", r)
		}
	}
	if *one.Value != 80 || *two.Value != 90 {
		t.Errorf("RR1 %v, RR2 %v", *one.Value, *two.Value)
	}
	near(t, "low", one.Interval.Low, 49.02, tolerance{Abs: 0.005}) // 8 of 10, reference
	near(t, "high", one.Interval.High, 94.33, tolerance{Abs: 0.005})
	if x := two.Explain(); x.Formula != "100 × (8 + 1) ÷ 10" {
		t.Error(x.Formula)
	}
	if r := rr1.Compute(beside(observed(11, 1), delivered)); r.Value != nil || !strings.HasPrefix(r.Suppressed, "error: complete counts 11 cases and delivered only 10") {
		t.Errorf("%+v", r)
	}
	if r := rr1.Compute(beside(observed(-1, 1), delivered)); !strings.HasPrefix(r.Suppressed, "error:") {
		t.Errorf("%+v", r)
	}
}

func TestPerUnitOfAnother(t *testing.T) {
	d := ratio(score.Ratio{ID: "cost", Over: []score.Measure{{ID: "paid", Unit: "EUR", Resolution: 100}}, Under: []score.Measure{{ID: "solved", Unit: "cases", Resolution: 1}}})
	if r := d.Compute(beside(observed(12_345, 3), observed(10, 3))); d.Unit != "EUR" || *r.Value != 12.345 || r.Explain().Formula != "(12345 ÷ 100) ÷ 10" {
		t.Errorf("%+v %s", r, r.Explain().Formula)
	}
}

// TestRatiosAddUp: a ratio of any interactions and published sums is that of the plain sums.
func TestRatiosAddUp(t *testing.T) {
	d := ratio(score.Ratio{ID: "r", Over: []score.Measure{seconds("a"), {ID: "b", Unit: "s", Resolution: 3}}, Under: []score.Measure{seconds("a"), {ID: "c", Unit: "s", Resolution: 1}}})
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) int64 { return rapid.Int64Range(1, 1<<40).Draw(t, name) }
		a, b, c := draw("a"), draw("b"), draw("c")
		r := d.Compute(beside(observed(a, 1), observed(b, 1), observed(c, 1)))
		want := 100 * (float64(a)/1000 + float64(b)/3) / (float64(a)/1000 + float64(c))
		if r.Value == nil || math.Abs(*r.Value-want) > 1e-9*want {
			t.Fatal(fmt.Sprint(r.Value, want))
		}
	})
}
