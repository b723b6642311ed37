package scoreservice

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
)

func (k *kit) spread(by scorev1.By, ref *scorev1.ScoreRef) *scorev1.GetSpreadResponse {
	k.t.Helper()
	resp, err := k.svc.GetSpread(context.Background(), &scorev1.GetSpreadRequest{Ref: ref, By: by})
	if err != nil {
		k.t.Fatal(err)
	}
	return resp
}

func groupsOf(r *scorev1.GetSpreadResponse) string {
	var out []string
	for _, g := range r.GetGroups() {
		out = append(out, fmt.Sprintf("%s=%d", g.GetId(), g.GetScore().GetN()))
	}
	return strings.Join(out, " ")
}

func TestSpread(t *testing.T) {
	k := newKit(t)
	k.apply("default", 2, func(m *mapv1.Map) {
		staged(m)
		m.Metrics[0].Better = mapv1.Better_BETTER_LOWER
		m.Teams = append(m.Teams, &mapv1.Team{Id: "region"})
		m.Teams[0].Placements = []*mapv1.Placement{{Parent: "region"}}
	})
	n := 0
	calls := func(touchpoint, team string, at time.Time, waits ...int64) {
		for _, w := range waits {
			n++
			k.fold(sealed(fmt.Sprint(n), 0, call(at, touchpoint, team, "answered", w*1000)))
		}
	}
	at := monday.AddDate(0, 0, -1)
	// Means 10 and 20 with standard errors of 1 each: Q = 50, τ² = 49 ÷ 1, I² = 49 ÷ 50.
	calls("call", "north", at, 9, 11)
	calls("call", "south", at, 19, 21)
	calls("shop", "north", at.Add(time.Hour), 30, 30)
	calls("shop", "region", at.Add(time.Hour), 50) // a unit's own
	ref := &scorev1.ScoreRef{Score: "wait.mean", Scope: &scorev1.Scope{Touchpoint: "call"}, Window: week}
	got := k.spread(scorev1.By_BY_TEAM, ref)
	if groupsOf(got) != "north=2 south=2" || got.GetAll().GetN() != 4 || math.Abs(got.GetBetween()-7) > 1e-9 || math.Abs(got.GetShareReal()-0.98) > 1e-9 {
		t.Errorf("%v", got)
	}
	if got.GetGroups()[0].GetScore().GetRef().GetScope().GetTeam() != "north" || got.GetGroups()[0].GetScore().GetRef().GetScope().GetTouchpoint() != "call" {
		t.Errorf("%v", got.GetGroups()[0])
	}
	if got.GetBest() != "" || got.GetWorst() != "" { // intervals of two calls are wide
		t.Errorf("%q %q", got.GetBest(), got.GetWorst())
	}
	ref = &scorev1.ScoreRef{Score: "wait.mean", Window: week}
	// The region's own call is in the score over all teams, but the region is no group: it is the sum of north and itself.
	if got = k.spread(scorev1.By_BY_TEAM, ref); groupsOf(got) != "north=4 south=2" || got.GetAll().GetN() != 7 {
		t.Errorf("%v", got)
	}
	if got = k.spread(scorev1.By_BY_TOUCHPOINT, ref); groupsOf(got) != "call=4 shop=3" {
		t.Errorf("%v", got)
	}
	if got = k.spread(scorev1.By_BY_TOUCHPOINT, &scorev1.ScoreRef{Score: "wait.mean", Scope: &scorev1.Scope{Stage: "buy", Team: "north"}, Window: week}); groupsOf(got) != "shop=2" || got.Between != nil || got.ShareReal != nil {
		t.Errorf("%v", got)
	}
	if got = k.spread(scorev1.By_BY_CHANNEL, ref); groupsOf(got) != "phone=7" {
		t.Errorf("%v", got)
	}
	// Of a count no standard error is known.
	if got = k.spread(scorev1.By_BY_TEAM, &scorev1.ScoreRef{Score: "interactions.count", Window: week}); groupsOf(got) != "north=4 south=2" || got.Between != nil {
		t.Errorf("%v", got)
	}
	// At 10:30 and 11:30 UTC it is an hour later in Berlin.
	got = k.spread(scorev1.By_BY_HOUR, ref)
	if groupsOf(got) != "11=4 12=3" || got.GetAll().GetN() != 7 || got.GetBest() != "" {
		t.Errorf("%v", got)
	}
	for i := range int64(40) {
		calls("call", "south", at, 18+i%4)
		calls("call", "north", at, 9+i%4)
	}
	if got = k.spread(scorev1.By_BY_TEAM, ref); got.GetBest() != "north" || got.GetWorst() != "south" {
		t.Errorf("%v", got)
	}
	for _, c := range []struct {
		by         scorev1.By
		ref        *scorev1.ScoreRef
		field, say string
	}{
		{scorev1.By_BY_TOUCHPOINT, &scorev1.ScoreRef{Score: "wait.mean", Scope: &scorev1.Scope{Touchpoint: "call"}}, "ref.scope.touchpoint", "Leave it out"},
		{scorev1.By_BY_TEAM, &scorev1.ScoreRef{Score: "wait.mean", Scope: &scorev1.Scope{Channel: "phone"}}, "ref.scope", "narrowed"},
		{scorev1.By_BY_CHANNEL, &scorev1.ScoreRef{Score: "wait.mean", Scope: &scorev1.Scope{Team: "north"}}, "ref.scope", "narrowed"},
		{scorev1.By_BY_UNSPECIFIED, &scorev1.ScoreRef{Score: "wait.mean"}, "by", "hours"},
		{scorev1.By_BY_HOUR, &scorev1.ScoreRef{Score: "wait.mean", Window: scorev1.Window_WINDOW_13W}, "ref.window", "35 days"},
		{scorev1.By_BY_HOUR, &scorev1.ScoreRef{Score: "wait.mean", Window: scorev1.Window_WINDOW_ALL}, "ref.window", "35 days"},
		{scorev1.By_BY_HOUR, &scorev1.ScoreRef{Score: "wait.mean", From: ts(monday.AddDate(0, 0, -36))}, "ref.window", "35 days"},
		{scorev1.By_BY_HOUR, &scorev1.ScoreRef{Score: "wait.mean", Window: hour}, "ref.window", "too short"},
	} {
		_, err := k.svc.GetSpread(context.Background(), &scorev1.GetSpreadRequest{Ref: c.ref, By: c.by})
		wantField(t, err, c.field, c.say)
	}
	k.apply("default", 3, func(m *mapv1.Map) { m.Breakdowns = []string{"team"} })
	_, err := k.svc.GetSpread(context.Background(), &scorev1.GetSpreadRequest{Ref: ref, By: scorev1.By_BY_CHANNEL})
	wantField(t, err, "by", "keeps no breakdown")
}

