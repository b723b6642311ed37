package cli_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
)

func waited(value float64, g *scorev1.Goal) *scorev1.Score {
	s := nps()
	s.Ref.Score, s.Value, s.Unit, s.Goal = "wait.mean", proto.Float64(value), "s", g
	return s
}

func TestGoalsAreTold(t *testing.T) {
	for _, c := range []struct {
		g    *scorev1.Goal
		want string
	}{
		{&scorev1.Goal{Value: 20, By: "2026-12-31", Ahead: proto.Float64(3)}, "goal 20 s by 2026-12-31, 3 s ahead"},
		{&scorev1.Goal{Value: 12.5, Ahead: proto.Float64(-4.5), From: "stage buy"}, "goal 12.5 s, 4.5 s behind (of stage buy)"},
		{&scorev1.Goal{Value: 17, Ahead: proto.Float64(0.001)}, "goal 17 s, reached"},
		{&scorev1.Goal{Value: 17}, "goal 17 s"},
	} {
		f := &fake{list: []*scorev1.Score{waited(17, c.g)}, maps: map[string]*mapv1.Map{"airport": {}}}
		out, _, err := f.run(t)("scores")
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out, c.want+"\n") {
			t.Errorf("%s\nwant %s", out, c.want)
		}
	}
}

func TestPartsOfCxScoresAreTold(t *testing.T) {
	s := waited(70, &scorev1.Goal{Value: 75, Ahead: proto.Float64(-5)})
	s.Ref.Score, s.Unit = "cx", "points"
	s.Composite = &scorev1.Composite{Survey: proto.Float64(80), SurveyCoverage: 1, Process: proto.Float64(60), ProcessCoverage: 0.75, ProcessN: 1200}
	f := &fake{list: []*scorev1.Score{s}, maps: map[string]*mapv1.Map{"airport": {}}}
	f.watch = []*scorev1.WatchScoresResponse{
		{Snapshot: true, Changes: []*scorev1.ScoreChange{{Score: s}}},
		{Changes: []*scorev1.ScoreChange{{Score: s, Previous: proto.Float64(71), PreviousN: 2745}}},
	}
	run := f.run(t)
	out, _, err := run("scores")
	if err != nil {
		t.Fatal(err)
	}
	has(t, out, "survey part 80.00, process part 60.00", "goal 75 points, 5 points behind")
	if out, _, err = run("scores", "--format", "csv"); err != nil {
		t.Fatal(err)
	}
	has(t, out, "suppressed,parts,survey,process,goal,goal_value,goal_by,ahead", ",80,60,", ",75,,-5")
	out, stderr, err := run("watch", "--changes", "1")
	if err != nil {
		t.Fatal(err)
	}
	has(t, stderr, "cx of organisation  70.00 points", "survey part 80.00, process part 60.00")
	has(t, out, "71.00 points → 70.00 points", "survey part 80.00, process part 60.00", "goal 75 points, 5 points behind")
}
