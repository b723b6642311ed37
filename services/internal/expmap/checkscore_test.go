package expmap

import (
	"strings"
	"testing"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
)

// TestTheIndexIsAScore: it can have a target, and nothing else its name.
func TestTheIndexIsAScore(t *testing.T) {
	m := &mapv1.Map{
		Organisation: "acme",
		Touchpoints:  []*mapv1.Touchpoint{{Id: "help", FunctionalOwner: "head", OperationalOwner: "floor"}},
		Targets:      []*mapv1.Target{{Score: "experience_index", Value: 40, SetBy: "board"}},
	}
	if _, problems := Compile(m, 1); len(problems) > 0 {
		t.Error(problems)
	}
	m.Targets, m.Metrics = nil, []*mapv1.Metric{{Id: "experience_index", Unit: "s", Resolution: 1}}
	if _, problems := Compile(m, 1); len(problems) != 1 || !strings.Contains(problems[0].GetMessage(), "already the name of a score") {
		t.Error(problems)
	}
}
