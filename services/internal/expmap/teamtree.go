package expmap

import (
	"time"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
)

// maxLevels bounds how deep the tree of teams may be.
const maxLevels = 64

// below is a team that stands below another for a time.
type below struct {
	team     string
	from, to string // days; to is the first on which it no longer holds; empty: since ever, for ever
}

func (b below) holds(day string) bool { return b.from <= day && (b.to == "" || day < b.to) }

// teamTree lists, for each team, those directly below it, in the order of the map.
func teamTree(teams []*mapv1.Team) map[string][]below {
	tree := map[string][]below{}
	for _, t := range teams {
		for _, p := range t.GetPlacements() {
			tree[p.GetParent()] = append(tree[p.GetParent()], below{t.GetId(), p.GetFrom(), p.GetTo()})
		}
	}
	return tree
}

// TeamsBelow returns a team and all that stand below it on the day of a time in the organisation's zone: itself first, then
// level by level, in the order of the map. Each is there once.
func (m *Map) TeamsBelow(team string, day time.Time) []string {
	on := day.In(m.Zone).Format(dayLayout)
	all := []string{team}
	seen := map[string]struct{}{team: {}}
	for i := 0; i < len(all); i++ {
		for _, b := range m.tree[all[i]] {
			if _, twice := seen[b.team]; !twice && b.holds(on) {
				seen[b.team] = struct{}{}
				all = append(all, b.team)
			}
		}
	}
	return all
}
