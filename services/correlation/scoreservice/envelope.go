package scoreservice

import (
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/correlation/cell"
	"github.com/touchstone-cx/touchstone/services/correlation/score"
	"github.com/touchstone-cx/touchstone/services/correlation/state"
)

// Score publishes the target's score of a sample; not for composites.
func (t *Target) Score(s *cell.Sample, span state.Span, at Moment) *scorev1.Score {
	return t.finish(&taken{sample: s}, span, at)
}

func (t *Target) publish(r score.Result, x *taken, span state.Span, at Moment) *scorev1.Score {
	if x.span != nil {
		span = *x.span
	}
	p := &scorev1.Score{
		Ref: t.Ref, Value: r.Value, N: r.N, StandardError: r.SE, Unit: t.Definition.Unit, Suppressed: r.Suppressed,
		AsOf: timestamppb.New(at.Now), To: timestamppb.New(span.To), Position: at.Position, MapVersion: t.Map.Version,
		Simulated: x.simulated(), Coverage: r.Coverage, Composite: composite(r.Composed), Goal: t.goal(r.Value, span, at.Now),
		Contested: t.contested(x.disputes),
	}
	if r.Gap != nil {
		p.Gap = &scorev1.Gap{Experienced: r.Gap.Experienced, Baseline: r.Gap.Baseline}
	}
	if r.Pending != nil {
		p.Pending = &scorev1.Pending{N: r.Pending.N, Share: r.Pending.Share}
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
		a.GetInterval().GetMethod() == b.GetInterval().GetMethod() && sameHalves(a.GetComposite(), b.GetComposite()) &&
		proto.Equal(a.GetGoal(), b.GetGoal()) && proto.Equal(a.GetGap(), b.GetGap()) && proto.Equal(a.GetPending(), b.GetPending()) &&
		proto.Equal(a.GetContested(), b.GetContested())
}

// sameHalves reports whether the survey part and the process part are what they were.
func sameHalves(a, b *scorev1.Composite) bool {
	if a == nil || b == nil {
		return a == b
	}
	return same(a.Survey, b.Survey) && same(a.Process, b.Process) && a.GetSurveyN() == b.GetSurveyN() && a.GetProcessN() == b.GetProcessN() &&
		a.GetSurveyCoverage() == b.GetSurveyCoverage() && a.GetProcessCoverage() == b.GetProcessCoverage()
}

func same(a, b *float64) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}
