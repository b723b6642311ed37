package scoreservice

import (
	"context"
	"fmt"
	"slices"
	"time"

	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/correlation/cell"
	"github.com/touchstone-cx/touchstone/services/correlation/score"
	"github.com/touchstone-cx/touchstone/services/correlation/state"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
)

const (
	maxSteps = 2000
	// stepsAView bounds how long the fold waits for a series. Each step states its own position.
	stepsAView = 64
)

// GetSeries returns a score in equal steps. All time begins with the oldest cell; steps that have not begun are left out.
func (s *Service) GetSeries(ctx context.Context, req *scorev1.GetSeriesRequest) (*scorev1.GetSeriesResponse, error) {
	t, err := s.r.Target(ctx, req.GetRef(), "ref")
	if err != nil {
		return nil, err
	}
	now := s.r.Clock()
	span, err := t.Span(now)
	if err != nil {
		return nil, err
	}
	seams, err := s.r.seams(t, now)
	if err != nil {
		return nil, err
	}
	if span.From.IsZero() {
		if span.From = s.r.begin(t, span); span.From.IsZero() {
			return &scorev1.GetSeriesResponse{Seams: seams}, nil
		}
	}
	step := req.GetStep()
	if t.Definition.Employees {
		if step, err = dayStep(step); err != nil {
			return nil, err
		}
	}
	steps, err := state.Steps(step, span, now, t.Map.Zone)
	if err != nil {
		return nil, err
	}
	for len(steps) > 0 && steps[len(steps)-1].From.After(now) {
		steps = steps[:len(steps)-1]
	}
	if len(steps) > maxSteps {
		return nil, fault.Field("step", fmt.Sprintf("That makes %d steps; at most 2,000 are sent.", len(steps)), "Ask for longer steps or a shorter window.")
	}
	out := &scorev1.GetSeriesResponse{Scores: make([]*scorev1.Score, 0, len(steps)), Seams: seams}
	inView := max(1, stepsAView/max(1, len(t.places)))
	for len(steps) > 0 {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		some := steps[:min(inView, len(steps))]
		steps = steps[len(some):]
		var at Moment
		found := make([]*taken, len(some))
		s.r.view(t.Organisation(), func(v *view) {
			at = v.moment(now)
			b := s.r.bag(v)
			b.remember = false
			for i, step := range some {
				found[i] = b.take(t, step)
			}
		})
		for i, step := range some {
			out.Scores = append(out.Scores, t.finish(found[i], step, at))
		}
	}
	return out, nil
}

// begin returns where a target's series over all time begins; the zero time when there is none.
func (r *Reader) begin(t *Target, span state.Span) (first time.Time) {
	if !t.Definition.Employees {
		return r.oldest(t, span)
	}
	// The first answer to a question is one answer.
	r.view(t.Organisation(), func(v *view) {
		if steps := r.bag(v).moves(t).steps; len(steps) > 0 {
			first = state.Days(steps[0].To-1, steps[0].To, t.Map.Zone).From
		}
	})
	return first
}

// oldest returns the start of a target's oldest cell in a span; the zero time when it has none.
func (r *Reader) oldest(t *Target, span state.Span) time.Time {
	var first time.Time
	measures, any := t.Definition.Measures(), t.Definition.OfInteractions
	if c := t.Definition.Composite; c != nil {
		measures = c.Measures()
		any = slices.ContainsFunc(c.Parts, func(p score.Part) bool { return p.Score.OfInteractions })
	}
	r.view(t.Organisation(), func(v *view) {
		for _, measure := range measures {
			v.Cells(t.Scope, measure, span, func(_, _, _ string, _ state.Tier, from time.Time, m *cell.Moments, _ int64) {
				if (any || m != nil) && (first.IsZero() || from.Before(first)) {
					first = from
				}
			})
		}
	})
	return first
}
