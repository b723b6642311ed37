package cli_test

import (
	"context"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
)

// GetSeries answers with one step of the score that was asked for.
func (f *fake) GetSeries(_ context.Context, req *scorev1.GetSeriesRequest) (*scorev1.GetSeriesResponse, error) {
	s := nps()
	s.Ref = req.GetRef()
	return &scorev1.GetSeriesResponse{Scores: []*scorev1.Score{s}, Seams: f.seams}, nil
}

// scoped is a score of each scope, named by its value.
func scoped(scopes ...*scorev1.Scope) []*scorev1.Score {
	var out []*scorev1.Score
	for i, sc := range scopes {
		s := nps()
		s.Ref.Scope, s.Value = sc, proto.Float64(float64(i))
		out = append(out, s)
	}
	return out
}

var everywhere = []*scorev1.Scope{
	nil, {Journey: "life"}, {Stage: "use"}, {Stage: "buy"}, {Stage: "use", Team: "north"}, {Touchpoint: "call"}, {Touchpoint: "call", Team: "north"},
}

func TestScoresOfStagesAndJourneys(t *testing.T) {
	f := &fake{list: scoped(everywhere...), maps: map[string]*mapv1.Map{"airport": {}}}
	run := f.run(t)
	for _, c := range []struct {
		args              string
		want              string // values shown
		stages, journeys  bool
		teams, touchpoint bool
	}{
		{"--by-stage --by-journey", "0 1 2 3 4 5 6", true, true, false, false},
		{"--stage use", "2 4", true, false, false, true},
		{"--stage use --team north", "4", true, false, true, true},
		{"--stage buy --journey life", "1 3", true, true, false, true},
		{"--stage use --touchpoint call", "2 4 5 6", true, false, false, true},
		{"--touchpoint call --by-stage", "0 1 2 3 4 5 6", true, false, false, true},
	} {
		out, _, err := run(append([]string{"scores", "--format", "csv"}, strings.Fields(c.args)...)...)
		if err != nil {
			t.Fatal(err)
		}
		var shown []string
		for i, line := range strings.Split(strings.TrimSpace(out), "\n") {
			if i > 0 {
				shown = append(shown, strings.Split(strings.ReplaceAll(line, `, `, " "), ",")[2])
			}
		}
		if got := strings.Join(shown, " "); got != c.want {
			t.Errorf("%s: %s, want %s\n%s", c.args, got, c.want, out)
		}
		if a := f.asked; a.GetByStage() != c.stages || a.GetByJourney() != c.journeys || a.GetByTeam() != c.teams || a.GetNoOrganisation() != c.touchpoint {
			t.Errorf("%s: asked for %v", c.args, a)
		}
	}
	out, _, err := run("scores", "--stage", "use", "--journey", "life")
	if err != nil {
		t.Fatal(err)
	}
	has(t, out, "recommend.nps  journey life ", "recommend.nps  stage use ", "recommend.nps  stage use, team north")
}

func TestSeriesOfAStage(t *testing.T) {
	out, _, err := (&fake{maps: map[string]*mapv1.Map{"airport": {}}}).run(t)("series", "recommend.nps", "--stage", "use", "--journey", "life", "--team", "north")
	if err != nil {
		t.Fatal(err)
	}
	// Which of them go together is for the service to say.
	has(t, out, "stage use, journey life, team north")
}

func TestWatchStandsOnlyForWhatIsAskedFor(t *testing.T) {
	f := &fake{maps: map[string]*mapv1.Map{"airport": {}}}
	all := scoped(everywhere...)
	snapshot := &scorev1.WatchScoresResponse{Snapshot: true}
	for _, s := range all {
		snapshot.Changes = append(snapshot.Changes, &scorev1.ScoreChange{Score: s})
	}
	f.watch = []*scorev1.WatchScoresResponse{snapshot, {Changes: []*scorev1.ScoreChange{
		{Score: all[5], Previous: proto.Float64(9), PreviousN: 1}, {Score: all[2], Previous: proto.Float64(1), PreviousN: 2745},
	}}}
	out, stderr, err := f.run(t)("watch", "--stage", "use", "--changes", "1")
	if err != nil {
		t.Fatal(err)
	}
	has(t, stderr, "watching 2 scores", "recommend.nps of stage use  2.00 points", "recommend.nps of stage use, team north")
	has(t, out, "recommend.nps of stage use  1.00 points → 2.00 points")
	if strings.Contains(stderr+out, "call") || strings.Count(out, "\n") != 1 {
		t.Errorf("%s\n%s", stderr, out)
	}
}

// TestUndeclaredIsSaid: a list would be silent about what does not exist.
func TestUndeclaredIsSaid(t *testing.T) {
	f := &fake{maps: map[string]*mapv1.Map{"acme": {Organisation: "acme", Teams: []*mapv1.Team{{Id: "north"}, {Id: "south"}}}}}
	_, _, err := f.run(t)("scores", "-o", "acme", "--team", "nrth")
	if err == nil || !strings.Contains(err.Error(), `no team "nrth"; it has north`) {
		t.Errorf("%v", err)
	}
}