// TestSpreadOfCx compares what is made of other scores between touchpoints only.
func TestSpreadOfCx(t *testing.T) {
	k := newKit(t)
	k.apply("default", 2, withCx)
	k.fold(sealed("1", 0, call(monday, "call", "north", "answered", 10_000)), sealed("2", 0, call(monday, "shop", "north", "answered", 20_000)),
		sealed("3", 0, answer(monday, "call", "satisfied", 4)))
	ref := &scorev1.ScoreRef{Score: "cx", Window: week}
	got := k.spread(scorev1.By_BY_TOUCHPOINT, ref)
	ids := strings.Fields(groupsOf(got))
	if len(ids) < 1 || !slices.IsSorted(ids) {
		t.Errorf("%v", got)
	}
	for _, g := range got.GetGroups() {
		if g.GetScore().GetComposite() == nil {
			t.Errorf("%v", g)
		}
	}
	for _, by := range []scorev1.By{scorev1.By_BY_TEAM, scorev1.By_BY_CHANNEL, scorev1.By_BY_HOUR} {
		_, err := k.svc.GetSpread(context.Background(), &scorev1.GetSpreadRequest{Ref: ref, By: by})
		wantField(t, err, "by", "touchpoints only")
	}
}

// TestSpreadShowsWhatListShows: whose answers are withheld is no group, and none is told apart by hours.
func TestSpreadShowsWhatListShows(t *testing.T) {
	k := employeesKit(t)
	for i, team := range []string{"north", "south", ""} {
		k.fold(voices(fmt.Sprint("a", i, "-"), []int{12, 14, 30}[i], sunday, "team_here", "call", team)...)
	}
	ref := &scorev1.ScoreRef{Score: "team_here.nps", Window: week}
	if got := k.spread(scorev1.By_BY_TEAM, ref); groupsOf(got) != "north=12 south=14" || got.GetAll().GetN() != 56 || got.Between == nil {
		t.Errorf("%v", got)
	}
	_, err := k.svc.GetSpread(context.Background(), &scorev1.GetSpreadRequest{Ref: ref, By: scorev1.By_BY_HOUR})
	wantField(t, err, "by", "whole days")
	_, err = k.svc.GetSpread(context.Background(), &scorev1.GetSpreadRequest{Ref: ref, By: scorev1.By_BY_TOUCHPOINT})
	wantField(t, err, "ref.scope", "by team only")
	k.fold(voices("b", 3, sunday.AddDate(0, 0, -1), "team_here", "call", "north")...)
	k.apply("default", 3, func(m *mapv1.Map) {
		ofEmployees(m)
		m.Minimums = &mapv1.Minimums{Employees: 13}
	})
	if got := k.spread(scorev1.By_BY_TEAM, ref); groupsOf(got) != "north=15 south=14" {
		t.Errorf("%v", got)
	}
	k.apply("default", 4, func(m *mapv1.Map) {
		ofEmployees(m)
		m.Minimums = &mapv1.Minimums{Answers: 2}
	})
	k.fold(sealed("1", 0, answer(sunday, "call", "satisfied", 4)), sealed("2", 0, answer(sunday, "call", "satisfied", 4)))
	if got := k.spread(scorev1.By_BY_HOUR, &scorev1.ScoreRef{Score: "satisfied.mean", Window: week}); groupsOf(got) != "11=2" || got.Between != nil {
		t.Errorf("%v", got)
	}
}
