package score_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/touchstone-cx/touchstone/services/correlation/score"
)

func TestDisclose(t *testing.T) {
	teams := func(groups ...string) []score.Group {
		var out []score.Group
		for _, g := range groups {
			id, members, of := strings.Cut(g, "=")
			if !of {
				members = id
			}
			out = append(out, score.Group{ID: id, Members: strings.Fields(members)})
		}
		return out
	}
	for _, c := range []struct {
		name   string
		total  int64
		n      map[string]int64
		groups []score.Group
		want   string
	}{
		{"too few in all", 9, map[string]int64{"a": 9}, teams("a"), ""},
		{"all of them", 30, map[string]int64{"a": 10, "b": 20}, teams("a", "b"), "- a b"},
		{"one small one hides the smallest beside it", 45, map[string]int64{"a": 12, "b": 30, "c": 3}, teams("a", "b", "c"), "- b"},
		{"two small ones hide one another", 40, map[string]int64{"a": 30, "b": 5, "c": 5}, teams("a", "b", "c"), "- a"},
		{"what belongs to none is small", 33, map[string]int64{"a": 10, "b": 20}, teams("a", "b"), "- b"},
		{"empty ones tell of nobody", 30, map[string]int64{"a": 10, "b": 20, "c": 0}, teams("a", "b", "c"), "- a b"},
		{"nothing within what is withheld", 45, map[string]int64{"a": 10, "b": 12, "c": 20, "d": 3}, teams("ab=a b", "a", "b", "c", "d"), "- ab a b"},
		{"a unit with one team", 45, map[string]int64{"a": 10, "b": 35}, teams("aa=a", "a", "b"), "- aa a b"},
		{"what overlaps is withheld", 60, map[string]int64{"a": 20, "b": 20, "c": 20}, teams("ab=a b", "bc=b c", "a", "b", "c"), "- ab a b c"},
	} {
		got := score.Disclose(c.total, c.n, c.groups, 10)
		var ids []string
		for _, g := range append([]score.Group{{}}, c.groups...) {
			if got[g.ID] {
				ids = append(ids, cmp.Or(g.ID, "-"))
			}
		}
		if s := strings.Join(ids, " "); s != c.want {
			t.Errorf("%s: %s, want %s", c.name, s, c.want)
		}
	}
}

// TestDiscloseIsolatesNobody: over any division, members that the same shown groups hold cannot be told apart by what is
// shown, and all others can be at most. So each such set must have nobody, or the least that may be told of.
func TestDiscloseIsolatesNobody(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := map[string]int64{}
		members := rapid.IntRange(1, 12).Draw(t, "members")
		total := rapid.Int64Range(0, 12).Draw(t, "beside")
		n[""] = total
		var groups []score.Group
		for i := range members {
			id := fmt.Sprint(i)
			n[id] = rapid.Int64Range(0, 25).Draw(t, "n")
			total += n[id]
		}
		for g := range rapid.IntRange(0, 6).Draw(t, "units") {
			var in []string
			for i := range members {
				if rapid.Bool().Draw(t, "in") {
					in = append(in, fmt.Sprint(i))
				}
			}
			groups = append(groups, score.Group{ID: fmt.Sprint("unit ", g), Members: in})
		}
		for i := range members {
			groups = append(groups, score.Group{ID: fmt.Sprint(i), Members: []string{fmt.Sprint(i)}})
		}
		least := rapid.Int64Range(1, 15).Draw(t, "least")
		by := maps.Clone(n)
		delete(by, "")
		shown := score.Disclose(total, by, groups, least)
		if !shown[""] && len(shown) > 0 {
			t.Fatal("parts without a whole")
		}
		atoms := map[string]int64{}
		for id, k := range n {
			held := ""
			for _, g := range groups {
				if shown[g.ID] && slices.Contains(g.Members, id) {
					held += g.ID + ","
				}
			}
			atoms[held] += k
		}
		for held, k := range atoms {
			if shown[""] && k > 0 && k < least {
				t.Fatalf("%d told of by %q: %v of %v", k, held, shown, n)
			}
		}
	})
}

func TestMinimums(t *testing.T) {
	spec := score.Spec{
		Metrics:   []score.Measure{wait},
		Questions: []score.Measure{{ID: "satisfied", Kind: score.CSAT, Resolution: 1, Min: 1, Max: 5}, {ID: "workplace", Kind: score.ENPS, Resolution: 1, Min: 0, Max: 10}},
	}
	for _, c := range []struct {
		minimums           score.Minimums
		answers, employees int64
	}{
		{score.Minimums{}, 0, 10},
		{score.Minimums{Answers: 1, Employees: 3}, 0, 10},
		{score.Minimums{Answers: 5, Employees: 20}, 5, 20},
	} {
		spec.Minimums = c.minimums
		for _, d := range score.NewCatalogue(spec).All() {
			want := map[string]int64{"satisfied": c.answers, "workplace": c.employees}[d.Measure]
			if d.Minimum != want || d.Employees != (d.Measure == "workplace") {
				t.Errorf("%+v: %s has the minimum %d, want %d", c.minimums, d.ID, d.Minimum, want)
			}
			for _, n := range []int{0, 1, int(want) - 1, int(want)} {
				s := sampleOf(make([]int64, max(0, n)), 1)
				r := d.Compute(s)
				sound(t, d.ID, r)
				if hidden := want > 0 && int64(n) < want; hidden != (r.Suppressed == fmt.Sprintf("fewer than %d answers", want)) {
					t.Errorf("%s of %d: %+v", d.ID, n, r)
				} else if hidden && (r.N != 0 || r.Coverage != nil || r.Explain().Formula != "" || len(r.Explain().Quantities) > 0) {
					t.Errorf("%s of %d tells more: %+v", d.ID, n, r)
				}
			}
		}
	}
}
