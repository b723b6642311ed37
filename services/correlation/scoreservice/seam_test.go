package scoreservice

import (
	"context"
	"fmt"
	"testing"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
)

// TestSeriesTellSeams: a series tells what its definition replaced, what replaced it, and how the two compare where both are
// measured; it joins none of them.
func TestSeriesTellSeams(t *testing.T) {
	k := newKit(t)
	k.apply("default", 2, func(m *mapv1.Map) {
		m.Metrics = append(m.Metrics, &mapv1.Metric{Id: "wait2", Unit: "s", Resolution: 1000}, &mapv1.Metric{Id: "wait3", Unit: "s", Resolution: 1000})
		m.Questions = append(m.Questions, &mapv1.Question{Id: "happy", Kind: mapv1.QuestionKind_QUESTION_KIND_RATING, ScaleMin: 1, ScaleMax: 7, Touchpoints: []string{"call"}})
		m.Seams = []*mapv1.Seam{
			{Id: "wait3", Replaces: "wait2", Since: "2026-03-02", BesideUntil: "2026-04-01"},
			{Id: "wait2", Replaces: "wait", Since: "2026-02-25", BesideUntil: "2026-02-28"},
			{Id: "happy", Replaces: "recommend", Since: "2026-02-25", BesideUntil: "2026-02-28"},
		}
	})
	k.fresh()
	for i := range 8 {
		at := monday.AddDate(0, 0, -i) // 2 March back to 23 February
		c := call(at, "call", "north", "answered", int64(10_000+i*1000))
		c.Metrics = append(c.Metrics, &factv1.RecordedMetric{Metric: "wait2", Value: int64(20_000 + i*1000)})
		k.fold(sealed(fmt.Sprint(i), 0, c))
	}
	seams := func(id string) []*scorev1.SeriesSeam {
		t.Helper()
		resp, err := k.svc.GetSeries(context.Background(), &scorev1.GetSeriesRequest{Ref: &scorev1.ScoreRef{Score: id, Scope: &scorev1.Scope{Touchpoint: "call"}, Window: week}})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range resp.GetScores() {
			if s.GetRef().GetScore() != id {
				t.Errorf("%s joined to %s", s.GetRef().GetScore(), id)
			}
		}
		return resp.GetSeams()
	}
	got := seams("wait2.mean")
	if len(got) != 2 {
		t.Fatalf("%v", got)
	}
	// 25, 26 and 27 February are 5, 4 and 3 days before.
	a := got[0]
	if a.GetOther().GetScore() != "wait.mean" || a.GetOther().GetWindow() != week || a.GetOther().GetScope().GetTouchpoint() != "call" || !a.GetOtherIsOlder() ||
		a.GetSince() != "2026-02-25" || a.GetBesideUntil() != "2026-02-28" || a.GetOlder().GetValue() != 14 || a.GetNewer().GetValue() != 24 || a.GetNewer().GetN() != 3 {
		t.Errorf("%v", a)
	}
	// The first day of the next has not passed.
	if b := got[1]; b.GetOther().GetScore() != "wait3.mean" || b.GetOtherIsOlder() || b.GetOlder().GetSuppressed() == "" || b.GetOlder().Value != nil ||
		b.GetOlder().GetRef().GetScore() != "wait2.mean" || b.GetNewer().GetRef().GetScore() != "wait3.mean" || b.GetNewer().GetSuppressed() == "" {
		t.Errorf("%v", b)
	}
	if got = seams("wait.p90"); len(got) != 1 || got[0].GetOther().GetScore() != "wait2.p90" || got[0].GetOtherIsOlder() {
		t.Errorf("%v", got)
	}
	// A rating has no NPS.
	if got = seams("recommend.nps"); len(got) != 0 {
		t.Errorf("%v", got)
	}
	if got = seams("recommend.mean"); len(got) != 1 || got[0].GetOther().GetScore() != "happy.mean" {
		t.Errorf("%v", got)
	}
	if got = seams("cost.mean"); len(got) != 0 {
		t.Errorf("%v", got)
	}
}
