package score_test

import (
	"strings"
	"testing"

	"github.com/touchstone-cx/touchstone/services/correlation/score"
)

// answers holds n of each answer.
func answers(n map[int64]int) []int64 {
	var all []int64
	for v, k := range n {
		for range k {
			all = append(all, v)
		}
	}
	return all
}

func TestEmployeesAreAskedTheSameFormula(t *testing.T) {
	s := npsSample(1436, 968, 342)
	for _, stat := range []string{"nps", "nps_adjusted"} {
		customers, employees := compute(t, "recommend."+stat, s), compute(t, "workplace."+stat, s)
		if testingResult(customers) != testingResult(employees) {
			t.Errorf("%s: %v and %v", stat, testingResult(customers), testingResult(employees))
		}
		if sentence := catalogue().Lookup("workplace." + stat).Sentence; !strings.Contains(sentence, "employees") {
			t.Error(sentence)
		}
		if sentence := catalogue().Lookup("recommend." + stat).Sentence; strings.Contains(sentence, "employees") {
			t.Error(sentence)
		}
	}
	if d := catalogue().Lookup("workplace.nps"); !d.Headline {
		t.Error("the eNPS stands for its question")
	}
}

func TestNetEmotion(t *testing.T) {
	s := sampleOf(answers(map[int64]int{1: 30, 2: 20, 3: 40, 4: 10}), 1)
	r := compute(t, "felt.net", s)
	if *r.Value != 20 || r.N != 100 || r.Interval.Method != "wald" {
		t.Errorf("%+v", r)
	}
	// The variance of +1, 0 and −1 is 0.8 − 0.2² = 0.76.
	near(t, "se", *r.SE, 8.717797887081348, tolerance{Rel: 1e-12})
	e := r.Explain()
	if e.Formula != "100 × (50 − 30) ÷ 100" || e.Quantities[1] != (score.Quantity{Name: "neither", Value: "20"}) {
		t.Errorf("%+v", e)
	}
	if d := catalogue().Lookup("felt.share.3"); !strings.Contains(d.Sentence, `"relieved"`) || *d.Compute(s).Value != 40 {
		t.Error(d.Sentence)
	}
}

// TestWhatAKindHas: choices only name, so that nothing may be averaged; expectation and importance are points of a scale.
func TestWhatAKindHas(t *testing.T) {
	for measure, want := range map[string]string{
		"reason":    "count share.1 share.2 share.3",
		"mood":      "count share.1 share.2",
		"felt":      "net count share.1 share.2 share.3 share.4",
		"expected":  "mean median sd count share.1 share.2 share.3 share.4 share.5",
		"achieved":  "top2 net_top mean median sd count share.1 share.2 share.3 share.4 share.5 share.6 share.7",
		"wait":      "mean median p10 p90 p95 sd spread sum count",
		"workplace": "nps nps_adjusted mean median sd count share.0 share.1 share.2 share.3 share.4 share.5 share.6 share.7 share.8 share.9 share.10",
	} {
		found, err := catalogue().Match("", measure+".*")
		if err != nil {
			t.Fatal(err)
		}
		var has []string
		for _, d := range found {
			has = append(has, strings.TrimPrefix(d.ID, measure+"."))
		}
		if got := strings.Join(has, " "); got != want {
			t.Errorf("%s has %s, want %s", measure, got, want)
		}
	}
}

func TestOpenIndex(t *testing.T) {
	s := sampleOf(answers(map[int64]int{1: 1, 3: 1, 4: 1, 5: 1, 6: 2, 7: 4}), 1)
	for id, part := range map[string]string{"achieved.net_top": "success", "eased.net_top": "effort", "enjoyed.net_top": "emotion"} {
		d := catalogue().Lookup(id)
		r := d.Compute(s)
		sound(t, id, r)
		if *r.Value != 40 || r.N != 10 || r.Interval.Method != "wald" || r.Explain().Formula != "100 × (6 − 2) ÷ 10" || !strings.Contains(d.Sentence, "The "+part+" part") {
			t.Errorf("%s: %+v %s", id, r, d.Sentence)
		}
		// 0.8 − 0.4² = 0.64, so that the standard error is 80 ÷ √10.
		near(t, id, *r.SE, 25.298221281347036, tolerance{Rel: 1e-12})
	}
}

func TestSpread(t *testing.T) {
	var values []int64
	for i := range int64(100) {
		values = append(values, (i+1)*1000)
	}
	r := compute(t, "wait.spread", sampleOf(values, 1000))
	if *r.Value != 80 || r.N != 100 || r.Interval != nil || r.Explain().Formula != "90 − 10" {
		t.Errorf("%+v %s", r, r.Explain().Formula)
	}
}
