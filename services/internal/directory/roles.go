package directory

import (
	"maps"
	"slices"
	"time"

	directoryv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/directory/v1"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
)

// Roles returns the roles of a map: those it declares, or all owners it names where it declares none.
func Roles(m *expmap.Map) map[string]struct{} {
	roles := map[string]struct{}{}
	for id := range m.Roles {
		roles[id] = struct{}{}
	}
	if len(roles) > 0 {
		return roles
	}
	p := m.Proto
	roles[p.GetProgrammeOwner()] = struct{}{}
	for _, t := range p.GetTouchpoints() {
		roles[t.GetFunctionalOwner()] = struct{}{}
		roles[t.GetOperationalOwner()] = struct{}{}
		for _, s := range t.GetSteps() {
			roles[s.GetOwner()] = struct{}{}
		}
	}
	for _, x := range p.GetPairings() {
		roles[x.GetOwner()] = struct{}{}
	}
	for _, r := range p.GetActionRules() {
		roles[r.GetOwner()] = struct{}{}
	}
	delete(roles, "") // where none is named
	return roles
}

// Unheld returns the roles of a map that nobody holds on the day of a moment, in order.
func Unheld(d *directoryv1.Directory, m *expmap.Map, at time.Time) []string {
	roles, day := Roles(m), at.In(m.Zone).Format(dayLayout)
	for _, h := range d.GetHoldings() {
		if held(h, day) {
			delete(roles, h.GetRole())
		}
	}
	return slices.Sorted(maps.Keys(roles))
}
