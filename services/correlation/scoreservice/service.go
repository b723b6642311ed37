// Package scoreservice answers for scores: get, list, series, watch and explain, from the live cells.
//
// Cells are read inside state.View, in which the fold waits: only samples are taken there. Statistics, sorting and
// sending happen outside, and no lock is waited for inside.
package scoreservice

import (
	"context"

	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/correlation/state"
)

// Facts answers for the facts behind scores.
type Facts interface {
	ListFacts(context.Context, *scorev1.ListFactsRequest) (*scorev1.ListFactsResponse, error)
	GetFact(context.Context, *scorev1.GetFactRequest) (*scorev1.GetFactResponse, error)
	// Names returns facts' names for people ("answer a-1 of survey"), in their order.
	Names(context.Context, []*state.Fact) ([]string, error)
}

// Service implements scorev1.ScoreServiceServer. Its errors are of package fault.
type Service struct {
	scorev1.UnsafeScoreServiceServer
	Facts
	r    *Reader
	hub  *hub
	stop chan struct{}
}

// New returns the service. Close ends its watches.
func New(r *Reader, facts Facts) *Service {
	return &Service{Facts: facts, r: r, hub: newHub(r), stop: make(chan struct{})}
}

// Close ends every watch with UNAVAILABLE, so that a server can stop gracefully; the watchers can resume elsewhere. It
// must be called once, before the server waits for its streams.
func (s *Service) Close() { close(s.stop) }
