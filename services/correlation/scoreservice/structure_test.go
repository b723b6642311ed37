package scoreservice

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	"github.com/touchstone-cx/touchstone/services/correlation/state"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
)

// uncompiled is a map that no check has seen, so that it may hold circles.
func uncompiled(teams []*mapv1.Team) *expmap.Map {
	m := &expmap.Map{Proto: &mapv1.Map{Teams: teams}, Teams: map[string]struct{}{}}
	for _, t := range teams {
		m.Teams[t.GetId()] = struct{}{}
	}
	return m
}

var firstOfMarch = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

func day(i int) string {
	if i < 0 {
		return ""
	}
	return firstOfMarch.AddDate(0, 0, i).Format(time.DateOnly)
}

// TestUnitsByDay: on each day a unit is the teams from which one can climb to it on that day, circles and all.
func TestUnitsByDay(t *testing.T) {
	const most = 12
	rapid.Check(t, func(t *rapid.T) {
		ids := []string{"a", "b", "c", "d", "e", "f"}
		var teams []*mapv1.Team
		for _, id := range ids {
			x := &mapv1.Team{Id: id}
			for range rapid.IntRange(0, 3).Draw(t, "placements") {
				x.Placements = append(x.Placements, &mapv1.Placement{
					Parent: rapid.SampledFrom(append(ids, "undeclared")).Draw(t, "parent"),
					From:   day(rapid.IntRange(-1, most).Draw(t, "from")), To: day(rapid.IntRange(-1, most).Draw(t, "to")),
				})
			}
			teams = append(teams, x)
		}
		s := newStructure(uncompiled(teams))
		for _, unit := range ids {
			parts := s.unit(unit)
			for i, p := range parts {
				if p.From >= p.To || i > 0 && (parts[i-1].Value > p.Value || parts[i-1].Value == p.Value && parts[i-1].To >= p.From) {
					t.Fatalf("%s: %v", unit, parts)
				}
			}
			for i := -1; i <= most+1; i++ {
				at := firstOfMarch.AddDate(0, 0, i)
				for _, team := range ids {
					got := slices.ContainsFunc(parts, func(p state.Part) bool {
						return p.Value == team && p.From <= at.Unix()/86400 && at.Unix()/86400 < p.To
					})
					if want := stands(teams, team, unit, at, nil); got != want {
						t.Fatalf("%s below %s on %s: %v, want %v\n%v", team, unit, at.Format(time.DateOnly), got, want, parts)
					} else if want && team != unit && !slices.Contains(s.units(team), unit) {
						t.Fatalf("%s is not above %s: %v", unit, team, s.units(team))
					}
				}
			}
		}
	})
}

// stands climbs from a team through every parent of the day.
func stands(teams []*mapv1.Team, team, unit string, at time.Time, seen []string) bool {
	if team == unit {
		return true
	}
	if slices.Contains(seen, team) {
		return false
	}
	i := slices.IndexFunc(teams, func(x *mapv1.Team) bool { return x.GetId() == team })
	if i < 0 {
		return false
	}
	today := at.Format(time.DateOnly)
	return slices.ContainsFunc(teams[i].GetPlacements(), func(p *mapv1.Placement) bool {
		return p.GetFrom() <= today && (p.GetTo() == "" || today < p.GetTo()) && stands(teams, p.GetParent(), unit, at, append(seen, team))
	})
}

// TestDeepTrees: a chain of units costs no more than it is long, and is looked at once.
func TestDeepTrees(t *testing.T) {
	const n = 5000
	teams := make([]*mapv1.Team, n)
	for i := range teams {
		teams[i] = &mapv1.Team{Id: fmt.Sprint("t", i), Placements: []*mapv1.Placement{{Parent: fmt.Sprint("t", (i+1)%n)}}} // a circle
	}
	s := newStructure(uncompiled(teams))
	began := time.Now()
	if parts := s.unit("t7"); len(parts) != n {
		t.Errorf("%d parts", len(parts))
	}
	if above := s.units("t7"); len(above) != n-1 {
		t.Errorf("%d units", len(above))
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
}
