package scoreservice

import (
	"cmp"
	"context"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/correlation/cell"
	"github.com/touchstone-cx/touchstone/services/correlation/state"
)

const maxCells = 1000

// ExplainScore shows the arithmetic of one score down to its cells, all at one position.
func (s *Service) ExplainScore(ctx context.Context, req *scorev1.ExplainScoreRequest) (*scorev1.ExplainScoreResponse, error) {
	t, err := s.r.Target(ctx, req.GetRef(), "ref")
	if err != nil {
		return nil, err
	}
	now := s.r.Clock()
	span, err := t.Span(now)
	if err != nil {
		return nil, err
	}
	var at Moment
	var sample *cell.Sample
	var cells []counted
	s.r.view(t.Organisation(), func(v *view) {
		at, sample = v.moment(now), s.r.sample(v, t, t.Definition.Needs(), span)
		v.Cells(t.Scope, t.Definition.Measure, span, func(touchpoint, outcome string, tier state.Tier, from time.Time, m *cell.Moments, interactions int64) {
			if c, ok := t.count(m, interactions); ok {
				c.touchpoint, c.outcome, c.tier, c.from = touchpoint, outcome, tier, from
				cells = append(cells, c)
			}
		})
	})
	result := t.Definition.Compute(sample)
	why := result.Explain()
	out := &scorev1.ExplainScoreResponse{
		Score: t.publish(result, sample, span, at), Definition: t.Definition.Sentence, Formula: why.Formula,
	}
	for _, q := range why.Quantities {
		out.Quantities = append(out.Quantities, &scorev1.Quantity{Name: q.Name, Value: q.Value})
	}
	slices.SortStableFunc(cells, func(a, b counted) int {
		return cmp.Or(a.from.Compare(b.from), cmp.Compare(a.touchpoint, b.touchpoint), cmp.Compare(a.outcome, b.outcome))
	})
	for _, c := range cells[:min(maxCells, len(cells))] {
		out.Cells = append(out.Cells, &scorev1.Cell{
			Touchpoint: c.touchpoint, Outcome: c.outcome, From: timestamppb.New(c.from), Tier: c.tier.String(),
			N: c.n, Sum: c.sum.String(), SumSquares: c.squares.String(),
		})
	}
	out.MoreCells = int64(max(0, len(cells)-maxCells))
	return out, nil
}

// counted is what one cell adds to a score.
type counted struct {
	touchpoint, outcome string
	tier                state.Tier
	from                time.Time
	n                   int64
	sum, squares        cell.Int128
}

// count returns a cell's part: its interactions, or the values of its measure, published sums included. ok is false when
// it has none. Moments are read here and not kept: they are the view's.
func (t *Target) count(m *cell.Moments, interactions int64) (c counted, ok bool) {
	if m != nil {
		c.sum, c.squares = m.Sum.Add(m.ObservedSum), m.SumSq
		c.n = m.N + m.ObservedN
	}
	if t.Definition.OfInteractions {
		c.n = interactions
	}
	return c, c.n != 0
}
