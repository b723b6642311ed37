package scoreservice

import (
	"context"
	"math"
	"testing"
	"time"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/correlation/state"
)

// withRepeats declares contacts that are followed by another within 24 h, what customers say of it and what agents do.
func withRepeats(m *mapv1.Map) {
	staged(m)
	m.LinkedMetrics = []*mapv1.LinkedMetric{{Id: "again", Kind: mapv1.LinkedKind_LINKED_KIND_NEXT_CONTACT, Limit: number(24)}}
	m.Questions = append(m.Questions, &mapv1.Question{Id: "solved", Kind: mapv1.QuestionKind_QUESTION_KIND_YES_NO, ScaleMax: 1, Touchpoints: []string{"call"}})
	m.Outcomes = append(m.Outcomes, &mapv1.Outcome{Id: "resolved"})
	m.CxScores = []*mapv1.CxScore{{Id: "cx", Parts: []*mapv1.CxPart{{Score: "again.beyond", Weight: 1, Worst: 0, Best: 100}, {Score: "interactions.count", Weight: 1, Worst: 0, Best: 1000}}}}
	m.Targets = []*mapv1.Target{{Score: "again.beyond", Value: 80}}
}

// pct is a share as it is computed.
func pct(k, n int64) float64 { return 100 * (float64(k) / float64(n)) }

func by(customer byte, at time.Time, outcome string) *factv1.RecordedInteraction {
	c := call(at, "call", "north", outcome, 1000)
	c.Customer = append(make([]byte, 15), customer)
	return c
}

// repeatKit has, by the days of Berlin and as of Monday 11:30 there: two customers on Wednesday, of whom one comes back after
// 10 h; one on Saturday who never does; two on Sunday, which is the day that holds the limit; and one today.
func repeatKit(t testing.TB) *kit {
	k := newKit(t)
	k.apply("default", 2, withRepeats)
	k.fresh()
	day := func(n int) time.Time { return monday.AddDate(0, 0, n) }
	k.fold(
		sealed("1", 0, by(1, day(-5), "answered")), sealed("2", 0, by(1, day(-5).Add(10*time.Hour), "resolved")),
		sealed("3", 0, by(2, day(-5), "resolved")), sealed("4", 0, by(3, day(-2), "answered")),
		sealed("5", 0, by(4, day(-1).Add(-5*time.Hour), "resolved")), sealed("6", 0, by(5, day(-1).Add(5*time.Hour), "answered")),
		sealed("7", 0, by(6, day(0), "answered")),
		sealed("8", 0, answer(day(-2), "call", "solved", 1)), sealed("9", 0, answer(day(-2), "call", "solved", 0)), sealed("10", 0, answer(day(-1), "call", "solved", 1)),
	)
	return k
}

// TestFirstContactResolutionThreeWays: by who did not come back, by what customers say, and by what agents flag. They differ.
func TestFirstContactResolutionThreeWays(t *testing.T) {
	k := repeatKit(t)
	// Four contacts are old enough, one of which was followed within a day; three are pending, two of them of the day that
	// holds the limit.
	proxy := k.get("again.beyond", nil, week)
	if proxy.GetValue() != 75 || proxy.GetN() != 4 || proxy.GetPending().GetN() != 3 || proxy.GetPending().GetShare() != 3.0/7 || proxy.GetInterval().GetMethod() != "wilson" || proxy.GetGoal().GetAhead() != -5 {
		t.Errorf("proxy %v", proxy)
	}
	said := k.get("solved.share.1", nil, week)
	flagged := k.get("outcome.resolved.share", nil, week)
	if said.GetValue() != pct(2, 3) || flagged.GetValue() != pct(3, 7) || said.GetPending() != nil || flagged.GetPending() != nil {
		t.Errorf("said %v, flagged %v", said, flagged)
	}
	if within := k.get("again.within", nil, week); within.GetValue() != 25 || within.GetPending().GetN() != 3 {
		t.Errorf("%v", within)
	}
}

// TestTimeDecides: as the clock goes on what was pending is decided, a bucket at a time, and whoever asks at one moment is
// told the same.
func TestTimeDecides(t *testing.T) {
	k := repeatKit(t)
	late := 0
	check := func(n, pending int64, value float64) {
		t.Helper()
		ref := &scorev1.ScoreRef{Score: "again.beyond", Scope: &scorev1.Scope{Touchpoint: "call"}, Window: week}
		batch, err := k.svc.BatchGetScores(context.Background(), &scorev1.BatchGetScoresRequest{Refs: []*scorev1.ScoreRef{
			{Score: "again_base.count", Window: week}, {Score: "again.within", Window: week}, ref, {Score: "cx", Window: week},
		}})
		if err != nil {
			t.Fatal(err)
		}
		all, of, s, cx := batch.GetScores()[0], batch.GetScores()[1], batch.GetScores()[2], batch.GetScores()[3]
		if s.GetN() != n || s.GetPending().GetN() != pending || s.GetValue() != value || math.Abs(of.GetValue()-100+value) > 1e-9 || int64(all.GetValue()) != n+pending {
			t.Errorf("%v, %v, of %v", s, of, all.GetValue())
		}
		p := cx.GetComposite().GetParts()
		if len(p) != 2 || math.Abs(p[0].GetPoints()-value) > 1e-9 || p[1].GetValue() != 7+float64(late) {
			t.Errorf("%v", cx)
		}
		if one := k.get("again.beyond", ref.GetScope(), week); !sameNumbers(one, s) {
			t.Errorf("alone %v, in a batch %v", one, s)
		}
	}
	check(4, 3, 75)
	k.advance(12 * time.Hour) // 23:30 in Berlin: the limit is still on Sunday
	check(4, 3, 75)
	k.advance(time.Hour) // Tuesday: Sunday is over, and the limit on Monday
	check(6, 1, pct(5, 6))
	k.fold(sealed("11", 0, by(5, monday.Add(-18*time.Hour), "answered"))) // comes late: an hour after Sunday's second contact
	late = 1
	check(7, 1, pct(5, 7))
}

