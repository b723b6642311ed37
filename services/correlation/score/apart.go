package score

// Apart reports whether sums over whole rows and whole columns of a table of counts, with whatever factors, differ from nothing
// by at least least cases, if they differ at all.
//
// A sum with factor a for a row and b for a column takes each cell a + b times. The cells that it does not take 0 times are
// those between rows and columns of different a and −b: a cut of the graph whose nodes are the rows and columns and whose edges
// are the cells. So no cut may be smaller than least, in any connected part of the graph. Nodes that no smaller cut divides are
// put together until none is left, by maximum adjacency orderings (Nagamochi and Ibaraki 1992; Stoer and Wagner 1997).
func Apart(table [][]int64, least int64) bool {
	if least <= 1 {
		return true // no case is less than one
	}
	var g graph
	for i, row := range table {
		for k, n := range row {
			if n > 0 {
				g.tie(i, len(table)+k, n)
			}
		}
	}
	for _, part := range g.parts() {
		for len(part) > 1 {
			into, ok := g.ordering(part, least)
			if !ok {
				return false
			}
			part = g.contract(part, into)
		}
	}
	return true
}

// graph is the weights of the edges of each node.
type graph []map[int]int64

func (g *graph) tie(a, b int, n int64) {
	for len(*g) <= max(a, b) {
		*g = append(*g, map[int]int64{})
	}
	(*g)[a][b] += n
	(*g)[b][a] += n
}

// parts returns the connected parts.
func (g graph) parts() (out [][]int) {
	seen := make([]bool, len(g))
	for i := range g {
		if seen[i] {
			continue
		}
		seen[i] = true
		part := []int{i}
		for at := 0; at < len(part); at++ {
			for k := range g[part[at]] {
				if !seen[k] {
					seen[k] = true
					part = append(part, k)
				}
			}
		}
		out = append(out, part)
	}
	return out
}

// ordering goes through connected nodes, next always the one that is tied most to those before. The last one alone is a cut:
// ok is false when it is smaller than least. No smaller cut divides a node from one before it to which, with all before that, it is
// tied with least or more: into tells with which node each goes together. There is at least one such pair.
func (g graph) ordering(part []int, least int64) (into map[int]int, ok bool) {
	into = make(map[int]int, len(part))
	tied := make(map[int]int64, len(part))
	for _, x := range part {
		tied[x], into[x] = 0, x
	}
	cut := int64(0)
	for range part {
		next := -1
		for _, x := range part {
			if t, open := tied[x]; open && (next < 0 || t > tied[next]) {
				next = x
			}
		}
		cut = tied[next]
		delete(tied, next)
		for k, n := range g[next] {
			if t, open := tied[k]; open {
				if tied[k] = t + n; t+n >= least && t < least {
					into[k] = next
				}
			}
		}
	}
	return into, cut >= least
}

// contract puts nodes together with those that they go into, which come before them, and returns what is left.
func (g graph) contract(part []int, into map[int]int) (left []int) {
	root := func(x int) int {
		for into[x] != x {
			x = into[x]
		}
		return x
	}
	for _, x := range part {
		to := root(x)
		if to == x {
			left = append(left, x)
			continue
		}
		for k, n := range g[x] {
			delete(g[k], x)
			if at := root(k); at != to {
				g[to][at] += n
				g[at][to] += n
			}
		}
		g[x] = nil
	}
	return left
}
