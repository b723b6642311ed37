package scoreservice

import (
	"fmt"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	"github.com/touchstone-cx/touchstone/services/correlation/score"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
)

// question returns a question as scores see it; own is false for one that has values of its parts alone.
func question(p *mapv1.Question) (q score.Measure, own bool) {
	q = score.Measure{ID: p.GetId(), Kind: kindOf(p.GetKind()), Resolution: expmap.Resolution(p.GetKind()), Facet: facetOf(p.GetFacet())}
	q.Min, q.Max = expmap.Scale(p)
	for _, c := range p.GetChoices() {
		q.Options = append(q.Options, score.Option{Value: int64(c.GetValue()), Label: c.GetLabel(), Feeling: feelingOf(c.GetFeeling())})
	}
	return q, q.Min <= q.Max
}

// parts returns the parts of a question: whether a text is about each theme, whether each choice was chosen, its rank.
func parts(m *expmap.Map, p *mapv1.Question) []score.Measure {
	var out []score.Measure
	for _, x := range expmap.Parts(m.Proto, p) {
		q := score.Measure{ID: x.GetId(), Kind: kindOf(p.GetKind()), Resolution: 1, Min: int64(x.GetScaleMin()), Max: int64(x.GetScaleMax())}
		if q.Kind == score.Rank {
			for v := q.Min; v <= q.Max; v++ {
				q.Options = append(q.Options, score.Option{Value: v, Label: fmt.Sprintf("%s at rank %d", x.GetText(), v)})
			}
		} else {
			q.Kind = score.Mark
			q.Options = []score.Option{{Value: 1, Label: x.GetText()}, {Value: 0, Label: "not " + x.GetText()}}
		}
		out = append(out, q)
	}
	return out
}
