package scoreservice

import (
	"os"
	"slices"
	"testing"

	"github.com/touchstone-cx/touchstone/services/correlation/score"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
)

// TestTheMapKnowsWhichScoresThereAre: what check takes for a score is one, and every score can be named in a map.
func TestTheMapKnowsWhichScoresThereAre(t *testing.T) {
	for _, file := range []string{"whole.yaml", "scores.yaml", "surveys.yaml"} {
		data, err := os.ReadFile("../../internal/expmap/testdata/" + file)
		if err != nil {
			t.Fatal(err)
		}
		m, problems := expmap.CheckYAML(file, data)
		if m == nil {
			t.Fatal(problems)
		}
		var is []string
		for _, d := range score.NewCatalogue(Spec(m)).All() {
			is = append(is, d.ID)
		}
		said := expmap.ScoreNames(m.Proto)
		slices.Sort(is)
		slices.Sort(said)
		for _, id := range is {
			if !slices.Contains(said, id) {
				t.Errorf("%s: the map does not know the score %s", file, id)
			}
		}
		for _, id := range said {
			if !slices.Contains(is, id) {
				t.Errorf("%s: there is no score %s", file, id)
			}
		}
		if len(said) != len(slices.Compact(said)) {
			t.Errorf("%s: a score twice", file)
		}
	}
}
