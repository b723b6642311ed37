package scoreservice

import (
	"context"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/correlation/score"
)

func name(s *scorev1.Score) string {
	sc := s.GetRef().GetScope()
	about := sc.GetTouchpoint()
	if sc.GetStage() != "" {
		about += "@" + sc.GetStage()
	}
	if sc.GetJourney() != "" {
		about += "#" + sc.GetJourney()
	}
	return strings.Trim(fmt.Sprintf("%s %s%s%s", s.GetRef().GetScore(), about, "/"+sc.GetChannel(), "/"+sc.GetTeam()), "/ ")
}

func (k *kit) list(f *scorev1.Filter, size int32) []string {
	k.t.Helper()
	var all []string
	token := ""
	for {
		resp, err := k.svc.ListScores(context.Background(), &scorev1.ListScoresRequest{Filter: f, PageSize: size, PageToken: token})
		if err != nil {
			k.t.Fatal(err)
		}
		for _, s := range resp.GetScores() {
			if s.GetN() == 0 {
				k.t.Errorf("%s without a case", name(s))
			}
			all = append(all, name(s))
		}
		if token = resp.GetNextPageToken(); token == "" {
			return all
		}
		if len(resp.GetScores()) != int(size) {
			k.t.Errorf("a page of %d before the last", len(resp.GetScores()))
		}
	}
}

func seeded(t testing.TB) *kit {
	k := newKit(t)
	k.fold(
		sealed("1", 0, call(monday, "call", "north", "answered", 10_000)),
		sealed("2", 0, call(monday, "shop", "south", "answered", 30_000)),
		sealed("3", 0, answer(monday, "call", "recommend", 10)),
		sealed("4", 0, answer(monday, "call", "satisfied", 4)),
	)
	return k
}

func TestList(t *testing.T) {
	k := seeded(t)
	want := []string{
		"interactions.count", "in_time", "wait.mean", "recommend.nps", "satisfied.top2",
		"interactions.count call", "in_time call", "wait.mean call", "recommend.nps call", "satisfied.top2 call",
		"interactions.count shop", "in_time shop", "wait.mean shop",
	}
	for _, size := range []int32{1, 2, 3, 5, 13, 1000} {
		if got := k.list(nil, size); strings.Join(got, ", ") != strings.Join(want, ", ") {
			t.Errorf("pages of %d:\n%v\nwant\n%v", size, got, want)
		}
	}
	for _, c := range []struct {
		f    *scorev1.Filter
		want string
	}{
		{&scorev1.Filter{Touchpoints: []string{"shop"}, Scores: []string{"wait.m*"}, NoOrganisation: true}, "wait.mean shop, wait.median shop"},
		{&scorev1.Filter{Scores: []string{"wait.mean", "wait.me*"}, Touchpoints: []string{"call"}}, "wait.mean, wait.median, wait.mean call, wait.median call"},
		{
			&scorev1.Filter{Scores: []string{"interactions.count"}, ByTeam: true, ByChannel: true},
			"interactions.count, interactions.count /phone, interactions.count //north, interactions.count //south, " +
				"interactions.count call, interactions.count call/phone, interactions.count call//north, " +
				"interactions.count shop, interactions.count shop/phone, interactions.count shop//south",
		},
		{&scorev1.Filter{Window: hour, Touchpoints: []string{"site"}, NoOrganisation: true}, ""},
	} {
		if got := strings.Join(k.list(c.f, 2), ", "); got != c.want {
			t.Errorf("%v:\n%s\nwant\n%s", c.f, got, c.want)
		}
	}
}

// TestPagesSurviveChanges: what was there all the time is listed exactly once, whatever comes and goes between pages.
func TestPagesSurviveChanges(t *testing.T) {
	k := seeded(t)
	f := &scorev1.Filter{Scores: []string{"interactions.count", "wait.mean"}}
	seen := map[string]int{}
	token := ""
	for i := 0; ; i++ {
		resp, err := k.svc.ListScores(context.Background(), &scorev1.ListScoresRequest{Filter: f, PageSize: 1, PageToken: token})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range resp.GetScores() {
			seen[name(s)]++
		}
		if token = resp.GetNextPageToken(); token == "" {
			break
		}
		k.fold(sealed(fmt.Sprint("new", i), 0, call(monday, []string{"site", "call"}[i%2], "north", "answered", 1000)))
		if i == 1 { // the score that the token names goes
			r := sealed("1", 9, nil)
			r.Kind = 1
			k.fold(r)
		}
	}
	for _, n := range []string{"interactions.count", "wait.mean", "interactions.count shop", "wait.mean shop"} {
		if seen[n] != 1 {
			t.Errorf("%s was listed %d times: %v", n, seen[n], seen)
		}
	}
}

