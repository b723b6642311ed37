package expmap

import (
	"fmt"
	"slices"
	"strings"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
)

func (c *checker) team(at string, t *mapv1.Team) {
	sound := true
	for i, p := range t.GetPlacements() {
		field := fmt.Sprintf("%s.placements[%d]", at, i)
		switch {
		case !c.known(field+".parent", "team", p.GetParent(), c.teams):
			sound = false
		case p.GetParent() == t.GetId():
			c.add(field+".parent", fmt.Sprintf("The team %q stands below itself.", t.GetId()), "Name another team; a team at the top has no placement.")
			sound = false
		}
		from, to := p.GetFrom(), p.GetTo()
		ok := (from == "" || c.day(field+".from", from)) && (to == "" || c.day(field+".to", to))
		if ok && to != "" && from >= to {
			c.add(field+".to", fmt.Sprintf("The placement ends on %s, not after its first day %s.", to, from), "Correct the days: to is the first day on which it no longer holds.")
			ok = false
		}
		sound = sound && ok
		for j := range i {
			if overlap(t.GetPlacements()[j], p) && ok {
				c.add(field, fmt.Sprintf("The team %q stands in two places at once: placements[%d] (below %s, %s) holds on some of the same days.",
					t.GetId(), j, t.GetPlacements()[j].GetParent(), period(t.GetPlacements()[j])), "End the one before the other begins: to of the first is from of the next.")
				sound = false
				break
			}
		}
	}
	if sound {
		c.circles(at, t)
	}
}

func overlap(a, b *mapv1.Placement) bool {
	return (a.GetTo() == "" || b.GetFrom() < a.GetTo()) && (b.GetTo() == "" || a.GetFrom() < b.GetTo())
}

func period(p *mapv1.Placement) string {
	switch from, to := p.GetFrom(), p.GetTo(); {
	case from == "" && to == "":
		return "for ever"
	case from == "":
		return "until " + to
	case to == "":
		return "from " + from
	default:
		return from + " to " + to
	}
}

// circles reports teams that stand below themselves by way of others. A circle closes on the first day of one of its
// placements, so it is enough to look upwards from each placement on its first day. It is reported where it closes; of
// several placements that begin together, at the team with the first id.
func (c *checker) circles(at string, t *mapv1.Team) {
	for i, p := range t.GetPlacements() {
		way := []string{t.GetId()}
		closes := true
		for up := p.GetParent(); up != ""; {
			if up == t.GetId() {
				if closes {
					c.add(fmt.Sprintf("%s.placements[%d].parent", at, i), fmt.Sprintf("%s, teams stand below one another in a circle: %s.", since(p), strings.Join(append(way, up), " below ")),
						"Correct one of the placements, or its days.")
				}
				break
			}
			if slices.Contains(way, up) {
				break // a circle further up, reported there
			}
			if way = append(way, up); len(way) > maxLevels {
				c.add(fmt.Sprintf("%s.placements[%d].parent", at, i), fmt.Sprintf("The team %q stands more than %d levels deep.", t.GetId(), maxLevels), "Use fewer levels.")
				break
			}
			next := c.placed(up, p.GetFrom())
			if next != nil && next.GetFrom() == p.GetFrom() && up < t.GetId() {
				closes = false
			}
			up = next.GetParent()
		}
	}
}

func since(p *mapv1.Placement) string {
	if p.GetFrom() == "" {
		return "Since ever"
	}
	return "From " + p.GetFrom() + " on"
}

// placed returns the placement of a team that holds on a day; nil when there is none.
func (c *checker) placed(team, day string) *mapv1.Placement {
	i, ok := c.teams[team]
	if !ok {
		return nil
	}
	for _, p := range c.p.GetTeams()[i].GetPlacements() {
		if (below{from: p.GetFrom(), to: p.GetTo()}).holds(day) {
			return p
		}
	}
	return nil
}
