package state

import (
	"cmp"
	"slices"
	"time"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	"github.com/touchstone-cx/touchstone/services/correlation/cell"
	"github.com/touchstone-cx/touchstone/services/internal/wire"
)

// Dispute is what the ledger knows of a dispute. Its words are in the stream.
type Dispute struct {
	ID      string
	Number  uint64 // place of the contested fact in the ledger
	Version uint64 // of the step that holds
	Ruling  factv1.Ruling
	Raised  time.Time
	// Position of the step that holds, in TS_FACT, and its place in that message.
	Position uint64
	Index    uint32
}

// Contest is a dispute in a list.
type Contest struct {
	Number uint64 // place of the contested fact in the ledger
	Raised int64  // ms
}

// Disputed reports whether anything of the organisation was ever contested.
func (v *View) Disputed() bool { return v.org != nil && v.org.contests != nil }

// Disputes lists the organisation's disputes, or those without a ruling, or those of a touchpoint: newest first.
func (v *View) Disputes(open bool, touchpoint string) []Contest {
	if !v.Disputed() {
		return nil
	}
	var out []Contest
	for _, c := range v.org.contests.all {
		if !c.known || open && c.ruling != factv1.Ruling_RULING_UNSPECIFIED || touchpoint != "" && v.s.symbols.name(c.touchpoint) != touchpoint {
			continue
		}
		out = append(out, Contest{c.fact, c.raised})
	}
	slices.SortFunc(out, func(a, b Contest) int {
		return cmp.Or(cmp.Compare(b.Raised, a.Raised), cmp.Compare(b.Number, a.Number))
	})
	return out
}

// Contested returns the dispute about the fact at a place in the ledger; nil when there is none.
func (v *View) Contested(number uint64) (*Dispute, error) {
	if !v.Disputed() || v.org.contests.all[number] == nil {
		return nil, nil
	}
	c := v.org.contests.all[number]
	var fact, e entry
	if err := v.read(c.fact, &fact); err != nil {
		return nil, err
	}
	if err := v.read(c.dispute, &e); err != nil {
		return nil, err
	}
	if !e.has(flagContent) {
		return nil, nil
	}
	return &Dispute{
		ID: DisputeID(fact.hi, fact.lo), Number: number, Version: e.version, Ruling: c.ruling, Raised: time.UnixMilli(c.raised).UTC(),
		Position: e.position, Index: e.index,
	}, nil
}

// Dispute returns a dispute by its id; nil when there is none.
func (v *View) Dispute(id string) (*Dispute, error) {
	if !v.Disputed() {
		return nil, nil
	}
	hi, lo := wire.Identity(v.org.name, factv1.Kind_KIND_DISPUTE, []byte(DisputeSource), []byte(id), nil, nil)
	_, enc, found, err := v.s.ledger.Lookup(hi, lo)
	if err != nil || !found {
		return nil, err
	}
	var e entry
	if err := e.decode(enc); err != nil || e.about == 0 {
		return nil, err
	}
	return v.Contested(e.about - 1)
}

// FactAt returns the fact at a place in the ledger; nil when it was never delivered.
func (v *View) FactAt(number uint64) (*Fact, error) {
	var e entry
	if err := v.read(number, &e); err != nil || e.has(flagAwaited) {
		return nil, err
	}
	return v.fact(number, &e)
}

func (v *View) read(number uint64, e *entry) error {
	enc, err := v.s.ledger.Read(number)
	if err != nil {
		return err
	}
	return e.decode(enc)
}

// Contests returns the facts of a scope and span that are contested and count, and those that are ruled out, as far as cases
// wants them. Only the disputes of the scope's touchpoints are looked at.
func (v *View) Contests(sc Scope, span Span, cases func(*Fact) bool) (open, excluded []*Fact, err error) {
	if !v.Disputed() {
		return nil, nil, nil
	}
	look := func(all []*contest) {
		for _, c := range all {
			if err != nil || c.ruling == factv1.Ruling_RULING_COUNTED || !c.known {
				continue
			}
			var f *Fact
			if f, err = v.FactAt(c.fact); err != nil || f == nil || !f.Content || f.Waits || !v.lies(f, sc, span) || !cases(f) {
				continue
			}
			if f.Excluded {
				excluded = append(excluded, f)
			} else {
				open = append(open, f)
			}
		}
	}
	at := v.org.contests.at
	switch {
	case sc.Touchpoint != "":
		look(at[v.s.symbols.byName[sc.Touchpoint]])
	case sc.Touchpoints != nil:
		for _, t := range sc.Touchpoints {
			look(at[v.s.symbols.byName[t]])
		}
	default:
		for _, all := range at {
			look(all)
		}
	}
	byNumber := func(a, b *Fact) int { return cmp.Compare(a.Number, b.Number) }
	slices.SortFunc(open, byNumber)
	slices.SortFunc(excluded, byNumber)
	return open, excluded, err
}

// Carries reports whether a fact has a case of a measure; the measure "" is the interactions themselves.
func (f *Fact) Carries(measure string) bool {
	if measure == "" {
		return f.Kind == factv1.Kind_KIND_INTERACTION
	}
	_, ok := f.Values[measure]
	return ok || f.Measure == measure
}

// With returns a sample of a scope and span as it would be with facts that it lacks (k = 1), or without facts that it has (-1). Of
// measures that are made of several facts it follows what that does to the customers' other interactions and answers, one fact
// after the other, as the fold does.
func (v *View) With(s *cell.Sample, facts []*Fact, k int64, sc Scope, needs cell.Needs, span Span) *cell.Sample {
	out := s.Clone()
	linked := v.relink(out, facts, k, sc, needs.Measure, span)
	for _, f := range facts {
		if !v.lies(f, sc, span) {
			continue // of its customer's other facts some may be
		}
		if linked {
			f = &Fact{Kind: f.Kind, Outcome: f.Outcome} // its values are among what was followed
		}
		f.into(out, needs.Measure, k)
	}
	if !needs.Distribution {
		for _, m := range out.Measure {
			m.Hist.Clear()
		}
	}
	return out
}

// into adds a fact to a sample (k = 1), or takes it out (-1).
func (f *Fact) into(s *cell.Sample, measure string, k int64) {
	if f.Kind == factv1.Kind_KIND_INTERACTION {
		if s.Interactions[f.Outcome] += k; s.Interactions[f.Outcome] == 0 {
			delete(s.Interactions, f.Outcome)
		}
	}
	if f.Kind == factv1.Kind_KIND_OBSERVATION && f.Measure == measure {
		changed(s, "", func(m *cell.Moments) { m.Observe(f.Sum, int64(f.N), k) })
		return
	}
	if x, ok := f.Values[measure]; ok && s.Bins != nil {
		changed(s, f.Outcome, func(m *cell.Moments) { m.Add(x, s.Bins.Of(x), k) })
	}
}

// changed changes the moments of an outcome, which are kept while there is anything in them.
func changed(s *cell.Sample, outcome string, f func(*cell.Moments)) {
	m := s.Measure[outcome]
	if m == nil {
		m = new(cell.Moments)
		s.Measure[outcome] = m
	}
	if f(m); m.IsZero() {
		delete(s.Measure, outcome)
	}
}
