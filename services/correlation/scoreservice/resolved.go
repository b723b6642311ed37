package scoreservice

import (
	"fmt"
	"time"

	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/correlation/cell"
	"github.com/touchstone-cx/touchstone/services/correlation/state"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
)

// Resolved is a target with its stretch of time as of a moment: for those who take their own samples.
type Resolved struct {
	*Target
	Span state.Span
}

// Resolve resolves a reference by a map that the caller may see. It refuses what has no sample of its own, and what is not
// told apart into facts.
func (r *Reader) Resolve(m *expmap.Map, ref *scorev1.ScoreRef, now time.Time) (*Resolved, error) {
	t, err := r.declared(m).target(ref, "ref")
	if err != nil {
		return nil, err
	}
	switch {
	case t.Definition.Composite != nil:
		return nil, fault.Field("ref.score", fmt.Sprintf("%q is made of other scores and has no facts of its own.", t.Definition.ID), "Name one of its parts; ExplainScore lists them.")
	case t.Definition.Employees:
		return nil, fault.Field("ref.score", "Answers of employees are not shown one by one, "+nobody+".", "Get the score instead.")
	}
	span, err := t.Span(now)
	if err != nil {
		return nil, err
	}
	return &Resolved{t, span}, nil
}

// Build publishes the score of a sample of what was resolved, taken in v.
func Build(v *state.View, r *Resolved, s *cell.Sample, now time.Time) *scorev1.Score {
	return r.Score(s, r.Span, momentOf(v, now))
}

// Headlines returns the ids of the scores that stand for their measures and can be resolved, in order.
func (r *Reader) Headlines(m *expmap.Map) []string {
	var ids []string
	for _, d := range r.declared(m).c.All() {
		if d.Headline && d.Composite == nil && !d.Employees {
			ids = append(ids, d.ID)
		}
	}
	return ids
}
