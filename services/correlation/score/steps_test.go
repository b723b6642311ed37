package score_test

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/touchstone-cx/touchstone/services/correlation/score"
)

func singles(ids ...string) func(from, to int64) []score.Group {
	var out []score.Group
	for _, id := range ids {
		out = append(out, score.Group{ID: id, Members: []string{id}})
	}
	return func(int64, int64) []score.Group { return out }
}

func TestSteps(t *testing.T) {
	day := func(day, n int64, a, b int64) score.Tally {
		return score.Tally{Day: day, N: n, By: map[string]int64{"a": a, "b": b}}
	}
	for _, c := range []struct {
		name  string
		days  []score.Tally
		steps string
		round string // from-to and what is shown
	}{
		{"nobody", nil, "[]", "[]"},
		{"too few", []score.Tally{day(5, 9, 9, 0)}, "[]", "[]"},
		{"each day", []score.Tally{day(5, 20, 10, 10), day(6, 10, 10, 0)}, "[5-6 6-7]", "[5-6[ a b] 6-7[ a]]"},
		{"few at a time, and days without", []score.Tally{day(5, 4, 4, 0), day(9, 7, 7, 0), day(10, 3, 3, 0), day(20, 8, 8, 0)}, "[5-10 10-21]", "[5-10[ a] 10-21[ a]]"},
		{"a small group makes the others wait", []score.Tally{day(1, 15, 12, 3), day(2, 20, 13, 7), day(3, 12, 6, 6)}, "[1-2 2-3 3-4]", "[1-3[ a b]]"},
		{"for four weeks", []score.Tally{day(1, 33, 15, 3), day(27, 20, 20, 0), day(28, 30, 30, 0)}, "[1-2 2-28 28-29]", "[1-29[ a]]"},
		{"what belongs to none makes them wait, too", []score.Tally{day(1, 22, 10, 10), day(2, 28, 10, 10)}, "[1-2 2-3]", "[1-3[ a b]]"},
		// In two steps a has 11 and 1, b 2 and 9: a less all of the first step would tell of 3, and with the third step of 8.
		{"steps against groups", []score.Tally{day(1, 13, 11, 2), day(2, 10, 1, 9), day(3, 10, 5, 5), day(4, 20, 10, 10)}, "[1-2 2-3 3-4 4-5]", "[1-5[ a b]]"},
	} {
		steps, rounds := score.Steps(c.days, singles("a", "b"), 10)
		var s, r []string
		for _, x := range steps {
			s = append(s, fmt.Sprintf("%d-%d", x.From, x.To))
		}
		for _, x := range rounds {
			r = append(r, fmt.Sprintf("%d-%d%v", x.From, x.To, slices.Sorted(maps.Keys(x.Shown))))
		}
		if fmt.Sprint(s) != c.steps || fmt.Sprint(r) != c.round {
			t.Errorf("%s: %v %v, want %s %s", c.name, s, r, c.steps, c.round)
		}
	}
}

// TestStepsEndInTime: a group that never has enough keeps no other waiting for more than four weeks, and where none can be shown
// a round ends all the same.
func TestStepsEndInTime(t *testing.T) {
	var days []score.Tally
	for d := range int64(300) {
		days = append(days, score.Tally{Day: d, N: 31, By: map[string]int64{"a": 20, "b": 11}})
		if d%28 == 0 {
			days[d].N, days[d].By["c"] = 32, 1
		}
	}
	_, rounds := score.Steps(days, singles("a", "b", "c"), 10)
	if len(rounds) < 10 || !rounds[0].Shown["a"] || rounds[0].Shown["b"] || rounds[0].Shown["c"] || rounds[0].To != 28 {
		t.Errorf("%d: %+v", len(rounds), rounds)
	}
	_, rounds = score.Steps(days, singles("c"), 10)
	if len(rounds) != 3 || len(rounds[0].Shown) != 0 || rounds[0].To != 91 {
		t.Errorf("%d: %+v", len(rounds), rounds)
	}
}

// TestStepsAreDecidedByWhatWasBefore: what comes later changes nothing of what was shown.
func TestStepsAreDecidedByWhatWasBefore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		days := tallies(t)
		all, rounds := score.Steps(days, singles("0", "1", "2"), 10)
		cut := rapid.IntRange(0, len(days)).Draw(t, "cut")
		steps, some := score.Steps(days[:cut], singles("0", "1", "2"), 10)
		if len(steps) > len(all) || len(some) > len(rounds) || !slices.Equal(steps, all[:len(steps)]) {
			t.Fatalf("%v, later %v", steps, all)
		}
		for i := range some {
			if !reflect.DeepEqual(some[i], rounds[i]) {
				t.Fatalf("%v, later %v", some[i], rounds[i])
			}
		}
		if n := len(all); n > 0 && len(rounds) > 0 && rounds[len(rounds)-1].To > all[n-1].To {
			t.Fatal("a round beyond the steps")
		}
	})
}

