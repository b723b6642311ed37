package expmap_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
)

func dayOf(n int) time.Time { return time.Date(2026, 1, n, 0, 0, 0, 0, time.UTC) }

// parents lists where each team stands on a day, read in the plainest way.
func parents(p *mapv1.Map, n int) map[string][]string {
	day := dayOf(n).Format("2006-01-02")
	all := map[string][]string{}
	for _, t := range p.GetTeams() {
		for _, x := range t.GetPlacements() {
			if x.GetFrom() <= day && (x.GetTo() == "" || day < x.GetTo()) {
				all[t.GetId()] = append(all[t.GetId()], x.GetParent())
			}
		}
	}
	return all
}

// Trees of a few teams over a few days, checked day by day: no map with two places or a circle on any day is accepted, none
// without is refused, and the teams below one are those whose way up leads to it.
func TestTeamTreeAgreesWithEachDay(t *testing.T) {
	const days, teams = 8, 5
	rapid.Check(t, func(t *rapid.T) {
		p := small()
		p.Zone, p.Teams = "", nil
		for i := range teams {
			team := &mapv1.Team{Id: fmt.Sprintf("t%d", i)}
			for range rapid.IntRange(0, 2).Draw(t, "placements") {
				x := &mapv1.Placement{Parent: fmt.Sprintf("t%d", rapid.IntRange(0, teams-1).Draw(t, "parent"))}
				from, to := rapid.IntRange(1, days).Draw(t, "from"), rapid.IntRange(1, days+1).Draw(t, "to")
				if from > 1 {
					x.From = dayOf(from).Format("2006-01-02")
				}
				if to <= days {
					x.To = dayOf(max(to, from+1)).Format("2006-01-02")
				}
				team.Placements = append(team.Placements, x)
			}
			p.Teams = append(p.Teams, team)
		}
		sound := true
		for n := 1; n <= days; n++ {
			at := parents(p, n)
			for team := range at {
				sound = sound && len(at[team]) < 2
				up, steps := team, 0
				for ; len(at[up]) == 1 && steps <= teams; steps++ {
					up = at[up][0]
				}
				sound = sound && steps <= teams
			}
		}
		m, problems := expmap.Compile(p, 1)
		if (m != nil) != sound {
			t.Fatalf("sound %v, problems %v", sound, problems)
		}
		for _, x := range problems {
			if !strings.Contains(x.GetField(), ".placements[") || x.GetRemedy() == "" {
				t.Fatalf("%v", x)
			}
		}
		if m == nil {
			return
		}
		for n := 1; n <= days; n++ {
			at := parents(p, n)
			for i := range teams {
				top := fmt.Sprintf("t%d", i)
				var want []string
				for j := range teams {
					team := fmt.Sprintf("t%d", j)
					for up := team; ; up = at[up][0] {
						if up == top {
							want = append(want, team)
						}
						if up == top || len(at[up]) == 0 {
							break
						}
					}
				}
				got := m.TeamsBelow(top, dayOf(n).Add(13*time.Hour))
				if got[0] != top || !slices.Equal(slices.Sorted(slices.Values(got)), want) {
					t.Fatalf("day %d: below %s are %v, want %v", n, top, got, want)
				}
			}
		}
	})
}

func TestTheDepthOfTeamsIsBounded(t *testing.T) {
	chain := func(n int) *mapv1.Map {
		return with(func(p *mapv1.Map) {
			p.Teams = []*mapv1.Team{{Id: "t0"}}
			for i := 1; i < n; i++ {
				p.Teams = append(p.Teams, &mapv1.Team{Id: fmt.Sprintf("t%d", i), Placements: []*mapv1.Placement{{Parent: fmt.Sprintf("t%d", i-1)}}})
			}
		})
	}
	if m := compile(t, chain(64)); len(m.TeamsBelow("t0", dayOf(1))) != 64 {
		t.Error("not all are below the top")
	}
	if m, problems := expmap.Compile(chain(65), 1); m != nil || len(problems) != 1 || !strings.Contains(problems[0].GetMessage(), "more than 64 levels") {
		t.Error(problems)
	}
}

// A stored map is not checked again: whatever its tree is, reading it ends.
func TestUncheckedTreesAreWalkedOnce(t *testing.T) {
	p := with(func(p *mapv1.Map) {
		p.Teams[0].Placements = []*mapv1.Placement{{Parent: "care-2"}}
		p.Teams[1].Placements = []*mapv1.Placement{{Parent: "Care.North"}, {Parent: "Care.North"}}
	})
	js := startBus(t).connect()
	data, err := proto.Marshal(&mapv1.MapVersion{Version: 1, Map: p})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(t.Context(), "ts.map.acme", data); err != nil {
		t.Fatal(err)
	}
	if got := open(t, js).Current("acme").TeamsBelow("care-2", dayOf(1)); !slices.Equal(got, []string{"care-2", "Care.North"}) {
		t.Error(got)
	}
}
