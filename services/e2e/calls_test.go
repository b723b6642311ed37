package e2e

import (
	"encoding/csv"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/internal/sharedtest"
)

// recounted is a call log counted with nothing but encoding/csv and maps.
type recounted struct {
	offered, answered, below, atMost int
	waits                            float64
}

func recountCalls(t *testing.T, file string) (all recounted, byRestaurant map[string]*recounted) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	column := map[string]int{}
	for i, name := range rows[0] {
		column[name] = i
	}
	byRestaurant = map[string]*recounted{}
	for _, row := range rows[1:] {
		get := func(name string) string { return row[column[name]] }
		r := byRestaurant[get("Restaurant ID")]
		if r == nil {
			r = &recounted{}
			byRestaurant[get("Restaurant ID")] = r
		}
		wait := -1
		if get("Time Answered") != "" {
			wait = secondOfDay(t, get("Time Answered")) - secondOfDay(t, get("Call Time"))
			if wait < 0 { // answered after midnight
				wait += 24 * 60 * 60
			}
		}
		for _, c := range []*recounted{&all, r} {
			c.offered++
			if wait < 0 {
				continue
			}
			c.answered++
			c.waits += float64(wait)
			if wait < 20 {
				c.below++
			}
			if wait <= 20 {
				c.atMost++
			}
		}
	}
	return all, byRestaurant
}

func secondOfDay(t *testing.T, s string) int {
	t.Helper()
	at, err := time.Parse(time.TimeOnly, s)
	if err != nil {
		t.Fatal(err)
	}
	return at.Hour()*3600 + at.Minute()*60 + at.Second()
}

// Forty restaurants' calls, imported, give what a plain recount of the file gives.
func TestCalls(t *testing.T) {
	file := sharedtest.File(t, filepath.Join("data", "calls", "calls.csv"))
	to := aim(t)
	dir := filepath.Join(root(t), "deploy", "examples", "restaurant")
	if r := to.cli("apply", filepath.Join(dir, "map.yaml")); r.Code != 0 {
		t.Fatalf("apply ended with %d: %s", r.Code, r.Err)
	}
	if r := to.cli("import", file, "--mapping", filepath.Join(dir, "import.yaml")); r.Code != 0 {
		t.Fatalf("import ended with %d: %s", r.Code, r.Err)
	}
	settled(t, to.Admin)
	get := func(id, team string) *scorev1.Score {
		t.Helper()
		r, err := to.Scores.GetScore(t.Context(), &scorev1.GetScoreRequest{Ref: &scorev1.ScoreRef{
			Organisation: "restaurants", Score: id, Scope: &scorev1.Scope{Team: team}, Window: scorev1.Window_WINDOW_ALL,
		}})
		if err != nil {
			t.Fatal(err)
		}
		return r.GetScore()
	}
	all, byRestaurant := recountCalls(t, file)
	if all.offered != 25_100 || all.answered != 24_731 || all.atMost-all.below != 532 {
		t.Fatalf("the recount itself is wrong: %+v", all)
	}
	for id, want := range map[string]struct {
		share    float64
		hits, of int
	}{
		"sl20_below":            {41.70, all.below, all.offered},
		"sl20_at_most":          {43.82, all.atMost, all.offered},
		"sl20_below_answered":   {42.32, all.below, all.answered},
		"sl20_at_most_answered": {44.47, all.atMost, all.answered},
	} {
		s := get(id, "")
		if s.GetN() != int64(want.of) || !rounds(s.GetValue(), want.share, 2) || !near(s.GetValue(), 100*float64(want.hits)/float64(want.of)) {
			t.Errorf("%s: %.4f of %d (%s), want %.2f of %d", id, s.GetValue(), s.GetN(), s.GetSuppressed(), want.share, want.of)
		}
	}
	byRestaurant[""] = &all
	if len(byRestaurant) != 41 {
		t.Errorf("%d restaurants in the file, want 40", len(byRestaurant)-1)
	}
	for team, want := range byRestaurant {
		if n := get("interactions.count", team).GetN(); n != int64(want.offered) {
			t.Errorf("%q: %d calls, the recount has %d", team, n, want.offered)
		}
		s := get("wait.mean", team)
		if s.GetN() != int64(want.answered) || !near(s.GetValue(), want.waits/float64(want.answered)) {
			t.Errorf("%q: mean wait %.6f of %d, the recount has %.6f of %d", team, s.GetValue(), s.GetN(), want.waits/float64(want.answered), want.answered)
		}
	}
}

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-9*max(1, math.Abs(b)) }