func tallies(t *rapid.T) []score.Tally {
	var days []score.Tally
	day := int64(0)
	for range rapid.IntRange(0, 40).Draw(t, "days") {
		day += rapid.Int64Range(1, 9).Draw(t, "gap")
		d := score.Tally{Day: day, N: rapid.SampledFrom([]int64{0, 0, 0, 1, 11}).Draw(t, "none"), By: map[string]int64{}}
		for m := range 3 {
			n := rapid.SampledFrom([]int64{0, 0, 1, 3, 9, 10, 14, 30}).Draw(t, "n")
			d.By[fmt.Sprint(m)] = n
			d.N += n
		}
		days = append(days, d)
	}
	return days
}

// TestStepsIsolateNobody: the whole steps of everybody and the whole rounds of groups, added up with any of a few factors, are
// sums over no more than nothing or at least the minimum.
func TestStepsIsolateNobody(t *testing.T) {
	shown := 0
	rapid.Check(t, func(t *rapid.T) {
		days := tallies(t)
		steps, rounds := score.Steps(days, singles("0", "1", "2"), 10)
		for _, r := range rounds {
			var within []score.Step
			for _, s := range steps {
				if s.From >= r.From && s.To <= r.To {
					within = append(within, s)
				}
			}
			groups := slices.DeleteFunc([]string{"0", "1", "2"}, func(id string) bool { return !r.Shown[id] })
			shown += len(groups)
			if len(within) > 4 {
				within = within[:4]
			}
			factors := make([]int, len(within)+len(groups))
			for {
				var of int64
				for _, d := range days {
					i := slices.IndexFunc(within, func(s score.Step) bool { return s.From <= d.Day && d.Day < s.To })
					if d.Day < r.From || d.Day >= r.To {
						continue
					}
					a, rest := 0, d.N
					if i >= 0 {
						a = factors[i]
					}
					for m, n := range d.By {
						b := 0
						if k := slices.Index(groups, m); k >= 0 {
							b = factors[len(within)+k]
						}
						if rest -= n; a+b != 0 {
							of += n
						}
					}
					if a != 0 {
						of += rest
					}
				}
				if of > 0 && of < 10 {
					t.Fatalf("%d told of by %v of %v and %v of %+v", of, factors, within, groups, days)
				}
				k := 0
				for ; k < len(factors) && factors[k] == 1; k++ {
					factors[k] = -1
				}
				if k == len(factors) {
					break
				}
				factors[k]++
			}
		}
	})
	if shown == 0 {
		t.Error("no group was ever shown: this proves nothing")
	}
}

// TestApart compares with all cuts.
func TestApart(t *testing.T) {
	yes := 0
	rapid.Check(t, func(t *rapid.T) {
		rows, columns := rapid.IntRange(1, 5).Draw(t, "rows"), rapid.IntRange(1, 5).Draw(t, "columns")
		table := make([][]int64, rows)
		for i := range table {
			for range columns {
				table[i] = append(table[i], rapid.SampledFrom([]int64{0, 0, 0, 1, 2, 5, 7, 20}).Draw(t, "n"))
			}
		}
		fewest := int64(0)
		for set := range 1 << (rows + columns) {
			n := int64(0)
			for i, row := range table {
				for k, x := range row {
					if set>>i&1 != set>>(rows+k)&1 {
						n += x
					}
				}
			}
			if n > 0 && (fewest == 0 || n < fewest) {
				fewest = n
			}
		}
		for least := range int64(24) {
			if got := score.Apart(table, least); got != (fewest == 0 || fewest >= least) {
				t.Fatalf("%v: %v for %d, the fewest are %d", table, got, least, fewest)
			}
		}
		if fewest > 10 {
			yes++
		}
	})
	if !score.Apart(nil, 10) || yes == 0 {
		t.Error("nothing is apart")
	}
}

// BenchmarkSteps divides two years of an organisation of 400 teams, a quarter of which answer on any day.
func BenchmarkSteps(b *testing.B) {
	var ids []string
	for i := range 400 {
		ids = append(ids, fmt.Sprint(i))
	}
	var days []score.Tally
	for d := range int64(730) {
		x := score.Tally{Day: d, By: map[string]int64{}}
		for i, id := range ids {
			if (i*7+int(d)*13)%4 == 0 {
				x.By[id] = int64(1 + (i+int(d))%3)
				x.N += x.By[id]
			}
		}
		days = append(days, x)
	}
	for b.Loop() {
		if _, rounds := score.Steps(days, singles(ids...), 10); len(rounds) < 20 {
			b.Fatalf("%d rounds", len(rounds))
		}
	}
}
