package access

import (
	"context"
	"fmt"
	"slices"

	adminv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/admin/v1"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
)

// Agents says whose scores a principal reads.
type Agents struct {
	Own   []byte   // keyed hash of the agent that it is itself; nil for none
	Leads []string // teams of which it reads what was handled in them
}

// agentsOf returns whose scores a key reads; nil for a key of another role.
func agentsOf(k *adminv1.Key) *Agents {
	if k.GetRole() != adminv1.KeyRole_KEY_ROLE_AGENT {
		return nil
	}
	return &Agents{Own: k.GetAgent(), Leads: k.GetLeads()}
}

// CreateAgent makes a key that reads the scores of one agent, by the keyed hash of facts, or of the agents in teams that its
// holder leads, or both. Organisation as for Create.
func (k *Keys) CreateAgent(ctx context.Context, organisation string, agent []byte, leads []string) (*adminv1.Key, string, error) {
	if len(agent) == 0 && len(leads) == 0 {
		return nil, "", fault.Field("agent", "a key of the role agent reads somebody's scores, and this one says nobody's", "give an agent, or the teams that its holder leads")
	}
	if slices.Contains(leads, "") {
		return nil, "", fault.Field("leads", "a team has no id", "give ids of teams of the map")
	}
	key, token, err := k.issue(adminv1.KeyRole_KEY_ROLE_AGENT, organisation, "")
	if err != nil {
		return nil, "", err
	}
	key.Agent, key.Leads = agent, leads
	if err := k.store(ctx, key); err != nil {
		return nil, "", err
	}
	return public(key), token, nil
}

// create makes the key that a request asks for.
func (s *Service) create(ctx context.Context, r *adminv1.CreateKeyRequest) (*adminv1.Key, string, error) {
	if r.GetRole() != adminv1.KeyRole_KEY_ROLE_AGENT {
		if r.GetAgent() != "" || len(r.GetLeads()) > 0 {
			return nil, "", fault.Field("agent", "an agent and teams that are led belong to keys of the role agent alone", "set the role to KEY_ROLE_AGENT, or leave them out")
		}
		return s.Keys.Create(ctx, r.GetRole(), r.GetOrganisation(), r.GetSource())
	}
	if r.GetSource() != "" {
		return nil, "", fault.Field("source", "a source belongs to keys of the roles source and test, and to them alone", "leave it out")
	}
	var agent []byte
	if r.GetAgent() != "" {
		if s.HashAgent == nil {
			return nil, "", fmt.Errorf("agents' ids cannot be hashed here")
		}
		organisation := r.GetOrganisation()
		if organisation == "" {
			organisation = defaultOrganisation
		}
		var err error
		if agent, err = s.HashAgent(organisation, r.GetAgent()); err != nil {
			return nil, "", err
		}
	}
	return s.Keys.CreateAgent(ctx, r.GetOrganisation(), agent, r.GetLeads())
}
