package expmap

import (
	"fmt"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
)

// AskedOfEmployees returns the declared questions whose answers are those of employees: of kind enps, and all that a survey asks
// in waves of employees. They are shown under the rules for employees.
func AskedOfEmployees(p *mapv1.Map) map[string]bool {
	out := map[string]bool{}
	for _, q := range p.GetQuestions() {
		if q.GetKind() == mapv1.QuestionKind_QUESTION_KIND_ENPS {
			out[q.GetId()] = true
		}
	}
	for _, s := range p.GetSurveys() {
		if !ofEmployees(s) {
			continue
		}
		for _, x := range s.GetItems() {
			out[x.GetQuestion()] = true
		}
	}
	return out
}

func ofEmployees(s *mapv1.Survey) bool {
	return s.GetWave().GetAudience() == mapv1.Audience_AUDIENCE_EMPLOYEES
}

// employees checks that employees and customers are asked questions of their own: answers to one question are shown together.
func (c *checker) employees(surveys []*mapv1.Survey) {
	for i, s := range surveys {
		if ofEmployees(s) {
			if s.GetTrigger() != nil {
				c.add(fmt.Sprintf("surveys[%d].trigger", i), fmt.Sprintf("The survey %q asks employees in waves and customers after interactions.", s.GetId()),
					"Divide it: a survey of employees has a wave alone.")
			}
			continue
		}
		for j, x := range s.GetItems() {
			if c.ofEmployees[x.GetQuestion()] {
				c.add(fmt.Sprintf("surveys[%d].items[%d].question", i, j), fmt.Sprintf("The question %q is for employees, and the survey %q asks customers.", x.GetQuestion(), s.GetId()),
					"Ask customers a question of their own: what employees answer is shown under other rules.")
			}
		}
	}
}

// incompatibleEmployees adds questions that employees were asked and that would now be shown as customers' answers are.
func incompatibleEmployees(old, new *Map, add func(field, message, remedy string)) {
	now := AskedOfEmployees(new.Proto)
	was := map[string]string{}
	for _, s := range old.Proto.GetSurveys() {
		if !ofEmployees(s) || s.GetState() == mapv1.SurveyState_SURVEY_STATE_UNSPECIFIED {
			continue
		}
		for _, x := range s.GetItems() {
			was[x.GetQuestion()] = s.GetId()
		}
	}
	for i, q := range new.Proto.GetQuestions() {
		if survey, is := was[q.GetId()]; is && !now[q.GetId()] {
			add(fmt.Sprintf("questions[%d].id", i), fmt.Sprintf("The question %q was asked of employees by the survey %q, and would be shown as customers' answers are.", q.GetId(), survey),
				"Keep it in a survey of employees, which may be closed, or take the question off the map.")
		}
	}
}
