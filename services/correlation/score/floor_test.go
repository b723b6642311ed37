package score_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/touchstone-cx/touchstone/services/correlation/score"
)

// TestBadOnEitherSide: a metric's value at the floor is not bad, an answer at it is, on the side that the map tells.
func TestBadOnEitherSide(t *testing.T) {
	speed := func(better int, floor float64) score.Measure {
		return score.Measure{ID: "x", Unit: "s", Resolution: 10, Better: better, Floor: &floor}
	}
	asked := func(kind score.Kind, better int, floor float64) score.Measure {
		return score.Measure{ID: "x", Kind: kind, Resolution: 1, Min: 1, Max: 5, Better: better, Floor: &floor}
	}
	for name, c := range map[string]struct {
		m      score.Measure
		values []int64
		want   float64 // −1: unknown
		words  string
	}{
		"higher is better":         {speed(1, 20), []int64{190, 199, 200, 201}, 50, "below 20 s"},
		"lower is better":          {speed(-1, 20), []int64{190, 200, 201, 400}, 50, "above 20 s"},
		"below zero":               {speed(-1, -1), []int64{-20, -10, -9, 0}, 50, "above -1 s"},
		"answers, higher":          {asked(score.CSAT, 0, 2), []int64{1, 2, 3, 5}, 50, "that are 2 or lower"},
		"answers, lower":           {asked(score.CES1, 0, 4), []int64{3, 4, 5, 1}, 50, "that are 4 or higher"},
		"what was felt":            {asked(score.Perceived, -1, 4), []int64{3, 4, 5, 1}, 50, "that are 4 or higher"},
		"what was felt, higher":    {asked(score.Perceived, 1, 2), []int64{1, 2, 3, 5}, 50, "that are 2 or lower"},
		"none":                     {speed(1, 20), []int64{200, 300}, 0, ""},
		"all":                      {speed(1, 20), []int64{100, 150}, 100, ""},
		"floor between two units":  {speed(1, 20.5), []int64{190, 203, 300, 400}, -1, ""},
		"floor beyond exact units": {speed(1, 500), []int64{1000, 5001, 5002, 9000}, -1, ""},
		"between two units, clear": {speed(1, 20.5), []int64{190, 300}, 50, ""},
		"between two values":       {speed(-1, 20.05), []int64{200, 210}, 50, ""},
	} {
		t.Run(name, func(t *testing.T) {
			spec := score.Spec{Metrics: []score.Measure{c.m}}
			if c.m.Kind != score.Metric {
				spec = score.Spec{Questions: []score.Measure{c.m}}
			}
			d := score.NewCatalogue(spec).Lookup("x.bad")
			r := d.Compute(sampleOf(c.values, c.m.Resolution))
			sound(t, d.ID, r)
			if d.Better != -1 || d.Unit != "%" || !strings.Contains(d.Sentence, c.words) {
				t.Errorf("%+v", d)
			}
			if c.want < 0 {
				if r.Value != nil || !strings.Contains(r.Suppressed, "in the bin that the floor cuts of") || !strings.Contains(r.Suppressed, "between 25.00% and") {
					t.Errorf("%v %q", r.Value, r.Suppressed)
				}
				return
			}
			if r.Value == nil || *r.Value != c.want || r.Interval.Method != "wilson" {
				t.Errorf("%+v, want %v", r, c.want)
			}
		})
	}
	none := score.NewCatalogue(score.Spec{Metrics: []score.Measure{speed(0, 20)}})
	if none.Lookup("x.bad") != nil {
		t.Error("a floor without a direction")
	}
}

// TestBadAgainstThePlainList: whatever the values, the share is that of a count, or a count lies between its limits.
func TestBadAgainstThePlainList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		floor := float64(rapid.Int64Range(-300, 300).Draw(t, "floor"))
		m := score.Measure{ID: "x", Unit: "s", Resolution: 1000, Better: rapid.SampledFrom([]int{-1, 1}).Draw(t, "better"), Floor: &floor}
		values := rapid.SliceOfN(rapid.Int64Range(-400_000, 400_000), 1, 60).Draw(t, "values")
		bad := 0
		for _, v := range values {
			if x := float64(v) / 1000; m.Better > 0 && x < floor || m.Better < 0 && x > floor {
				bad++
			}
		}
		r := score.NewCatalogue(score.Spec{Metrics: []score.Measure{m}}).Lookup("x.bad").Compute(sampleOf(values, 1000))
		if want := 100 * float64(bad) / float64(len(values)); r.Value == nil || *r.Value != 100*(float64(bad)/float64(len(values))) {
			t.Fatalf("%v %q, want %v", r.Value, r.Suppressed, want)
		}
	})
}
