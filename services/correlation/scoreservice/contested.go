package scoreservice

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/correlation/cell"
	"github.com/touchstone-cx/touchstone/services/correlation/score"
	"github.com/touchstone-cx/touchstone/services/correlation/state"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
)

// contested is what disputes do to a score: its cases that are contested and count, those that are ruled out, and the samples
// with all of them and with none; no samples for composites.
type contested struct {
	open, excluded []*state.Fact
	with, without  *cell.Sample
}

// contests returns what disputes do to a target whose sample, of these needs, was taken in v; nil where nothing is contested,
// and for scores of employees, where it would tell of single answers.
func contests(v *view, t *Target, s *cell.Sample, needs cell.Needs, span state.Span) *contested {
	if !v.Disputed() || t.Definition.Employees {
		return nil
	}
	c, failed := &contested{}, false
	look := func(sc state.Scope, cases func(*state.Fact) bool) {
		open, excluded, err := v.Contests(sc, span, cases)
		c.open, c.excluded, failed = append(c.open, open...), append(c.excluded, excluded...), failed || err != nil
	}
	if t.Definition.Composite != nil {
		for _, p := range t.places {
			look(p.cells, func(f *state.Fact) bool {
				return slices.ContainsFunc(t.Definition.Composite.Parts, func(part score.Part) bool { return !part.Score.Employees && isCase(part.Score, f) })
			})
		}
	} else {
		look(t.Scope, func(f *state.Fact) bool { return isCase(t.Definition, f) })
	}
	switch {
	case len(c.open)+len(c.excluded) == 0 && !failed:
		return nil
	case s != nil:
		all := append([]*cell.Sample{s}, s.Beside...)
		moved := func(facts []*state.Fact, k int64) *cell.Sample {
			return t.each(span, func(i int, needs cell.Needs, span state.Span) *cell.Sample {
				return v.With(all[i], facts, k, t.Scope, needs, span)
			})
		}
		c.with, c.without = moved(c.excluded, 1), moved(c.open, -1)
		if failed {
			c.with.Damaged, c.without.Damaged = true, true
		}
	}
	return c
}

// isCase reports whether a fact is among the cases of a score.
func isCase(d *score.Definition, f *state.Fact) bool {
	if d.Beside != nil || d.Outcomes != nil {
		return carries(d, f)
	}
	return f.Carries(d.Measure) || d.OfInteractions && f.Kind == factv1.Kind_KIND_INTERACTION
}

// contested says what disputes do to a score.
func (t *Target) contested(c *contested) *scorev1.Contested {
	if c == nil {
		return nil
	}
	out := &scorev1.Contested{Open: int64(len(c.open)), Excluded: int64(len(c.excluded))}
	if c.with != nil {
		out.WithAll, out.WithoutAll = t.Definition.Compute(c.with).Value, t.Definition.Compute(c.without).Value
	}
	return out
}

// disputed names the contested facts of a score with what each brings, and the values with all of them and with none. Of
// what is shown with a minimum only none is named.
func (s *Service) disputed(ctx context.Context, t *Target, c *contested) ([]*scorev1.Quantity, error) {
	if c == nil {
		return nil, nil
	}
	var out []*scorev1.Quantity
	add := func(name, value string) { out = append(out, &scorev1.Quantity{Name: name, Value: value}) }
	for _, x := range []struct {
		what  string
		facts []*state.Fact
	}{{"contested", c.open}, {"ruled out", c.excluded}} {
		if len(x.facts) == 0 {
			continue
		}
		add(x.what, strconv.Itoa(len(x.facts)))
		if t.Definition.Minimum > 1 || s.Facts == nil {
			continue
		}
		names, err := s.Names(ctx, x.facts)
		if err != nil {
			return nil, err
		}
		for i, f := range x.facts {
			add(fmt.Sprintf("%s: %s", x.what, names[i]), t.brings(f))
		}
	}
	said := t.contested(c)
	if said.WithAll != nil {
		add("value with all of them counted", strconv.FormatFloat(*said.WithAll, 'f', -1, 64))
	}
	if said.WithoutAll != nil {
		add("value with all of them left out", strconv.FormatFloat(*said.WithoutAll, 'f', -1, 64))
	}
	return out, nil
}

// brings is what a fact brings to a score, in the unit of its measure; 1 where it is a case and no more.
func (t *Target) brings(f *state.Fact) string {
	measure := t.Definition.Measure
	x, ok := f.Values[measure]
	if f.Kind == factv1.Kind_KIND_OBSERVATION {
		x, ok = f.Sum, true
	}
	if !ok || t.Definition.Composite != nil {
		return "1"
	}
	resolution := int64(1)
	if m := t.Map.Metrics[measure]; m != nil {
		resolution = m.Resolution
	} else if r := expmap.Derived(t.Map.Proto)[measure]; r > 0 {
		resolution = r
	}
	return strconv.FormatFloat(float64(x)/float64(resolution), 'f', -1, 64)
}
