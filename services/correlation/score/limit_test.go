package score_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/touchstone-cx/touchstone/services/correlation/cell"
	"github.com/touchstone-cx/touchstone/services/correlation/score"
)

const hour = 3600

// contacts is the sample of a linked time: cases of which young are not decided, and the times in seconds of those that are.
func contacts(decided, young int64, times ...int64) *cell.Sample {
	cases := func(n int64) *cell.Sample { return sampleOf(make([]int64, n), 1) }
	s := cases(decided + young)
	s.Interactions[""] = decided + young
	s.Beside = []*cell.Sample{sampleOf(times, hour), cases(decided)}
	return s
}

func limitOf(l score.Limit) *score.Catalogue {
	return score.NewCatalogue(score.Spec{Metrics: []score.Measure{{ID: "repeat", Unit: "h", Resolution: hour, Limit: &l}}})
}

func TestWithinAndBeyond(t *testing.T) {
	week := score.Limit{Value: 168, Base: "repeat_base", Cases: "contacts", Better: -1, Decides: 168 * hour * 1e9}
	month := week
	month.Value, month.Longest = 720, true
	late := week
	late.Value = 400
	for name, c := range map[string]struct {
		l              score.Limit
		s              *cell.Sample
		within, beyond float64 // −1: no value
		pending        int64
		share          float64
		words          string
	}{
		"some":             {week, contacts(8, 2, 0, 168*hour-1, 168*hour, 500*hour), 25, 75, 2, 0.2, ""},
		"none came back":   {week, contacts(5, 0), 0, 100, 0, 0, ""},
		"all are young":    {week, contacts(0, 3), -1, -1, 3, 1, "pending: all 3 contacts are younger than 168 h"},
		"nobody":           {week, contacts(0, 0), -1, -1, 0, 0, "no contacts"},
		"all that is seen": {month, contacts(4, 0, 1, 700*hour, 720*hour), 75, 25, 0, 0, ""},
		"in a cut bin":     {late, contacts(4, 1, 1, 400*hour-1), -1, -1, 1, 0.2, "in the bin that the limit cuts of 4; between"},
		"clear of it":      {late, contacts(4, 0, 1, 500*hour), 25, 75, 0, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			for id, want := range map[string]float64{"repeat.within": c.within, "repeat.beyond": c.beyond} {
				d := limitOf(c.l).Lookup(id)
				r := d.Compute(c.s)
				sound(t, id, r)
				if want < 0 {
					if r.Value != nil || !strings.Contains(r.Suppressed, c.words) {
						t.Errorf("%s: %v %q", id, r.Value, r.Suppressed)
					}
				} else if r.Value == nil || *r.Value != want || r.Interval.Method != "wilson" {
					t.Errorf("%s: %+v, want %v", id, r, want)
				}
				if name == "nobody" {
					continue
				}
				if r.Pending == nil || r.Pending.N != c.pending || r.Pending.Share != c.share {
					t.Errorf("%s: pending %+v", id, r.Pending)
				}
				if d.Measure != "repeat_base" || d.Decides != c.l.Decides || !d.Beside[0].Decided || !d.Beside[1].Decided || len(d.Measures()) != 2 {
					t.Errorf("%+v", d)
				}
			}
		})
	}
	c := limitOf(week)
	if w, b := c.Lookup("repeat.within"), c.Lookup("repeat.beyond"); w.Better != -1 || b.Better != 1 || w.Headline || b.Headline {
		t.Error("directions")
	}
	if _, err := c.Find("", "repeat.withn"); err == nil || !strings.Contains(err.Error(), "within") {
		t.Error(err)
	}
}

// TestSharesByALimitAgainstThePlainList: whatever the times, both shares are those of a count and add up to all.
func TestSharesByALimitAgainstThePlainList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.Int64Range(1, 300).Draw(t, "limit")
		times := rapid.SliceOfN(rapid.OneOf(rapid.Int64Range(0, 400*hour), rapid.Just(limit*hour), rapid.Just(limit*hour-1)), 0, 40).Draw(t, "times")
		never, young := rapid.Int64Range(0, 20).Draw(t, "never"), rapid.Int64Range(0, 20).Draw(t, "young")
		n := int64(len(times)) + never
		within := int64(0)
		for _, x := range times {
			if x < limit*hour {
				within++
			}
		}
		c := limitOf(score.Limit{Value: float64(limit), Base: "repeat_base", Cases: "contacts", Better: -1, Decides: 1})
		s := contacts(n, young, times...)
		in, out := c.Lookup("repeat.within").Compute(s), c.Lookup("repeat.beyond").Compute(s)
		if n == 0 {
			if in.Value != nil || out.Value != nil || (in.Pending == nil) != (young == 0) {
				t.Fatalf("of nothing: %+v %+v", in, out)
			}
			return
		}
		if *in.Value != 100*(float64(within)/float64(n)) || *out.Value != 100*(float64(n-within)/float64(n)) || in.N != n || in.Pending.N != young || in.Pending.Share != float64(young)/float64(n+young) {
			t.Fatalf("%v and %v of %d, pending %+v; want %d within", *in.Value, *out.Value, n, in.Pending, within)
		}
	})
}

// TestCountsWithinALimit: a count of exactly the limit is within it, and nothing is pending.
func TestCountsWithinALimit(t *testing.T) {
	m := score.Measure{ID: "transfers", Unit: "legs", Resolution: 1, Limit: &score.Limit{Value: 1, Counts: true, Cases: "contacts", Better: 1}}
	c := score.NewCatalogue(score.Spec{Metrics: []score.Measure{m}})
	s := sampleOf([]int64{0, 0, 1, 2, 5}, 1)
	for id, want := range map[string]float64{"transfers.within": 60, "transfers.beyond": 40} {
		d := c.Lookup(id)
		r := d.Compute(s)
		sound(t, id, r)
		if *r.Value != want || r.Pending != nil || r.N != 5 || d.Decides != 0 || d.Beside != nil {
			t.Errorf("%s: %+v", id, r)
		}
	}
	if r := c.Lookup("transfers.within").Compute(&cell.Sample{}); r.Suppressed != "no contacts" {
		t.Error(r.Suppressed)
	}
}
