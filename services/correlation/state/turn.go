package state

import (
	"slices"
	"time"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	"github.com/touchstone-cx/touchstone/services/correlation/cell"
)

// relink changes a sample of a measure that is made of several facts by what becomes of the lines of customers whose interactions
// or answers come or go, one after the other. It reports whether the measure is one.
func (v *View) relink(s *cell.Sample, facts []*Fact, k int64, sc Scope, measure string, span Span) bool {
	if v.org == nil || s.Bins == nil {
		return false
	}
	linked := v.org.links != nil && v.org.links.counts(measure)
	compared := v.org.gaps != nil && v.org.gaps.counts(v.s.symbols.byName[measure])
	if !linked && !compared {
		return false
	}
	change := func(of *Fact, x int64, k int8) {
		if v.In(of, sc, span) {
			changed(s, of.Outcome, func(m *cell.Moments) { m.Add(x, s.Bins.Of(x), int64(k)) })
		}
	}
	lines, answers := map[[16]byte][]moment{}, retold{map[saidBy][]said{}, map[[2]uint64]context{}}
	for _, f := range facts {
		e, about, err := v.entry(f.Number)
		switch {
		case err != nil:
			s.Damaged = true
			return true
		case linked && e.kind == factv1.Kind_KIND_INTERACTION:
			v.relinkInteraction(lines, e, int8(k), measure, change)
		case compared && e.kind == factv1.Kind_KIND_ANSWER:
			v.relinkAnswer(answers, e, about, int8(k), measure, change)
		}
	}
	return true
}

func (v *View) relinkInteraction(lines map[[16]byte][]moment, e *entry, k int8, measure string, change func(of *Fact, x int64, k int8)) {
	l := v.org.links
	line, known := lines[e.customer]
	if !known {
		line = l.lines[e.customer]
	}
	line, _, changes := l.turned(line, e, k)
	lines[e.customer] = line
	for _, c := range changes {
		x := c.known()
		if measure == l.of[c.metric].ID {
			x = c.value
		} else if measure != l.of[c.metric].Base {
			continue
		}
		if x < 0 || c.at.at < v.org.sealed {
			continue
		}
		at := l.settings[c.at.setting].context
		at.at = c.at.at
		change(v.bearer(at), x, c.k)
	}
}

// retold are customers' lines as they would be, and the contexts of the answers that came or went.
type retold struct {
	lines    map[saidBy][]said
	contexts map[[2]uint64]context
}

func (v *View) relinkAnswer(to retold, a, interaction *entry, k int8, measure string, change func(of *Fact, x int64, k int8)) {
	g := v.org.gaps
	own, counts := answerContext(a, interaction)
	customer, known := whose(a, interaction)
	q, _ := g.asks(a.question)
	if q == nil || !counts || !known {
		return
	}
	key := saidBy{customer, q.question}
	line, followed := to.lines[key]
	if !followed {
		line = g.lines[key]
	}
	line, changes := g.turned(q, line, a, own, k)
	to.lines[key], to.contexts[[2]uint64{a.hi, a.lo}] = line, own
	for i := range changes {
		c := &changes[i]
		if c.of.at < v.org.sealed {
			continue
		}
		at, turned := to.contexts[[2]uint64{c.of.hi, c.of.lo}]
		if !turned {
			at = g.contexts[c.of.context]
			at.at = c.of.at
		}
		switch measure {
		case v.s.symbols.name(q.gap[c.baseline]):
			change(v.bearer(at), c.gap(), c.k)
		case v.s.symbols.name(q.expected[c.baseline]):
			change(v.bearer(at), c.expected, c.k)
		}
	}
}

