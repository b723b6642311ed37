package score_test

import (
	"math"
	"strings"
	"testing"

	"github.com/touchstone-cx/touchstone/services/correlation/cell"
	"github.com/touchstone-cx/touchstone/services/correlation/score"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
)

var wait = score.Measure{ID: "wait", Unit: "s", Resolution: 1000}

func floorOf(v float64) *float64 { return &v }

func catalogue() *score.Catalogue {
	return score.NewCatalogue(score.Spec{
		Metrics: []score.Measure{wait, {ID: "points", Unit: "points", Resolution: 1, Better: 1, Floor: floorOf(20)}, {ID: "tenths", Unit: "mm", Resolution: 10}},
		Questions: []score.Measure{
			{ID: "recommend", Kind: score.NPS, Resolution: 1, Min: 0, Max: 10},
			{ID: "satisfied", Kind: score.CSAT, Resolution: 1, Min: 1, Max: 5},
			{ID: "easy", Kind: score.CES2, Resolution: 1, Min: 1, Max: 7},
			{ID: "effort", Kind: score.CES1, Resolution: 1, Min: 1, Max: 5, Floor: floorOf(4)},
			{ID: "solved", Kind: score.YesNo, Resolution: 1, Min: 0, Max: 1},
			{ID: "cold", Kind: score.Rating, Resolution: 1, Min: -3, Max: 3},
			{ID: "workplace", Kind: score.ENPS, Resolution: 1, Min: 0, Max: 10},
			{ID: "expected", Kind: score.Expectation, Resolution: 1, Min: 1, Max: 5},
			{ID: "important", Kind: score.Importance, Resolution: 1, Min: 1, Max: 10},
			{ID: "felt", Kind: score.Emotion, Resolution: 1, Min: 1, Max: 4, Options: []score.Option{
				{Value: 1, Label: "angry", Feeling: score.Negative},
				{Value: 2, Label: "indifferent"},
				{Value: 3, Label: "relieved", Feeling: score.Positive},
				{Value: 4, Label: "delighted", Feeling: score.Positive},
			}},
			{ID: "mood", Kind: score.Emotion, Resolution: 1, Min: 1, Max: 2, Options: []score.Option{{Value: 1, Label: "calm"}, {Value: 2, Label: "busy"}}},
			{ID: "reason", Kind: score.Choice, Resolution: 1, Min: 1, Max: 3, Options: []score.Option{{Value: 1, Label: "bill"}, {Value: 2, Label: "fault"}, {Value: 3, Label: "other"}}},
			{ID: "achieved", Kind: score.Rating, Resolution: 1, Min: 1, Max: 7, Facet: score.Success},
			{ID: "eased", Kind: score.CES2, Resolution: 1, Min: 1, Max: 7, Facet: score.Effort},
			{ID: "enjoyed", Kind: score.Rating, Resolution: 1, Min: 1, Max: 7, Facet: score.Feelings},
			{ID: "told", Kind: score.Text, Resolution: 10, Min: -1000, Max: 1000},
			{ID: "told_waiting", Kind: score.Mark, Resolution: 1, Min: 0, Max: 1, Options: []score.Option{{Value: 1, Label: "told: Waiting"}, {Value: 0, Label: "not told: Waiting"}}},
			{ID: "first_1", Kind: score.Rank, Resolution: 1, Min: 1, Max: 3},
			{ID: "against", Kind: score.Comparison, Resolution: 1, Min: -1, Max: 1},
			{ID: "because", Kind: score.Reason, Resolution: 1, Min: 1, Max: 2, Options: []score.Option{{Value: 1, Label: "wait"}, {Value: 2, Label: "price"}}},
			{ID: "enjoyed_of_5", Kind: score.Rating, Resolution: 1, Min: 1, Max: 5, Facet: score.Feelings},
		},
		Outcomes: []string{"answered", "abandoned", "left"},
		ServiceLevels: append(sixLevels(20, false, 5), []score.ServiceLevel{
			{ID: "sl_below", Metric: wait, Threshold: 20, Outcomes: []string{"answered"}},
			{ID: "sl_at_most", Metric: wait, Threshold: 20, AtMost: true, Outcomes: []string{"answered"}},
			{ID: "sl_of_answered", Metric: wait, Threshold: 20, Outcomes: []string{"answered"}, Of: []string{"answered"}},
			{ID: "sl_cut", Metric: wait, Threshold: 20.5, Outcomes: []string{"answered"}, Of: []string{"answered"}},
		}...),
	})
}

