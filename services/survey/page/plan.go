package page

import "slices"

// screens cuts a survey into what is shown at once: each question alone, or in a long survey all up to one that needs an answer
// of the same page. It depends on the survey alone, so that every screen has the same first question at all times.
func (s *Survey) screens() [][]*Question {
	var out [][]*Question
	var page []*Question
	for i := range s.Questions {
		q := &s.Questions[i]
		needs := func(p *Question) bool { return q.When != nil && (q.Needs == nil || slices.Contains(q.Needs, p.ID)) }
		if len(page) > 0 && (len(s.Questions) <= OneByOne || slices.ContainsFunc(page, needs)) {
			out, page = append(out, page), nil
		}
		page = append(page, q)
	}
	if len(page) > 0 {
		out = append(out, page)
	}
	return out
}

// plan is where one respondent stands.
type plan struct {
	screens [][]*Question // those with at least one question that is asked
	open    int           // the first with a question not seen yet; len(screens) if none is
}

// plan returns the screens that answers lead to. A question whose condition does not hold is not on them.
func (s *Survey) plan(saved Answers) plan {
	var p plan
	p.open = -1
	for _, screen := range s.screens() {
		asked := make([]*Question, 0, len(screen))
		fresh := false
		for _, q := range screen {
			if q.When != nil && !q.When(saved) {
				continue
			}
			asked = append(asked, q)
			if _, seen := saved[q.ID]; !seen {
				fresh = true
			}
		}
		if len(asked) == 0 {
			continue
		}
		if fresh && p.open < 0 {
			p.open = len(p.screens)
		}
		p.screens = append(p.screens, asked)
	}
	if p.open < 0 {
		p.open = len(p.screens)
	}
	return p
}

// at returns the screen that shows a question, never one behind the first open one; the first open one for none, and the last
// once all were seen.
func (p plan) at(question string) int {
	last := min(p.open, len(p.screens)-1)
	for i, screen := range p.screens[:last+1] {
		if slices.ContainsFunc(screen, func(q *Question) bool { return q.ID == question }) {
			return i
		}
	}
	return last
}

// left returns the saved answers to questions that are no longer asked, emptied: what one said before one changed the answer
// on which they hang does not count.
func (s *Survey) left(saved Answers) Answers {
	out := Answers{}
	for i := range s.Questions {
		q := &s.Questions[i]
		if a, ok := saved[q.ID]; ok && !a.empty() && q.When != nil && !q.When(saved) {
			out[q.ID] = Answer{}
		}
	}
	return out
}

// count returns on how many screens a respondent may be asked: those whose condition hangs on something not yet answered are
// among them, so that the number falls and does not rise on the way.
func (s *Survey) count(saved Answers) int {
	n := 0
	for _, screen := range s.screens() {
		if slices.ContainsFunc(screen, func(q *Question) bool { return q.When == nil || q.When(saved) || !s.decided(q, saved) }) {
			n++
		}
	}
	return n
}

// decided tells whether all that a question needs was seen.
func (s *Survey) decided(q *Question, saved Answers) bool {
	for i := range s.Questions {
		before := &s.Questions[i]
		if before == q {
			break
		}
		if q.Needs != nil && !slices.Contains(q.Needs, before.ID) {
			continue
		}
		if _, seen := saved[before.ID]; !seen && (before.When == nil || before.When(saved)) {
			return false
		}
	}
	return true
}

// empty tells whether an answer says nothing.
func (a Answer) empty() bool { return len(a.Values) == 0 && a.Text == "" }

// same tells whether two answers are alike.
func (a Answer) same(b Answer) bool { return a.Text == b.Text && slices.Equal(a.Values, b.Values) }
