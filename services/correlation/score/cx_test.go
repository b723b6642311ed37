package score_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/touchstone-cx/touchstone/services/correlation/cell"
	"github.com/touchstone-cx/touchstone/services/correlation/score"
)

// cxCatalogue has a CX score of one survey score of weight 1, and of two process scores of weights 3 and 1.
func cxCatalogue(surveyWeight float64) *score.Catalogue {
	return score.NewCatalogue(score.Spec{
		Metrics:   []score.Measure{wait, {ID: "cost", Unit: "EUR", Resolution: 100}},
		Questions: []score.Measure{{ID: "satisfied", Kind: score.CSAT, Resolution: 1, Min: 1, Max: 5}, {ID: "workplace", Kind: score.ENPS, Resolution: 1, Min: 0, Max: 10}},
		CxScores: []score.CxScore{{ID: "cx", SurveyWeight: surveyWeight, Parts: []score.CxPart{
			{Score: "satisfied.mean", Weight: 1, Worst: 1, Best: 5},
			{Score: "wait.mean", Weight: 3, Worst: 100, Best: 0},
			{Score: "cost.mean", Weight: 1, Worst: 10, Best: 0},
			{Score: "workplace.nps", Weight: 9, Worst: -100, Best: 100},
		}}},
	})
}

func at(v float64, n int64, se float64) *score.Result {
	return &score.Result{Value: &v, N: n, SE: &se}
}

func unknown() *score.Result { return &score.Result{Suppressed: "no answers"} }

func TestCxScoreByHand(t *testing.T) {
	for _, c := range []struct {
		name            string
		surveyWeight    float64
		places          []score.Place
		want            string // value, survey and process part, coverages, n
		suppressed      string
		se              float64 // 0: none
		weights, points string
	}{
		{
			// satisfied 4 of 1 to 5 is 75 points; wait 20 s of 100 to 0 is 80, cost 5 is 50: process (3 × 80 + 50) ÷ 4 = 72.5.
			"one touchpoint", 0,
			[]score.Place{{Touchpoint: "a", Interactions: 7, Results: []*score.Result{at(4, 10, 0.2), at(20, 7, 4), at(5, 6, 1)}}},
			"73.75 = 75 and 72.5, 1 and 1, n 10 and 13", "",
			// SE in points 5, 4 and 10; weights in the whole 0.5, 0.375 and 0.125.
			math.Sqrt(2.5*2.5 + 1.5*1.5 + 1.25*1.25), "1 0.75 0.25", "75 80 50",
		},
		{
			"survey weight", 0.2,
			[]score.Place{{Touchpoint: "a", Results: []*score.Result{at(4, 10, 0.2), at(20, 7, 4), at(5, 6, 1)}}},
			"73 = 75 and 72.5, 1 and 1, n 10 and 13", "", math.Sqrt(1 + 2.4*2.4 + 4), "1 0.75 0.25", "75 80 50",
		},
		{
			"clamped", 0,
			[]score.Place{{Touchpoint: "a", Results: []*score.Result{at(5, 10, 0.2), at(200, 7, 4), at(-3, 6, 1)}}},
			"62.5 = 100 and 25, 1 and 1, n 10 and 13", "", math.Sqrt(2.5*2.5 + 1.5*1.5 + 1.25*1.25), "1 0.75 0.25", "100 0 100",
		},
		{
			"a part that does not belong", 0,
			[]score.Place{{Touchpoint: "a", Results: []*score.Result{nil, at(20, 7, 4), nil}}},
			"80 = – and 80, 0 and 1, n 0 and 7", "", 4, "1", "80",
		},
		{
			"a part not known renormalises", 0,
			[]score.Place{{Touchpoint: "a", Results: []*score.Result{at(4, 10, 0.2), at(20, 7, 4), unknown()}}},
			"77.5 = 75 and 80, 1 and 0.75, n 10 and 7", "", math.Sqrt(2.5*2.5 + 4), "1 0.75 0.25", "75 80 –",
		},
		{
			"too little is known", 0,
			[]score.Place{{Touchpoint: "a", Results: []*score.Result{unknown(), at(20, 7, 4), unknown()}}},
			"– = – and 80, 0 and 0.75, n 0 and 7", "not yet: 37% of its weight is known", 0, "1 0.75 0.25", "– 80 –",
		},
		{
			// At b three of four interactions, importance 2: weights 1 to 6.
			"two touchpoints", 0,
			[]score.Place{
				{Touchpoint: "a", Interactions: 1, Results: []*score.Result{at(4, 10, 0.2), at(20, 7, 4), nil}},
				{Touchpoint: "b", Interactions: 3, Importance: 2, Results: []*score.Result{nil, at(90, 7, 4), nil}},
				{Touchpoint: "c", Results: []*score.Result{at(1, 9, 1), at(90, 7, 4), nil}},
			},
			"47.5 = 75 and 20, 1 and 1, n 10 and 14", "", 0.5 * math.Sqrt(25+16*37.0/49), "1 " + fmt.Sprint(1.0/7) + " " + fmt.Sprint(1.5/1.75), "75 80 10",
		},
		{
			"without interactions importance weighs", 0,
			[]score.Place{
				{Touchpoint: "a", Results: []*score.Result{at(4, 10, 0.2), nil, nil}},
				{Touchpoint: "b", Importance: 3, Results: []*score.Result{at(5, 10, 0.2), nil, nil}},
				{Touchpoint: "c", BackStage: true, Results: []*score.Result{at(1, 10, 0.2), nil, nil}},
			},
			"93.75 = 93.75 and –, 1 and 0, n 20 and 0", "", math.Sqrt(1.25*1.25 + 3.75*3.75), "0.25 0.75", "75 100",
		},
		{"nothing belongs", 0, nil, "– = – and –, 0 and 0, n 0 and 0", "nothing that it is made of is measured or asked here", 0, "", ""},
	} {
		d := cxCatalogue(c.surveyWeight).Lookup("cx")
		r := d.Composite.Compute(c.places)
		sound(t, c.name, r)
		f := func(v *float64) string {
			if v == nil {
				return "–"
			}
			return fmt.Sprint(math.Round(*v*1e9) / 1e9)
		}
		m := r.Composed
		got := fmt.Sprintf("%s = %s and %s, %v and %v, n %d and %d", f(r.Value), f(m.Survey.Value), f(m.Process.Value), m.Survey.Coverage, m.Process.Coverage, m.Survey.N, m.Process.N)
		if got != c.want || r.Suppressed != c.suppressed || r.N != m.Survey.N+m.Process.N {
			t.Errorf("%s: %s %q, want %s %q", c.name, got, r.Suppressed, c.want, c.suppressed)
		}
		var weights, points []string
		for _, x := range m.Terms {
			weights, points = append(weights, fmt.Sprint(x.Weight)), append(points, f(x.Points))
		}
		if got := strings.Join(weights, " "); got != c.weights {
			t.Errorf("%s: weights %s, want %s", c.name, got, c.weights)
		}
		if got := strings.Join(points, " "); got != c.points {
			t.Errorf("%s: points %s, want %s", c.name, got, c.points)
		}
		switch {
		case c.se == 0 && r.SE != nil, c.se != 0 && (r.SE == nil || math.Abs(*r.SE-c.se) > 1e-12):
			t.Errorf("%s: SE %v, want %v", c.name, r.SE, c.se)
		}
	}
}

