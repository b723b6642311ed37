package state

import (
	"slices"
	"time"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	"github.com/touchstone-cx/touchstone/services/correlation/cell"
)

// placed returns where an interaction stands in its customer's line; ok is false when it stands in none. It changes nothing.
func (l *links) placed(e *entry) (line []moment, at int, ok bool) {
	n, known := l.numbers[string(settingKey(nil, e))]
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
		if c.seconds >= 0 {
			f.Values[l.of[c.metric].ID] = c.seconds
		}
	}
}

// unlink makes a sample of a linked metric, or of its cases, what it would be without a fact, but for what the fact's values
// say: another interaction of the customer may then be followed by another one, or by none.
func (v *View) unlink(f *Fact, sc Scope, measure string, span Span, s *cell.Sample) {
	if v.org == nil || v.org.links == nil || f.Kind != factv1.Kind_KIND_INTERACTION || !f.Content || s.Bins == nil {
		return
	}
	l := v.org.links
	metric := slices.IndexFunc(l.of, func(x Linked) bool { return x.ID == measure || x.Base == measure })
	if metric < 0 {
		return
	}
	var e entry
	if enc, err := v.s.ledger.Read(f.Number); err != nil || e.decode(enc) != nil {
		s.Damaged = true
		return
	}
	if !e.has(flagCustomer) {
		return
	}
	m, gone := l.moved(&e)
	for _, c := range gone {
		x := c.known()
		if measure == l.of[metric].ID {
			x = c.seconds
		}
		of := v.bearer(c.at)
		if c.metric != metric || x < 0 || c.k < 0 && c.at == m || !v.In(of, sc, span) {
			continue
		}
		to := s.Measure[of.Outcome]
		if to == nil {
			to = new(cell.Moments)
			s.Measure[of.Outcome] = to
		}
		if to.Add(x, s.Bins.Of(x), int64(c.k)); to.IsZero() {
			delete(s.Measure, of.Outcome)
		}
	}
}

// bearer returns a moment as a fact, as far as it takes to know where it counts.
func (v *View) bearer(m moment) *Fact {
	name, c := v.s.symbols.name, v.org.links.settings[m.setting].context
	f := &Fact{
		Counted: true, At: time.UnixMilli(m.at).UTC(),
		Touchpoint: name(c.touchpoint), Channel: name(c.channel), Team: name(c.team), Outcome: name(c.outcome),
	}
	for _, a := range c.attributes {
		f.Attributes = append(f.Attributes, name(a))
	}
	return f
}
