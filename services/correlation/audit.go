package correlation

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"

	adminv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/admin/v1"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
	"github.com/touchstone-cx/touchstone/services/internal/seal"
)

// ListAudit implements the RPC.
func (a *admin) ListAudit(ctx context.Context, r *adminv1.ListAuditRequest) (*adminv1.ListAuditResponse, error) {
	org, size, from := r.GetOrganisation(), int(r.GetPageSize()), uint64(0)
	if org == "" {
		org = "default"
	}
	if size == 0 {
		size = 100
	}
	if t := r.GetPageToken(); t != "" {
		n, err := strconv.ParseUint(t, 10, 64)
		if err != nil || n == 0 {
			return nil, fault.Field("page_token", "this is no page token of ListAudit", "send next_page_token of the page before, unchanged")
		}
		from = n
	}
	lines, before, err := a.audit.List(ctx, org, r.GetKind(), from, size)
	if err != nil {
		return nil, err
	}
	resp := &adminv1.ListAuditResponse{Lines: lines}
	if before > 0 {
		resp.NextPageToken = strconv.FormatUint(before, 10)
	}
	return resp, nil
}

// led refuses teams that the organisation's map does not declare: a misspelt one would read nobody, and nobody would know.
func (a *admin) led(r *adminv1.CreateKeyRequest) error {
	org := r.GetOrganisation()
	if org == "" {
		org = "default"
	}
	m := a.maps.Current(org)
	for i, team := range r.GetLeads() {
		if m == nil {
			return fault.New(fault.NotFound, "organisation %q has no map: apply one with `touchstone apply`", org)
		}
		if _, declared := m.Teams[team]; !declared {
			return fault.Field(fmt.Sprintf("leads[%d]", i), fmt.Sprintf("the team %q is not declared", team), "name teams of the map: see `touchstone map show`")
		}
	}
	return nil
}

// agentHash returns the keyed hash of agents by the key with which touchpoint-ingest hashes them. It is read when it is
// needed: at a first start there is none yet, and it is not correlation's to make.
func agentHash(keyDir string) func(organisation, agent string) ([]byte, error) {
	return func(organisation, agent string) ([]byte, error) {
		h, err := seal.ReadHasher(keyDir)
		if errors.Is(err, os.ErrNotExist) {
			return nil, fault.New(fault.Precondition, "the key by which agents are known, keys/customer-hash, is not here: give correlation the folder of keys of touchpoint-ingest")
		}
		if err != nil {
			return nil, fault.Wrap(fault.Internal, err, "the key by which agents are known cannot be read")
		}
		var sum [seal.Size]byte
		h.Hash(&sum, organisation, seal.Agent, []byte(agent))
		return sum[:], nil
	}
}
