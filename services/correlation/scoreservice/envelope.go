package scoreservice

import (
	"google.golang.org/protobuf/types/known/timestamppb"

	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/correlation/cell"
	"github.com/touchstone-cx/touchstone/services/correlation/score"
	"github.com/touchstone-cx/touchstone/services/correlation/state"
)

// Score publishes the target's score of a sample.
func (t *Target) Score(s *cell.Sample, span state.Span, at Moment) *scorev1.Score {
	return t.publish(t.Definition.Compute(s), s, span, at)
}

func (t *Target) publish(r score.Result, s *cell.Sample, span state.Span, at Moment) *scorev1.Score {
	p := &scorev1.Score{
		Ref: t.Ref, Value: r.Value, N: r.N, StandardError: r.SE, Unit: t.Definition.Unit, Suppressed: r.Suppressed,
		AsOf: timestamppb.New(at.Now), To: timestamppb.New(span.To), Position: at.Position, MapVersion: t.Map.Version,
		Simulated: s.Simulated > 0, Coverage: r.Coverage,
	}
	if r.Interval != nil {
		p.Interval = &scorev1.Interval{Low: r.Interval.Low, High: r.Interval.High, Method: r.Interval.Method}
	}
	if !span.From.IsZero() {
		p.From = timestamppb.New(span.From)
	}
	if !at.Newest.IsZero() {
		p.NewestFactAt = timestamppb.New(at.Newest)
	}
	return p
}

// sameNumbers reports whether two scores say the same to a person who watches: when and from where they were read aside.
func sameNumbers(a, b *scorev1.Score) bool {
	return same(a.Value, b.Value) && a.N == b.N && same(a.StandardError, b.StandardError) && a.Suppressed == b.Suppressed &&
		a.Unit == b.Unit && a.Simulated == b.Simulated && same(a.Coverage, b.Coverage) &&
		a.GetInterval().GetLow() == b.GetInterval().GetLow() && a.GetInterval().GetHigh() == b.GetInterval().GetHigh() &&
		a.GetInterval().GetMethod() == b.GetInterval().GetMethod()
}

func same(a, b *float64) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}
