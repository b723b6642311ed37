package scoreservice

import (
	"slices"

	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/correlation/cell"
	"github.com/touchstone-cx/touchstone/services/correlation/score"
	"github.com/touchstone-cx/touchstone/services/correlation/state"
)

// place is a touchpoint of a composite's scope, or all of them where the composite pools them.
type place struct {
	id         string
	name       scope
	cells      state.Scope
	importance float64
	backStage  bool
	needs      []*cell.Needs // of each part; nil where its measure does not belong
}

// places returns where the parts of a composite are taken. A touchpoint at which none of them belongs is left out.
func (d declared) places(def *score.Definition, name scope) []place {
	needs := partNeeds(def.Composite)
	ids := d.s.touchpoints[name.level][name.id]
	if def.Composite.Pooled {
		ids = slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return !d.s.asksAll(id) })
		if len(ids) == 0 {
			return nil
		}
		p := place{name: name, cells: d.s.cells(name), needs: d.belonging(def.Composite, needs, ids)}
		p.cells.Touchpoint, p.cells.Touchpoints = "", ids
		return []place{p}
	}
	var out []place
	for _, id := range ids {
		own := d.belonging(def.Composite, needs, []string{id})
		if !slices.ContainsFunc(own, func(n *cell.Needs) bool { return n != nil }) {
			continue
		}
		t := d.m.Touchpoints[id].Proto
		at := scope{ofTouchpoint, id, name.breakdown, name.value}
		out = append(out, place{
			id: id, name: at, cells: d.s.cells(at), importance: t.GetImportance(),
			// On its own a touchpoint need not be weighed.
			backStage: t.GetBackStage() && name.level != ofTouchpoint, needs: own,
		})
	}
	return out
}

// partNeeds returns what each part needs; those of one measure share a sample.
func partNeeds(c *score.Composite) []*cell.Needs {
	byMeasure := map[string]*cell.Needs{}
	out := make([]*cell.Needs, len(c.Parts))
	for i, p := range c.Parts {
		n := p.Score.Needs()
		if byMeasure[n.Measure] == nil {
			byMeasure[n.Measure] = &n
		}
		byMeasure[n.Measure].Distribution = byMeasure[n.Measure].Distribution || n.Distribution
		out[i] = byMeasure[n.Measure]
	}
	return out
}

func (d declared) belonging(c *score.Composite, needs []*cell.Needs, ids []string) []*cell.Needs {
	out := make([]*cell.Needs, len(needs))
	for i, p := range c.Parts {
		if slices.ContainsFunc(ids, func(id string) bool { return d.measured(p.Score, d.m.Touchpoints[id]) }) {
			out[i] = needs[i]
		}
	}
	return out
}

// results computes a composite's parts from their samples.
func (t *Target) results(samples [][]*cell.Sample) []score.Place {
	out := make([]score.Place, len(t.places))
	for i, p := range t.places {
		out[i] = score.Place{Touchpoint: p.id, Importance: p.importance, BackStage: p.backStage, Results: make([]*score.Result, len(p.needs))}
		for k, s := range samples[i] {
			if s != nil {
				r := t.Definition.Composite.Parts[k].Score.Compute(s)
				out[i].Results[k] = &r
				out[i].Interactions = s.Offered()
			}
		}
	}
	return out
}

func composite(c *score.Composed) *scorev1.Composite {
	if c == nil {
		return nil
	}
	out := &scorev1.Composite{
		Survey: c.Survey.Value, SurveyCoverage: c.Survey.Coverage, SurveyN: c.Survey.N,
		Process: c.Process.Value, ProcessCoverage: c.Process.Coverage, ProcessN: c.Process.N,
	}
	for _, t := range c.Terms {
		out.Parts = append(out.Parts, &scorev1.CompositePart{
			Touchpoint: t.Touchpoint, Score: t.Score, Value: t.Value, Points: t.Points, Weight: t.Weight, N: t.N, Survey: t.Survey,
		})
	}
	return out
}
