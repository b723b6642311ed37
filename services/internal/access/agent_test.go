package access_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	accessv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/access/v1"
	adminv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/admin/v1"
	"github.com/touchstone-cx/touchstone/services/internal/access"
	"github.com/touchstone-cx/touchstone/services/internal/bus/bustest"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const agentRole = adminv1.KeyRole_KEY_ROLE_AGENT

func keys(t *testing.T) *access.Service {
	t.Helper()
	k, err := access.NewKeys(t.Context(), bustest.New(t).JS(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	return &access.Service{Keys: k, HashAgent: func(organisation, agent string) ([]byte, error) {
		if agent == "unknown" {
			return nil, errors.New("no key")
		}
		return []byte(organisation + "#" + agent), nil
	}}
}

func admin(organisation string) context.Context {
	return access.With(context.Background(), access.Principal{KeyID: "a", Role: accessv1.Role_ROLE_ADMIN, Organisation: organisation})
}

// A key of the role agent carries a hash and teams; whoever shows it is known by them, and no other principal has any.
func TestKeysOfAgents(t *testing.T) {
	s := keys(t)
	r, err := s.CreateKey(admin(""), &adminv1.CreateKeyRequest{Role: agentRole, Agent: "anna", Leads: []string{"north", "south"}})
	if err != nil {
		t.Fatal(err)
	}
	p, err := s.Keys.Authenticate(r.GetToken())
	if err != nil || p.Role != accessv1.Role_ROLE_AGENT || p.Organisation != "default" || p.Reads == nil ||
		!bytes.Equal(p.Reads.Own, []byte("default#anna")) || !slices.Equal(p.Reads.Leads, []string{"north", "south"}) {
		t.Fatalf("%+v %+v, %v", p, p.Reads, err)
	}
	if got := s.Keys.List(); len(got) != 1 || len(got[0].GetSecretSha256()) > 0 || !slices.Equal(got[0].GetLeads(), p.Reads.Leads) {
		t.Errorf("listed as %v", got)
	}
	r, err = s.CreateKey(admin("acme"), &adminv1.CreateKeyRequest{Role: agentRole, Organisation: "acme", Leads: []string{"north"}})
	if err != nil {
		t.Fatal(err)
	}
	if p, err := s.Keys.Authenticate(r.GetToken()); err != nil || len(p.Reads.Own) > 0 || p.Organisation != "acme" {
		t.Errorf("%+v, %v", p, err)
	}
	_, token, err := s.Keys.Create(t.Context(), adminv1.KeyRole_KEY_ROLE_READER, "acme", "")
	if err != nil {
		t.Fatal(err)
	}
	if p, err := s.Keys.Authenticate(token); err != nil || p.Reads != nil {
		t.Errorf("a reader reads %+v, %v", p.Reads, err)
	}
}

func TestKeysOfAgentsAreRefused(t *testing.T) {
	s := keys(t)
	for field, r := range map[string]*adminv1.CreateKeyRequest{
		"agent":  {Role: agentRole},
		"leads":  {Role: agentRole, Leads: []string{""}},
		"source": {Role: agentRole, Agent: "anna", Source: "acd"},
	} {
		var e *fault.Error
		if _, err := s.CreateKey(admin(""), r); !errors.As(err, &e) || e.Kind != fault.Invalid || e.Violations[0].Field != field {
			t.Errorf("%v: %v", r, err)
		}
	}
	for _, r := range []*adminv1.CreateKeyRequest{
		{Role: adminv1.KeyRole_KEY_ROLE_READER, Agent: "anna"}, {Role: adminv1.KeyRole_KEY_ROLE_ADMIN, Leads: []string{"north"}},
	} {
		if _, err := s.CreateKey(admin(""), r); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%v: %v", r, err)
		}
	}
	if _, err := s.CreateKey(admin(""), &adminv1.CreateKeyRequest{Role: agentRole, Agent: "unknown"}); err == nil {
		t.Error("a key of nobody's hash")
	}
	if _, _, err := s.Keys.Create(t.Context(), agentRole, "acme", ""); fault.KindOf(err) != fault.Invalid {
		t.Errorf("a key that reads nobody: %v", err)
	}
	if got := s.Keys.List(); len(got) > 0 {
		t.Errorf("made all the same: %v", got)
	}
}

// The role agent includes reading, and nothing includes it: not even admin.
func TestWhoHoldsTheRoleAgent(t *testing.T) {
	for role := range accessv1.Role_name {
		p := access.Principal{Role: accessv1.Role(role)}
		if got, want := p.Allows(accessv1.Role_ROLE_AGENT), p.Role == accessv1.Role_ROLE_AGENT; got != want {
			t.Errorf("%v allows what agents may: %v", p.Role, got)
		}
	}
	p := access.Principal{Role: accessv1.Role_ROLE_AGENT}
	for role := range accessv1.Role_name {
		r := accessv1.Role(role)
		if got, want := p.Allows(r), r == accessv1.Role_ROLE_AGENT || r == accessv1.Role_ROLE_READER; got != want {
			t.Errorf("an agent may what %v may: %v", r, got)
		}
	}
}
