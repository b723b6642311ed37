package scoreservice

import (
	"strings"
	"time"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/correlation/state"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
)

// goal returns the target that holds for a score on the last day of its time: its own, else the nearest that cascades to
// it. Nearer is first a unit of teams above its team at the same place, by the tree of that day, then the next wider place:
// touchpoint, stage, journey, organisation, and there again its team before the units above. What is set for a team holds
// for the teams below, what is set for a channel for that channel, and what is set for neither for neither.
func (t *Target) goal(value *float64, span state.Span, now time.Time) *scorev1.Goal {
	all := t.Map.Targets[t.Definition.ID]
	if len(all) == 0 {
		return nil
	}
	day := now
	if last := span.To.Add(-time.Nanosecond); last.Before(now) {
		day = last
	}
	name := t.name()
	for i, place := range t.s.wider(t.Map, name) {
		for k, above := range t.s.valuesAbove(name, day.In(t.Map.Zone)) {
			place.value = above
			if x := dueOn(all, day, place, i+k > 0); x != nil {
				return t.published(x, value, place, i+k > 0)
			}
		}
	}
	return nil
}

// wider returns a scope and what is around it, nearest first.
func (s *structure) wider(m *expmap.Map, name scope) []scope {
	out := []scope{name}
	at := func(l level, id string) {
		if id != "" {
			out = append(out, scope{l, id, name.breakdown, name.value})
		}
	}
	stage := name.id
	if name.level == ofTouchpoint {
		stage = m.Touchpoints[name.id].Proto.GetStage()
		at(ofStage, stage)
	}
	if name.level == ofTouchpoint || name.level == ofStage {
		if x := m.Stages[stage]; x != nil {
			at(ofJourney, x.Journey)
		}
	}
	if name.level != ofOrganisation {
		out = append(out, scope{ofOrganisation, "", name.breakdown, name.value})
	}
	return out
}

// valuesAbove returns a scope's value of its breakdown and, of a team, the units above it on a day, nearest first.
func (s *structure) valuesAbove(name scope, day time.Time) []string {
	out := []string{name.value}
	if name.breakdown != byTeam {
		return out
	}
	y, m, d := day.Date()
	on := time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86400
	for team := name.value; len(out) <= len(s.above); { // ends circles
		next := ""
		for _, unit := range s.above[team] {
			for _, p := range s.below[unit] {
				if p.team == team && p.from <= on && on < p.to {
					next = unit
				}
			}
		}
		if next == "" {
			break
		}
		out, team = append(out, next), next
	}
	return out
}

// dueOn chooses among the targets of one scope: that of the nearest day not yet past, else of the last past one, else the one
// without a day.
func dueOn(all []*expmap.Target, day time.Time, at scope, cascades bool) *expmap.Target {
	var best *expmap.Target
	past := func(x *expmap.Target) bool { return x.By.AddDate(0, 0, 1).Compare(day) <= 0 }
	for _, x := range all {
		if scopeOfTarget(x.Proto) != at || cascades && !x.Proto.GetCascades() {
			continue
		}
		switch {
		case best == nil, past(best) && !past(x):
			best = x
		case past(best) == past(x) && past(x) == x.By.After(best.By):
			best = x
		}
	}
	return best
}

func scopeOfTarget(p *mapv1.Target) scope {
	var out scope
	for _, x := range [...]scope{{level: ofJourney, id: p.GetJourney()}, {level: ofStage, id: p.GetStage()}, {level: ofTouchpoint, id: p.GetTouchpoint()}} {
		if x.id != "" {
			out = x
		}
	}
	if c := p.GetChannel(); c != "" {
		out.breakdown, out.value = byChannel, c
	} else if team := p.GetTeam(); team != "" {
		out.breakdown, out.value = byTeam, team
	}
	return out
}

func (t *Target) published(x *expmap.Target, value *float64, at scope, cascaded bool) *scorev1.Goal {
	g := &scorev1.Goal{Value: x.Proto.GetValue(), By: x.Proto.GetBy(), SetBy: x.Proto.GetSetBy()}
	if cascaded {
		g.From = at.words()
	}
	if better := t.Definition.Better; value != nil && better != 0 {
		ahead := float64(better) * (*value - g.GetValue())
		g.Ahead = &ahead
	}
	return g
}

// words names a scope for people.
func (s scope) words() string {
	var parts []string
	if s.level != ofOrganisation {
		parts = append(parts, s.level.String()+" "+s.id)
	}
	if s.breakdown != "" {
		parts = append(parts, strings.TrimPrefix(s.breakdown, byAttribute)+" "+s.value)
	}
	if len(parts) == 0 {
		return ofOrganisation.String()
	}
	return strings.Join(parts, ", ")
}
