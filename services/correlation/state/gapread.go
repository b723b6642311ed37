package state

import "slices"

// moved returns what would go if an answer were taken out of its customer's line.
func (g *gaps) moved(a, interaction *entry) (q *compared, gone []gapChange) {
	c, counts := answerContext(a, interaction)
	customer, known := whose(a, interaction)
	if q, _ = g.asks(a.question); q == nil || !counts || !known {
		return q, nil
	}
	line := g.lines[saidBy{customer, q.question}]
	at, found := slices.BinarySearchFunc(line, said{at: c.at, hi: a.hi, lo: a.lo}, said.compare)
	if !found {
		return q, nil
	}
	return q, g.around(q, slices.Concat(line[:at], line[at+1:]), at, line[at], -1, nil)
}

// gapValues adds to a fact of an answer the gaps that it bears.
func (v *View) gapValues(f *Fact, a, interaction *entry) {
	q, gone := v.org.gaps.moved(a, interaction)
	for i := range gone {
		if c := &gone[i]; c.k < 0 && c.of.hi == a.hi && c.of.lo == a.lo {
			f.Values[v.s.symbols.name(q.gap[c.baseline])] = c.gap()
			f.Values[v.s.symbols.name(q.expected[c.baseline])] = c.expected
		}
	}
}

// gapsWithout calls change for what a measure would gain (k = 1) or lose (-1) of other answers' gaps without an answer.
func (v *View) gapsWithout(a, interaction *entry, measure string, change func(of *Fact, x int64, k int8)) {
	g := v.org.gaps
	q, gone := g.moved(a, interaction)
	for i := range gone {
		c := &gone[i]
		if c.of.hi == a.hi && c.of.lo == a.lo || c.of.at < v.org.sealed {
			continue
		}
		at := g.contexts[c.of.context]
		at.at = c.of.at
		switch measure {
		case v.s.symbols.name(q.gap[c.baseline]):
			change(v.bearer(at), c.gap(), c.k)
		case v.s.symbols.name(q.expected[c.baseline]):
			change(v.bearer(at), c.expected, c.k)
		}
	}
}

// counts reports whether a measure is a gap or what was expected.
func (g *gaps) counts(measure uint32) bool {
	for _, q := range g.of {
		if measure != 0 && (slices.Contains(q.gap[:], measure) || slices.Contains(q.expected[:], measure)) {
			return true
		}
	}
	return false
}
