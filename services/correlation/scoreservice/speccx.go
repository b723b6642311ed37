package scoreservice

import (
	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	"github.com/touchstone-cx/touchstone/services/correlation/score"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
)

// judged adds what a map declares of scores made of others and of how they are judged.
func judged(m *expmap.Map, s *score.Spec) {
	for i, x := range s.Metrics {
		if metric := m.Metrics[x.ID]; metric != nil {
			s.Metrics[i].Better = betterOf(metric.Better)
		}
	}
	compared(m, s)
	for _, p := range m.Proto.GetCxScores() {
		x := score.CxScore{ID: p.GetId(), SurveyWeight: p.GetSurveyWeight()}
		for _, part := range p.GetParts() {
			x.Parts = append(x.Parts, score.CxPart{Score: part.GetScore(), Weight: part.GetWeight(), Worst: part.GetWorst(), Best: part.GetBest()})
		}
		s.CxScores = append(s.CxScores, x)
	}
	s.Minimums = score.Minimums{Answers: int64(m.Proto.GetMinimums().GetAnswers()), Employees: int64(m.Proto.GetMinimums().GetEmployees())}
	asked := asksAll(m)
	for id := range m.Touchpoints {
		s.Experience = s.Experience || asked(id)
	}
}

func betterOf(b mapv1.Better) int {
	switch b {
	case mapv1.Better_BETTER_LOWER:
		return -1
	case mapv1.Better_BETTER_HIGHER:
		return 1
	default:
		return 0
	}
}

// asksAll returns whether a touchpoint asks about success, effort and emotion of the open experience index.
func asksAll(m *expmap.Map) func(touchpoint string) bool {
	has, employees := map[string]map[mapv1.Facet]bool{}, expmap.AskedOfEmployees(m.Proto)
	for _, q := range m.Questions {
		f := q.Proto.GetFacet()
		if f == mapv1.Facet_FACET_UNSPECIFIED || employees[q.ID] || q.Min != 1 || q.Max != 7 {
			continue
		}
		for t := range q.Touchpoints {
			if has[t] == nil {
				has[t] = map[mapv1.Facet]bool{}
			}
			has[t][f] = true
		}
	}
	return func(touchpoint string) bool { return len(has[touchpoint]) == 3 }
}
