package e2e

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/e2e/instance"
	"github.com/touchstone-cx/touchstone/services/e2e/traffic"
	"github.com/touchstone-cx/touchstone/services/internal/seal"
)

// shift publishes so many calls of an agent in a team, with waits of about so many seconds.
func shift(t *testing.T, c instance.Clients, agent, team string, n int, seconds int64) {
	t.Helper()
	req := &ingestv1.PublishRequest{Organisation: "acme", Source: "acd"}
	for i := range n {
		req.Facts = append(req.Facts, &factv1.Fact{Id: fmt.Sprint(team, "-", n, "-", i), Content: &factv1.Fact_Interaction{Interaction: &factv1.Interaction{
			OccurredAt: timestamppb.New(time.Now().Add(-time.Hour)), Touchpoint: "call", Channel: "voice", Team: team, Outcome: "answered", Agent: agent,
			Metrics: []*factv1.MetricValue{{Metric: "wait", Amount: &factv1.MetricValue_Value{Value: 1000 * (seconds + int64(i%5))}}},
		}}})
	}
	r, err := c.Ingest.Publish(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range r.GetResults() {
		if x.GetRefusal() != nil {
			t.Fatal(x)
		}
	}
	settled(t, c.Admin)
}

// Off, nothing of an agent reaches the disk. On, a keyed hash does; agents and leaders read, and nobody else; each read is in
// the audit; and off again, the cells go.
func TestAgents(t *testing.T) {
	i, log := stopped(t, filepath.Join(t.TempDir(), "data"))
	begin(t, i)
	c := i.Clients()
	const anna, bert, carl = "Kanari-anna@desk", "Kanari-bert@desk", "Kanari-carl@desk"
	hashes := func() (out [][]byte) {
		h, err := seal.ReadHasher(filepath.Join(i.Dir(), "keys"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{anna, bert, carl} {
			var sum [seal.Size]byte
			h.Hash(&sum, "acme", seal.Agent, []byte(name))
			out = append(out, sum[:])
		}
		return out
	}
	on := func(keep mapv1.AgentScores) {
		m := traffic.Map("acme")
		m.AgentScores = keep
		apply(t, c.Maps, m)
	}
	// found tells where on disk something is, by the first folder.
	found := func(what []byte) (where []string) {
		places := map[string][]byte{}
		files(t, i.Dir(), places)
		for place, b := range places {
			if place = strings.Split(place, "/")[0]; bytes.Contains(b, what) && !slices.Contains(where, place) {
				where = append(where, place)
			}
		}
		return where
	}

	on(mapv1.AgentScores_AGENT_SCORES_UNSPECIFIED)
	shift(t, c, anna, "north", 30, 20)
	for _, h := range hashes() {
		if at := append(found(h), found([]byte(hex.EncodeToString(h)))...); len(at) > 0 {
			t.Errorf("agents are off, and a hash is in %v", at)
		}
	}
	if r := command(t, i, "keys", "create", "agent", "--agent", anna, "-o", "acme"); r.Code != 0 {
		t.Fatal(r)
	} else if r := command(t, i, "agents", "wait.mean", "-o", "acme", "--key", strings.TrimSpace(r.Out)); r.Code == 0 || !strings.Contains(r.Err, "agent_scores") {
		t.Errorf("agents are off, and it ends with %d: %s%s", r.Code, r.Out, r.Err)
	}

	on(mapv1.AgentScores_AGENT_SCORES_SELF_AND_LEADER)
	shift(t, c, anna, "north", 40, 20) // other ids: what was recorded without an agent stays without
	shift(t, c, bert, "north", 25, 60)
	shift(t, c, carl, "south", 20, 30)
	key := func(args ...string) string {
		t.Helper()
		r := command(t, i, append([]string{"keys", "create", "agent", "-o", "acme"}, args...)...)
		if r.Code != 0 {
			t.Fatal(r)
		}
		return strings.TrimSpace(r.Out)
	}
	read := func(key string, args ...string) string {
		t.Helper()
		for until := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) { // the recount ends in a moment
			r := command(t, i, append([]string{"agents", "wait.mean", "-o", "acme", "--format", "csv", "--key", key}, args...)...)
			if r.Code == 0 || time.Now().After(until) {
				return fmt.Sprintf("%s%s%s", r.Out, r.Err, map[bool]string{true: "", false: " REFUSED"}[r.Code == 0])
			}
			if !strings.Contains(r.Err, "no agent whom this key reads") {
				return r.Err + " REFUSED"
			}
		}
	}
	h := hashes()
	short := func(n int) string { return hex.EncodeToString(h[n])[:16] }
	own, north := key("--agent", anna), key("--leads", "north")
	verified(t, c.Admin) // after the recount that the switch asked for
	if out := read(own); !strings.Contains(out, short(0)+",north,") || !strings.Contains(out, ",40,") || strings.Contains(out, short(1)) || strings.Contains(out, short(2)) {
		t.Errorf("anna reads\n%s", out)
	}
	if out := read(north); !strings.Contains(out, short(0)) || !strings.Contains(out, short(1)) || strings.Contains(out, short(2)) || !strings.Contains(out, "all of them,north,") || !strings.Contains(out, ",95,") {
		t.Errorf("who leads north reads\n%s", out)
	}
	if out := read(north, "--team", "south"); !strings.HasSuffix(out, "REFUSED") {
		t.Errorf("who leads north reads south:\n%s", out)
	}
	admin, err := i.Key()
	if err != nil {
		t.Fatal(err)
	}
	if out := read(admin); !strings.Contains(out, "needs the role agent") {
		t.Errorf("an admin reads\n%s", out)
	}
	for _, name := range []string{"nort", "north,nowhere"} {
		if r := command(t, i, "keys", "create", "agent", "--leads", name, "-o", "acme"); r.Code == 0 || !strings.Contains(r.Err, "not declared") {
			t.Errorf("a key for %s: %d %s%s", name, r.Code, r.Out, r.Err)
		}
	}

	r := command(t, i, "audit", "-o", "acme", "--kind", "agent-read", "--format", "csv")
	if lines := strings.Split(strings.TrimSpace(r.Out), "\n"); r.Code != 0 || !strings.Contains(r.Out, "scores of 2 agents of team north were read: wait.mean, 28 days") || !strings.Contains(lines[len(lines)-1], "an agent's own scores were read") {
		t.Errorf("the audit is\n%s%s", r.Out, r.Err)
	}
	facts, err := c.Scores.ListFacts(t.Context(), &scorev1.ListFactsRequest{Organisation: "acme", PageSize: 1000})
	if err != nil || len(facts.GetFacts()) != 115 {
		t.Fatal(len(facts.GetFacts()), err)
	}
	for _, f := range facts.GetFacts() {
		if len(f.GetInteraction().GetAgent()) > 0 {
			t.Fatal("a reader of facts is told the agent")
		}
	}

	on(mapv1.AgentScores_AGENT_SCORES_UNSPECIFIED)
	if out := read(own); !strings.HasSuffix(out, "REFUSED") {
		t.Errorf("off again, anna reads\n%s", out)
	}
	shift(t, c, bert, "north", 12, 60)
	status := settled(t, c.Admin)
	for until := time.Now().Add(20 * time.Second); status.GetGeneration() < 3 && time.Now().Before(until); time.Sleep(50 * time.Millisecond) {
		status = settled(t, c.Admin)
	}
	if v := verified(t, c.Admin); status.GetGeneration() < 3 || v.GetFacts() != 127 {
		t.Errorf("after switching on and off: %v, %v", status, v)
	}

	if code, err := i.Terminate(20 * time.Second); code != 0 || err != nil {
		t.Errorf("it ended with %d, %v", code, err)
	}
	for n, name := range []string{anna, bert, carl} {
		if at := found([]byte(name)); len(at) > 0 {
			t.Errorf("%s is in %v", name, at)
		}
		if at := found(h[n]); !slices.Contains(at, "file nats") {
			t.Errorf("the hash of %s is not in the stream, but in %v", name, at)
		}
		if s := log.String(); strings.Contains(s, name) || strings.Contains(s, short(n)) {
			t.Errorf("%s is in the log", name)
		}
	}
}
