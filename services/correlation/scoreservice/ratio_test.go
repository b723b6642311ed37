package scoreservice

import (
	"context"
	"math"
	"strings"
	"testing"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/correlation/cell"
	"github.com/touchstone-cx/touchstone/services/correlation/state"
)

// withRatios declares the handling time of wait and work, in seconds of other resolutions, and a share of published sums.
func withRatios(m *mapv1.Map) {
	staged(m)
	m.Metrics = append(m.Metrics, &mapv1.Metric{Id: "work", Unit: "s", Resolution: 10, Better: mapv1.Better_BETTER_LOWER, Floor: number(30)},
		&mapv1.Metric{Id: "hold", Unit: "s", Resolution: 1}, &mapv1.Metric{Id: "staffed", Unit: "s", Resolution: 1})
	for _, t := range m.Touchpoints {
		t.Metrics = []string{"wait", "cost", "work", "hold", "staffed"}
	}
	m.Touchpoints[2].Metrics = []string{"wait"}
	m.Ratios = []*mapv1.Ratio{
		{Id: "aht", Over: []string{"wait", "work", "hold"}, Outcomes: []string{"answered"}, AbsentIsZero: []string{"hold"}, Better: mapv1.Better_BETTER_LOWER},
		{Id: "busy", Over: []string{"work"}, Under: []string{"staffed"}},
	}
	m.Targets = []*mapv1.Target{{Score: "aht", Value: 40, Cascades: true}}
	m.CxScores = []*mapv1.CxScore{{Id: "cx", Parts: []*mapv1.CxPart{{Score: "aht", Weight: 1, Worst: 100, Best: 0}, {Score: "wait.mean", Weight: 1, Worst: 100, Best: 0}}}}
}

func number(v float64) *float64 { return &v }

func worked(wait, work int64, outcome string) *factv1.RecordedInteraction {
	c := call(monday, "call", "north", outcome, wait)
	if work >= 0 {
		c.Metrics = append(c.Metrics, &factv1.RecordedMetric{Metric: "work", Value: work})
	}
	return c
}

func observed(id string, o *factv1.RecordedObservation) *factv1.RecordedFact {
	f := sealed(id, 0, factv1.Kind_KIND_OBSERVATION)
	f.Content = &factv1.RecordedFact_Observation{Observation: o}
	return f
}

func ratioKit(t testing.TB) *kit {
	k := newKit(t)
	k.apply("default", 2, withRatios)
	k.fold(
		sealed("1", 0, worked(10_000, 200, "answered")), sealed("2", 0, worked(20_500, 405, "answered")), sealed("3", 0, worked(99_000, -1, "abandoned")),
		observed("4", &factv1.RecordedObservation{Touchpoint: "call", Metric: "staffed", PeriodStartMs: monday.UnixMilli(), PeriodEndMs: monday.UnixMilli() + 1, Sum: 121, N: 2}),
	)
	return k
}

