package admit_test

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
	"github.com/touchstone-cx/touchstone/services/internal/seal"
	"github.com/touchstone-cx/touchstone/services/internal/wire"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/admit"
)

// keepAgents switches scores of agents on.
func (r *rig) keepAgents(t *testing.T) {
	t.Helper()
	p := richMap()
	p.AgentScores = mapv1.AgentScores_AGENT_SCORES_SELF_AND_LEADER
	m, problems := expmap.Compile(p, 4)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	r.m = m
}

// TestAgentEndsAtTheEdge: where the map keeps no scores of agents, who handled an interaction leaves no trace, not even in the
// digest, so that a redelivery which names somebody is a duplicate of one which names nobody.
func TestAgentEndsAtTheEdge(t *testing.T) {
	r := newRig(t)
	bytesOf := func(agent string) []byte {
		f := interaction()
		f.GetInteraction().Agent = agent
		f.GetInteraction().Note, f.GetInteraction().Contact = "", nil // sealed otherwise each time
		res := r.Admit(nil, r.m, "acd", nil, now, scan(t, f))
		if res.Refusal != nil {
			t.Fatal(res.Refusal)
		}
		return res.Out
	}
	without := bytesOf("")
	rapid.Check(t, func(rt *rapid.T) {
		if agent := rapid.StringN(0, 40, 200).Draw(rt, "agent"); !bytes.Equal(bytesOf(agent), without) {
			rt.Fatalf("agent %q changes what is recorded", agent)
		}
	})
	var h [seal.Size]byte
	r.hasher.Hash(&h, "acme", seal.Agent, []byte("alice"))
	if out := bytesOf("alice"); bytes.Contains(out, []byte("alice")) || bytes.Contains(out, h[:]) {
		t.Error("the agent is in what is recorded")
	}
}

// TestAgentIsKeptAsKeyedHash: where the map keeps them, the hash is all that is kept, it is part of the digest, and it is not
// that of a customer of the same name.
func TestAgentIsKeptAsKeyedHash(t *testing.T) {
	r := newRig(t)
	r.keepAgents(t)
	f := interaction()
	f.GetInteraction().Agent = "alice"
	f.GetInteraction().CustomerId = "alice"
	res := r.Admit(nil, r.m, "acd", nil, now, scan(t, f))
	if bytes.Contains(res.Out, []byte("alice")) || bytes.Contains(res.Out, []byte(hex.EncodeToString([]byte("alice")))) {
		t.Error("the agent is in the clear")
	}
	got, _ := r.admit(t, f)
	var h [seal.Size]byte
	r.hasher.Hash(&h, "acme", seal.Agent, []byte("alice"))
	x := got.GetInteraction()
	if !bytes.Equal(x.GetAgent(), h[:]) || bytes.Equal(x.GetAgent(), x.GetCustomer()) {
		t.Errorf("agent %x, want %x and not %x", x.GetAgent(), h, x.GetCustomer())
	}
	again, _ := r.admit(t, f)
	f.GetInteraction().Agent = "bob"
	other, _ := r.admit(t, f)
	if !bytes.Equal(got.GetDigest(), again.GetDigest()) || bytes.Equal(got.GetDigest(), other.GetDigest()) {
		t.Error("the digest does not tell agents apart, or tells one from himself")
	}
	f.GetInteraction().Agent = ""
	if none, _ := r.admit(t, f); none.GetInteraction().Agent != nil {
		t.Errorf("a hash of nobody: %x", none.GetInteraction().GetAgent())
	}
}

func TestAgentTooLongIsRefusedWithoutTellingIt(t *testing.T) {
	r := newRig(t)
	f := interaction()
	f.GetInteraction().Agent = strings.Repeat(canary, 50)
	_, why := r.admit(t, f)
	if why.GetReason() != ingestv1.Reason_REASON_TOO_LARGE || why.GetField() != "interaction.agent" || strings.Contains(why.String(), canary) {
		t.Error(why)
	}
}

// A hash of our own making is kept as it is; from anybody else it is a name like others.
func TestAgentThatIsHashedAlready(t *testing.T) {
	r := newRig(t)
	r.keepAgents(t)
	var h [seal.Size]byte
	r.hasher.Hash(&h, "acme", seal.Agent, []byte("alice"))
	token := seal.AgentHashed + hex.EncodeToString(h[:])
	recorded := func(admit func([]byte, *expmap.Map, string, []byte, time.Time, *wire.Fact) admit.Result, agent string) []byte {
		f := interaction()
		f.GetInteraction().Agent = agent
		res := admit(nil, r.m, "acd", nil, now, scan(t, f))
		b := new(factv1.RecordedBatch)
		if err := proto.Unmarshal(res.Out, b); err != nil || len(b.GetFacts()) != 1 {
			t.Fatal(res.Refusal, err)
		}
		return b.GetFacts()[0].GetInteraction().GetAgent()
	}
	if got := recorded(r.AdmitHashed, token); !bytes.Equal(got, h[:]) {
		t.Errorf("our own: %x, want %x", got, h)
	}
	if got := recorded(r.AdmitHashed, "alice"); !bytes.Equal(got, h[:]) {
		t.Errorf("a name among our own: %x, want %x", got, h)
	}
	if got := recorded(r.Admit, token); bytes.Equal(got, h[:]) {
		t.Error("a source can name an agent by the hash")
	}
	for _, damaged := range []string{seal.AgentHashed, token[:len(token)-1], token + "0", token[:len(token)-1] + "x"} {
		if got := recorded(r.AdmitHashed, damaged); len(got) != seal.Size || bytes.Equal(got, h[:]) {
			t.Errorf("%q is recorded as %x", damaged, got)
		}
	}
}
