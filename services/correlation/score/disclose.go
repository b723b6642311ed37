package score

import (
	"cmp"
	"slices"
)

// Group is some of the members into which cases are divided.
type Group struct {
	ID      string
	Members []string
}

// Disclose tells which groups may be shown side by side, the group "" of all cases among them, so that no sum or difference
// of those shown tells of fewer than least cases. n is by member; what is missing to total belongs to none. Groups are given
// outermost first.
//
// It goes from the outside in. A group with fewer than least cases is withheld. What a group has beside the groups shown in
// it must be nothing or at least least, or else the smallest of them is withheld as well. Nothing within what is withheld is
// shown, and no group that overlaps another without being within it: so what is shown divides the cases into what each shown
// group has beside those shown in it, and every sum or difference is made of these.
func Disclose(total int64, n map[string]int64, groups []Group, least int64) map[string]bool {
	root := &node{n: total}
	groups = slices.Clone(groups)
	for i := range groups {
		groups[i].Members = slices.DeleteFunc(slices.Clone(groups[i].Members), func(m string) bool { return n[m] == 0 })
	}
	slices.SortStableFunc(groups, func(a, b Group) int { return cmp.Compare(len(b.Members), len(a.Members)) })
	inner := map[string]*node{} // by member: the smallest group so far
	for _, g := range groups {
		if len(g.Members) == 0 {
			continue
		}
		outer := inner[g.Members[0]]
		if slices.ContainsFunc(g.Members, func(m string) bool { return inner[m] != outer }) {
			continue
		}
		x := &node{id: g.ID}
		for _, m := range g.Members {
			x.n += n[m]
			inner[m] = x
		}
		if outer == nil {
			outer = root
		}
		outer.in = append(outer.in, x)
	}
	shown := map[string]bool{}
	if total >= least {
		root.disclose(least, shown)
	}
	return shown
}

type node struct {
	id string
	n  int64
	in []*node
}

func (x *node) disclose(least int64, shown map[string]bool) {
	shown[x.id] = true
	slices.SortFunc(x.in, func(a, b *node) int { return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(a.id, b.id)) })
	beside := x.n
	for _, y := range x.in {
		if y.n >= least {
			beside -= y.n
		}
	}
	in := x.in
	for len(in) > 0 && (in[len(in)-1].n < least || beside > 0 && beside < least) {
		if last := in[len(in)-1]; last.n >= least {
			beside += last.n
		}
		in = in[:len(in)-1]
	}
	for _, y := range in {
		y.disclose(least, shown)
	}
}
