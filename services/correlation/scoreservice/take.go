package scoreservice

import (
	"slices"
	"time"

	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/correlation/cell"
	"github.com/touchstone-cx/touchstone/services/correlation/score"
	"github.com/touchstone-cx/touchstone/services/correlation/state"
)

// taken is what a score is computed from, all of one view.
type taken struct {
	sample *cell.Sample     // nil for composites
	parts  [][]*cell.Sample // of composites: by place and part; nil where a part does not belong
	held   *score.Result    // why a score of employees is not shown
	span   *state.Span      // of scores of employees: what is shown
	// disputes is nil where no case is contested.
	disputes *contested
}

// bag adds cells up in one view, those that several scores need once.
type bag struct {
	r        *Reader
	v        *view
	remember bool // for other requests, too
	sums     map[bagKey]*cell.Sample
}

type bagKey struct {
	scope    scope
	of       string
	needs    cell.Needs
	from, to time.Time
}

func (r *Reader) bag(v *view) *bag {
	return &bag{r: r, v: v, remember: true, sums: map[bagKey]*cell.Sample{}}
}

// take adds up what a target needs.
func (b *bag) take(t *Target, span state.Span) *taken {
	if t.Definition.Employees {
		return b.employees(t, span)
	}
	if t.Definition.Composite == nil {
		x := &taken{sample: b.whole(t, t.Definition, t.name(), t.Scope, t.Definition.Needs(), span)}
		x.disputes = contests(b.v, t, x.sample, t.Definition.Needs(), span)
		return x
	}
	x := &taken{parts: make([][]*cell.Sample, len(t.places))}
	for i, p := range t.places {
		x.parts[i] = make([]*cell.Sample, len(p.needs))
		for k, n := range p.needs {
			if n != nil {
				x.parts[i][k] = b.whole(t, t.Definition.Composite.Parts[k].Score, p.name, p.cells, *n, span)
			}
		}
	}
	x.disputes = contests(b.v, t, nil, cell.Needs{}, span)
	return x
}

// placesAView is how many places of a composite are added up before the fold may go on.
const placesAView = 8

// warm adds up what a composite of many touchpoints needs some at a time, so that the fold need not wait for all of them: what
// has not changed since is then found in the view that the score is of.
func (r *Reader) warm(t *Target, span state.Span) {
	if len(t.places) <= placesAView || !t.live() {
		return
	}
	for some := range slices.Chunk(t.places, placesAView) {
		part := *t
		part.places = some
		r.view(t.Organisation(), func(v *view) { r.bag(v).take(&part, span) })
	}
}

func (b *bag) sample(t *Target, name scope, cells state.Scope, needs cell.Needs, span state.Span) *cell.Sample {
	return b.part(t, name, cells, needs, span, 0)
}

// part is sample of what is decided of a window, where that takes some time.
func (b *bag) part(t *Target, name scope, cells state.Scope, needs cell.Needs, span state.Span, decides time.Duration) *cell.Sample {
	key := bagKey{name, t.pooled(), needs, span.From, span.To}
	s := b.sums[key]
	if s == nil {
		if b.remember {
			s = b.r.part(b.v, t, name, cells, needs, span, decides)
		} else {
			s = b.v.Sample(cells, needs, span)
		}
		b.sums[key] = s
	}
	return s
}

// pooled names what takes other cells than its scope's; empty for all others.
func (t *Target) pooled() string {
	if c := t.Definition.Composite; c != nil && c.Pooled || t.part {
		return t.Definition.ID
	}
	return ""
}

// result computes a target's score. It is the one way to a result: what must not be shown is withheld here.
func (t *Target) result(x *taken, span state.Span) score.Result {
	switch {
	case x.damaged():
		return score.Damaged()
	case t.Definition.Composite != nil:
		return t.Definition.Composite.Compute(t.results(x.parts))
	case x.held != nil:
		return *x.held
	case t.Definition.Employees && x.span == nil:
		return score.Withheld(t.Definition.Minimum) // sampled past its gate
	}
	return t.Definition.Compute(x.sample)
}

func (x *taken) simulated() bool { return x.any(func(s *cell.Sample) bool { return s.Simulated > 0 }) }

func (x *taken) damaged() bool { return x.any(func(s *cell.Sample) bool { return s.Damaged }) }

// any reports whether something holds of any of the samples.
func (x *taken) any(holds func(*cell.Sample) bool) bool {
	if x.sample != nil && ofAny(x.sample, holds) {
		return true
	}
	for _, at := range x.parts {
		for _, s := range at {
			if s != nil && ofAny(s, holds) {
				return true
			}
		}
	}
	return false
}

func ofAny(s *cell.Sample, holds func(*cell.Sample) bool) bool {
	return holds(s) || slices.ContainsFunc(s.Beside, holds)
}

// finish publishes a target's score of what was taken.
func (t *Target) finish(x *taken, span state.Span, at Moment) *scorev1.Score {
	return t.publish(t.result(x, span), x, span, at)
}
