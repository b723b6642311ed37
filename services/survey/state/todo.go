package state

import (
	surveyv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/survey/v1"
)

// bad keeps what is to be done about bad answers. An answer that was changed for the better before the end takes back what is to
// be done about it, if nothing was done yet.
func (s *State) bad(id ID, i *Invitation, at int64, e *surveyv1.Saved) error {
	again := map[string]bool{}
	for _, b := range e.GetBad() {
		again[b.GetRule()] = true
	}
	for _, a := range e.GetAnswers() {
		var gone [][]byte
		if err := s.todoOf(i, func(k []byte, t *Todo) {
			if t.Question == a.GetQuestion() && !again[t.Rule] && t.DoneAt == 0 {
				gone = append(gone, k)
			}
		}); err != nil {
			return err
		}
		for _, k := range gone {
			s.remove(k)
			s.forgetTodo(i, k)
		}
	}
	for _, b := range e.GetBad() {
		known := false
		if err := s.todoOf(i, func(_ []byte, t *Todo) { known = known || t.Rule == b.GetRule() }); err != nil {
			return err
		}
		if known {
			continue
		}
		k := key(keyTodo, i.Organisation, b.GetDueMs(), id, b.GetRule())
		if err := s.put(k, &Todo{
			Organisation: i.Organisation, Invitation: id, Survey: i.Survey, Rule: b.GetRule(), Question: b.GetQuestion(), Action: b.GetAction(),
			Owner: b.GetOwner(), Touchpoint: i.Context.GetTouchpoint(), Since: at, Due: b.GetDueMs(),
		}); err != nil {
			return err
		}
		i.Todo = append(i.Todo, k)
	}
	return nil
}

// todoOf calls f for what is to be done, or was, about an invitation's answers.
func (s *State) todoOf(i *Invitation, f func(key []byte, t *Todo)) error {
	for _, k := range i.Todo {
		b, err := s.get(k)
		if err != nil {
			return err
		}
		t, err := decode[Todo](b)
		if err != nil {
			return err
		}
		if t != nil {
			f(k, t)
		}
	}
	return nil
}

func (s *State) forgetTodo(i *Invitation, gone []byte) {
	for k := range i.Todo {
		if string(i.Todo[k]) == string(gone) {
			i.Todo = append(i.Todo[:k:k], i.Todo[k+1:]...)
			return
		}
	}
}

// done notes what was done about a bad answer, the first time it is told.
func (s *State) done(_ string, id ID, at int64, e *surveyv1.Done) error {
	return s.invitation(id, func(i *Invitation) error {
		var err error
		if xerr := s.todoOf(i, func(k []byte, t *Todo) {
			if t.Rule == e.GetRule() && t.DoneAt == 0 {
				t.DoneAt, t.Done, t.By = at, e.GetText(), e.GetKey()
				err = s.put(k, t)
			}
		}); xerr != nil {
			return xerr
		}
		return err
	})
}
