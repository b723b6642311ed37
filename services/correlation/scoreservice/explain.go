package scoreservice

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/correlation/cell"
	"github.com/touchstone-cx/touchstone/services/correlation/score"
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
	s.r.warm(t, span)
	var at Moment
	var x *taken
	var cells []counted
	s.r.view(t.Organisation(), func(v *view) {
		at, x = v.moment(now), s.r.bag(v).take(t, span)
		cells = t.cells(v, span)
	})
	result := t.result(x, span)
	why := result.Explain()
	out := &scorev1.ExplainScoreResponse{
		Score: t.publish(result, x, span, at), Definition: t.Definition.Sentence, Formula: why.Formula,
	}
	if least := t.Definition.Minimum; least > 1 {
		out.Definition += fmt.Sprintf(" It is shown with %d answers or more; its cells, which hold fewer, are not listed.", least)
	}
	if t.Definition.Employees {
		out.Definition += " Its time is the whole steps of that many answers or more that end in the time asked for; today is in none of them."
	}
	for _, q := range why.Quantities {
		out.Quantities = append(out.Quantities, &scorev1.Quantity{Name: q.Name, Value: q.Value})
	}
	if t.Scope.Parts != nil && t.Definition.Composite == nil && t.Definition.Minimum <= 1 {
		out.Quantities = append(out.Quantities, shares(cells)...)
	}
	disputed, err := s.disputed(ctx, t, x.disputes)
	if err != nil {
		return nil, err
	}
	out.Quantities = append(out.Quantities, disputed...)
	slices.SortStableFunc(cells, func(a, b counted) int {
		return cmp.Or(cmp.Compare(a.order, b.order), a.from.Compare(b.from), cmp.Compare(a.touchpoint, b.touchpoint), cmp.Compare(a.value, b.value), cmp.Compare(a.outcome, b.outcome))
	})
	for _, c := range cells[:min(maxCells, len(cells))] {
		x := &scorev1.Cell{
			Touchpoint: c.touchpoint, Outcome: c.outcome, From: timestamppb.New(c.from), Tier: c.tier.String(),
			N: c.n, Sum: c.sum.String(), SumSquares: c.squares.String(),
		}
		if t.Ref.GetScope().GetTeam() != "" {
			x.Team = c.value
		}
		x.Score = c.part
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

// cells returns what is added up: of composites the cells of each measure, in the order of the parts. Cells of what is shown
// with a minimum only are not told.
func (t *Target) cells(v *view, span state.Span) []counted {
	var out []counted
	list := func(order int, sc state.Scope, d *score.Definition, measure string, interactions bool) {
		within := span
		if d.Decides > 0 && measure != d.Measure {
			within = t.decided(span, d.Decides, span.AsOf)
		}
		v.Cells(sc, measure, within, func(touchpoint, value, outcome string, tier state.Tier, from time.Time, m *cell.Moments, offered int64) {
			if d.Outcomes != nil && !slices.Contains(d.Outcomes, outcome) {
				return
			}
			if c, ok := count(m, offered, interactions); ok {
				c.order, c.touchpoint, c.value, c.outcome, c.tier, c.from = order, touchpoint, value, outcome, tier, from
				out = append(out, c)
			}
		})
	}
	c := t.Definition.Composite
	if c == nil {
		if t.Definition.Minimum <= 1 {
			for i, measure := range t.Definition.Measures() {
				list(i, t.Scope, t.Definition, measure, t.Definition.OfInteractions && i == 0)
			}
		}
		return out
	}
	for _, place := range t.places {
		seen := map[string]bool{}
		for i, part := range c.Parts {
			d := part.Score
			if place.needs[i] == nil || d.Minimum > 1 {
				continue
			}
			for k, measure := range d.Measures() {
				if seen[measure] {
					continue
				}
				seen[measure] = true
				before := len(out)
				list(slices.Index(c.Measures(), measure), place.cells, d, measure, d.OfInteractions && k == 0)
				for j := range out[before:] {
					out[before+j].part = d.ID
				}
			}
		}
	}
	return out
}

// counted is what one cell adds to a score.
type counted struct {
	order                      int    // of its measure
	part                       string // score of a composite
	touchpoint, value, outcome string
	tier                       state.Tier
	from                       time.Time
	n                          int64
	sum, squares               cell.Int128
}

// count returns a cell's part: its interactions, or the values of its measure, published sums included. ok is false when
// it has none. Moments are read here and not kept: they are the view's.
func count(m *cell.Moments, offered int64, interactions bool) (c counted, ok bool) {
	if m != nil {
		c.sum, c.squares = m.Sum.Add(m.ObservedSum), m.SumSq
		c.n = m.N + m.ObservedN
	}
	if interactions {
		c.n = offered
	}
	return c, c.n != 0
}