// turned returns a customer's line as it would be with an interaction (k = 1) or without it (-1), and what that changes.
func (l *links) turned(line []moment, e *entry, k int8) (after []moment, m moment, changes []change) {
	n, known := l.numbers[string(l.settingKey(nil, e))]
	if !e.has(flagCustomer) || !known || !l.settings[n].takesPart() {
		return line, m, nil
	}
	m = moment{e.at, e.contact, n}
	at, found := slices.BinarySearchFunc(line, m, l.compare)
	if k < 0 {
		if !found {
			return line, m, nil
		}
		line = slices.Concat(line[:at], line[at+1:])
	}
	changes, _ = l.around(line, at, m, k, nil, nil)
	if k > 0 {
		line = slices.Concat(line[:at], []moment{m}, line[at:])
	}
	return line, m, changes
}

// turned returns a customer's line as it would be with an answer (k = 1) or without it (-1), and what that changes. The answer's
// own place in it has no context: it is the caller's.
func (g *gaps) turned(q *compared, line []said, a *entry, own context, k int8) (after []said, changes []gapChange) {
	_, expects := g.asks(a.question)
	x := said{at: own.at, hi: a.hi, lo: a.lo, response: a.response, value: a.value, touchpoint: own.touchpoint, expects: expects}
	at, found := slices.BinarySearchFunc(line, x, said.compare)
	if found == (k > 0) {
		return line, nil
	}
	if k < 0 {
		x = line[at]
		line = slices.Concat(line[:at], line[at+1:])
	}
	changes = g.around(q, line, at, x, k, nil)
	if k > 0 {
		line = slices.Concat(line[:at], []said{x}, line[at:])
	}
	return line, changes
}

// turn is which way a fact's line is turned to see what the fact bears: taken out while it is in, put in where it is ruled out.
func (f *Fact) turn() int8 {
	if f.Excluded {
		return 1
	}
	return -1
}

// linkedValues adds to a fact the cases of linked metrics that it bears, or would if it were not ruled out.
func (v *View) linkedValues(f *Fact, e *entry) {
	if v.org.links == nil || !e.has(flagCustomer) {
		return
	}
	l := v.org.links
	_, m, changes := l.turned(l.lines[e.customer], e, f.turn())
	for _, c := range changes {
		if c.k != f.turn() || c.at != m {
			continue
		}
		f.Values[l.of[c.metric].Base] = c.known()
		if c.value >= 0 {
			f.Values[l.of[c.metric].ID] = c.value
		}
	}
}

// gapValues adds to an answer the gaps that it bears, or would.
func (v *View) gapValues(f *Fact, a, interaction *entry) {
	g := v.org.gaps
	own, _ := answerContext(a, interaction)
	customer, known := whose(a, interaction)
	q, _ := g.asks(a.question)
	if q == nil || !known {
		return
	}
	_, changes := g.turned(q, g.lines[saidBy{customer, q.question}], a, own, f.turn())
	for i := range changes {
		if c := &changes[i]; c.k == f.turn() && c.of.hi == a.hi && c.of.lo == a.lo {
			f.Values[v.s.symbols.name(q.gap[c.baseline])] = c.gap()
			f.Values[v.s.symbols.name(q.expected[c.baseline])] = c.expected
		}
	}
}

// counts reports whether a measure is a linked metric or its cases.
func (l *links) counts(measure string) bool {
	return slices.ContainsFunc(l.of, func(x Linked) bool { return x.ID == measure || x.Base == measure })
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

// entry reads a fact's entry and that of the interaction that it is about, nil where it is about none.
func (v *View) entry(number uint64) (e, about *entry, err error) {
	e = new(entry)
	if err = v.read(number, e); err == nil && e.about > 0 && e.about != aboutSealed {
		about = new(entry)
		err = v.read(e.about-1, about)
	}
	return e, about, err
}

// bearer returns a context as a fact, as far as it takes to know where it counts.
func (v *View) bearer(c context) *Fact {
	name := v.s.symbols.name
	f := &Fact{
		Counted: true, At: time.UnixMilli(c.at).UTC(),
		Touchpoint: name(c.touchpoint), Channel: name(c.channel), Team: name(c.team), Outcome: name(c.outcome),
	}
	for _, a := range c.attributes {
		f.Attributes = append(f.Attributes, name(a))
	}
	return f
}
