package align_test

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/touchstone-cx/touchstone/services/survey/align"
)

// Five employees of a desk, worked by hand. Documented: 1 courtesy, 2 solving it at once, 3 speed, 4 selling; six pairs:
// 12 13 14 23 24 34.
func TestFiveEmployees(t *testing.T) {
	documented := []int32{1, 2, 3, 4}
	for name, c := range map[string]struct {
		ranks                    map[int32]int
		discordant, tied         int
		distance, tau            float64
		moved1, moved2, m3, last float64
	}{
		// As documented: no pair is turned round.
		"Anna": {map[int32]int{1: 1, 2: 2, 3: 3, 4: 4}, 0, 0, 0, 1, 0, 0, 0, 0},
		// The reverse: all six are, 6/6; (0 − 6)/√(6·6) = −1.
		"Ben": {map[int32]int{1: 4, 2: 3, 3: 2, 4: 1}, 6, 0, 1, -1, 3, 1, -1, -3},
		// Speed first, then 1 2 4: 13 and 23 are turned round, 2/6; (4 − 2)/6 = 1/3.
		"Cem": {map[int32]int{3: 1, 1: 2, 2: 3, 4: 4}, 2, 0, 1.0 / 3, 1.0 / 3, 1, 1, -2, 0},
		// Selling first, then 2 1 3: 14 24 34 and 12 are, 4/6; (2 − 4)/6 = −1/3.
		"Dora": {map[int32]int{4: 1, 2: 2, 1: 3, 3: 4}, 4, 0, 2.0 / 3, -1.0 / 3, 2, 0, 1, -3},
		// 1, then 2 and 3 alike, then 4: 23 is tied, (0 + ½)/6 = 1/12; 5/√(5·6) = 0.912871. 2 and 3 share the places 2 and 3: 2.5.
		"Emil": {map[int32]int{1: 1, 2: 2, 3: 2, 4: 3}, 0, 1, 1.0 / 12, 0.9128709291752769, 0, 0.5, -0.5, 0},
	} {
		a, err := align.Ranks(c.ranks, documented)
		if err != nil {
			t.Fatal(err)
		}
		if a.Pairs != 6 || a.Discordant != c.discordant || a.Tied != c.tied || math.Abs(a.Distance-c.distance) > 1e-12 || math.Abs(a.Tau-c.tau) > 1e-12 {
			t.Errorf("%s: %+v", name, a)
		}
		for i, want := range []float64{c.moved1, c.moved2, c.m3, c.last} {
			if a.Moved[i] != (align.Moved{Value: documented[i], By: want}) {
				t.Errorf("%s: %+v, want %v", name, a.Moved[i], want)
			}
		}
	}
}

func TestWhatCannotBeCompared(t *testing.T) {
	for name, c := range map[string]struct{ perceived, documented []int32 }{
		"one thing":        {[]int32{1}, []int32{1}},
		"nothing":          {nil, nil},
		"too few":          {[]int32{1, 2}, []int32{1, 2, 3}},
		"others":           {[]int32{1, 2}, []int32{1, 3}},
		"ranked twice":     {[]int32{1, 1}, []int32{1, 2}},
		"documented twice": {[]int32{1, 2}, []int32{1, 1}},
	} {
		if a, err := align.Orders(c.perceived, c.documented); err == nil {
			t.Errorf("%s: %+v", name, a)
		}
	}
	if a, err := align.Ranks(map[int32]int{1: 1, 2: 1}, []int32{1, 2}); err != nil || !math.IsNaN(a.Tau) || a.Distance != 0.5 {
		t.Errorf("all tied: %+v, %v", a, err)
	}
}

// Each swap of neighbours changes the distance by one, the reverse is as far as can be, and tau and distance tell the same.
func TestDistanceCountsSwaps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 10).Draw(t, "n")
		documented := rapid.Permutation(values(n)).Draw(t, "documented")
		perceived := rapid.Permutation(values(n)).Draw(t, "perceived")
		a, err := align.Orders(perceived, documented)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(a.Tau-(1-2*a.Distance)) > 1e-12 || a.Tied != 0 {
			t.Fatalf("%+v", a)
		}
		at := rapid.IntRange(0, n-2).Draw(t, "at")
		perceived[at], perceived[at+1] = perceived[at+1], perceived[at]
		b, err := align.Orders(perceived, documented)
		if err != nil {
			t.Fatal(err)
		}
		if d := a.Discordant - b.Discordant; d != 1 && d != -1 {
			t.Fatalf("%d and %d discordant", a.Discordant, b.Discordant)
		}
		// The same distance the other way about.
		back, err := align.Orders(documented, perceived)
		if err != nil || back.Discordant != b.Discordant {
			t.Fatalf("%d and %d discordant, %v", b.Discordant, back.Discordant, err)
		}
		moved := 0.0
		for _, m := range b.Moved {
			moved += m.By
		}
		if moved != 0 {
			t.Fatalf("moved by %v in all", moved)
		}
	})
}

func values(n int) []int32 {
	out := make([]int32, n)
	for i := range out {
		out[i] = int32(i + 1)
	}
	return out
}
