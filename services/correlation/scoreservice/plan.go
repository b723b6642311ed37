package scoreservice

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/correlation/score"
	"github.com/touchstone-cx/touchstone/services/correlation/state"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
)

// plan is a filter resolved against a version of the map.
type plan struct {
	declared
	f           *scorev1.Filter
	window      scorev1.Window
	definitions []*score.Definition // by Order, each once
	touchpoints map[string]bool     // nil means all
}

func (r *Reader) plan(ctx context.Context, f *scorev1.Filter) (*plan, error) {
	d, err := r.organisation(ctx, f.GetOrganisation())
	if err != nil {
		return nil, err
	}
	p := &plan{declared: d, f: f}
	if p.window, err = windowOf(f.GetWindow(), f.GetFrom(), f.GetTo(), "filter"); err != nil {
		return nil, err
	}
	for i, t := range f.GetTouchpoints() {
		if d.m.Touchpoints[t] == nil {
			return nil, undeclared(indexed("filter.touchpoints", i), "touchpoint", t, slices.Sorted(maps.Keys(d.m.Touchpoints)))
		}
		if p.touchpoints == nil {
			p.touchpoints = map[string]bool{}
		}
		p.touchpoints[t] = true
	}
	for i, pattern := range f.GetScores() {
		found, err := d.c.Match(indexed("filter.scores", i), pattern)
		if err != nil {
			return nil, err
		}
		if !strings.HasSuffix(pattern, "*") {
			if err := fits(found[0], p.window, "filter"); err != nil {
				return nil, err
			}
		}
		p.definitions = append(p.definitions, found...)
	}
	if len(f.GetScores()) == 0 {
		for _, def := range d.c.All() {
			if def.Headline {
				p.definitions = append(p.definitions, def)
			}
		}
	}
	// Of many scores those that are not shown for the window are left out.
	p.definitions = slices.DeleteFunc(p.definitions, func(def *score.Definition) bool { return fits(def, p.window, "") != nil })
	slices.SortFunc(p.definitions, func(a, b *score.Definition) int { return cmp.Compare(a.Order, b.Order) })
	p.definitions = slices.Compact(p.definitions)
	return p, nil
}

// scopes returns the scopes with data that the filter selects, sorted: the organisation first. Of a unit it is enough that a
// team with data ever stood below it: what has no case is left out later.
func (p *plan) scopes(r *Reader) []scope {
	found := map[scope]bool{}
	units := map[string][]string{}
	r.view(p.m.Organisation, func(v *view) {
		v.Scopes(func(sc state.Scope) {
			if p.m.Touchpoints[sc.Touchpoint] != nil && p.wants(sc) {
				found[keptScope(sc)] = true
			}
		})
	})
	out := map[scope]bool{}
	for sc := range found {
		p.around(sc, out)
		if sc.breakdown != byTeam {
			continue
		}
		above, known := units[sc.value]
		if !known {
			above = p.s.units(sc.value)
			units[sc.value] = above
		}
		for _, unit := range above {
			sc.value = unit
			p.around(sc, out)
		}
	}
	return slices.SortedFunc(maps.Keys(out), compareScopes)
}

// around adds what the filter selects of a touchpoint's scope and of the same for what the touchpoint belongs to.
func (p *plan) around(sc scope, out map[scope]bool) {
	if p.touchpoints == nil || p.touchpoints[sc.id] {
		out[sc] = true
	}
	if !p.f.GetNoOrganisation() {
		out[scope{breakdown: sc.breakdown, value: sc.value}] = true
	}
	for _, g := range p.s.groups[sc.id] {
		if (g.level == ofStage && p.f.GetByStage() || g.level == ofJourney && p.f.GetByJourney()) && p.named(g) {
			g.breakdown, g.value = sc.breakdown, sc.value
			out[g] = true
		}
	}
}

// named reports whether a stage or a journey has a touchpoint that the filter names, if it names any.
func (p *plan) named(g scope) bool {
	return p.touchpoints == nil || slices.ContainsFunc(p.s.touchpoints[g.level][g.id], func(t string) bool { return p.touchpoints[t] })
}

// wants reports whether the filter asks for a scope's breakdown and the map still declares its value.
func (p *plan) wants(sc state.Scope) bool {
	switch sc.Breakdown {
	case "":
		return true
	case byChannel:
		_, declared := p.m.Channels[sc.Value]
		return p.f.GetByChannel() && declared && kept(p.m, byChannel)
	case byTeam:
		_, declared := p.m.Teams[sc.Value]
		return p.f.GetByTeam() && declared && kept(p.m, byTeam)
	default:
		return false
	}
}

// applies reports whether a definition's measure belongs to a touchpoint of a scope.
func (p *plan) applies(def *score.Definition, sc scope) bool {
	switch {
	case def.Employees && !p.divides(def, sc):
		return false
	case def.Composite != nil && def.Composite.Pooled:
		return slices.ContainsFunc(p.s.touchpoints[sc.level][sc.id], p.s.asksAll)
	case sc.level == ofOrganisation || def.Composite == nil && def.Measure == "":
		return true
	}
	return slices.ContainsFunc(p.s.touchpoints[sc.level][sc.id], func(id string) bool {
		t := p.m.Touchpoints[id]
		if def.Composite != nil {
			return slices.ContainsFunc(def.Composite.Parts, func(x score.Part) bool { return p.measured(x.Score, t) })
		}
		return p.measured(def, t)
	})
}

// measured reports whether what a score is of is measured, or asked about, at a touchpoint.
func (d declared) measured(def *score.Definition, t *expmap.Touchpoint) bool {
	if def.Of == nil {
		return d.has(def.Measure, t)
	}
	return !slices.ContainsFunc(def.Of, func(id string) bool { return !d.has(id, t) })
}

func (d declared) has(measure string, t *expmap.Touchpoint) bool {
	if q := d.m.Questions[measure]; q != nil {
		_, asked := q.Touchpoints[t.ID]
		return asked
	}
	if l := d.m.LinkedOf(measure); l != nil {
		return l.CountsAt(t.ID)
	}
	if measure == "" || !d.s.metrics[measure] {
		return true
	}
	_, measured := t.Metrics[measure]
	return t.Metrics == nil || measured
}

func (p *plan) target(def *score.Definition, sc scope) *Target {
	return p.newTarget(def, sc, p.window, p.f.GetFrom(), p.f.GetTo(), "filter")
}
