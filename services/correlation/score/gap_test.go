package score_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/touchstone-cx/touchstone/services/correlation/cell"
	"github.com/touchstone-cx/touchstone/services/correlation/score"
)

// pairs is the sample of gaps and of what they are from.
func pairs(experienced, baseline []int64, resolution int64) *cell.Sample {
	var gaps []int64
	for i, e := range baseline {
		gaps = append(gaps, experienced[i]-e)
	}
	s := sampleOf(gaps, resolution)
	s.Beside = []*cell.Sample{sampleOf(baseline, resolution)}
	return s
}

// TestTenCustomersByHand: satisfaction of 1 to 5 with what each expected, answered the time before, and had answered on
// average. By hand: P = 3.5 throughout.
//
//	experienced  4 3 5 2 4 3 5 1 4 4   mean 3.5
//	stated       5 4 4 4 4 3 5 3 5 3   mean 4.0   gaps −1 −1 1 −2 0 0 0 −2 −1 1: Σ −5, Σ² 13
//	last         3 3 4 3 5 3 5 2 3 4   mean 3.5   gaps  1  0 1 −1 −1 0 0 −1 1 0: Σ 0, Σ² 6
//	history (thousandths)  3500 3000 4500 2500 4667 3000 4333 2000 3500 4000: mean 3.5
func TestTenCustomersByHand(t *testing.T) {
	q := score.Measure{ID: "satisfied", Kind: score.CSAT, Resolution: 1, Min: 1, Max: 5, Compared: &score.Compared{Gaps: []score.Gap{
		{Name: "gap_stated", Measure: "g1", Baseline: "e1", Unit: "points", Resolution: 1, Words: "what they said they expected"},
		{Name: "gap_last", Measure: "g2", Baseline: "e2", Unit: "points", Resolution: 1, Words: "their last answer"},
		{Name: "gap_history", Measure: "g3", Baseline: "e3", Unit: "points", Resolution: 1000, Words: "the mean of their earlier answers"},
	}}}
	c := score.NewCatalogue(score.Spec{Questions: []score.Measure{q}, Minimums: score.Minimums{Answers: 10}})
	p := []int64{4, 3, 5, 2, 4, 3, 5, 1, 4, 4}
	stated := []int64{5, 4, 4, 4, 4, 3, 5, 3, 5, 3}
	last := []int64{3, 3, 4, 3, 5, 3, 5, 2, 3, 4}
	history := []int64{3500, 3000, 4500, 2500, 4667, 3000, 4333, 2000, 3500, 4000}
	thousandths := make([]int64, len(p))
	for i := range p {
		thousandths[i] = 1000 * p[i]
	}
	const t9 = 2.2621571627409915 // 97.5% of Student's t with 9 degrees of freedom
	for id, w := range map[string]struct {
		s         *cell.Sample
		gap, e    float64
		se        float64
		formula   string
		quantites []string
	}{
		"satisfied.gap_stated": {
			pairs(p, stated, 1), -0.5, 4, math.Sqrt((10*13 - 25) / 10.0 / 9 / 10), "-5 ÷ 10",
			[]string{"experienced = 35 ÷ 10", "what they said they expected = 40 ÷ 10"},
		},
		"satisfied.gap_last": {pairs(p, last, 1), 0, 3.5, math.Sqrt(6 / 9.0 / 10), "0 ÷ 10", []string{"experienced = 35 ÷ 10", "their last answer = 35 ÷ 10"}},
		"satisfied.gap_history": {
			pairs(thousandths, history, 1000), 0, 3.5, 0, "0 ÷ 10 ÷ 1000",
			[]string{"experienced = 35000 ÷ 10 ÷ 1000", "the mean of their earlier answers = 35000 ÷ 10 ÷ 1000"},
		},
	} {
		d, err := c.Find("", id)
		if err != nil {
			t.Fatal(err)
		}
		r := d.Compute(w.s)
		sound(t, id, r)
		if r.Value == nil || math.Abs(*r.Value-w.gap) > 1e-12 || r.N != 10 || r.Gap == nil || r.Gap.Experienced != 3.5 || r.Gap.Baseline != w.e || r.Interval.Method != "t" {
			t.Errorf("%s: %+v %+v", id, r, r.Gap)
			continue
		}
		if *r.Value != r.Gap.Experienced-r.Gap.Baseline {
			t.Errorf("%s: %v is not %v − %v", id, *r.Value, r.Gap.Experienced, r.Gap.Baseline)
		}
		if w.se > 0 {
			near(t, id+" se", *r.SE, w.se, tolerance{Rel: 1e-12})
			near(t, id+" high", r.Interval.High, w.gap+t9*w.se, tolerance{Rel: 1e-9})
		}
		x := r.Explain()
		for i, name := range w.quantites {
			if x.Formula != w.formula || x.Quantities[i].Name != name {
				t.Errorf("%s: %s %+v", id, x.Formula, x.Quantities)
			}
		}
		if d.Better != 1 || !slices.Equal(d.Of, []string{"satisfied"}) || !strings.Contains(d.Sentence, "does not stand for the experience") {
			t.Errorf("%+v", d)
		}
	}
	d := c.Lookup("satisfied.gap_stated")
	if r := d.Compute(pairs(p[:9], stated[:9], 1)); r.Suppressed != "fewer than 10 answers" || r.Gap != nil {
		t.Errorf("nine answers: %+v", r)
	}
	if got, _ := c.Match("", "satisfied.gap*"); len(got) != 3 {
		t.Errorf("%d gaps", len(got))
	}
}

