package cli_test

import (
	"context"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
)

func (f *fake) GetSpread(_ context.Context, req *scorev1.GetSpreadRequest) (*scorev1.GetSpreadResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.compared = req
	return f.spread, nil
}

func measuredWait(id string, v float64, n int64) *scorev1.Score {
	return &scorev1.Score{
		Ref: &scorev1.ScoreRef{Score: id}, Value: &v, N: n, Unit: "s", StandardError: proto.Float64(1), Interval: &scorev1.Interval{Low: v - 2, High: v + 2, Method: "t"},
	}
}

func TestSpread(t *testing.T) {
	f := &fake{maps: map[string]*mapv1.Map{"airport": {}}, spread: &scorev1.GetSpreadResponse{
		All: measuredWait("wait.mean", 20, 300), Between: proto.Float64(7.25), ShareReal: proto.Float64(0.9), Best: "north", Worst: "south",
		Groups: []*scorev1.SpreadGroup{
			{Id: "east", Score: &scorev1.Score{Ref: &scorev1.ScoreRef{Score: "wait.mean"}, N: 3, Suppressed: "unknown"}},
			{Id: "north", Score: measuredWait("wait.mean", 12, 100)},
			{Id: "south", Score: measuredWait("wait.mean", 28, 200)},
		},
	}}
	run := f.run(t)
	out, _, err := run("spread", "wait.mean", "--by", "team", "--stage", "use", "--window", "7d")
	if err != nil {
		t.Fatal(err)
	}
	if f.compared.GetBy() != scorev1.By_BY_TEAM || f.compared.GetRef().GetScope().GetStage() != "use" || f.compared.GetRef().GetWindow() != scorev1.Window_WINDOW_7D {
		t.Errorf("%v", f.compared)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	for i, want := range []string{"TEAM", "all", "east", "north", "south", "Chance taken off, the teams differ with a standard deviation of 7.25 s; 90% of the variation"} {
		if i >= len(lines) || !strings.HasPrefix(lines[i], want) {
			t.Fatalf("line %d does not begin with %q:\n%s", i, want, out)
		}
	}
	if !strings.Contains(lines[3], "12.00 s") || !strings.Contains(lines[3], "best") || !strings.Contains(lines[4], "worst") || !strings.Contains(lines[2], "unknown") {
		t.Errorf("%s", out)
	}
	if out, _, err = run("spread", "wait.mean", "--by", "hour", "--format", "csv"); err != nil || !strings.HasPrefix(out, "hour,score,value,unit,") ||
		!strings.Contains(out, "\nnorth,wait.mean,12,s,") || strings.Contains(out, "Chance") || !strings.Contains(out, ",7.25,0.9\n") || f.compared.GetBy() != scorev1.By_BY_HOUR {
		t.Errorf("%s %v", out, err)
	}
	if out, _, err = run("spread", "wait.mean", "--by", "channel", "--format", "json"); err != nil || !strings.Contains(out, `"share_real"`) {
		t.Errorf("%s %v", out, err)
	}
	if _, _, err = run("spread", "wait.mean", "--by", "moon"); err == nil || !strings.Contains(err.Error(), "touchpoint, channel, team or hour") {
		t.Errorf("%v", err)
	}
	f.spread.All.Unit = "%" // percentages are apart by percentage points
	if out, _, err = run("spread", "sl20", "--by", "team"); err != nil || !strings.Contains(out, "deviation of 7.25 percentage points;") {
		t.Errorf("%s %v", out, err)
	}
	f.spread.Between, f.spread.All.StandardError = nil, nil
	if out, _, err = run("spread", "wait.p90", "--by", "team"); err != nil || !strings.Contains(out, "not known: wait.mean has no standard error.") {
		t.Errorf("%s %v", out, err)
	}
	f.spread = &scorev1.GetSpreadResponse{All: measuredWait("wait.mean", 20, 300)}
	if out, _, err = run("spread", "wait.mean", "--by", "team"); err != nil || !strings.Contains(out, "not two teams") {
		t.Errorf("%s %v", out, err)
	}
}

func TestSeriesTellsSeams(t *testing.T) {
	f := &fake{maps: map[string]*mapv1.Map{"airport": {}}, seams: []*scorev1.SeriesSeam{
		{Other: &scorev1.ScoreRef{Score: "wait.mean"}, OtherIsOlder: true, Since: "2026-07-01", BesideUntil: "2026-10-01", Older: measuredWait("wait.mean", 41.2, 3), Newer: measuredWait("wait2.mean", 39.8, 3)},
		{
			Other: &scorev1.ScoreRef{Score: "wait3.mean"}, Since: "2027-01-01", BesideUntil: "2027-02-01", Older: &scorev1.Score{Ref: &scorev1.ScoreRef{Score: "wait2.mean"}, Suppressed: "none of the days has passed"},
			Newer: &scorev1.Score{Ref: &scorev1.ScoreRef{Score: "wait3.mean"}, Suppressed: "none of the days has passed"},
		},
	}}
	run := f.run(t)
	want := []string{
		"wait2.mean replaced wait.mean on 2026-07-01; both measured until 2026-10-01: wait.mean 41.2 s, wait2.mean 39.8 s",
		"wait2.mean was replaced by wait3.mean on 2027-01-01; both measured until 2027-02-01: wait2.mean no value: none of the days has passed, wait3.mean no value: none of the days has passed",
	}
	out, _, err := run("series", "wait2.mean")
	if err != nil || !strings.Contains(out, strings.Join(want, "\n")+"\n") {
		t.Errorf("%s %v", out, err)
	}
	out, stderr, err := run("series", "wait2.mean", "--format", "csv")
	if err != nil || strings.Contains(out, "replaced") || !strings.Contains(stderr, want[0]) {
		t.Errorf("%s %s %v", out, stderr, err)
	}
}

// TestExplainTellsParts: the cells of a score made of others say of which they are a part.
func TestExplainTellsParts(t *testing.T) {
	at := timestamppb.Now()
	f := &fake{maps: map[string]*mapv1.Map{"airport": {}}, explained: &scorev1.ExplainScoreResponse{Score: measuredWait("cx", 80, 3), Cells: []*scorev1.Cell{
		{Touchpoint: "call", From: at, Tier: "day", N: 1, Sum: "5", SumSquares: "25", Score: "satisfied.mean"}, {Touchpoint: "call", From: at, Tier: "day", N: 2, Sum: "30000", SumSquares: "9", Score: "wait.mean"},
	}}}
	run := f.run(t)
	out, _, err := run("explain", "cx")
	if err != nil || !strings.Contains(out, "SCORE") || !strings.Contains(out, "satisfied.mean") || !strings.Contains(out, "wait.mean") {
		t.Errorf("%s %v", out, err)
	}
	if out, _, err = run("explain", "cx", "--format", "csv"); err != nil || !strings.Contains(out, ",part\n") || !strings.Contains(out, ",wait.mean\n") {
		t.Errorf("%s %v", out, err)
	}
}
