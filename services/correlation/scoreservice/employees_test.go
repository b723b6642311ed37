package scoreservice

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
)

// ofEmployees asks employees whether they recommend to work here, anywhere.
func ofEmployees(m *mapv1.Map) {
	staged(m)
	m.Questions = append(m.Questions, &mapv1.Question{
		Id: "work_here", Kind: mapv1.QuestionKind_QUESTION_KIND_ENPS, ScaleMin: 0, ScaleMax: 10, Touchpoints: []string{"call", "shop", "site"},
	})
}

// voices are n answers of employees.
func voices(id string, n int, at time.Time, touchpoint, channel, team string) (all []*factv1.RecordedFact) {
	for i := range n {
		a := answer(at, touchpoint, "work_here", int64(i%11))
		a.Channel, a.Team = channel, team
		all = append(all, sealed(fmt.Sprint(id, i), 0, a))
	}
	return all
}

const week = scorev1.Window_WINDOW_7D

func employeesKit(t testing.TB) *kit {
	k := newKit(t)
	k.apply("default", 2, ofEmployees)
	k.fresh()
	return k
}

func TestEmployeesAreShownTogetherOnly(t *testing.T) {
	k := employeesKit(t)
	k.fold(voices("a", 12, monday, "call", "phone", "north")...)
	k.fold(voices("b", 30, monday, "shop", "web", "south")...)
	k.fold(voices("c", 9, monday, "site", "phone", "south")...)
	for _, c := range []struct {
		scope      *scorev1.Scope
		n          int64
		suppressed string
	}{
		{nil, 51, ""},
		{&scorev1.Scope{Touchpoint: "shop"}, 30, ""},
		{&scorev1.Scope{Touchpoint: "site"}, 0, "fewer than 10 answers"},
		{&scorev1.Scope{Stage: "help"}, 0, "fewer than 10 answers"},
		// The journey life has call and shop: all but the 9 of site.
		{&scorev1.Scope{Journey: "life"}, 0, "withheld: a group with fewer answers could be worked out from it"},
		{&scorev1.Scope{Team: "north"}, 12, ""},
		{&scorev1.Scope{Team: "south"}, 39, ""},
		{&scorev1.Scope{Channel: "web"}, 30, ""},
		{&scorev1.Scope{Channel: "phone"}, 21, ""},
		{&scorev1.Scope{Segment: "plan=gold"}, 0, "fewer than 10 answers"},
	} {
		for _, id := range []string{"work_here.nps", "work_here.mean", "work_here.count", "work_here.share.3"} {
			s := k.get(id, c.scope, week)
			if c.scope.GetTouchpoint() == "shop" {
				// With life withheld nothing within it is shown.
				if s.Value != nil {
					t.Errorf("%v: %v", c.scope, s)
				}
				continue
			}
			if s.GetN() != c.n || s.GetSuppressed() != c.suppressed || (s.Value == nil) != (c.suppressed != "") || c.suppressed != "" && s.Coverage != nil {
				t.Errorf("%s %v: %v of %d (%s), want %d (%s)", id, c.scope, s.Value, s.GetN(), s.GetSuppressed(), c.n, c.suppressed)
			}
		}
	}
	resp, err := k.svc.ExplainScore(context.Background(), &scorev1.ExplainScoreRequest{Ref: &scorev1.ScoreRef{Score: "work_here.nps", Scope: &scorev1.Scope{Stage: "help"}, Window: week}})
	if err != nil || len(resp.GetCells()) != 0 || resp.GetMoreCells() != 0 || resp.GetFormula() != "" || len(resp.GetQuantities()) != 0 || resp.GetScore().GetN() != 0 {
		t.Errorf("%v %v", resp, err)
	}
	resp, err = k.svc.ExplainScore(context.Background(), &scorev1.ExplainScoreRequest{Ref: &scorev1.ScoreRef{Score: "work_here.nps", Window: week}})
	if err != nil || len(resp.GetCells()) != 0 || resp.GetFormula() == "" || !strings.Contains(resp.GetDefinition(), "10 answers or more") {
		t.Errorf("%v %v", resp, err)
	}
	got := strings.Join(k.list(&scorev1.Filter{Scores: []string{"work_here.nps"}, Window: week, ByStage: true, ByJourney: true, ByTeam: true, ByChannel: true}, 100), ", ")
	if want := "work_here.nps, work_here.nps /phone, work_here.nps /web, work_here.nps //north, work_here.nps //south"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestEmployeesAreShownForWholeDaysOnly(t *testing.T) {
	k := employeesKit(t)
	k.fold(voices("a", 12, monday, "call", "phone", "north")...)
	for _, w := range []scorev1.Window{scorev1.Window_WINDOW_5M, hour, scorev1.Window_WINDOW_24H} {
		_, err := k.svc.GetScore(context.Background(), &scorev1.GetScoreRequest{Ref: &scorev1.ScoreRef{Score: "work_here.nps", Window: w}})
		wantField(t, err, "ref.window", "whole days")
		_, err = k.svc.ListScores(context.Background(), &scorev1.ListScoresRequest{Filter: &scorev1.Filter{Scores: []string{"work_here.nps"}, Window: w}})
		wantField(t, err, "filter.window", "whole days")
		if got := k.list(&scorev1.Filter{Scores: []string{"work_here.*"}, Window: w}, 10); len(got) != 0 {
			t.Errorf("%v: %v", w, got)
		}
	}
	_, err := k.svc.GetScore(context.Background(), &scorev1.GetScoreRequest{Ref: &scorev1.ScoreRef{Score: "work_here.nps", Scope: &scorev1.Scope{Touchpoint: "call", Team: "north"}}})
	wantField(t, err, "ref.scope", "not by both")
	for _, step := range []scorev1.Step{scorev1.Step_STEP_MINUTE, scorev1.Step_STEP_QUARTER_HOUR, scorev1.Step_STEP_HOUR} {
		_, err := k.svc.GetSeries(context.Background(), &scorev1.GetSeriesRequest{Ref: &scorev1.ScoreRef{Score: "work_here.nps", Window: week}, Step: step})
		wantField(t, err, "step", "days or weeks")
	}
	series, err := k.svc.GetSeries(context.Background(), &scorev1.GetSeriesRequest{Ref: &scorev1.ScoreRef{Score: "work_here.nps", From: ts(monday.Add(-25 * time.Hour)), To: ts(monday)}})
	if err != nil || len(series.GetScores()) != 2 || series.GetScores()[1].GetN() != 12 || series.GetScores()[0].GetSuppressed() != "fewer than 10 answers" {
		t.Errorf("%v %v", series, err)
	}
	// Any stretch is widened to whole days.
	s, err := k.svc.GetScore(context.Background(), &scorev1.GetScoreRequest{Ref: &scorev1.ScoreRef{Score: "work_here.nps", From: ts(monday.Add(-time.Minute)), To: ts(monday.Add(time.Minute))}})
	if err != nil || s.GetScore().GetTo().AsTime().Sub(s.GetScore().GetFrom().AsTime()) != 24*time.Hour || s.GetScore().GetN() != 12 {
		t.Errorf("%v %v", s, err)
	}
	for _, req := range []*scorev1.WatchScoresRequest{
		{Refs: []*scorev1.ScoreRef{{Score: "work_here.nps", Window: week}}},
		{Filter: &scorev1.Filter{Scores: []string{"work_here.nps"}, Window: week}},
	} {
		_, err := k.svc.newWatch(context.Background(), req)
		field := "filter.scores[0]"
		if req.GetRefs() != nil {
			field = "refs[0].score"
		}
		wantField(t, err, field, "not watched")
	}
	w := watchOf(t, k.client(), &scorev1.WatchScoresRequest{Filter: &scorev1.Filter{Window: week}})
	for _, c := range w.next().GetChanges() {
		if strings.HasPrefix(c.GetScore().GetRef().GetScore(), "work_here") {
			t.Errorf("watched: %v", c)
		}
	}
	_, err = k.r.Resolve(k.Current("default"), &scorev1.ScoreRef{Score: "work_here.nps"}, monday)
	wantField(t, err, "ref.score", "one by one")
}

func TestFewAnswersOfCustomersAreWithheld(t *testing.T) {
	k := newKit(t)
	k.apply("default", 2, func(m *mapv1.Map) { withCx(m); m.Minimums = &mapv1.Minimums{Answers: 3} })
	k.fold(sealed("1", 0, answer(monday, "call", "satisfied", 5)), sealed("2", 0, answer(monday, "call", "satisfied", 4)), sealed("3", 0, call(monday, "call", "north", "answered", 0)))
	told := func(s *scorev1.Score, n int64) {
		t.Helper()
		if s.GetN() != n || (n == 0) != (s.GetSuppressed() == "fewer than 3 answers") || (n == 0) != (s.Value == nil) {
			t.Errorf("%v", s)
		}
	}
	told(k.get("satisfied.top2", nil, hour), 0)
	client := k.client()
	w := watchOf(t, client, &scorev1.WatchScoresRequest{Refs: []*scorev1.ScoreRef{{Score: "satisfied.mean", Window: hour}, {Score: "cx", Scope: &scorev1.Scope{Touchpoint: "call"}, Window: hour}}})
	first := w.next().GetChanges()
	told(first[0].GetScore(), 0)
	// Nor do the parts of a CX score tell.
	for _, p := range first[1].GetScore().GetComposite().GetParts() {
		if p.GetSurvey() && (p.Value != nil || p.GetN() != 0) {
			t.Errorf("%v", p)
		}
	}
	resp, err := k.svc.ExplainScore(context.Background(), &scorev1.ExplainScoreRequest{Ref: &scorev1.ScoreRef{Score: "cx", Window: hour}})
	if err != nil || len(resp.GetCells()) != 1 { // of wait
		t.Errorf("%v %v", resp, err)
	}
	if got := k.list(&scorev1.Filter{Scores: []string{"satisfied.*"}, Window: hour}, 50); len(got) != 0 {
		t.Errorf("%v", got)
	}
	k.fold(sealed("4", 0, answer(monday, "call", "satisfied", 3)))
	for {
		r := w.next()
		i := slices.IndexFunc(r.GetChanges(), func(c *scorev1.ScoreChange) bool { return name(c.GetScore()) == "satisfied.mean" })
		if i >= 0 {
			told(r.GetChanges()[i].GetScore(), 3)
			if c := r.GetChanges()[i]; c.Previous != nil || c.GetPreviousN() != 0 {
				t.Errorf("%v", c)
			}
			break
		}
	}
	told(k.get("satisfied.count", &scorev1.Scope{Touchpoint: "call"}, hour), 3)
	told(k.get("satisfied.count", &scorev1.Scope{Touchpoint: "shop"}, hour), 0)
}

// TestNobodyIsIsolated asks 2,000 adversarial queries: any score of employees in any scope, of organisations of any division.
// Whoever holds all answers to one window's queries can tell apart those answers only that are in different shown scopes of
// one division. None of these sets may have 1 to 9 answers.
func TestNobodyIsIsolated(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	rnd := rand.New(rand.NewPCG(seed, 0))
	statistics := []string{"nps", "nps_adjusted", "mean", "median", "sd", "count", "share.0", "share.10"}
	queries, shownAtAll, withheld := 0, 0, 0
	for queries < 2000 {
		k := newKit(t)
		k.apply("default", 2, func(m *mapv1.Map) {
			ofEmployees(m)
			m.Teams = []*mapv1.Team{{Id: "company"}, {Id: "region"}}
			for i := range 6 {
				parent := []string{"company", "region"}[rnd.IntN(2)]
				p := []*mapv1.Placement{{Parent: parent}}
				if rnd.IntN(4) == 0 { // moved within the week
					p = []*mapv1.Placement{{Parent: "company", To: "2026-02-27"}, {Parent: "region", From: "2026-02-27"}}
				}
				m.Teams = append(m.Teams, &mapv1.Team{Id: fmt.Sprint("t", i), Placements: p})
			}
			if rnd.IntN(2) == 0 {
				m.Teams[1].Placements = []*mapv1.Placement{{Parent: "company"}}
			}
		})
		k.fresh()
		type who struct {
			touchpoint, channel, team string
			day                       int
		}
		counts := map[who]int64{}
		for i := range 1 + rnd.IntN(25) {
			w := who{[]string{"call", "shop", "site"}[rnd.IntN(3)], []string{"phone", "web", ""}[rnd.IntN(3)], []string{"t0", "t1", "t2", "t3", "t4", "t5", "region", "company", ""}[rnd.IntN(9)], rnd.IntN(6)}
			n := 1 + rnd.IntN(13)
			counts[w] += int64(n)
			k.fold(voices(fmt.Sprint("v", i, "-"), n, monday.AddDate(0, 0, -w.day), w.touchpoint, w.channel, w.team)...)
		}
		scopes := []*scorev1.Scope{nil, {Journey: "life"}, {Journey: "goodbye"}}
		for _, x := range []string{"buy", "use", "help", "leave"} {
			scopes = append(scopes, &scorev1.Scope{Stage: x})
		}
		for x := range k.Current("default").Touchpoints {
			scopes = append(scopes, &scorev1.Scope{Touchpoint: x})
		}
		for x := range k.Current("default").Channels {
			scopes = append(scopes, &scorev1.Scope{Channel: x})
		}
		for x := range k.Current("default").Teams {
			scopes = append(scopes, &scorev1.Scope{Team: x})
		}
		shown := map[string][]*scorev1.Scope{} // by division
		for _, sc := range scopes {
			queries++
			s := k.get("work_here."+statistics[rnd.IntN(len(statistics))], sc, week)
			if s.Value == nil {
				withheld++
				if s.GetN() != 0 {
					t.Errorf("seed %d: %v is withheld and tells %d", seed, sc, s.GetN())
				}
				continue
			}
			shownAtAll++
			if s.GetN() < 10 {
				t.Errorf("seed %d: %v of %d", seed, sc, s.GetN())
			}
			division := "place"
			if sc.GetTeam() != "" {
				division = "team"
			} else if sc.GetChannel() != "" {
				division = "channel"
			}
			shown[division] = append(shown[division], sc)
		}
		holds := func(sc *scorev1.Scope, w who) bool {
			m := k.Current("default")
			switch {
			case sc.GetTouchpoint() != "":
				return w.touchpoint == sc.GetTouchpoint()
			case sc.GetStage() != "":
				return m.Touchpoints[w.touchpoint].Proto.GetStage() == sc.GetStage()
			case sc.GetJourney() != "":
				return m.Stages[m.Touchpoints[w.touchpoint].Proto.GetStage()].Journey == sc.GetJourney()
			case sc.GetChannel() != "":
				return w.channel == sc.GetChannel()
			case sc.GetTeam() != "":
				return slices.Contains(m.TeamsBelow(sc.GetTeam(), monday.AddDate(0, 0, -w.day)), w.team)
			}
			return true
		}
		everything := slices.ContainsFunc(shown["place"], func(sc *scorev1.Scope) bool { return sc == nil })
		for division, list := range shown {
			sets := map[string]int64{}
			for w, n := range counts {
				held := ""
				for i, sc := range list {
					if holds(sc, w) {
						held += fmt.Sprint(i, ",")
					}
				}
				if held != "" || everything {
					sets[held] += n
				}
			}
			for held, n := range sets {
				if n < 10 {
					t.Fatalf("seed %d: %d answers told apart by %s %q of %v", seed, n, division, held, slices.Collect(maps.Keys(counts)))
				}
			}
		}
	}
	if shownAtAll < 200 || withheld < 200 {
		t.Errorf("of %d queries %d shown, %d withheld: this proves little", queries, shownAtAll, withheld)
	}
}