func compute(t testing.TB, id string, s *cell.Sample) score.Result {
	t.Helper()
	d, err := catalogue().Find("ref.score", id)
	if err != nil {
		t.Fatal(err)
	}
	r := d.Compute(s)
	sound(t, id, r)
	return r
}

// sound checks what holds for every result.
func sound(t testing.TB, id string, r score.Result) {
	t.Helper()
	if (r.Value == nil) != (r.Suppressed != "") {
		t.Errorf("%s: value %v and suppressed %q", id, r.Value, r.Suppressed)
	}
	for _, v := range []*float64{r.Value, r.SE, r.Coverage} {
		if v != nil && (math.IsNaN(*v) || math.IsInf(*v, 0)) {
			t.Errorf("%s: %v", id, *v)
		}
	}
	if i := r.Interval; i != nil && !(i.Low <= i.High && !math.IsInf(i.Low, 0) && !math.IsInf(i.High, 0)) {
		t.Errorf("%s: interval %v", id, *i)
	}
	if r.Coverage != nil && (*r.Coverage < 0 || *r.Coverage > 1) {
		t.Errorf("%s: coverage %v", id, *r.Coverage)
	}
	if r.Suppressed == "" && r.Explain().Formula == "" {
		t.Errorf("%s: a value without a formula", id)
	}
}

// sampleOf holds values without interactions.
func sampleOf(values []int64, resolution int64) *cell.Sample {
	s := &cell.Sample{Interactions: map[string]int64{}, Measure: map[string]*cell.Moments{"": {}}, Bins: cell.NewBins(resolution)}
	for _, v := range values {
		s.Measure[""].Add(v, s.Bins.Of(v), 1)
	}
	return s
}

// topSample holds n answers of 1 to 5, of which hits are 4 or 5.
func topSample(hits, n int64) *cell.Sample {
	var values []int64
	for i := range n {
		if i < hits {
			values = append(values, 4+i%2)
		} else {
			values = append(values, 1+i%3)
		}
	}
	return sampleOf(values, 1)
}

// calls adds interactions of one outcome, each with a wait in milliseconds; a negative wait means that none was measured.
func calls(s *cell.Sample, outcome string, waits ...int64) {
	for _, w := range waits {
		s.Interactions[outcome]++
		if w < 0 {
			continue
		}
		if s.Measure[outcome] == nil {
			s.Measure[outcome] = new(cell.Moments)
		}
		s.Measure[outcome].Add(w, s.Bins.Of(w), 1)
	}
}

func tenths(t testing.TB, s string) int64 {
	t.Helper()
	f := 0.0
	var err error
	if f, err = parse(s); err != nil {
		t.Fatal(err)
	}
	return int64(math.Round(f * 10))
}