func TestCxScoreWithoutInterval(t *testing.T) {
	d := cxCatalogue(0).Lookup("cx")
	none := at(5, 6, 1)
	none.SE = nil
	r := d.Composite.Compute([]score.Place{{Touchpoint: "a", Results: []*score.Result{at(4, 10, 0.2), at(20, 7, 4), none}}})
	if r.Value == nil || r.SE != nil || r.Interval != nil {
		t.Errorf("%+v", r)
	}
	if !strings.Contains(d.Sentence, "Left out, because it takes no such score: workplace.nps.") || d.Compute(&cell.Sample{}).Suppressed == "" {
		t.Error(d.Sentence)
	}
}

func TestCxScoreExplained(t *testing.T) {
	d := cxCatalogue(0).Lookup("cx")
	e := d.Composite.Compute([]score.Place{{Touchpoint: "a", Interactions: 7, Importance: 2, Results: []*score.Result{at(4, 10, 0.2), at(20, 7, 4), at(5, 6, 1)}}}).Explain()
	if e.Formula != "0.5 × 75 + 0.5 × 72.5" {
		t.Error(e.Formula)
	}
	for _, want := range []score.Quantity{
		{"process part = (0.75 × 80 + 0.25 × 50) ÷ (0.75 + 0.25)", "72.5"},
		{"interactions of a", "7"},
		{"importance of a", "2"},
		{"weight of wait.mean of a", "0.75"},
		{"points of wait.mean of a = 100 × (20 − 100) ÷ (0 − 100), from 0 to 100", "80"},
		{"cases in the survey part", "10"},
	} {
		if !slices.Contains(e.Quantities, want) {
			t.Errorf("%v is missing in %v", want, e.Quantities)
		}
	}
}

