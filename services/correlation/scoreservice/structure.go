package scoreservice

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/touchstone-cx/touchstone/services/correlation/state"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
)

// structure is how a map groups touchpoints into stages and journeys, and teams into units: what sums are read over. It
// only reads: when a map's structure changes, nothing is counted again.
type structure struct {
	touchpoints [levels]map[string][]string // by id, of all that is declared: touchpoint ids, sorted, never nil
	groups      map[string][]scope          // by touchpoint: the stage and the journey it belongs to
	below       map[string][]placed         // by unit
	above       map[string][]string         // by team: the units it was ever placed in
	asksAll     func(touchpoint string) bool
	metrics     map[string]bool // those that touchpoints declare; what is linked to them is known at every touchpoint

	mu    sync.Mutex
	parts map[string][]state.Part // by unit, of those that were asked for
}

// placed is a team in a unit, or what a unit has of a team.
type placed struct {
	team string
	days
}

func newStructure(m *expmap.Map) *structure {
	s := &structure{
		touchpoints: [levels]map[string][]string{ofOrganisation: {}, ofJourney: {}, ofStage: {}, ofTouchpoint: {}}, groups: map[string][]scope{},
		below: map[string][]placed{}, above: map[string][]string{}, parts: map[string][]state.Part{},
		asksAll: asksAll(m), metrics: map[string]bool{},
	}
	for _, x := range m.Proto.GetMetrics() {
		s.metrics[x.GetId()] = true
	}
	journeys := map[string][]string{} // by stage
	for _, x := range m.Proto.GetStages() {
		s.touchpoints[ofStage][x.GetId()] = []string{}
	}
	for _, x := range m.Proto.GetJourneys() {
		s.touchpoints[ofJourney][x.GetId()] = []string{}
		for _, stage := range x.GetStages() {
			journeys[stage] = append(journeys[stage], x.GetId())
		}
	}
	put := func(l level, id, touchpoint string) {
		has, declared := s.touchpoints[l][id]
		if declared && (len(has) == 0 || has[len(has)-1] != touchpoint) {
			s.touchpoints[l][id] = append(has, touchpoint)
			s.groups[touchpoint] = append(s.groups[touchpoint], scope{level: l, id: id})
		}
	}
	for _, id := range slices.Sorted(maps.Keys(m.Touchpoints)) {
		s.touchpoints[ofTouchpoint][id] = []string{id}
		s.touchpoints[ofOrganisation][""] = append(s.touchpoints[ofOrganisation][""], id)
		stage := m.Touchpoints[id].Proto.GetStage()
		put(ofStage, stage, id)
		for _, j := range journeys[stage] {
			put(ofJourney, j, id)
		}
	}
	for _, t := range m.Proto.GetTeams() {
		for _, p := range t.GetPlacements() {
			d, ok := daysOf(p.GetFrom(), p.GetTo())
			if _, declared := m.Teams[p.GetParent()]; !ok || !declared {
				continue // the map's check refuses such a placement
			}
			s.below[p.GetParent()] = append(s.below[p.GetParent()], placed{t.GetId(), d})
			s.above[t.GetId()] = append(s.above[t.GetId()], p.GetParent())
		}
	}
	return s
}

// cells returns what a scope is made of.
func (s *structure) cells(sc scope) state.Scope {
	out := state.Scope{Breakdown: sc.breakdown, Value: sc.value}
	switch sc.level {
	case ofOrganisation:
	case ofTouchpoint:
		out.Touchpoint = sc.id
	default:
		out.Touchpoints = s.touchpoints[sc.level][sc.id]
	}
	if sc.breakdown == byTeam && len(s.below[sc.value]) > 0 {
		out.Parts = s.unit(sc.value)
	}
	return out
}

// unit returns the teams of which a unit is the sum, itself included, each on the days on which it was there.
func (s *structure) unit(id string) []state.Part {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p, ok := s.parts[id]; ok {
		return p
	}
	// On a day on which it was found already nothing is looked at twice: that ends circles too.
	found := map[string][]days{}
	for next := []placed{{id, always}}; len(next) > 0; {
		x := next[0]
		next = next[1:]
		for _, d := range x.without(found[x.team]) {
			found[x.team] = joinDays(append(found[x.team], d))
			for _, child := range s.below[x.team] {
				if c := child.and(d); c.from < c.to {
					next = append(next, placed{child.team, c})
				}
			}
		}
	}
	var out []state.Part
	for _, team := range slices.Sorted(maps.Keys(found)) {
		for _, d := range found[team] {
			out = append(out, state.Part{Value: team, From: d.from, To: d.to})
		}
	}
	s.parts[id] = out
	return out
}

// units returns all units that a team ever stood below, each once.
func (s *structure) units(team string) []string {
	var out []string
	seen := map[string]bool{team: true}
	for next := s.above[team]; len(next) > 0; {
		id := next[0]
		next = next[1:]
		if !seen[id] {
			seen[id] = true
			out = append(out, id)
			next = slices.Concat(next, s.above[id])
		}
	}
	return out
}

// days is a run of days as state.Part numbers them, half open.
type days struct{ from, to int64 }

var always = days{state.FirstDay, state.LastDay}

// daysOf reads the days of a placement; empty means since ever or for ever. ok is false when they are none.
func daysOf(from, to string) (d days, ok bool) {
	d = always
	for _, x := range []struct {
		text string
		day  *int64
	}{{from, &d.from}, {to, &d.to}} {
		if x.text == "" {
			continue
		}
		t, err := time.Parse(time.DateOnly, x.text)
		if err != nil {
			return days{}, false
		}
		*x.day = t.Unix() / 86400
	}
	return d, d.from < d.to
}

func (d days) and(e days) days { return days{max(d.from, e.from), min(d.to, e.to)} }

// without returns the days of d that are in none of some runs, which are in order.
func (d days) without(runs []days) []days {
	var out []days
	for _, r := range runs {
		if r.from > d.from {
			if gap := d.and(days{d.from, r.from}); gap.from < gap.to {
				out = append(out, gap)
			}
		}
		d.from = max(d.from, r.to)
	}
	if d.from < d.to {
		out = append(out, d)
	}
	return out
}

// joinDays puts runs in order, and those that touch together.
func joinDays(runs []days) []days {
	slices.SortFunc(runs, func(a, b days) int { return cmp.Compare(a.from, b.from) })
	out := runs[:1]
	for _, r := range runs[1:] {
		if last := &out[len(out)-1]; r.from <= last.to {
			last.to = max(last.to, r.to)
		} else {
			out = append(out, r)
		}
	}
	return out
}
