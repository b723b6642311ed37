package feed

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
	"github.com/touchstone-cx/touchstone/services/internal/seal"
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

// What was stored by a token finds the team that stood in it, and goes on by the hash that stood in it; there is none where the
// map kept no scores of agents when it came.
func TestTokensOfAgents(t *testing.T) {
	f := aFeed(t)
	p := proto.CloneOf(f.m.Proto)
	p.AgentScores = mapv1.AgentScores_AGENT_SCORES_SELF_AND_LEADER
	m, problems := expmap.Compile(p, 2)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	keeping, _ := Of(m, "pbx")
	hash := strings.Repeat("0a", 16)
	plain, hashed := format.Agent{Mark: hash[:16], Team: "north"}, format.Agent{Mark: hash[:16], Hash: hash, Team: "north"}
	for _, c := range []struct {
		name       string
		feed       *Feed
		agent      format.Agent
		team, want string
	}{
		{"off", f, plain, "north", ""},
		{"off now", f, hashed, "north", ""},
		{"on", keeping, hashed, "north", seal.AgentHashed + hash},
		{"on now", keeping, plain, "north", ""},
		{"of no team", keeping, format.Agent{Mark: hash[:16], Hash: hash}, "", seal.AgentHashed + hash},
	} {
		x, why := c.feed.Fact(record("support", func(r *format.Record) { r.Agent = c.agent.String() }))
		if why != nil || x.GetInteraction().GetTeam() != c.team || x.GetInteraction().GetAgent() != c.want {
			t.Errorf("%s: %v, %v", c.name, x, why)
		}
	}
}