// TestEveryStatistic ranges over the statistics: each is defined for some measure, refuses an empty sample in words or says
// 0, and explains itself.
func TestEveryStatistic(t *testing.T) {
	all := catalogue().All()
	for _, st := range score.Statistics() {
		found := false
		for _, d := range all {
			found = found || strings.HasSuffix(d.ID, "."+st.Name)
		}
		if !found {
			t.Errorf("no measure has %s", st.Name)
		}
	}
	heads, orders := map[string]int{}, map[string]bool{}
	for _, d := range all {
		if d.Sentence == "" || d.Unit == "" || orders[d.Order] {
			t.Errorf("%s is not defined well: %+v", d.ID, d)
		}
		orders[d.Order] = true
		if d.Headline && !d.OfInteractions {
			heads[d.Measure]++
		}
		r := d.Compute(&cell.Sample{})
		sound(t, d.ID, r)
		if isCount := strings.HasSuffix(d.ID, "count") && d.Minimum == 0; isCount != (r.Value != nil) || r.N != 0 {
			t.Errorf("%s of nothing: %+v", d.ID, r)
		}
	}
	for _, m := range []string{"wait", "recommend", "satisfied", "easy", "effort", "solved", "cold", "workplace", "expected", "important", "felt", "mood", "reason", "achieved"} {
		if heads[m] != 1 {
			t.Errorf("%s has %d headline scores", m, heads[m])
		}
	}
}

func TestFindSaysWhatThereIs(t *testing.T) {
	for id, want := range map[string]string{
		"wait.mediann":         `Did you mean "wait.median"`,
		"wiat.median":          `Did you mean "wait.median"`,
		"wait":                 "wait. and one of mean",
		"satisfied.nps":        "exactly the scale 0 to 10",
		"wait.nps":             "it is for questions",
		"wait.net_top":         "it is for questions",
		"wait.net":             "it is for emotion questions",
		"recommend.spread":     "for metrics only",
		"recommend.net_top":    "success, effort or emotion",
		"enjoyed_of_5.net_top": "exactly the scale 1 to 7",
		"reason.mean":          "have no order. Use reason.count",
		"felt.median":          "have no order. Use felt.net",
		"mood.net":             "positive or negative. Use mood.count",
		"expected.top2":        "for satisfaction",
		"workplace.top2":       "Use workplace.nps",
		"recommend.p90":        "for metrics only",
		"recommend.top2":       "for satisfaction",
		"satisfied.share.6":    "has no statistic",
		"satisfied.bad":        "gives it no floor",
		"satisfied.gap_stated": "does not name it in the question's baselines",
		"satisfied.gap_felt":   "only questions of kind perceived",
		"wait.within":          "only linked metrics with a limit",
		"outcome.lost.share":   "answered, abandoned",
		"outcome.answered":     "answered, abandoned",
		"zzz.qqq":              "There are interactions.count",
		"interactions.cuont":   `Did you mean "interactions.count"`,
		"sl_belwo":             `Did you mean "sl_below"`,
		"":                     "There is no score",
	} {
		_, err := catalogue().Find("ref.score", id)
		var e *fault.Error
		if !asFault(err, &e) || e.Kind != fault.Invalid || len(e.Violations) != 1 || e.Violations[0].Field != "ref.score" {
			t.Errorf("%q: %v", id, err)
			continue
		}
		if v := e.Violations[0]; !strings.Contains(v.Message+" "+v.Remedy, want) {
			t.Errorf("%q: %s %s", id, v.Message, v.Remedy)
		}
	}
	found, err := catalogue().Match("f", "wait.*")
	if err != nil || len(found) != 9 {
		t.Errorf("wait.*: %d, %v", len(found), err)
	}
	if _, err := catalogue().Match("f", "wiat.*"); err == nil {
		t.Error("a pattern without a match is refused")
	}
}

