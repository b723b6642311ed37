package feed

import (
	"testing"

	"google.golang.org/protobuf/proto"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
)

// The agent of a record finds its team, and goes on with the fact only where the map keeps scores of agents.
func TestAgentsGoOnWhereTheMapKeepsThem(t *testing.T) {
	f := aFeed(t)
	p := proto.CloneOf(f.m.Proto)
	p.AgentScores = mapv1.AgentScores_AGENT_SCORES_SELF_AND_LEADER
	m, problems := expmap.Compile(p, 2)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	keeping, _ := Of(m, "pbx")
	for name, c := range map[string]struct {
		feed *Feed
		want string
	}{"off": {f, ""}, "on": {keeping, "N4711"}} {
		x, why := c.feed.Fact(record("support", func(r *format.Record) { r.Agent = "N4711" }))
		if why != nil || x.GetInteraction().GetTeam() != "north" || x.GetInteraction().GetAgent() != c.want {
			t.Errorf("%s: %v, %v", name, x, why)
		}
	}
}
