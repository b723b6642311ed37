package state

import (
	"slices"
	"time"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	"github.com/touchstone-cx/touchstone/services/correlation/cell"
)

// placed returns where an interaction stands in its customer's line; ok is false when it stands in none. It changes nothing.
func (l *links) placed(e *entry) (line []moment, at int, ok bool) {
	n, known := l.numbers[string(l.settingKey(nil, e))]
	if !known {
		return nil, 0, false
	}
	line = l.lines[e.customer]
	at, ok = slices.BinarySearchFunc(line, moment{e.at, e.contact, n}, l.compare)
	return line, at, ok
}

// moved returns what would go if an interaction were taken out of its customer's line.
func (l *links) moved(e *entry) (m moment, gone []change) {
	line, at, ok := l.placed(e)
	if !ok {
		return m, nil
	}
	m = line[at]
	gone, _ = l.around(slices.Concat(line[:at], line[at+1:]), at, m, -1, nil, nil)
	return m, gone
}

// linkedValues adds to a fact the cases of linked metrics that it bears.
func (v *View) linkedValues(f *Fact, e *entry) {
	if v.org.links == nil || !e.has(flagCustomer) {
		return
	}
	l := v.org.links
	m, gone := l.moved(e)
	for _, c := range gone {
		if c.k > 0 || c.at != m {
			continue
		}
		f.Values[l.of[c.metric].Base] = c.known()
		if c.value >= 0 {
			f.Values[l.of[c.metric].ID] = c.value
		}
	}
}

// unlink makes a sample of a measure that is made of several facts what it would be without a fact, but for what the fact's
// values say: another interaction of the customer may then be followed by another one, or by none, and another answer be
// compared with something else.
func (v *View) unlink(f *Fact, sc Scope, measure string, span Span, s *cell.Sample) {
	if v.org == nil || !f.Content || s.Bins == nil {
		return
	}
	interactions := f.Kind == factv1.Kind_KIND_INTERACTION && v.org.links != nil && v.org.links.counts(measure)
	answers := f.Kind == factv1.Kind_KIND_ANSWER && v.org.gaps != nil && v.org.gaps.counts(v.s.symbols.byName[measure])
	if !interactions && !answers {
		return
	}
	e, about, err := v.entry(f.Number)
	if err != nil {
		s.Damaged = true
		return
	}
	change := func(of *Fact, x int64, k int8) {
		if !v.In(of, sc, span) {
			return
		}
		to := s.Measure[of.Outcome]
		if to == nil {
			to = new(cell.Moments)
			s.Measure[of.Outcome] = to
		}
		if to.Add(x, s.Bins.Of(x), int64(k)); to.IsZero() {
			delete(s.Measure, of.Outcome)
		}
	}
	if answers {
		v.gapsWithout(e, about, measure, change)
	} else if e.has(flagCustomer) {
		v.linkedWithout(e, measure, change)
	}
}

// linkedWithout calls change for what a measure would gain (k = 1) or lose (-1) of other interactions' cases without one.
func (v *View) linkedWithout(e *entry, measure string, change func(of *Fact, x int64, k int8)) {
	l := v.org.links
	m, gone := l.moved(e)
	for _, c := range gone {
		x := c.known()
		if measure == l.of[c.metric].ID {
			x = c.value
		} else if measure != l.of[c.metric].Base {
			continue
		}
		if x < 0 || c.k < 0 && c.at == m || c.at.at < v.org.sealed {
			continue
		}
		at := l.settings[c.at.setting].context
		at.at = c.at.at
		change(v.bearer(at), x, c.k)
	}
}

// counts reports whether a measure is a linked metric or its cases.
func (l *links) counts(measure string) bool {
	return slices.ContainsFunc(l.of, func(x Linked) bool { return x.ID == measure || x.Base == measure })
}

// entry reads a fact's entry and that of the interaction that it is about, nil where it is about none.
func (v *View) entry(number uint64) (e, about *entry, err error) {
	read := func(number uint64) (*entry, error) {
		enc, err := v.s.ledger.Read(number)
		if err != nil {
			return nil, err
		}
		e := new(entry)
		return e, e.decode(enc)
	}
	if e, err = read(number); err == nil && e.about > 0 && e.about != aboutSealed {
		about, err = read(e.about - 1)
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