func TestTokensBelongToTheirList(t *testing.T) {
	k := seeded(t)
	resp, err := k.svc.ListScores(context.Background(), &scorev1.ListScoresRequest{PageSize: 1})
	if err != nil {
		t.Fatal(err)
	}
	_, err = k.svc.ListScores(context.Background(), &scorev1.ListScoresRequest{PageToken: resp.GetNextPageToken(), Filter: &scorev1.Filter{ByTeam: true}})
	wantField(t, err, "page_token", "without a token")
	for _, token := range []string{"x", "AAAA", resp.GetNextPageToken() + "AAAA", resp.GetNextPageToken()[1:]} {
		_, err = k.svc.ListScores(context.Background(), &scorev1.ListScoresRequest{PageToken: token})
		wantField(t, err, "page_token", "without a token")
	}
	_, err = k.svc.ListScores(context.Background(), &scorev1.ListScoresRequest{PageSize: 1001})
	wantField(t, err, "page_size", "1,000")
	_, err = k.svc.ListScores(context.Background(), &scorev1.ListScoresRequest{Filter: &scorev1.Filter{Scores: []string{"wait.mean", "wait.*n"}}})
	wantField(t, err, "filter.scores[1]", "has no statistic")
	_, err = k.svc.ListScores(context.Background(), &scorev1.ListScoresRequest{Filter: &scorev1.Filter{Touchpoints: []string{"call", "shpo"}}})
	wantField(t, err, "filter.touchpoints[1]", `Did you mean "shop"`)
}

func FuzzPageToken(f *testing.F) {
	f.Add(page{filter: 7, scope: scope{level: ofTouchpoint, id: "call"}, order: "0"}.encode(), uint64(7))
	f.Add("", uint64(0))
	f.Fuzz(func(t *testing.T, token string, filter uint64) {
		p, err := decodePage(token, filter)
		if err != nil || token == "" {
			return
		}
		p.after(scope{}, &score.Definition{})
		if again, err := decodePage(p.encode(), filter); err != nil || again != p {
			t.Errorf("%+v became %+v, %v", p, again, err)
		}
	})
}

func FuzzResumeToken(f *testing.F) {
	f.Add(resume{1, 2, 3}.encode())
	f.Fuzz(func(t *testing.T, token string) {
		if r, ok := decodeResume(token); ok {
			if again, ok := decodeResume(r.encode()); !ok || again != r {
				t.Errorf("%+v became %+v", r, again)
			}
		}
	})
}

