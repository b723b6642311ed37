package scoreservice

import (
	"context"
	"errors"
	"fmt"

	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/correlation/state"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
)

// GetScore returns one score.
func (s *Service) GetScore(ctx context.Context, req *scorev1.GetScoreRequest) (*scorev1.GetScoreResponse, error) {
	t, err := s.r.Target(ctx, req.GetRef(), "ref")
	if err != nil {
		return nil, err
	}
	p, err := s.r.Score(t, s.r.Clock())
	if err != nil {
		return nil, err
	}
	return &scorev1.GetScoreResponse{Score: p}, nil
}

// BatchGetScores returns many scores of one organisation and one position.
func (s *Service) BatchGetScores(ctx context.Context, req *scorev1.BatchGetScoresRequest) (*scorev1.BatchGetScoresResponse, error) {
	now := s.r.Clock()
	refs := req.GetRefs()
	if len(refs) == 0 {
		return nil, fault.Field("refs", "No score is named.", "Name 1 to 1,000 scores.")
	}
	targets, spans := make([]*Target, len(refs)), make([]state.Span, len(refs))
	var bad *fault.Error
	for i, ref := range refs {
		t, err := s.r.Target(ctx, ref, indexed("refs", i))
		if err == nil {
			spans[i], err = t.Span(now)
		}
		if err == nil && targets[0] != nil && t.Organisation() != targets[0].Organisation() {
			err = fault.Field(indexed("refs", i)+".organisation", "The scores of one batch are of one position, and so of one organisation.",
				"Ask for each organisation in a batch of its own.")
		}
		if err != nil {
			var e *fault.Error
			if !errors.As(err, &e) || e.Kind != fault.Invalid {
				return nil, err
			}
			bad = joined(bad, e)
			continue
		}
		targets[i] = t
	}
	if bad != nil {
		return nil, bad
	}
	for i, t := range targets {
		s.r.warm(t, spans[i])
	}
	var at Moment
	found := make([]*taken, len(targets))
	s.r.view(targets[0].Organisation(), func(v *view) {
		at = v.moment(now)
		b := s.r.bag(v)
		for i, t := range targets {
			found[i] = b.take(t, spans[i])
		}
	})
	out := &scorev1.BatchGetScoresResponse{Scores: make([]*scorev1.Score, len(targets))}
	for i, t := range targets {
		out.Scores[i] = t.finish(found[i], spans[i], at)
	}
	return out, nil
}

// joined adds the violations of e to those of all, so that a caller sees every one at once.
func joined(all, e *fault.Error) *fault.Error {
	if all == nil {
		return e
	}
	v := append(append([]fault.Violation(nil), all.Violations...), e.Violations...)
	return &fault.Error{Kind: fault.Invalid, Message: fmt.Sprintf("%s: %s (and %d more)", v[0].Field, v[0].Message, len(v)-1), Violations: v}
}
