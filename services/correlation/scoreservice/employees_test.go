package scoreservice

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
)

// ofEmployees asks employees whether they recommend to work here: anywhere, and in their team.
func ofEmployees(m *mapv1.Map) {
	staged(m)
	asked := func(id string, at ...string) *mapv1.Question {
		return &mapv1.Question{Id: id, Kind: mapv1.QuestionKind_QUESTION_KIND_ENPS, ScaleMin: 0, ScaleMax: 10, Touchpoints: at}
	}
	m.Questions = append(m.Questions, asked("work_here", "call", "shop", "site"), asked("team_here", "call"))
}

// voices are n answers of employees to a question.
func voices(id string, n int, at time.Time, question, touchpoint, team string) (all []*factv1.RecordedFact) {
	for i := range n {
		a := answer(at, touchpoint, question, int64(i%11))
		a.Channel, a.Team = "phone", team
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

// sunday is the day before the kit's.
var sunday = monday.AddDate(0, 0, -1)

func TestEmployeesAreShownTogetherOnly(t *testing.T) {
	k := employeesKit(t)
	k.fold(voices("a", 12, sunday, "work_here", "call", "north")...)
	k.fold(voices("b", 30, sunday, "work_here", "shop", "south")...)
	k.fold(voices("c", 9, sunday, "work_here", "site", "south")...)
	few, shielded := "fewer than 10 answers", "withheld: a group with fewer answers could be worked out from it"
	told := func(id string, scope *scorev1.Scope, n int64, suppressed string) {
		t.Helper()
		for _, statistic := range []string{".nps", ".mean", ".count", ".share.3"} {
			s := k.get(id+statistic, scope, week)
			if s.GetN() != n || s.GetSuppressed() != suppressed || (s.Value == nil) != (suppressed != "") || suppressed != "" && s.Coverage != nil {
				t.Errorf("%s%s %v: %v of %d (%s), want %d (%s)", id, statistic, scope, s.Value, s.GetN(), s.GetSuppressed(), n, suppressed)
			}
		}
	}
	told("work_here", nil, 51, "")
	// The 9 of site keep the others waiting: of life, that is of all but the 9, nothing within it can be shown.
	told("work_here", &scorev1.Scope{Touchpoint: "shop"}, 0, few)
	k.fold(voices("x", 3, sunday, "team_here", "call", "")...)
	k.fold(voices("y", 12, sunday, "team_here", "call", "north")...)
	k.fold(voices("z", 30, sunday, "team_here", "call", "south")...)
	told("team_here", &scorev1.Scope{Team: "south"}, 0, few)
	k.advance(27 * 24 * time.Hour)
	yesterday := k.clock().AddDate(0, 0, -1)
	k.fold(voices("d", 10, yesterday, "work_here", "shop", "south")...)
	k.fold(voices("e", 10, yesterday, "team_here", "call", "south")...)
	told("work_here", nil, 10, "")
	told("work_here", &scorev1.Scope{Journey: "life"}, 0, few)
	// For four weeks at most, where any can be shown.
	told("team_here", nil, 10, "")
	told("team_here", &scorev1.Scope{Team: "south"}, 40, "")
	told("team_here", &scorev1.Scope{Team: "north"}, 0, shielded)
	k.advance(24 * time.Hour)
	k.fold(voices("f", 10, k.clock().AddDate(0, 0, -1), "work_here", "site", "south")...)
	// Were all of them shown now, site less the last 10 of all would be the 9.
	told("work_here", nil, 20, "")
	told("work_here", &scorev1.Scope{Stage: "help"}, 0, few)
	k.advance(24 * time.Hour)
	k.fold(voices("g", 6, k.clock().AddDate(0, 0, -1), "work_here", "site", "south")...)
	k.fold(voices("h", 6, k.clock().AddDate(0, 0, -1), "work_here", "shop", "south")...)
	told("work_here", &scorev1.Scope{Journey: "life"}, 58, "")
	told("work_here", &scorev1.Scope{Touchpoint: "shop"}, 46, "")
	told("work_here", &scorev1.Scope{Touchpoint: "call"}, 12, "")
	told("work_here", &scorev1.Scope{Stage: "help"}, 25, "")

	resp, err := k.svc.ExplainScore(context.Background(), &scorev1.ExplainScoreRequest{Ref: &scorev1.ScoreRef{Score: "work_here.nps", Scope: &scorev1.Scope{Stage: "leave"}, Window: week}})
	if err != nil || len(resp.GetCells()) != 0 || resp.GetMoreCells() != 0 || resp.GetFormula() != "" || len(resp.GetQuantities()) != 0 || resp.GetScore().GetN() != 0 {
		t.Errorf("%v %v", resp, err)
	}
	resp, err = k.svc.ExplainScore(context.Background(), &scorev1.ExplainScoreRequest{Ref: &scorev1.ScoreRef{Score: "work_here.nps", Window: week}})
	if err != nil || len(resp.GetCells()) != 0 || resp.GetFormula() == "" || !strings.Contains(resp.GetDefinition(), "10 answers or more") || !strings.Contains(resp.GetDefinition(), "whole steps") {
		t.Errorf("%v %v", resp, err)
	}
	got := strings.Join(k.list(&scorev1.Filter{Scores: []string{"work_here.nps", "team_here.nps"}, Window: week, ByStage: true, ByJourney: true, ByTeam: true, ByChannel: true}, 100), ", ")
	if want := "team_here.nps, work_here.nps, team_here.nps //south, work_here.nps #life, work_here.nps @buy, work_here.nps @help, work_here.nps @use, work_here.nps call, work_here.nps shop, work_here.nps site"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestEmployeesMoveInSteps: today and what does not fill a step move nothing, and a window is the steps that end in it.
func TestEmployeesMoveInSteps(t *testing.T) {
	k := employeesKit(t)
	ref := func(id string, sc *scorev1.Scope) *scorev1.ScoreRef {
		return &scorev1.ScoreRef{Score: id, Scope: sc, Window: weeks}
	}
	north := &scorev1.Scope{Team: "north"}
	count := 0
	came := func(n, south int) {
		count++
		k.fold(voices(fmt.Sprint(count, "n"), n, k.clock(), "team_here", "call", "north")...)
		k.fold(voices(fmt.Sprint(count, "s"), south, k.clock(), "team_here", "call", "south")...)
	}
	is := func(all, ofNorth int64, begins string) {
		t.Helper()
		resp, err := k.svc.BatchGetScores(context.Background(), &scorev1.BatchGetScoresRequest{Refs: []*scorev1.ScoreRef{ref("team_here.count", nil), ref("team_here.count", north)}})
		if err != nil {
			t.Fatal(err)
		}
		if s := resp.GetScores(); s[0].GetN() != all || s[1].GetN() != ofNorth || begins != "" && s[1].GetFrom().AsTime().In(k.Current("default").Zone).Format(time.DateOnly) != begins {
			t.Errorf("%d and %d since %v, want %d and %d since %s", s[0].GetN(), s[1].GetN(), s[1].GetFrom().AsTime(), all, ofNorth, begins)
		}
	}
	came(12, 13)
	is(0, 0, "") // today
	k.advance(24 * time.Hour)
	is(25, 12, "2026-03-02")
	came(3, 4)
	k.advance(24 * time.Hour)
	is(25, 12, "2026-03-02") // 7 more
	came(5, 0)
	k.advance(24 * time.Hour)
	is(37, 12, "2026-03-02") // 12 more, of whom 8 and 4
	came(9, 9)
	k.advance(24 * time.Hour)
	is(55, 29, "2026-03-02") // 30 more, of whom 17 and 13
	// The next step begins where the last one ended, wherever the window begins.
	k.advance(26 * 24 * time.Hour)
	is(18, 17, "2026-03-03")
	// Each step is in one day of the series, and all of them are in the window.
	series, err := k.svc.GetSeries(context.Background(), &scorev1.GetSeriesRequest{Ref: &scorev1.ScoreRef{Score: "team_here.count", Window: scorev1.Window_WINDOW_ALL}})
	if err != nil {
		t.Fatal(err)
	}
	var n []int64
	for _, s := range series.GetScores()[:5] {
		n = append(n, s.GetN())
	}
	if !slices.Equal(n, []int64{25, 0, 12, 18, 0}) {
		t.Errorf("%v", n)
	}
	other := &Reader{Source: k.r.Source, samples: samples{byKey: map[sampleKey]sampled{}}, catalogues: map[string]declared{}}
	mine, theirs := k.get("team_here.nps", north, weeks), &scorev1.Score{}
	if x, err := other.Target(context.Background(), ref("team_here.nps", north), "ref"); err != nil {
		t.Error(err)
	} else if theirs, err = other.Score(x, k.clock()); err != nil || !sameNumbers(mine, theirs) {
		t.Errorf("another instance says %v, not %v (%v)", theirs, mine, err)
	}
}

func TestEmployeesAreShownForWholeDaysOnly(t *testing.T) {
	k := employeesKit(t)
	k.fold(voices("a", 12, sunday, "work_here", "call", "north")...)
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
	wantField(t, err, "ref.scope", "by touchpoint, stage and journey only")
	_, err = k.svc.GetScore(context.Background(), &scorev1.GetScoreRequest{Ref: &scorev1.ScoreRef{Score: "team_here.nps", Scope: &scorev1.Scope{Touchpoint: "call"}}})
	wantField(t, err, "ref.scope", "by team only")
	for _, step := range []scorev1.Step{scorev1.Step_STEP_MINUTE, scorev1.Step_STEP_QUARTER_HOUR, scorev1.Step_STEP_HOUR} {
		_, err := k.svc.GetSeries(context.Background(), &scorev1.GetSeriesRequest{Ref: &scorev1.ScoreRef{Score: "work_here.nps", Window: week}, Step: step})
		wantField(t, err, "step", "days or weeks")
	}
	series, err := k.svc.GetSeries(context.Background(), &scorev1.GetSeriesRequest{Ref: &scorev1.ScoreRef{Score: "work_here.nps", From: ts(sunday.Add(-25 * time.Hour)), To: ts(sunday)}})
	if err != nil || len(series.GetScores()) != 2 || series.GetScores()[1].GetN() != 12 || series.GetScores()[0].GetSuppressed() != "fewer than 10 answers" {
		t.Errorf("%v %v", series, err)
	}
	// Any stretch is widened to whole days.
	s, err := k.svc.GetScore(context.Background(), &scorev1.GetScoreRequest{Ref: &scorev1.ScoreRef{Score: "work_here.nps", From: ts(sunday.Add(-time.Minute)), To: ts(sunday.Add(time.Minute))}})
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
