package cli_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
)

// TestGapsAndPendingCasesAreTold in every form in which scores are shown.
func TestGapsAndPendingCasesAreTold(t *testing.T) {
	between := func(id, unit string, value, experienced, baseline float64) *scorev1.Score {
		s := nps()
		s.Ref.Score, s.Unit, s.Value, s.Gap = id, unit, proto.Float64(value), &scorev1.Gap{Experienced: experienced, Baseline: baseline}
		return s
	}
	undecided := func(n int64, share float64) *scorev1.Score {
		s := nps()
		s.Ref.Score, s.Unit, s.Pending = "again.within", "%", &scorev1.Pending{N: n, Share: share}
		return s
	}
	for want, s := range map[string]*scorev1.Score{
		"experienced 3.5, expected 4 points":          between("satisfied.gap_stated", "points", -0.5, 3.5, 4),
		"experienced 3.5, the time before 4 points":   between("satisfied.gap_last", "points", -0.5, 3.5, 4),
		"experienced 3.5, before on average 4 points": between("satisfied.gap_history", "points", -0.5, 3.5, 4),
		"felt 210, counted 135.25 s":                  between("felt_wait.gap_felt", "s", 74.75, 210, 135.25),
		"1,203 pending (42.86% of all)":               undecided(1203, 3.0/7),
		"none pending":                                undecided(0, 0),
	} {
		f := &fake{list: []*scorev1.Score{s}, maps: map[string]*mapv1.Map{"airport": {}}}
		f.watch = []*scorev1.WatchScoresResponse{
			{Snapshot: true, Changes: []*scorev1.ScoreChange{{Score: s}}},
			{Changes: []*scorev1.ScoreChange{{Score: s, Previous: proto.Float64(1), PreviousN: 1}}},
		}
		run := f.run(t)
		for _, args := range [][]string{{"scores"}, {"watch", "--changes", "1"}} {
			out, _, err := run(args...)
			if err != nil {
				t.Fatal(err)
			}
			has(t, out, want)
		}
		out, _, err := run("scores", "--format", "csv")
		if err != nil {
			t.Fatal(err)
		}
		has(t, out, "gap,experienced,baseline,pending,pending_n,pending_share")
		if strings.Contains(out, want) {
			t.Errorf("words in CSV: %s", out)
		}
	}
	f := &fake{list: []*scorev1.Score{between("satisfied.gap_stated", "points", -0.5, 3.5, 4), undecided(3, 0.5)}, maps: map[string]*mapv1.Map{"airport": {}}}
	out, _, err := f.run(t)("scores", "--format", "csv")
	if err != nil {
		t.Fatal(err)
	}
	has(t, out, ",3.5,4,,,\n", ",3,0.5\n")
}