// TestCxScoreIsSound: whatever the parts, weights of a half add up to 1, values lie among the points, and the published parts
// give the value again.
func TestCxScoreIsSound(t *testing.T) {
	d := cxCatalogue(0.3).Lookup("cx")
	rapid.Check(t, func(t *rapid.T) {
		places := make([]score.Place, rapid.IntRange(0, 8).Draw(t, "places"))
		for i := range places {
			p := score.Place{
				Touchpoint: fmt.Sprint(i), Importance: rapid.Float64Range(0, 100).Draw(t, "importance"),
				BackStage: rapid.Bool().Draw(t, "back"), Interactions: rapid.Int64Range(0, 1000).Draw(t, "n"),
			}
			for range 3 {
				switch rapid.IntRange(0, 3).Draw(t, "kind") {
				case 0:
					p.Results = append(p.Results, nil)
				case 1:
					p.Results = append(p.Results, unknown())
				default:
					p.Results = append(p.Results, at(rapid.Float64Range(-200, 200).Draw(t, "v"), rapid.Int64Range(1, 99).Draw(t, "k"), rapid.Float64Range(0, 9).Draw(t, "se")))
				}
			}
			places[i] = p
		}
		r := d.Composite.Compute(places)
		if (r.Value == nil) != (r.Suppressed != "") || r.Value != nil && !(*r.Value >= 0 && *r.Value <= 100) {
			t.Fatalf("%v %q", r.Value, r.Suppressed)
		}
		whole, share := 0.0, 0.0
		for _, h := range []struct {
			survey bool
			weight float64
			score.Half
		}{{true, 0.3, r.Composed.Survey}, {false, 0.7, r.Composed.Process}} {
			var weight, known, sum float64
			for _, x := range r.Composed.Terms {
				if x.Survey != h.survey {
					continue
				}
				weight += x.Weight
				if x.Points != nil {
					known += x.Weight
					sum += x.Weight * *x.Points
				}
			}
			if weight != 0 && math.Abs(weight-1) > 1e-9 || math.Abs(known-h.Coverage) > 1e-9 || (h.Value == nil) != (known == 0) {
				t.Fatalf("weights add up to %v, known %v, %+v", weight, known, h.Half)
			}
			if h.Value != nil {
				if math.Abs(*h.Value-sum/known) > 1e-6 {
					t.Fatalf("%v, again %v", *h.Value, sum/known)
				}
				whole += h.weight * *h.Value
				share += h.weight
			}
		}
		if r.Value != nil && math.Abs(*r.Value-whole/share) > 1e-6 {
			t.Fatalf("%v, again %v", *r.Value, whole/share)
		}
		_ = r.Explain()
	})
}

func TestExperienceIndex(t *testing.T) {
	q := func(id string, f score.Facet) score.Measure {
		return score.Measure{ID: id, Kind: score.Rating, Resolution: 1, Min: 1, Max: 7, Facet: f}
	}
	spec := score.Spec{Questions: []score.Measure{q("done", score.Success), q("done_online", score.Success), q("easy", score.Effort), q("felt", score.Feelings)}, Experience: true}
	d := score.NewCatalogue(spec).Lookup(score.ExperienceIndex)
	of := func(r ...*score.Result) score.Result { return d.Composite.Compute([]score.Place{{Results: r}}) }
	// Success is (30 × 50 + 10 × 10) ÷ 40 = 40 of 40 answers.
	r := of(at(50, 30, 4), at(10, 10, 8), at(20, 25, 6), at(-30, 20, 3))
	want := math.Sqrt((120.0*120+80*80)/1600+36+9) / 3
	if *r.Value != 10 || r.N != 85 || math.Abs(*r.SE-want) > 1e-12 || r.Explain().Formula != "(40 + 20 + -30) ÷ 3" {
		t.Errorf("%v of %d ± %v, want 10 of 85 ± %v: %s", *r.Value, r.N, *r.SE, want, r.Explain().Formula)
	}
	sound(t, d.ID, r)
	r = of(at(50, 30, 4), nil, unknown(), unknown())
	if r.Value != nil || r.Suppressed != "unknown: no effort, no emotion" {
		t.Errorf("%+v", r)
	}
	if r := d.Composite.Compute(nil); r.Value != nil || r.Suppressed == "" {
		t.Errorf("%+v", r)
	}
	spec.Questions = spec.Questions[:3]
	if score.NewCatalogue(spec).Lookup(score.ExperienceIndex) != nil {
		t.Error("an index without emotion")
	}
}

func TestWhichWayIsBetter(t *testing.T) {
	lower := wait
	lower.Better = -1
	c := score.NewCatalogue(score.Spec{
		Metrics: []score.Measure{lower, {ID: "sales", Unit: "EUR", Resolution: 1}},
		Questions: []score.Measure{
			{ID: "satisfied", Kind: score.CSAT, Resolution: 1, Min: 1, Max: 5},
			{ID: "effort", Kind: score.CES1, Resolution: 1, Min: 1, Max: 5},
			{ID: "mood", Kind: score.Emotion, Resolution: 1, Min: 1, Max: 2, Options: []score.Option{{Value: 1, Feeling: score.Negative}, {Value: 2}}},
		},
		Outcomes:      []string{"answered", "abandoned", "moved"},
		ServiceLevels: []score.ServiceLevel{{ID: "in_time", Metric: lower, Threshold: 20, Outcomes: []string{"answered"}, Abandoned: []string{"abandoned"}}},
	})
	for id, want := range map[string]int{
		"wait.mean": -1, "wait.p90": -1, "wait.spread": -1, "wait.count": 0, "sales.sum": 0, "in_time": 1, "satisfied.mean": 1, "satisfied.top2": 1, "satisfied.share.5": 1,
		"satisfied.share.1": -1, "satisfied.share.3": 0, "effort.mean": -1, "effort.share.1": 1, "effort.share.5": -1, "mood.share.1": -1, "mood.share.2": 0,
		"outcome.answered.share": 1, "outcome.abandoned.share": -1, "outcome.moved.share": 0, "interactions.count": 0,
	} {
		if d := c.Lookup(id); d == nil || d.Better != want {
			t.Errorf("%s: %+v, want %d", id, d, want)
		}
	}
}
