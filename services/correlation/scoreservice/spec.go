package scoreservice

import (
	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	"github.com/touchstone-cx/touchstone/services/correlation/score"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
)

// Spec returns what a map declares, as far as scores need it.
func Spec(m *expmap.Map) score.Spec {
	var s score.Spec
	metrics := map[string]score.Measure{}
	for _, p := range m.Proto.GetMetrics() {
		x := score.Measure{ID: p.GetId(), Kind: score.Metric, Unit: p.GetUnit(), Resolution: int64(p.GetResolution())}
		metrics[x.ID] = x
		s.Metrics = append(s.Metrics, x)
	}
	for _, p := range m.Proto.GetQuestions() {
		s.Questions = append(s.Questions, score.Measure{
			ID: p.GetId(), Kind: kindOf(p.GetKind()), Resolution: 1, Min: int64(p.GetScaleMin()), Max: int64(p.GetScaleMax()),
		})
	}
	for _, p := range m.Proto.GetOutcomes() {
		s.Outcomes = append(s.Outcomes, p.GetId())
	}
	for _, p := range m.Proto.GetServiceLevels() {
		s.ServiceLevels = append(s.ServiceLevels, score.ServiceLevel{
			ID: p.GetId(), Metric: metrics[p.GetMetric()], Threshold: p.GetThreshold(),
			AtMost: p.GetBoundary() == mapv1.Boundary_BOUNDARY_AT_MOST, Outcomes: p.GetOutcomes(), Of: p.GetOf(),
		})
	}
	return s
}

func kindOf(k mapv1.QuestionKind) score.Kind {
	switch k {
	case mapv1.QuestionKind_QUESTION_KIND_NPS:
		return score.NPS
	case mapv1.QuestionKind_QUESTION_KIND_CSAT:
		return score.CSAT
	case mapv1.QuestionKind_QUESTION_KIND_CES1:
		return score.CES1
	case mapv1.QuestionKind_QUESTION_KIND_CES2:
		return score.CES2
	case mapv1.QuestionKind_QUESTION_KIND_YES_NO:
		return score.YesNo
	default:
		return score.Rating
	}
}
