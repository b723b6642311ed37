package scoreservice

import (
	"context"
	"testing"
	"time"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
)

func TestGoalsCascade(t *testing.T) {
	k := stagedKit(t)
	aim := func(x *mapv1.Target, value float64) *mapv1.Target {
		x.Score, x.Value, x.SetBy = "wait.mean", value, "head"
		return x
	}
	k.apply("default", 3, func(m *mapv1.Map) {
		reorganised("2026-02-16")(m)
		staged(m)
		m.Metrics[0].Better = mapv1.Better_BETTER_LOWER
		m.Targets = []*mapv1.Target{
			aim(&mapv1.Target{Cascades: true}, 1),
			aim(&mapv1.Target{Stage: "use"}, 2), // does not cascade
			aim(&mapv1.Target{Journey: "life", Cascades: true}, 3),
			aim(&mapv1.Target{Touchpoint: "shop"}, 4),
			aim(&mapv1.Target{Team: "company", Cascades: true}, 5),
			aim(&mapv1.Target{Touchpoint: "call", Team: "west", Cascades: true}, 6),
			aim(&mapv1.Target{Stage: "buy", Channel: "phone", Cascades: true}, 7),
			aim(&mapv1.Target{Team: "north"}, 8),
			{Score: "in_time", Value: 80},
			{Score: "satisfied.mean", Value: 4.5, Touchpoint: "call"},
			{Score: "interactions.count", Value: 1},
		}
	})
	for _, c := range []struct {
		scope *scorev1.Scope
		value float64
		from  string
	}{
		{nil, 1, ""},
		{&scorev1.Scope{Stage: "use"}, 2, ""},
		{&scorev1.Scope{Touchpoint: "call"}, 3, "journey life"},
		{&scorev1.Scope{Touchpoint: "shop"}, 4, ""},
		{&scorev1.Scope{Stage: "buy"}, 3, "journey life"},
		{&scorev1.Scope{Touchpoint: "site"}, 1, "organisation"},
		{&scorev1.Scope{Team: "south"}, 5, "team company"},
		{&scorev1.Scope{Team: "north"}, 8, ""},
		// The units above at the same place come before what the team has elsewhere, and that only where it cascades.
		{&scorev1.Scope{Touchpoint: "call", Team: "north"}, 6, "touchpoint call, team west"},
		{&scorev1.Scope{Touchpoint: "shop", Team: "north"}, 5, "team company"},
		{&scorev1.Scope{Touchpoint: "shop", Channel: "phone"}, 7, "stage buy, channel phone"},
		{&scorev1.Scope{Touchpoint: "call", Channel: "phone"}, 0, ""},
		{&scorev1.Scope{Touchpoint: "call", Segment: "plan=gold"}, 0, ""},
	} {
		s := k.get("wait.mean", c.scope, hour)
		g := s.GetGoal()
		if g.GetValue() != c.value || g.GetFrom() != c.from || g != nil && g.GetSetBy() != "head" {
			t.Errorf("%v: %v, want %v from %q", c.scope, g, c.value, c.from)
		}
		if g != nil && (g.Ahead == nil) != (s.Value == nil) || g.GetAhead() != 0 && g.GetAhead() != c.value-s.GetValue() {
			t.Errorf("%v: %v with %v", c.scope, g, s.Value)
		}
	}
	if g := k.get("in_time", nil, hour).GetGoal(); g.GetAhead() != 25-80 {
		t.Errorf("%v", g)
	}
	if g := k.get("satisfied.mean", &scorev1.Scope{Touchpoint: "call"}, hour).GetGoal(); g.GetAhead() != -0.5 {
		t.Errorf("%v", g)
	}

	if g := k.get("interactions.count", nil, hour).GetGoal(); g == nil || g.Ahead != nil { // which way is better is not told
		t.Errorf("%v", g)
	}
	resp, err := k.svc.ExplainScore(context.Background(), &scorev1.ExplainScoreRequest{Ref: &scorev1.ScoreRef{Score: "wait.mean", Window: hour}})
	if err != nil || resp.GetScore().GetGoal().GetValue() != 1 {
		t.Errorf("%v %v", resp, err)
	}
	list, err := k.svc.ListScores(context.Background(), &scorev1.ListScoresRequest{Filter: &scorev1.Filter{Scores: []string{"wait.mean"}, Window: hour, NoOrganisation: true, Touchpoints: []string{"shop"}}})
	if err != nil || list.GetScores()[0].GetGoal().GetValue() != 4 {
		t.Errorf("%v %v", list, err)
	}
}

func TestGoalOfTheDay(t *testing.T) {
	k := stagedKit(t)
	k.apply("default", 3, func(m *mapv1.Map) {
		staged(m)
		for by, value := range map[string]float64{"": 50, "2026-03-01": 40, "2026-03-02": 30, "2026-06-30": 20, "2026-12-31": 10} {
			m.Targets = append(m.Targets, &mapv1.Target{Score: "wait.mean", By: by, Value: value})
		}
		m.Targets = append(m.Targets, &mapv1.Target{Score: "cost.mean", Value: 5}, &mapv1.Target{Score: "cost.mean", By: "2026-03-01", Value: 4}, &mapv1.Target{Score: "cost.mean", By: "2026-02-01", Value: 3})
	})
	for _, c := range []struct {
		after time.Duration
		by    string
	}{{0, "2026-03-02"}, {24 * time.Hour, "2026-06-30"}, {200 * 24 * time.Hour, "2026-12-31"}, {300 * 24 * time.Hour, "2026-12-31"}, {1000 * 24 * time.Hour, "2026-12-31"}} {
		k.now.Store(monday.Add(c.after).UnixMilli())
		if g := k.get("wait.mean", nil, hour).GetGoal(); g.GetBy() != c.by {
			t.Errorf("after %v: %v, want %s", c.after, g, c.by)
		}
	}
	k.now.Store(monday.UnixMilli())
	if g := k.get("cost.mean", nil, hour).GetGoal(); g.GetBy() != "2026-03-01" { // the last past one
		t.Errorf("%v", g)
	}
	// A day of the past has the goal of that day.
	s, err := k.svc.GetScore(context.Background(), &scorev1.GetScoreRequest{Ref: &scorev1.ScoreRef{Score: "wait.mean", From: ts(monday.AddDate(0, 0, -9)), To: ts(monday.AddDate(0, 0, -1))}})
	if err != nil || s.GetScore().GetGoal().GetBy() != "2026-03-01" {
		t.Errorf("%v %v", s, err)
	}
}

// TestGoalIsWatched: a new target is a change, though the value is what it was.
func TestGoalIsWatched(t *testing.T) {
	k := stagedKit(t)
	w := watchOf(t, k.client(), &scorev1.WatchScoresRequest{Refs: []*scorev1.ScoreRef{{Score: "wait.mean", Window: hour}}})
	if g := w.next().GetChanges()[0].GetScore().GetGoal(); g != nil {
		t.Error(g)
	}
	k.apply("default", 3, func(m *mapv1.Map) {
		staged(m)
		m.Metrics[0].Better = mapv1.Better_BETTER_LOWER
		m.Targets = []*mapv1.Target{{Score: "wait.mean", Value: 30}}
	})
	if g := w.next().GetChanges()[0].GetScore().GetGoal(); g.GetValue() != 30 || g.GetAhead() != 30-27.5 {
		t.Error(g)
	}
}