func TestAllPending(t *testing.T) {
	k := repeatKit(t)
	s := k.get("again.within", nil, hour)
	if s.Value != nil || s.GetN() != 0 || s.GetPending().GetN() != 1 || s.GetPending().GetShare() != 1 || s.GetSuppressed() != "pending: all 1 contacts are younger than 24 h, so that none is decided" {
		t.Errorf("%v", s)
	}
	resp, err := k.svc.GetScore(context.Background(), &scorev1.GetScoreRequest{Ref: &scorev1.ScoreRef{Score: "again.within", From: ts(monday.AddDate(0, 0, -30)), To: ts(monday.AddDate(0, 0, -20))}})
	if s := resp.GetScore(); err != nil || s.GetSuppressed() != "no contacts" || s.GetPending() != nil {
		t.Errorf("%v %v", s, err)
	}
}

// TestPendingByStep: each step of a series has its own, and a stretch that ended long ago has none.
func TestPendingByStep(t *testing.T) {
	k := repeatKit(t)
	resp, err := k.svc.GetSeries(context.Background(), &scorev1.GetSeriesRequest{Ref: &scorev1.ScoreRef{Score: "again.beyond", Window: week}, Step: scorev1.Step_STEP_DAY})
	if err != nil {
		t.Fatal(err)
	}
	var n, pending []int64
	for _, s := range resp.GetScores() {
		n, pending = append(n, s.GetN()), append(pending, s.GetPending().GetN())
	}
	for i, want := range [][2]int64{{0, 0}, {3, 0}, {0, 0}, {0, 0}, {1, 0}, {0, 2}, {0, 1}} {
		if n[i] != want[0] || pending[i] != want[1] {
			t.Errorf("day %d: n %d, pending %d", i, n[i], pending[i])
		}
	}
	got, err := k.svc.GetScore(context.Background(), &scorev1.GetScoreRequest{Ref: &scorev1.ScoreRef{Score: "again.beyond", From: ts(monday.AddDate(0, 0, -6)), To: ts(monday.AddDate(0, 0, -1))}})
	if s := got.GetScore(); err != nil || s.GetN() != 5 || s.GetValue() != 80 || s.GetPending() == nil || s.GetPending().GetN() != 0 { // by the minute: Sunday 5:30 is decided
		t.Errorf("%v %v", s, err)
	}
	e, err := k.svc.ExplainScore(context.Background(), &scorev1.ExplainScoreRequest{Ref: &scorev1.ScoreRef{Score: "again.beyond", Window: week}})
	if err != nil || e.GetFormula() != "100 × 3 ÷ 4" || len(e.GetQuantities()) != 4 || e.GetQuantities()[3].GetValue() != "3" {
		t.Errorf("%v %v", e, err)
	}
	var cases int64
	for _, c := range e.GetCells() {
		cases += c.GetN()
	}
	if cases != 7+1 { // all contacts, and the one time known that is decided
		t.Errorf("%v", e.GetCells())
	}
}

// TestTimeAloneIsWatched: nothing comes, and yet the share changes at midnight.
func TestTimeAloneIsWatched(t *testing.T) {
	k := repeatKit(t)
	w := watchOf(t, k.client(), &scorev1.WatchScoresRequest{Refs: []*scorev1.ScoreRef{{Score: "again.beyond", Window: scorev1.Window_WINDOW_ALL}, {Score: "cx", Window: scorev1.Window_WINDOW_ALL}}})
	if r := w.next(); len(r.GetChanges()) != 2 {
		t.Fatalf("%v", r)
	}
	k.advance(13 * time.Hour)
	c, r := w.until("again.beyond", pct(5, 6))
	if c.GetPrevious() != 75 || c.GetScore().GetPending().GetN() != 1 {
		t.Errorf("%v", c)
	}
	if !names(r)["cx"] {
		w.next() // the composite is told too
	}
}

// TestFactsOfAShare: those that are decided are its cases.
func TestFactsOfAShare(t *testing.T) {
	k := repeatKit(t)
	r, err := k.r.Resolve(k.Current("default"), &scorev1.ScoreRef{Score: "again.within", Window: week}, k.clock())
	if err != nil {
		t.Fatal(err)
	}
	k.st.Load().View("default", func(v *state.View) {
		n := 0
		if _, _, err := v.Facts(0, 1000, func(f *state.Fact) bool {
			if r.Counts(v, f) {
				n++
			}
			return true
		}); err != nil || n != 4 {
			t.Errorf("%d facts, %v", n, err)
		}
		// Without the second contact of the first customer there is no repeat, and a contact less.
		f, _, err := v.Fact(factv1.Kind_KIND_INTERACTION, "pbx", "2", "", "")
		if err != nil || f == nil {
			t.Fatal(err)
		}
		e := r.Effect(v, f, k.clock())
		if e.GetBefore().GetValue() != 0 || e.GetBefore().GetN() != 3 || e.GetAfter().GetValue() != 25 || e.GetBefore().GetPending().GetN() != 3 {
			t.Errorf("%v", e)
		}
	})
}
