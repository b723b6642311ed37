package access

import (
	"context"

	adminv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/admin/v1"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
)

// Service is the part of AdminService that deals with keys. An admin who is confined to an organisation deals with the keys
// of that organisation, as if there were no others.
type Service struct {
	Keys *Keys
	// HashAgent returns the keyed hash by which facts know an agent, for keys of the role agent.
	HashAgent func(organisation, agent string) ([]byte, error)
}

// CreateKey implements the RPC.
func (s *Service) CreateKey(ctx context.Context, r *adminv1.CreateKeyRequest) (*adminv1.CreateKeyResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	if p.Organisation != "" && r.GetOrganisation() != p.Organisation {
		return nil, fault.Field("organisation", "this key may make keys of its own organisation only", "set organisation to that of the key")
	}
	key, token, err := s.create(ctx, r)
	if err != nil {
		return nil, err
	}
	return &adminv1.CreateKeyResponse{Key: key, Token: token}, nil
}

// ListKeys implements the RPC.
func (s *Service) ListKeys(ctx context.Context, _ *adminv1.ListKeysRequest) (*adminv1.ListKeysResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	resp := &adminv1.ListKeysResponse{}
	for _, key := range s.Keys.List() {
		if p.Sees(key.GetOrganisation()) {
			resp.Keys = append(resp.Keys, key)
		}
	}
	return resp, nil
}

// RevokeKey implements the RPC.
func (s *Service) RevokeKey(ctx context.Context, r *adminv1.RevokeKeyRequest) (*adminv1.RevokeKeyResponse, error) {
	p, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	if key := s.Keys.find(r.GetId()); key != nil && !p.Sees(key.GetOrganisation()) {
		return nil, fault.New(fault.NotFound, "no key has the id %q: see `touchstone keys list`", r.GetId())
	}
	if err := s.Keys.Revoke(ctx, r.GetId()); err != nil {
		return nil, err
	}
	return &adminv1.RevokeKeyResponse{}, nil
}

func caller(ctx context.Context) (Principal, error) {
	p, ok := PrincipalFrom(ctx)
	if !ok {
		return Principal{}, fault.New(fault.Unauthenticated, "keys are managed with a key of the role admin")
	}
	return p, nil
}
