package scoreservice

import (
	"context"
	"time"

	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/correlation/score"
	"github.com/touchstone-cx/touchstone/services/correlation/state"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
)

const (
	defaultPage = 100
	maxPage     = 1000
)

// ListScores returns the scores with at least one case, the organisation's first, then those of journeys, stages
// and touchpoints, each by breakdown and score.
// A token names the last score of its page, so that pages go on from there whatever has come or gone since.
func (s *Service) ListScores(ctx context.Context, req *scorev1.ListScoresRequest) (*scorev1.ListScoresResponse, error) {
	size := int(req.GetPageSize())
	if size < 0 || size > maxPage {
		return nil, fault.Field("page_size", "The page size is not between 0 and 1,000.", "Leave it out for 100.")
	}
	if size == 0 {
		size = defaultPage
	}
	p, err := s.r.plan(ctx, req.GetFilter())
	if err != nil {
		return nil, err
	}
	last, err := decodePage(req.GetPageToken(), digest(req.GetFilter()))
	if err != nil {
		return nil, err
	}
	now := s.r.Clock()
	out := &scorev1.ListScoresResponse{}
	for _, sc := range p.scopes(s.r) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		targets := p.targets(sc, last.after)
		scores, err := s.r.scoresOf(targets, now)
		if err != nil {
			return nil, err
		}
		for i, x := range scores {
			if x.GetN() == 0 {
				continue
			}
			if len(out.Scores) == size { // at least one more exists
				out.NextPageToken = last.encode()
				return out, nil
			}
			out.Scores = append(out.Scores, x)
			last = page{filter: last.filter, begun: true, scope: sc, order: targets[i].Definition.Order}
		}
	}
	return out, nil
}

// targets returns the plan's scores of one scope that take lets pass.
func (p *plan) targets(sc scope, take func(scope, *score.Definition) bool) []*Target {
	var out []*Target
	for _, d := range p.definitions {
		if p.applies(d, sc) && take(sc, d) {
			out = append(out, p.target(d, sc))
		}
	}
	return out
}

// scoresOf computes scores of one organisation, scope and window at one position.
func (r *Reader) scoresOf(targets []*Target, now time.Time) ([]*scorev1.Score, error) {
	if len(targets) == 0 {
		return nil, nil
	}
	var at Moment
	spans := make([]state.Span, len(targets))
	for i, t := range targets {
		var err error
		if spans[i], err = t.Span(now); err != nil {
			return nil, err
		}
		r.warm(t, spans[i])
	}
	found := make([]*taken, len(targets))
	r.view(targets[0].Organisation(), func(v *view) {
		at = v.moment(now)
		b := r.bag(v)
		for i, t := range targets {
			found[i] = b.take(t, spans[i])
		}
	})
	out := make([]*scorev1.Score, len(targets))
	for i, t := range targets {
		out[i] = t.finish(found[i], spans[i], at)
	}
	return out, nil
}
