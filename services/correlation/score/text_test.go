package score_test

import (
	"math"
	"slices"
	"strings"
	"testing"
)

// Sentiments are kept in thousandths and read in points of 100; a text at −0.05 of VADER's compound score is negative.
func TestTextsAreReadBySentiment(t *testing.T) {
	s := sampleOf([]int64{-1000, -51, -50, -49, 0, 49, 501, 1000}, 10)
	for id, want := range map[string]float64{"told.mean": 5, "told.negative": 37.5, "told.count": 8} {
		r := compute(t, id, s)
		if r.Value == nil || math.Abs(*r.Value-want) > 1e-9 {
			t.Errorf("%s is %v (%s), want %v", id, r.Value, r.Suppressed, want)
		}
	}
	if r := compute(t, "told.sd", s); r.Value == nil || *r.Value < 50 || *r.Value > 60 {
		t.Errorf("sd %v", r.Value)
	}
	var ids []string
	for _, d := range catalogue().All() {
		if strings.HasPrefix(d.ID, "told.") {
			ids = append(ids, d.ID)
		}
	}
	if slices.Sort(ids); !slices.Equal(ids, []string{"told.count", "told.mean", "told.negative", "told.sd"}) {
		t.Error(ids)
	}
}

// What a text is about and what was chosen is neither good nor bad, a low rank is good, and reasons have no order.
func TestWhichWayPartsAreBetter(t *testing.T) {
	c := catalogue()
	for id, want := range map[string]int{
		"told.mean": 1, "told.negative": -1, "told_waiting.share.1": 0, "told_waiting.mean": 0, "first_1.mean": -1, "first_1.share.1": 1,
		"first_1.share.3": -1, "against.mean": 1, "against.share.-1": -1, "against.share.0": 0, "because.share.1": 0,
	} {
		if d := c.Lookup(id); d == nil || d.Better != want {
			t.Errorf("%s: %+v, want %d", id, d, want)
		}
	}
	for _, id := range []string{"because.mean", "against.top2", "first_1.top2", "told.median", "told.share.0"} {
		if c.Lookup(id) != nil {
			t.Errorf("there is %s", id)
		}
	}
	if d := c.Lookup("told_waiting.share.1"); !d.Headline || !strings.Contains(d.Sentence, `"told: Waiting"`) {
		t.Errorf("%+v", d)
	}
}
