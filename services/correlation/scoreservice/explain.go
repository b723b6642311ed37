package scoreservice

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"
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
		v.Cells(t.Scope, t.Definition.Measure, span, func(touchpoint, value, outcome string, tier state.Tier, from time.Time, m *cell.Moments, interactions int64) {
			if c, ok := t.count(m, interactions); ok {
				c.touchpoint, c.value, c.outcome, c.tier, c.from = touchpoint, value, outcome, tier, from
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
	if t.Scope.Parts != nil {
		out.Quantities = append(out.Quantities, shares(cells)...)
	}
	slices.SortStableFunc(cells, func(a, b counted) int {
		return cmp.Or(a.from.Compare(b.from), cmp.Compare(a.touchpoint, b.touchpoint), cmp.Compare(a.value, b.value), cmp.Compare(a.outcome, b.outcome))
	})
	for _, c := range cells[:min(maxCells, len(cells))] {
		x := &scorev1.Cell{
			Touchpoint: c.touchpoint, Outcome: c.outcome, From: timestamppb.New(c.from), Tier: c.tier.String(),
			N: c.n, Sum: c.sum.String(), SumSquares: c.squares.String(),
		}
		if t.Ref.GetScope().GetTeam() != "" {
			x.Team = c.value
		}
		out.Cells = append(out.Cells, x)
	}
	out.MoreCells = int64(max(0, len(cells)-maxCells))
	return out, nil
}

// shares tells how many cases each team brings to the sum over a unit.
func shares(cells []counted) []*scorev1.Quantity {
	n := map[string]int64{}
	for _, c := range cells {
		n[c.value] += c.n
	}
	var out []*scorev1.Quantity
	for _, team := range slices.Sorted(maps.Keys(n)) {
		out = append(out, &scorev1.Quantity{Name: "cases of team " + team, Value: strconv.FormatInt(n[team], 10)})
	}
	return out
}

// counted is what one cell adds to a score.
type counted struct {
	touchpoint, value, outcome string
	tier                       state.Tier
	from                       time.Time
	n                          int64
	sum, squares               cell.Int128
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
