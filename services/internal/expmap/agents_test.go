package expmap_test

import (
	"fmt"
	"strings"
	"testing"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
)

func TestAgentScores(t *testing.T) {
	file := func(line string) *mapv1.Map {
		t.Helper()
		p, problems := expmap.ReadYAML("map.yaml", []byte("organisation: acme\n"+line+`touchpoints:
  - {id: help, functional_owner: a, operational_owner: b}
`))
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		return p
	}
	off, on := compile(t, file("agent_scores: off\n")), compile(t, file("agent_scores: self_and_leader\n"))
	if off.KeepsAgents() || !on.KeepsAgents() {
		t.Errorf("kept: %v without, %v with", off.KeepsAgents(), on.KeepsAgents())
	}
	if expmap.Diff(off.Proto, file("")) != nil {
		t.Error("off is not what is left out")
	}
	for _, c := range []struct {
		from, to   *expmap.Map
		line, says string
	}{
		{off, on, "the map: agent_scores: off → self_and_leader (counting part)", "Agent scores are switched on: cells of agents are counted; what was recorded without an agent stays without."},
		{on, off, "the map: agent_scores: self_and_leader → off (counting part)", "Agent scores are switched off: "},
	} {
		changes := expmap.Diff(c.from.Proto, c.to.Proto)
		if len(changes) != 1 || changes[0].String() != c.line {
			t.Errorf("%v, want %s", changes, c.line)
		}
		if why := expmap.Recounts(c.from, c.to); len(why) != 1 || !strings.HasPrefix(why[0], c.says) {
			t.Errorf("%v, want %s", why, c.says)
		}
	}
	_, problems := expmap.ReadYAML("map.yaml", []byte("organisation: acme\nagent_scores: everybody\n"))
	if len(problems) == 0 || !strings.Contains(fmt.Sprint(problems), "off, self_and_leader") {
		t.Errorf("%v", problems)
	}
}
