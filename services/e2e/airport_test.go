package e2e

import (
	"math"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
)

// The airport's survey, imported as make run does, gives the published scores.
func TestAirport(t *testing.T) {
	to := aim(t)
	dir := filepath.Join(root(t), "deploy", "examples", "airport")
	if r := to.cli("apply", filepath.Join(dir, "map.yaml")); r.Code != 0 {
		t.Fatalf("apply ended with %d: %s", r.Code, r.Err)
	}
	for _, year := range []string{"2017", "2018"} {
		file := filepath.Join(dir, year+"_SFO_Customer_Survey.csv")
		// Some rows hold values beyond their scale: these are refused, and the rest is taken.
		if r := to.cli("import", file, "--mapping", filepath.Join(dir, "import-"+year+".yaml")); r.Code != 0 && r.Code != 2 {
			t.Fatalf("import of %s ended with %d: %s", year, r.Code, r.Err)
		}
	}
	settled(t, to.Admin)
	zone, err := time.LoadLocation("America/Los_Angeles")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		year              int
		n                 int64
		nps, se, adjusted float64
	}{
		{2017, 2746, 39.84, 1.334, 39.80},
		{2018, 2650, 30.98, 1.442, 30.95},
	} {
		get := func(id string) *scorev1.Score {
			r, err := to.Scores.GetScore(t.Context(), &scorev1.GetScoreRequest{Ref: &scorev1.ScoreRef{
				Organisation: "airport", Score: id,
				From: timestamppb.New(time.Date(c.year, 1, 1, 0, 0, 0, 0, zone)), To: timestamppb.New(time.Date(c.year+1, 1, 1, 0, 0, 0, 0, zone)),
			}})
			if err != nil {
				t.Fatal(err)
			}
			return r.GetScore()
		}
		s := get("recommend.nps")
		if s.GetN() != c.n || !rounds(s.GetValue(), c.nps, 2) || !rounds(s.GetStandardError(), c.se, 3) {
			t.Errorf("%d: NPS %.4f, n %d, SE %.4f; want %.2f, %d, %.3f", c.year, s.GetValue(), s.GetN(), s.GetStandardError(), c.nps, c.n, c.se)
		}
		if s := get("recommend.nps_adjusted"); !rounds(s.GetValue(), c.adjusted, 2) {
			t.Errorf("%d: adjusted NPS %.4f, want %.2f", c.year, s.GetValue(), c.adjusted)
		}
	}
	r := to.cli("scores", "-o", "airport", "--from", "2017-01-01", "--to", "2018-01-01", "--score", "recommend.*", "--format", "csv")
	if r.Code != 0 || !contains(r.Out, "39.8", "2746") {
		t.Errorf("touchstone scores ended with %d and prints\n%s%s", r.Code, r.Out, r.Err)
	}
}

// rounds reports whether v rounds to want at so many digits.
func rounds(v, want float64, digits int) bool {
	p := math.Pow10(digits)
	return math.Round(v*p) == math.Round(want*p)
}
