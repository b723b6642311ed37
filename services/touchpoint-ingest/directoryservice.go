package ingest

import (
	"context"
	"log/slog"
	"time"

	directoryv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/directory/v1"
	"github.com/touchstone-cx/touchstone/services/internal/access"
	"github.com/touchstone-cx/touchstone/services/internal/directory"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
	"github.com/touchstone-cx/touchstone/services/internal/host"
)

// RegisterDirectoryService serves DirectoryService from the bus.
func RegisterDirectoryService(env *host.Env) {
	directoryv1.RegisterDirectoryServiceServer(env.GRPC, &directoryService{
		store: directory.NewStore(env.Bus.JS()), maps: env.Maps, clock: env.Clock, log: env.Log,
	})
}

// directoryService answers from the stream of directories and the map of the organisation. Roles are enforced by the host; a
// key that is bound to one organisation sees no other's people. Nothing of a directory is logged but its version.
type directoryService struct {
	directoryv1.UnimplementedDirectoryServiceServer
	store *directory.Store
	maps  *expmap.Registry
	clock func() time.Time
	log   *slog.Logger
}

// GetDirectory implements the RPC.
func (s *directoryService) GetDirectory(ctx context.Context, req *directoryv1.GetDirectoryRequest) (*directoryv1.GetDirectoryResponse, error) {
	org, err := s.organisation(ctx, req.GetOrganisation())
	if err != nil {
		return nil, err
	}
	resp, err := s.store.Current(ctx, org)
	if err != nil {
		return nil, err
	}
	if m := s.maps.Current(org); m != nil {
		resp.Unheld = directory.Unheld(resp.GetDirectory(), m, s.clock())
	}
	return resp, nil
}

// PutDirectory implements the RPC.
func (s *directoryService) PutDirectory(ctx context.Context, req *directoryv1.PutDirectoryRequest) (*directoryv1.PutDirectoryResponse, error) {
	org := req.GetDirectory().GetOrganisation()
	p, ok := access.PrincipalFrom(ctx)
	if !ok || !p.Sees(org) {
		return nil, fault.New(fault.Denied, "This key may not change the directory of %q: use a key of that organisation.", org)
	}
	m, err := s.mapOf(org)
	if err != nil {
		return nil, err
	}
	version, changed, err := s.store.Put(ctx, req.GetDirectory(), m, s.clock(), req.Expect)
	if err != nil {
		return nil, err
	}
	if changed {
		s.log.InfoContext(ctx, "the directory was replaced", "organisation", org, "version", version, "key", p.KeyID)
	}
	return &directoryv1.PutDirectoryResponse{Version: version, Changed: changed}, nil
}

// WhoHolds implements the RPC.
func (s *directoryService) WhoHolds(ctx context.Context, req *directoryv1.WhoHoldsRequest) (*directoryv1.WhoHoldsResponse, error) {
	org, err := s.organisation(ctx, req.GetOrganisation())
	if err != nil {
		return nil, err
	}
	at := s.clock()
	if req.GetAt() != nil {
		if err := req.GetAt().CheckValid(); err != nil {
			return nil, fault.Field("at", "it is no moment", "give a time between the years 1 and 9999, or leave it out for now")
		}
		at = req.GetAt().AsTime()
	}
	m, err := s.mapOf(org)
	if err != nil {
		return nil, err
	}
	current, err := s.store.Current(ctx, org)
	if err != nil {
		return nil, err
	}
	resp := directory.WhoHolds(current.GetDirectory(), m.Zone, req.GetRole(), at)
	if roles := directory.Roles(m); len(resp.GetReachable()) == 0 {
		if _, ok := roles[req.GetRole()]; !ok {
			return nil, fault.New(fault.NotFound, "The map of %q has no role %q.%s", org, req.GetRole(), expmap.DidYouMean(req.GetRole(), roles))
		}
	}
	return resp, nil
}

// organisation returns whose directory is meant, if the caller may know of it.
func (s *directoryService) organisation(ctx context.Context, org string) (string, error) {
	if org == "" {
		org = defaultOrganisation
	}
	if err := validOrganisation(org); err != nil {
		return "", err
	}
	if !keyReaches(ctx, org) {
		return "", fault.New(fault.Denied, "This key may not read the directory of %q: use a key of that organisation.", org)
	}
	return org, nil
}

// mapOf returns the map whose roles a directory fills.
func (s *directoryService) mapOf(org string) (*expmap.Map, error) {
	if m := s.maps.Current(org); m != nil {
		return m, nil
	}
	return nil, fault.New(fault.NotFound, "The organisation %q has no map, which declares the roles: apply one with `touchstone apply`.", org)
}
