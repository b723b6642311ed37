package expmap

import (
	"fmt"
	"slices"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
)

// SurveysLine is the one sentence on surveys; empty for a map without any.
func (c *Coverage) SurveysLine() string {
	if c.Surveys == 0 {
		return ""
	}
	noun, verb := "surveys", "ask"
	if c.Surveys == 1 {
		noun, verb = "survey", "asks"
	}
	return fmt.Sprintf("%d %s %s about %d of %d touchpoints.", c.Surveys, noun, verb, len(c.Surveyed), c.Touchpoints)
}

// surveys finds which surveys ask about which touchpoints.
func (c *Coverage) surveys(p *mapv1.Map) {
	questions := byID(p.GetQuestions())
	for _, s := range p.GetSurveys() {
		if s.GetState() == mapv1.SurveyState_SURVEY_STATE_CLOSED {
			continue
		}
		c.Surveys++
		for _, t := range p.GetTouchpoints() {
			if asksAbout(s, questions, t.GetId()) {
				c.Surveyed[t.GetId()] = append(c.Surveyed[t.GetId()], s.GetId())
			}
		}
	}
}

// asksAbout reports whether any question of a survey is asked about a touchpoint.
func asksAbout(s *mapv1.Survey, questions map[string]*mapv1.Question, touchpoint string) bool {
	after := slices.Contains(s.GetTrigger().GetTouchpoints(), touchpoint)
	return slices.ContainsFunc(s.GetItems(), func(x *mapv1.SurveyItem) bool {
		q := questions[x.GetQuestion()]
		if q == nil || !asks(q, touchpoint) {
			return false
		}
		return after || s.GetWave() != nil && (s.GetWave().GetTouchpoint() == touchpoint || len(q.GetTouchpoints()) == 1)
	})
}

func (c *Coverage) unsurveyed(p *mapv1.Map) {
	if c.Surveys == 0 {
		return
	}
	asked := map[string]struct{}{}
	for _, q := range p.GetQuestions() {
		for _, t := range q.GetTouchpoints() {
			asked[t] = struct{}{}
		}
	}
	for _, t := range p.GetTouchpoints() {
		_, is := asked[t.GetId()]
		if is && len(c.Surveyed[t.GetId()]) == 0 && !t.GetBackStage() {
			c.add(WithoutSurvey, "touchpoint", t.GetId(), t.GetName(), "Add it to the trigger of a survey that asks about it.")
		}
	}
}

func (c *Coverage) inNoSurvey(p *mapv1.Map) {
	if c.Surveys == 0 {
		return
	}
	asked := map[string]struct{}{}
	for _, s := range p.GetSurveys() {
		if s.GetState() == mapv1.SurveyState_SURVEY_STATE_CLOSED {
			continue
		}
		for _, x := range s.GetItems() {
			asked[x.GetQuestion()] = struct{}{}
		}
	}
	for _, q := range p.GetQuestions() {
		if _, is := asked[q.GetId()]; !is {
			c.add(InNoSurvey, "question", q.GetId(), q.GetText(), "Add it to a survey, unless its answers come from elsewhere.")
		}
	}
}
