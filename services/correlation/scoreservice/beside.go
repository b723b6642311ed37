package scoreservice

import (
	"slices"
	"strings"
	"time"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/correlation/cell"
	"github.com/touchstone-cx/touchstone/services/correlation/score"
	"github.com/touchstone-cx/touchstone/services/correlation/state"
)

// Most scores need one measure over one stretch of time. Some need several (a ratio, a gap), some need those cases alone that are
// old enough to be decided (a share within a limit). Both are samples beside the sample; what is undecided is the same for all
// who ask at one moment, since the moment is the span's.

// decided returns what of a span is decided when that takes some time: all before the bucket in which it began. That bucket
// holds both, so that it counts as young.
func (t *Target) decided(span state.Span, takes time.Duration, now time.Time) state.Span {
	if takes == 0 {
		return span
	}
	if !span.AsOf.IsZero() {
		now = span.AsOf
	}
	old, _ := span.Split(now.Add(-takes), t.Map.Zone)
	return old
}

// whole adds up what a definition needs of a target's scope, or of one of its places. needs are those of its own measure.
func (b *bag) whole(t *Target, d *score.Definition, name scope, cells state.Scope, needs cell.Needs, span state.Span) *cell.Sample {
	s := b.sample(t, name, cells, needs, span)
	if d.Beside == nil {
		return s
	}
	with := *s // which others have, too
	with.Beside = make([]*cell.Sample, len(d.Beside))
	for i, n := range d.Beside {
		if n.Decided {
			with.Beside[i] = b.part(t, name, cells, n.Needs, t.decided(span, d.Decides, b.r.Clock()), d.Decides)
		} else {
			with.Beside[i] = b.sample(t, name, cells, n.Needs, span)
		}
	}
	return &with
}

// ownSample reports whether a target's sample is of no use to other scores of the same measure.
func (t *Target) ownSample() bool {
	return t.part || t.Definition.Composite != nil || t.Definition.Beside != nil
}

// together leaves to a target the touchpoints of its scope where its score can have values.
func (d declared) together(t *Target) {
	all := d.s.touchpoints[t.level][t.id]
	some := slices.DeleteFunc(slices.Clone(all), func(id string) bool { return !d.measured(t.Definition, d.m.Touchpoints[id]) })
	if t.part = len(some) < len(all); t.part {
		t.Scope.Touchpoint, t.Scope.Touchpoints = "", some
	}
}

// seen is what a target's score of now is computed from. Time alone can decide cases, of a score or of a part of it.
func (t *Target) seen(v *view, span state.Span) seen {
	is := seen{generation: v.generation, epoch: v.Epoch(t.Scope), version: t.Map.Version, from: span.From, to: span.To}
	var until strings.Builder
	add := func(d *score.Definition) {
		if d.Decides > 0 {
			until.WriteString(t.decided(span, d.Decides, span.AsOf).To.Format(time.RFC3339))
		}
	}
	if add(t.Definition); t.Definition.Composite != nil {
		for _, p := range t.Definition.Composite.Parts {
			add(p.Score)
		}
	}
	is.decided = until.String()
	return is
}

// Counts reports whether a fact is among the cases of what was resolved.
func (r *Resolved) Counts(v *state.View, f *state.Fact) bool {
	d := r.Definition
	return v.In(f, r.Scope, r.decided(r.Span, d.Decides, r.Span.AsOf)) && carries(d, f)
}

// Bears reports whether a fact has what a case of the score takes, wherever and whenever it is.
func (r *Resolved) Bears(f *state.Fact) bool { return carries(r.Definition, f) }

// Sample adds up what the score needs.
func (r *Resolved) Sample(v *state.View) *cell.Sample {
	return r.each(r.Span, func(_ int, needs cell.Needs, span state.Span) *cell.Sample { return v.Sample(r.Scope, needs, span) })
}

// Without is Sample as it would be if a fact had never been recorded.
func (r *Resolved) Without(v *state.View, f *state.Fact) *cell.Sample {
	return r.each(r.Span, func(_ int, needs cell.Needs, span state.Span) *cell.Sample {
		return v.Without(f, r.Scope, needs.Measure, span)
	})
}

// each puts together what a score is computed from out of the samples that of returns: of its own measure (0), and of the others
// (from 1 on), each with its needs and stretch of time. What of returns first is changed.
func (t *Target) each(span state.Span, of func(i int, needs cell.Needs, span state.Span) *cell.Sample) *cell.Sample {
	d := t.Definition
	s := of(0, d.Needs(), span)
	s.Beside = nil
	for i, b := range d.Beside {
		within := span
		if b.Decided {
			within = t.decided(span, d.Decides, span.AsOf)
		}
		s.Beside = append(s.Beside, of(i+1, b.Needs, within))
	}
	return s
}

// Effect is what a fact does to the score: as it would be without it, and as it is.
func (r *Resolved) Effect(v *state.View, f *state.Fact, now time.Time) *scorev1.Effect {
	after := r.Sample(v)
	if f.Excluded { // as it would be if it had not been ruled out
		all := append([]*cell.Sample{after}, after.Beside...)
		after = r.each(r.Span, func(i int, needs cell.Needs, span state.Span) *cell.Sample {
			return v.With(all[i], []*state.Fact{f}, 1, r.Scope, needs, span)
		})
	}
	return &scorev1.Effect{Before: Build(v, r, r.Without(v, f), now), After: Build(v, r, after, now)}
}

// carries reports whether a fact has a case of a score; without a measure the interactions themselves are its cases.
func carries(d *score.Definition, f *state.Fact) bool {
	interaction := f.Kind == factv1.Kind_KIND_INTERACTION
	switch {
	case d.Outcomes != nil:
		return interaction && slices.Contains(d.Outcomes, f.Outcome)
	case d.Measure == "":
		return interaction
	}
	return slices.ContainsFunc(d.Measures(), func(measure string) bool {
		_, ok := f.Values[measure]
		return ok || f.Measure == measure
	})
}