func TestRatiosEverywhere(t *testing.T) {
	k := ratioKit(t)
	want := (30.5 + 60.5) / 2
	for _, sc := range []*scorev1.Scope{nil, {Touchpoint: "call"}, {Stage: "use"}, {Team: "north"}, {Channel: "phone", Touchpoint: "call"}} {
		s := k.get("aht", sc, hour)
		if s.Value == nil || s.GetValue() != want || s.GetN() != 2 || s.GetUnit() != "s" || (sc.GetTeam()+sc.GetChannel() == "") != (s.GetGoal().GetAhead() == 40-want) {
			t.Errorf("%v: %v", sc, s)
		}
	}
	if s := k.get("busy", &scorev1.Scope{Touchpoint: "call"}, hour); s.GetValue() != 100*60.5/121 || s.GetUnit() != "%" || s.GetN() != 2 {
		t.Errorf("%v", s)
	}
	if s := k.get("work.bad", nil, hour); s.GetValue() != 50 || s.GetInterval().GetMethod() != "wilson" {
		t.Errorf("%v", s)
	}
	// A part of a CX score needs its three measures too: 100 − 45.5 and 100 − the mean wait.
	cx := k.get("cx", &scorev1.Scope{Touchpoint: "call"}, hour)
	if p := cx.GetComposite().GetParts(); len(p) != 2 || p[0].GetPoints() != 100-want || math.Abs(p[1].GetPoints()-(100-129.5/3)) > 1e-9 {
		t.Errorf("%v", cx)
	}
	if got := strings.Join(k.list(&scorev1.Filter{Window: hour, Touchpoints: []string{"call", "site"}, Scores: []string{"aht", "busy"}}, 10), ", "); got != "aht, busy, aht call, busy call" {
		t.Error(got)
	}
	resp, err := k.svc.ExplainScore(context.Background(), &scorev1.ExplainScoreRequest{Ref: &scorev1.ScoreRef{Score: "aht", Window: hour}})
	if err != nil {
		t.Fatal(err)
	}
	if f := resp.GetFormula(); f != "(30500 ÷ 1000 + 605 ÷ 10 + 0) ÷ 2" || len(resp.GetCells()) != 2 || resp.GetCells()[0].GetSum() != "30500" || resp.GetCells()[1].GetSum() != "605" {
		t.Errorf("%s %v", f, resp.GetCells())
	}
	// What comes late makes it known again.
	k.fold(sealed("5", 0, worked(10_000, -1, "answered")))
	if s := k.get("aht", nil, hour); s.Value != nil || !strings.HasPrefix(s.GetSuppressed(), "unknown: 1 interaction without work, of 3; at least 33.67 s") {
		t.Error(s.GetSuppressed())
	}
	k.fold(sealed("5", 1, worked(10_000, 100, "answered")))
	if s := k.get("aht", nil, hour); s.GetValue() != (30.5+60.5+20)/3 {
		t.Errorf("%v", s)
	}
}

// TestRatiosAreTakenTogether: a touchpoint where not all of it is measured makes it neither unknown nor another one, however
// many scores are asked for at once.
func TestRatiosAreTakenTogether(t *testing.T) {
	k := ratioKit(t)
	k.fold(sealed("7", 0, call(monday, "site", "north", "answered", 5000)))
	all := func() (aht, wait, at *scorev1.Score) {
		resp, err := k.svc.BatchGetScores(context.Background(), &scorev1.BatchGetScoresRequest{Refs: []*scorev1.ScoreRef{
			{Score: "wait.mean", Window: hour}, {Score: "aht", Window: hour}, {Score: "wait.sum", Window: hour}, {Score: "aht", Scope: &scorev1.Scope{Touchpoint: "call"}, Window: hour},
		}})
		if err != nil {
			t.Fatal(err)
		}
		if resp.GetScores()[2].GetValue() != 134.5 {
			t.Errorf("%v", resp.GetScores()[2])
		}
		return resp.GetScores()[1], resp.GetScores()[0], resp.GetScores()[3]
	}
	for range 2 { // the second time from what is remembered
		aht, wait, at := all()
		if aht.GetValue() != 45.5 || aht.GetN() != 2 || wait.GetN() != 4 || at.GetValue() != 45.5 {
			t.Errorf("%v, %v, %v", aht, wait, at)
		}
	}
	if got := strings.Join(k.list(&scorev1.Filter{Window: hour, Touchpoints: []string{"site"}, Scores: []string{"aht", "wait.mean"}, NoOrganisation: true}, 10), ", "); got != "wait.mean site" {
		t.Error(got)
	}
	e, err := k.svc.ExplainScore(context.Background(), &scorev1.ExplainScoreRequest{Ref: &scorev1.ScoreRef{Score: "aht", Window: hour}})
	if err != nil || len(e.GetCells()) != 2 || !strings.Contains(e.GetDefinition(), "touchpoints where all of them are measured") {
		t.Errorf("%v %v", e, err)
	}
}

