package ingest

import (
	"context"
	"fmt"
	"time"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	"github.com/touchstone-cx/touchstone/services/internal/access"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
	"github.com/touchstone-cx/touchstone/services/internal/host"
)

const defaultOrganisation = "default"

// RegisterMapService serves MapService from the host's registry. sealed tells before when an organisation's history is sealed, in
// milliseconds since 1970 UTC, 0 where nothing is.
func RegisterMapService(env *host.Env, sealed func(org string) int64) {
	mapv1.RegisterMapServiceServer(env.GRPC, &mapService{maps: env.Maps, mayUse: keyReaches, sealed: sealed})
}

// mapService answers from the registry. Roles are enforced by the host; a key that is bound to one organisation sees no
// other's map, not even that it exists.
type mapService struct {
	mapv1.UnimplementedMapServiceServer
	maps   *expmap.Registry
	mayUse func(ctx context.Context, org string) bool
	sealed func(org string) int64 // nil where nothing can be
}

func (s *mapService) GetMap(ctx context.Context, req *mapv1.GetMapRequest) (*mapv1.GetMapResponse, error) {
	org := req.GetOrganisation()
	if org == "" {
		org = defaultOrganisation
	}
	if !s.mayUse(ctx, org) {
		return nil, fault.New(fault.NotFound, "The organisation %q has no map.", org)
	}
	v, err := s.maps.Version(ctx, org, req.GetVersion())
	if err != nil {
		return nil, err
	}
	return &mapv1.GetMapResponse{Version: v}, nil
}

func (s *mapService) ListMaps(ctx context.Context, _ *mapv1.ListMapsRequest) (*mapv1.ListMapsResponse, error) {
	resp := new(mapv1.ListMapsResponse)
	for _, org := range s.maps.Organisations() {
		if !s.mayUse(ctx, org) {
			continue
		}
		m := s.maps.Current(org)
		resp.Maps = append(resp.Maps, &mapv1.MapHead{
			Organisation: org, Name: m.Proto.GetName(), Version: m.Version, Touchpoints: uint32(len(m.Touchpoints)),
		})
	}
	return resp, nil
}

func (s *mapService) CheckMap(ctx context.Context, req *mapv1.CheckMapRequest) (*mapv1.CheckMapResponse, error) {
	if !s.mayUse(ctx, req.GetMap().GetOrganisation()) {
		// What is wrong with the map itself is no secret; what it would replace is.
		_, problems := expmap.Compile(req.GetMap(), 0)
		return &mapv1.CheckMapResponse{Problems: problems}, nil
	}
	problems, current, recounts, err := s.maps.Check(ctx, req.GetMap())
	if err != nil {
		return nil, err
	}
	return &mapv1.CheckMapResponse{Problems: problems, CurrentVersion: current, Recounts: s.asFarAs(req.GetMap().GetOrganisation(), recounts)}, nil
}

// asFarAs adds to why history is counted again how far back it can be.
func (s *mapService) asFarAs(org string, recounts []string) []string {
	if len(recounts) == 0 || s.sealed == nil || s.sealed(org) == 0 {
		return recounts
	}
	day := time.UnixMilli(s.sealed(org)).In(s.maps.Current(org).Zone).Format(time.DateOnly)
	return append(recounts, fmt.Sprintf("What happened before %s is sealed and stays as it was counted; breakdowns and linked metrics that are new begin with the facts that are still held.", day))
}

func (s *mapService) ApplyMap(ctx context.Context, req *mapv1.ApplyMapRequest) (*mapv1.ApplyMapResponse, error) {
	if org := req.GetMap().GetOrganisation(); !s.mayUse(ctx, org) {
		return nil, fault.New(fault.Denied, "This key may not change the map of %q: use a key of that organisation.", org)
	}
	version, changed, err := s.maps.Apply(ctx, req.GetMap(), req.Expect)
	if err != nil {
		return nil, err
	}
	return &mapv1.ApplyMapResponse{Version: version, Changed: changed}, nil
}

// keyReaches reports whether the caller's key is of the organisation or of all. A call without a principal did not come through the host.
func keyReaches(ctx context.Context, org string) bool {
	p, ok := access.PrincipalFrom(ctx)
	return ok && (p.Organisation == "" || p.Organisation == org)
}