// TestGapsWhereLowerIsBetter: the gap stays experience less expectation, and its direction turns.
func TestGapsWhereLowerIsBetter(t *testing.T) {
	c := score.NewCatalogue(score.Spec{Questions: []score.Measure{
		{ID: "effort", Kind: score.CES1, Resolution: 1, Min: 1, Max: 5, Compared: &score.Compared{Gaps: []score.Gap{
			{Name: "gap_last", Measure: "g", Baseline: "e", Unit: "points", Resolution: 1, Words: "their last answer"},
		}}},
		{ID: "felt_wait", Kind: score.Perceived, Resolution: 1, Min: 0, Max: 60, Better: -1, Compared: &score.Compared{Worth: "60 s of wait", Gaps: []score.Gap{
			{Name: "gap_felt", Measure: "f", Baseline: "c", Unit: "s", Resolution: 1000, Words: "what was counted of wait"},
		}}},
	}})
	d := c.Lookup("effort.gap_last")
	if r := d.Compute(pairs([]int64{5, 5}, []int64{2, 4}, 1)); *r.Value != 2 || d.Better != -1 {
		t.Errorf("%+v, better %d", r, d.Better)
	}
	d = c.Lookup("felt_wait.gap_felt")
	// Felt 2 and 5 minutes, counted 90 s and 180.5 s.
	r := d.Compute(pairs([]int64{120_000, 300_000}, []int64{90_000, 180_500}, 1000))
	if *r.Value != 74.75 || r.Gap.Experienced != 210 || r.Gap.Baseline != 135.25 || d.Unit != "s" || d.Better != -1 {
		t.Errorf("%+v %+v", r, r.Gap)
	}
	if x := r.Explain(); x.Quantities[0].Name != "felt = 420000 ÷ 2 ÷ 1000" || x.Quantities[0].Value != "210" {
		t.Errorf("%+v", x)
	}
	if m := c.Lookup("felt_wait.mean"); m.Unit != "points" || m.Better != -1 || !strings.HasSuffix(m.Sentence, "stands for 60 s of wait.") || c.Lookup("felt_wait.top2") != nil {
		t.Errorf("%+v", m)
	}
	if r := d.Compute(&cell.Sample{Beside: []*cell.Sample{{}}}); r.Suppressed != "no answers that could be compared" {
		t.Error(r.Suppressed)
	}
	if r := d.Compute(&cell.Sample{Measure: map[string]*cell.Moments{"": {N: 2}}, Beside: []*cell.Sample{{}}}); r.Value != nil || !strings.Contains(r.Suppressed, "rebuild") {
		t.Error(r.Suppressed)
	}
}