func TestRatiosAreWatchedAndSeries(t *testing.T) {
	k := ratioKit(t)
	w := watchOf(t, k.client(), &scorev1.WatchScoresRequest{Refs: []*scorev1.ScoreRef{{Score: "aht", Window: hour}, {Score: "wait.p90", Window: hour}, {Score: "busy", Window: hour}}})
	if r := w.next(); len(r.GetChanges()) != 3 {
		t.Fatalf("%v", r)
	}
	k.fold(sealed("6", 0, worked(1000, 0, "answered")))
	w.until("aht", (30.5+60.5+1)/3)
	resp, err := k.svc.GetSeries(context.Background(), &scorev1.GetSeriesRequest{Ref: &scorev1.ScoreRef{Score: "busy", Window: scorev1.Window_WINDOW_ALL}, Step: scorev1.Step_STEP_DAY})
	if err != nil || len(resp.GetScores()) != 1 || resp.GetScores()[0].GetValue() != 50 {
		t.Errorf("%v %v", resp, err)
	}
}

// TestFactsOfARatio: its cases are the interactions of its outcomes, and what one does to it is told.
func TestFactsOfARatio(t *testing.T) {
	k := ratioKit(t)
	m := k.Current("default")
	r, err := k.r.Resolve(m, &scorev1.ScoreRef{Score: "aht", Window: hour}, k.clock())
	if err != nil {
		t.Fatal(err)
	}
	k.st.Load().View("default", func(v *state.View) {
		var counted, all int
		if _, _, err := v.Facts(0, 1000, func(f *state.Fact) bool {
			all++
			if r.Counts(v, f) {
				counted++
				e := r.Effect(v, f, k.clock())
				if e.GetBefore().GetN() != 1 || e.GetAfter().GetN() != 2 || e.GetBefore().GetValue()+e.GetAfter().GetValue() == 0 {
					t.Errorf("%v", e)
				}
			}
			return true
		}); err != nil {
			t.Error(err)
		}
		if counted != 2 || all != 4 {
			t.Errorf("%d of %d facts", counted, all)
		}
		if s := Build(v, r, &cell.Sample{}, k.clock()); s.Value != nil || s.GetSuppressed() == "" {
			t.Errorf("of a part of what it needs: %v", s)
		}
	})
}

// TestDamagedCellsShowNoScore: of any sample that a score is made of.
func TestDamagedCellsShowNoScore(t *testing.T) {
	k := ratioKit(t)
	m := k.Current("default")
	for _, id := range []string{"wait.mean", "aht", "interactions.count", "in_time"} {
		r, err := k.r.Resolve(m, &scorev1.ScoreRef{Score: id, Window: hour}, k.clock())
		if err != nil {
			t.Fatal(err)
		}
		k.st.Load().View("default", func(v *state.View) {
			for _, where := range []func(*cell.Sample) *cell.Sample{
				func(s *cell.Sample) *cell.Sample { return s },
				func(s *cell.Sample) *cell.Sample { return s.Beside[len(s.Beside)-1] },
			} {
				s := r.Sample(v)
				if s.Beside == nil && id == "aht" {
					t.Fatal("one sample")
				}
				if s.Beside == nil {
					where = func(s *cell.Sample) *cell.Sample { return s }
				}
				where(s).Damaged = true
				if x := Build(v, r, s, k.clock()); x.Value != nil || x.GetN() != 0 || !strings.HasPrefix(x.GetSuppressed(), "damaged: ") || !strings.Contains(x.GetSuppressed(), "rebuild") {
					t.Errorf("%s: %v", id, x)
				}
			}
		})
	}
	d, _ := k.r.current("default")
	cx := d.newTarget(d.c.Lookup("cx"), scope{}, hour, nil, nil, "")
	parts := [][]*cell.Sample{{{}, {Beside: []*cell.Sample{{Damaged: true}}}}, {{}, nil}}
	if r := cx.result(&taken{parts: parts}, state.Span{}); !strings.HasPrefix(r.Suppressed, "damaged: ") {
		t.Errorf("%+v", r)
	}
}