func TestSeries(t *testing.T) {
	k := newKit(t)
	for i := range 6 {
		k.fold(sealed(fmt.Sprint(i), 0, call(monday.Add(-time.Duration(i)*10*time.Minute), "call", "", "answered", int64(1+i)*1000)))
	}
	series := func(ref *scorev1.ScoreRef, step scorev1.Step) []*scorev1.Score {
		t.Helper()
		resp, err := k.svc.GetSeries(context.Background(), &scorev1.GetSeriesRequest{Ref: ref, Step: step})
		if err != nil {
			t.Fatal(err)
		}
		return resp.GetScores()
	}
	all := series(&scorev1.ScoreRef{Score: "wait.sum", Window: hour}, scorev1.Step_STEP_MINUTE)
	if len(all) != 60 {
		t.Fatalf("%d steps", len(all))
	}
	var sum float64
	var n int64
	for i, s := range all {
		if i > 0 && !s.GetFrom().AsTime().Equal(all[i-1].GetTo().AsTime()) {
			t.Errorf("a gap before %v", s.GetFrom().AsTime())
		}
		if (s.GetN() == 0) != (s.GetSuppressed() != "") {
			t.Errorf("%v", s)
		}
		sum, n = sum+s.GetValue(), n+s.GetN()
	}
	if sum != 21 || n != 6 || all[59].GetValue() != 1 {
		t.Errorf("sum %v of %d, last %v", sum, n, all[59])
	}
	// All time begins with the oldest cell; the days to come of a window are left out.
	k.fold(sealed("old", 0, call(monday.AddDate(0, 0, -10), "call", "", "answered", 5000)))
	if got := series(&scorev1.ScoreRef{Score: "wait.sum", Window: scorev1.Window_WINDOW_ALL}, scorev1.Step_STEP_DAY); len(got) != 11 || got[0].GetValue() != 5 {
		t.Errorf("%d days, first %v", len(got), got[0])
	}
	if got := series(&scorev1.ScoreRef{Score: "satisfied.mean", Window: scorev1.Window_WINDOW_ALL}, scorev1.Step_STEP_DAY); len(got) != 0 {
		t.Errorf("nothing ever asked: %d steps", len(got))
	}
	from := timestamppb.New(monday.AddDate(0, 0, -10))
	_, err := k.svc.GetSeries(context.Background(), &scorev1.GetSeriesRequest{Ref: &scorev1.ScoreRef{Score: "wait.sum", From: from}, Step: scorev1.Step_STEP_MINUTE})
	wantField(t, err, "step", "48 hours")
	from = timestamppb.New(monday.AddDate(-30, 0, 0))
	_, err = k.svc.GetSeries(context.Background(), &scorev1.GetSeriesRequest{Ref: &scorev1.ScoreRef{Score: "wait.sum", From: from}, Step: scorev1.Step_STEP_DAY})
	wantField(t, err, "step", "2,000")
	if got := series(&scorev1.ScoreRef{Score: "interactions.count", From: from}, scorev1.Step_STEP_WEEK); len(got) > 2000 || len(got) < 1500 {
		t.Errorf("%d weeks", len(got))
	}
}

// TestExplainAddsUp: the cells listed are the numbers in the formula.
func TestExplainAddsUp(t *testing.T) {
	k := newKit(t)
	for i := range 1500 {
		at := monday.Add(-time.Duration(i) * time.Minute)
		k.fold(sealed(fmt.Sprint(i), 0, call(at, []string{"call", "shop"}[i%2], "", "answered", int64(i))))
	}
	resp, err := k.svc.ExplainScore(context.Background(), &scorev1.ExplainScoreRequest{Ref: &scorev1.ScoreRef{Score: "wait.mean", Window: scorev1.Window_WINDOW_24H}})
	if err != nil {
		t.Fatal(err)
	}
	if resp.GetMoreCells() != 0 || len(resp.GetCells()) == 0 || resp.GetDefinition() == "" {
		t.Fatalf("%d cells and %d more", len(resp.GetCells()), resp.GetMoreCells())
	}
	sum, n := new(big.Int), int64(0)
	for i, c := range resp.GetCells() {
		x, ok := new(big.Int).SetString(c.GetSum(), 10)
		if !ok || c.GetTier() != "quarter-hour" {
			t.Fatalf("%v", c)
		}
		if i > 0 && c.GetFrom().AsTime().Before(resp.GetCells()[i-1].GetFrom().AsTime()) {
			t.Error("cells are oldest first")
		}
		sum, n = sum.Add(sum, x), n+c.GetN()
	}
	if n != resp.GetScore().GetN() || resp.GetFormula() != fmt.Sprintf("%s ÷ %d ÷ 1000", sum, n) {
		t.Errorf("%s, cells %s of %d, n %d", resp.GetFormula(), sum, n, resp.GetScore().GetN())
	}
	resp, err = k.svc.ExplainScore(context.Background(), &scorev1.ExplainScoreRequest{Ref: &scorev1.ScoreRef{
		Score: "in_time", From: timestamppb.New(monday.Add(-25 * time.Hour)), To: timestamppb.New(monday.Add(time.Minute)),
	}})
	if err != nil {
		t.Fatal(err)
	}
	n = 0
	for _, c := range resp.GetCells() {
		n += c.GetN()
	}
	if n != resp.GetScore().GetN() || n != 1500 {
		t.Errorf("interactions of a service level: %d and %d", n, resp.GetScore().GetN())
	}
}
