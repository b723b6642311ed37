package ingest

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	"github.com/touchstone-cx/touchstone/services/internal/bus"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
	"github.com/touchstone-cx/touchstone/services/internal/fold/memstore"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
)

// Names of agents, which nothing that is stored may hold.
const (
	answers = "Canary Jon"
	rings   = "Canary Ines"
)

// staffed applies a map whose feed gives Jons to a team; the team of the others comes with the next version of a map.
func (s *gateway) staffed(ctx context.Context, team string, keep mapv1.AgentScores) {
	s.t.Helper()
	maps, err := expmap.NewRegistry(ctx, s.bus.JS())
	if err != nil {
		s.t.Fatal(err)
	}
	defer maps.Close()
	m := smallMap("acme")
	m.AgentScores = keep
	m.Outcomes = []*mapv1.Outcome{{Id: "answered"}, {Id: "unterminated"}}
	m.Teams = []*mapv1.Team{{Id: "north"}, {Id: "south"}}
	m.Feeds = []*mapv1.Feed{{
		Source: "acd", Format: "asterisk-queue-log", Rules: []*mapv1.FeedRule{{Touchpoint: "help"}},
		Teams: []*mapv1.Renamed{{From: "Canary J*", To: team}},
	}}
	version, _, err := maps.Apply(ctx, m, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	for api := mapv1.NewMapServiceClient(s.conn); ; time.Sleep(5 * time.Millisecond) { // the gateway hears of it in a moment
		if got, err := api.ListMaps(soon(s.t), &mapv1.ListMapsRequest{}); err != nil {
			s.t.Fatal(err)
		} else if len(got.GetMaps()) > 0 && got.GetMaps()[0].GetVersion() >= version {
			return
		}
	}
}

// taken waits for the newest version of an interaction.
func (s *gateway) taken(id string) *factv1.RecordedInteraction {
	s.t.Helper()
	for limit := soon(s.t); limit.Err() == nil; time.Sleep(20 * time.Millisecond) {
		var newest *factv1.RecordedFact
		facts, _ := s.recorded()
		for _, f := range facts {
			if f.GetId() == id && (newest == nil || f.GetVersion() >= newest.GetVersion()) {
				newest = f
			}
		}
		if newest != nil {
			return newest.GetInteraction()
		}
	}
	s.t.Fatalf("%s is not recorded", id)
	return nil
}

// answered are the lines of a call that Ines let ring and Jon answered.
func answered(call string) string {
	at := time.Now().Add(-time.Hour).Unix()
	return fmt.Sprintf("%d|%s|support|NONE|ENTERQUEUE||1|1\n%d|%s|support|%s|RINGNOANSWER|5000\n%d|%s|support|%s|CONNECT|17|1.2|4\n%d|%s|support|%s|COMPLETECALLER|17|120|1\n",
		at, call, at+7, call, rings, at+17, call, answers, at+137, call, answers)
}

// TestAgentsOfNativeRecords: no name of an agent is kept. Where the map keeps no scores of agents nothing ties two calls of one
// together; where it does, it is the hash that a fact of the agent has by another way in. The team is right in both.
func TestAgentsOfNativeRecords(t *testing.T) {
	for name, keep := range map[string]mapv1.AgentScores{
		"off": mapv1.AgentScores_AGENT_SCORES_UNSPECIFIED, "on": mapv1.AgentScores_AGENT_SCORES_SELF_AND_LEADER,
	} {
		t.Run(name, func(t *testing.T) {
			g := open(t)
			ctx := g.acd()
			g.staffed(ctx, "north", keep)
			native := ingestv1.NewNativeServiceClient(g.conn)
			for _, call := range []string{"1.1", "2.1"} {
				if _, err := native.PublishNative(ctx, &ingestv1.PublishNativeRequest{Organisation: "acme", Body: []byte(answered(call))}); err != nil {
					t.Fatal(err)
				}
			}
			other := helpCall("by-api")
			other.GetInteraction().Agent, other.GetInteraction().Metrics = answers, nil
			if res, err := g.client.Publish(ctx, &ingestv1.PublishRequest{Organisation: "acme", Facts: []*factv1.Fact{other}}); err != nil || res.GetResults()[0].GetRefusal() != nil {
				t.Fatal(res, err)
			}
			hash := g.taken("by-api").GetAgent()
			if (len(hash) > 0) != (name == "on") {
				t.Fatalf("the agent of a fact is %x", hash)
			}
			for _, id := range []string{"1.1/1", "2.1/1"} {
				if x := g.taken(id); x.GetTeam() != "north" || !bytes.Equal(x.GetAgent(), hash) {
					t.Errorf("%s is of the team %q and by %x, want %x", id, x.GetTeam(), x.GetAgent(), hash)
				}
			}
			marks := map[string]string{}
			for _, m := range messages(t, g.bus, bus.StreamNative) {
				b := new(ingestv1.NativeEvents)
				if err := proto.Unmarshal(m.Data, b); err != nil {
					t.Fatal(err)
				}
				for _, e := range b.GetEvents() {
					a, ok := format.ParseAgent(e.GetFields()["agent"])
					if !ok {
						continue
					}
					if call, known := marks[a.Mark]; known && call != e.GetCall() || (a.Hash != "") != (name == "on") || a.Team != "north" {
						t.Errorf("%s of %s is by %v", e.GetName(), e.GetCall(), a)
					}
					marks[a.Mark] = e.GetCall()
				}
			}
			if len(marks) != 2 {
				t.Errorf("%d marks, want one for each call", len(marks))
			}
			for _, stream := range []string{bus.StreamNative, bus.StreamFact, bus.StreamRefused} {
				for _, m := range messages(t, g.bus, stream) {
					if strings.Contains(string(m.Data), "Canary") {
						t.Errorf("%s holds the name of an agent", stream)
					}
				}
			}

			res, err := native.RehearseNative(ctx, &ingestv1.RehearseNativeRequest{Delivery: &ingestv1.PublishNativeRequest{Organisation: "acme", Body: []byte(answered("3.1"))}})
			if err != nil || len(res.GetRecords()) != 1 || res.GetRecords()[0].GetFact().GetInteraction().GetTeam() != "north" || !strings.Contains(res.GetRecords()[0].GetSummary(), answers) {
				t.Errorf("rehearsed: %v, %v", res, err)
			}

			// What was stored before there were tokens holds names in the clear.
			at := timestamppb.New(time.Now().Add(-time.Hour))
			data, err := proto.Marshal(&ingestv1.NativeEvents{Format: "asterisk-queue-log", ReceivedAt: timestamppb.Now(), Events: []*ingestv1.NativeEvent{
				{Call: "4.1", Id: "a", Name: "ENTERQUEUE", At: at, Fields: map[string]string{"queuename": "support"}},
				{Call: "4.1", Id: "b", Name: "COMPLETECALLER", At: at, Fields: map[string]string{"queuename": "support", "agent": answers, "hold": "17", "talk": "120"}},
			}})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := g.bus.JS().PublishMsg(ctx, &nats.Msg{Subject: bus.NativeSubject("acme", "acd"), Data: data}); err != nil {
				t.Fatal(err)
			}
			if x := g.taken("4.1/1"); x.GetTeam() != "north" || !bytes.Equal(x.GetAgent(), hash) {
				t.Errorf("a call of before is of the team %q and by %x, want %x", x.GetTeam(), x.GetAgent(), hash)
			}
		})
	}
}

// TestAgentsOfAnotherMap: what is sent again after the teams have changed is no event more, and falls to its team.
func TestAgentsOfAnotherMap(t *testing.T) {
	g := open(t)
	g.staffed(soon(t), "north", mapv1.AgentScores_AGENT_SCORES_UNSPECIFIED)
	maps, err := expmap.NewRegistry(soon(t), g.bus.JS())
	if err != nil {
		t.Fatal(err)
	}
	defer maps.Close()
	store, err := memstore.New().Open("calls")
	if err != nil {
		t.Fatal(err)
	}
	l := newLog(t, maps, g.bus, store)
	call := func(at time.Duration) (said string) {
		for _, x := range l.records(at, answered("1.1")) {
			said += fmt.Sprintf("%s v%d %s", x.GetId(), x.GetVersion(), x.GetInteraction().GetTeam())
		}
		return said
	}
	if got := call(0); got != "1.1/1 v4 north" {
		t.Error(got)
	}
	for _, keep := range []mapv1.AgentScores{mapv1.AgentScores_AGENT_SCORES_UNSPECIFIED, mapv1.AgentScores_AGENT_SCORES_SELF_AND_LEADER} {
		g.staffed(soon(t), "south", keep)
		for limit := soon(t); maps.Current("acme").KeepsAgents() != (keep != 0) || maps.Current("acme").Proto.GetFeeds()[0].GetTeams()[0].GetTo() != "south"; time.Sleep(time.Millisecond) {
			if limit.Err() != nil {
				t.Fatal("the map does not come")
			}
		}
		if got := call(time.Minute); got != "1.1/1 v4 south" {
			t.Errorf("scores of agents %v: %s", keep, got)
		}
	}
}
