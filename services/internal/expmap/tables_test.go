package expmap_test

import (
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
)

func TestCompileBuildsTheTablesOfTheWholeMap(t *testing.T) {
	m := compile(t, whole(t))
	if len(m.Roles) != 3 || len(m.Journeys) != 1 || len(m.Pairings) != 2 || len(m.Segments) != 1 || len(m.CxScores) != 1 {
		t.Errorf("%d roles, %d journeys, %d pairings, %d segments, %d CX scores", len(m.Roles), len(m.Journeys), len(m.Pairings), len(m.Segments), len(m.CxScores))
	}
	if s := m.Stages["visit"]; s.Journey != "treatment" || !slices.Equal(s.Touchpoints, []string{"consultation", "laboratory"}) || s.Proto == nil {
		t.Errorf("stage %+v", s)
	}
	if x := m.Targets["wait.mean"]; len(x) != 1 || x[0].By.Format(time.RFC3339) != "2026-12-31T00:00:00+01:00" || !m.Targets["sl20"][0].By.IsZero() {
		t.Errorf("targets %+v", x)
	}
}

func TestStagesOfAMapThatDeclaresNone(t *testing.T) {
	m := compile(t, with(func(p *mapv1.Map) { p.Touchpoints[0].Stage = "get_help" }))
	if s := m.Stages["get_help"]; s == nil || s.Proto != nil || s.Journey != "" || !slices.Equal(s.Touchpoints, []string{"help"}) {
		t.Errorf("stage %+v", s)
	}
}

func TestCalendarIsOpenByItsOwnClock(t *testing.T) {
	c := compile(t, whole(t)).Calendars["office"]
	for when, want := range map[string]bool{
		"2026-03-02 07:59": false, "2026-03-02 08:00": true, "2026-03-02 12:29": true, "2026-03-02 12:30": false, // a Monday
		"2026-03-02 23:59": true, "2026-03-03 00:00": false, "2026-03-03 08:00": true, "2026-03-03 14:00": false,
		"2026-03-07 09:00": false, "2026-12-25 09:00": false, "2026-12-24 09:00": true,
	} {
		at, err := time.ParseInLocation("2006-01-02 15:04", when, c.Zone)
		if err != nil {
			t.Fatal(err)
		}
		if c.Open(at) != want || c.Open(at.UTC()) != want {
			t.Errorf("%s: open is %v", when, c.Open(at))
		}
	}
	if c.Zone.String() != "Europe/Vienna" {
		t.Error(c.Zone)
	}
}

func TestTeamsBelowFollowTheDayInTheOrganisationsZone(t *testing.T) {
	m := compile(t, whole(t))
	day := func(s string) time.Time {
		at, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	for _, c := range []struct {
		team, at string
		want     []string
	}{
		{"region", "2020-01-01T00:00:00Z", []string{"region", "north", "south"}},
		{"south", "2026-06-30T21:59:59Z", []string{"south"}},
		{"south", "2026-06-30T22:00:00Z", []string{"south", "north"}}, // July has begun in Berlin
		{"region", "2026-06-30T22:00:00Z", []string{"region", "south", "north"}},
		{"north", "2026-06-30T22:00:00Z", []string{"north"}},
		{"nobody", "2026-06-30T22:00:00Z", []string{"nobody"}},
	} {
		if got := m.TeamsBelow(c.team, day(c.at)); !slices.Equal(got, c.want) {
			t.Errorf("below %s at %s: %v, want %v", c.team, c.at, got, c.want)
		}
	}
}

func TestWholeMapWrittenReadsBackTheSame(t *testing.T) {
	p := whole(t)
	data, err := expmap.WriteYAML(p)
	if err != nil {
		t.Fatal(err)
	}
	again, problems := expmap.ReadYAML("map.yaml", data)
	if len(problems) > 0 || !proto.Equal(p, again) {
		t.Errorf("%v\n%s", problems, data)
	}
}
