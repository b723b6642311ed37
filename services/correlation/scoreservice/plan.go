package scoreservice

import (
	"cmp"
	"context"
	"maps"
	"slices"

	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/correlation/score"
	"github.com/touchstone-cx/touchstone/services/correlation/state"
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
		p.definitions = append(p.definitions, found...)
	}
	if len(f.GetScores()) == 0 {
		for _, def := range d.c.All() {
			if def.Headline {
				p.definitions = append(p.definitions, def)
			}
		}
	}
	slices.SortFunc(p.definitions, func(a, b *score.Definition) int { return cmp.Compare(a.Order, b.Order) })
	p.definitions = slices.Compact(p.definitions)
	return p, nil
}

// scopes returns the scopes with data that the filter selects, sorted: the organisation first.
func (p *plan) scopes(r *Reader) []state.Scope {
	var all []state.Scope
	r.view(p.m.Organisation, func(v *view) { v.Scopes(func(sc state.Scope) { all = append(all, sc) }) })
	var out []state.Scope
	whole := map[state.Scope]bool{}
	for _, sc := range all {
		if p.m.Touchpoints[sc.Touchpoint] == nil || !p.wants(sc) {
			continue
		}
		if !p.f.GetNoOrganisation() {
			whole[state.Scope{Breakdown: sc.Breakdown, Value: sc.Value}] = true
		}
		if p.touchpoints == nil || p.touchpoints[sc.Touchpoint] {
			out = append(out, sc)
		}
	}
	out = slices.AppendSeq(out, maps.Keys(whole))
	slices.SortFunc(out, compareScopes)
	return out
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

// applies reports whether a definition's measure belongs to a scope's touchpoint.
func (p *plan) applies(def *score.Definition, sc state.Scope) bool {
	t := p.m.Touchpoints[sc.Touchpoint]
	if t == nil || def.Measure == "" {
		return true
	}
	if q := p.m.Questions[def.Measure]; q != nil {
		_, asked := q.Touchpoints[t.ID]
		return asked
	}
	_, measured := t.Metrics[def.Measure]
	return t.Metrics == nil || measured
}

func (p *plan) target(def *score.Definition, sc state.Scope) *Target {
	return p.newTarget(def, sc, p.window, p.f.GetFrom(), p.f.GetTo(), "filter")
}

func compareScopes(a, b state.Scope) int {
	return cmp.Or(cmp.Compare(a.Touchpoint, b.Touchpoint), cmp.Compare(a.Breakdown, b.Breakdown), cmp.Compare(a.Value, b.Value))
}
