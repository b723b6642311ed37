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
	resolutions := expmap.Derived(m.Proto)
	for _, p := range m.Proto.GetLinkedMetrics() {
		unit, cases := "h", "contacts"
		switch p.GetKind() {
		case mapv1.LinkedKind_LINKED_KIND_JOURNEY_TIME:
			cases = "journeys"
		case mapv1.LinkedKind_LINKED_KIND_CONTACT_TRANSFERS:
			unit = "transfers"
		case mapv1.LinkedKind_LINKED_KIND_JOURNEY_FRICTION:
			unit, cases = "points", "journeys"
		}
		s.Metrics = append(s.Metrics,
			score.Measure{ID: p.GetId(), Kind: score.Metric, Unit: unit, Resolution: resolutions[p.GetId()]},
			score.Measure{ID: expmap.LinkedBase(p.GetId()), Kind: score.Metric, Unit: cases, Resolution: 1})
	}
	employees := expmap.AskedOfEmployees(m.Proto)
	for _, p := range m.Proto.GetQuestions() {
		of := len(s.Questions)
		if q, own := question(p); own {
			s.Questions = append(s.Questions, q)
		}
		s.Questions = append(s.Questions, parts(m, p)...)
		for i := range s.Questions[of:] {
			s.Questions[of+i].Employees = employees[p.GetId()]
		}
	}
	for _, p := range m.Proto.GetOutcomes() {
		s.Outcomes = append(s.Outcomes, p.GetId())
	}
	for _, p := range m.Proto.GetServiceLevels() {
		s.ServiceLevels = append(s.ServiceLevels, score.ServiceLevel{
			ID: p.GetId(), Metric: metrics[p.GetMetric()], Threshold: p.GetThreshold(),
			AtMost: p.GetBoundary() == mapv1.Boundary_BOUNDARY_AT_MOST, Outcomes: p.GetOutcomes(), Of: p.GetOf(),
			Abandons: abandonsOf(p.GetAbandons()), Abandoned: p.GetAbandoned(), Short: p.GetShort(), LeftOther: p.GetLeftOther(),
		})
	}
	judged(m, &s)
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
	case mapv1.QuestionKind_QUESTION_KIND_ENPS:
		return score.ENPS
	case mapv1.QuestionKind_QUESTION_KIND_EXPECTATION:
		return score.Expectation
	case mapv1.QuestionKind_QUESTION_KIND_IMPORTANCE:
		return score.Importance
	case mapv1.QuestionKind_QUESTION_KIND_EMOTION:
		return score.Emotion
	case mapv1.QuestionKind_QUESTION_KIND_TEXT:
		return score.Text
	case mapv1.QuestionKind_QUESTION_KIND_COMPARISON:
		return score.Comparison
	case mapv1.QuestionKind_QUESTION_KIND_REASON:
		return score.Reason
	case mapv1.QuestionKind_QUESTION_KIND_MULTIPLE: // its parts
		return score.Mark
	case mapv1.QuestionKind_QUESTION_KIND_RANKING: // its parts
		return score.Rank
	case mapv1.QuestionKind_QUESTION_KIND_CHOICE:
		return score.Choice
	case mapv1.QuestionKind_QUESTION_KIND_PERCEIVED:
		return score.Perceived
	default:
		return score.Rating
	}
}

func facetOf(f mapv1.Facet) score.Facet {
	switch f {
	case mapv1.Facet_FACET_SUCCESS:
		return score.Success
	case mapv1.Facet_FACET_EFFORT:
		return score.Effort
	case mapv1.Facet_FACET_EMOTION:
		return score.Feelings
	default:
		return score.NoFacet
	}
}

func feelingOf(f mapv1.Feeling) score.Feeling {
	switch f {
	case mapv1.Feeling_FEELING_POSITIVE:
		return score.Positive
	case mapv1.Feeling_FEELING_NEGATIVE:
		return score.Negative
	default:
		return score.Neutral
	}
}

func abandonsOf(a mapv1.Abandons) score.Abandons {
	switch a {
	case mapv1.Abandons_ABANDONS_WITHIN_SUCCEED:
		return score.WithinSucceed
	case mapv1.Abandons_ABANDONS_LEFT_OUT:
		return score.LeftOut
	case mapv1.Abandons_ABANDONS_FAIL:
		return score.Fail
	case mapv1.Abandons_ABANDONS_WITHIN_LEFT_OUT:
		return score.WithinLeftOut
	case mapv1.Abandons_ABANDONS_SHORT_SUCCEED:
		return score.ShortSucceed
	case mapv1.Abandons_ABANDONS_SHORT_LEFT_OUT:
		return score.ShortLeftOut
	default:
		return score.ByOutcomes
	}
}