func TestServiceLevel(t *testing.T) {
	s := &cell.Sample{Interactions: map[string]int64{}, Measure: map[string]*cell.Moments{}, Bins: cell.NewBins(1000)}
	calls(s, "answered", 0, 19_999, 20_000, 20_000, 20_001, 90_000)
	calls(s, "abandoned", -1, -1, 3_000, 40_000) // need no wait: they cannot count
	value := func(id string) float64 { return *compute(t, id, s).Value }
	near(t, "below", value("sl_below"), 20, tolerance{Abs: 1e-12})
	near(t, "at most", value("sl_at_most"), 40, tolerance{Abs: 1e-12})
	near(t, "of answered", value("sl_of_answered"), 100*2.0/6, tolerance{Abs: 1e-12})
	if r := compute(t, "sl_below", s); r.N != 10 || *r.Coverage != 1 || r.Interval.Method != "wilson" {
		t.Errorf("%+v", r)
	}

	// A threshold within a bin tells only limits.
	if r := compute(t, "sl_cut", s); !strings.Contains(r.Suppressed, "1 in the bin that the threshold cuts of 6; between 66.67% and 83.33%") {
		t.Errorf("cut: %+v", r)
	}
	calls(s, "answered", -1)
	if r := compute(t, "sl_below", s); r.Suppressed != "unknown: 1 without wait of 11; between 18.18% and 27.27%" || r.N != 11 {
		t.Errorf("missing: %+v", r)
	}
	// An outcome that is not known yet may still count, unless its wait is already too long.
	s = &cell.Sample{Interactions: map[string]int64{}, Measure: map[string]*cell.Moments{}, Bins: cell.NewBins(1000)}
	calls(s, "answered", 1_000, 30_000)
	calls(s, "", 25_000)
	if r := compute(t, "sl_below", s); r.Suppressed != "" || math.Abs(*r.Value-100.0/3) > 1e-9 {
		t.Errorf("open, but too late: %+v", r)
	}
	calls(s, "", 5_000, -1)
	if r := compute(t, "sl_below", s); r.Suppressed != "unknown: 2 without outcome of 5; between 20.00% and 60.00%" {
		t.Errorf("open: %+v", r)
	}
	if r := compute(t, "sl_of_answered", s); r.Suppressed != "" || *r.Value != 50 {
		t.Errorf("of answered only: %+v", r)
	}
}

func TestPublishedSums(t *testing.T) {
	s := sampleOf([]int64{10_000, 20_000, 30_000}, 1000)
	m := s.Measure[""]
	m.ObservedN, m.ObservedSum = 7, cell.Int(700_000)
	r := compute(t, "wait.mean", s)
	if *r.Value != 76 || r.N != 10 || r.SE != nil || r.Interval != nil {
		t.Errorf("mean: %+v", r)
	}
	if r := compute(t, "wait.count", s); *r.Value != 10 {
		t.Errorf("count: %+v", r)
	}
	if r := compute(t, "wait.sum", s); *r.Value != 760 {
		t.Errorf("sum: %+v", r)
	}
	for _, id := range []string{"wait.sd", "wait.median", "wait.p90", "wait.p95"} {
		if r := compute(t, id, s); !strings.Contains(r.Suppressed, "7 of 10 cases came as published sums") {
			t.Errorf("%s: %+v", id, r)
		}
	}
}

func TestOutcomeShares(t *testing.T) {
	s := &cell.Sample{Interactions: map[string]int64{"answered": 6, "abandoned": 2, "": 2}}
	r := compute(t, "outcome.answered.share", s)
	if *r.Value != 75 || r.N != 8 || *r.Coverage != 0.8 {
		t.Errorf("%+v", r)
	}
	if r := compute(t, "outcome.answered.share", &cell.Sample{Interactions: map[string]int64{"": 2}}); r.Suppressed != "no interactions with a known outcome" {
		t.Errorf("%+v", r)
	}
}

func TestExplainShowsTheNumbers(t *testing.T) {
	e := compute(t, "recommend.nps", npsSample(1436, 968, 342)).Explain()
	if e.Formula != "100 × (1436 − 342) ÷ 2746" || e.Quantities[1] != (score.Quantity{Name: "passives", Value: "968"}) {
		t.Errorf("%+v", e)
	}
	e = compute(t, "wait.mean", sampleOf([]int64{1500, 2500}, 1000)).Explain()
	if e.Formula != "4000 ÷ 2 ÷ 1000" || e.Quantities[1] != (score.Quantity{Name: "sum (1/1000 s)", Value: "4000"}) {
		t.Errorf("%+v", e)
	}
}
