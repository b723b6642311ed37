package survey

import (
	"context"
	"encoding/hex"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	surveyv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/survey/v1"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
	"github.com/touchstone-cx/touchstone/services/survey/state"
	"github.com/touchstone-cx/touchstone/services/survey/words"
)

// ListTodo implements the RPC.
func (s *service) ListTodo(_ context.Context, req *surveyv1.ListTodoRequest) (*surveyv1.ListTodoResponse, error) {
	org, _, err := s.of(req.GetOrganisation())
	if err != nil {
		return nil, err
	}
	size, out := pageSize(req.GetPageSize()), &surveyv1.ListTodoResponse{}
	var list []*state.Todo
	passed := req.GetPageToken() == ""
	if err := s.state.Todo(org, func(t *state.Todo) bool {
		if !passed {
			passed = todoID(t) == req.GetPageToken()
			return true
		}
		if req.GetOwner() != "" && t.Owner != req.GetOwner() || t.DoneAt > 0 && !req.GetDone() {
			return true
		}
		if len(list) == size {
			out.NextPageToken = todoID(list[size-1])
			return false
		}
		list = append(list, t)
		return true
	}); err != nil {
		return nil, err
	}
	if !passed {
		return nil, badToken()
	}
	for _, t := range list {
		x, err := s.todo(t)
		if err != nil {
			return nil, err
		}
		out.Todo = append(out.Todo, x)
	}
	return out, nil
}

func todoID(t *state.Todo) string { return hex.EncodeToString(t.Invitation[:]) + ":" + t.Rule }

func (s *service) todo(t *state.Todo) (*surveyv1.Todo, error) {
	x := &surveyv1.Todo{
		Id: todoID(t), Rule: t.Rule, Action: t.Action, Owner: t.Owner, Touchpoint: t.Touchpoint, DueAt: timestamppb.New(time.UnixMilli(t.Due)), Done: t.Done,
		Given: &surveyv1.Given{Question: t.Question},
	}
	if t.DoneAt > 0 {
		x.DoneAt = timestamppb.New(time.UnixMilli(t.DoneAt))
	}
	i, err := s.state.Invitation(t.Invitation)
	if err != nil {
		return nil, err
	}
	if i != nil {
		for _, a := range i.Answers {
			if a.GetQuestion() == t.Question {
				x.Given.Values = a.GetValues()
			}
		}
	}
	return x, nil
}

// DoneTodo implements the RPC.
func (s *service) DoneTodo(ctx context.Context, req *surveyv1.DoneTodoRequest) (*surveyv1.DoneTodoResponse, error) {
	org, _, err := s.of(req.GetOrganisation())
	if err != nil {
		return nil, err
	}
	t, err := s.findTodo(org, req.GetId())
	if err != nil {
		return nil, err
	}
	if t.DoneAt > 0 {
		return nil, fault.New(fault.Precondition, "it was done already: %s", t.Done)
	}
	if said := words.Redact(req.GetDone()); said != req.GetDone() {
		return nil, fault.Field("done", "it names somebody's number or address", "Say what was done without them: "+said)
	}
	if err := s.tell(ctx, org, &surveyv1.SurveyEvent{Invitation: t.Invitation[:], What: &surveyv1.SurveyEvent_Done{
		Done: &surveyv1.Done{Rule: t.Rule, Text: req.GetDone(), Key: keyOf(ctx)},
	}}); err != nil {
		return nil, err
	}
	if t, err = s.findTodo(org, req.GetId()); err != nil {
		return nil, err
	}
	x, err := s.todo(t)
	return &surveyv1.DoneTodoResponse{Todo: x}, err
}

func (s *service) findTodo(org, id string) (found *state.Todo, err error) {
	if _, _, ok := strings.Cut(id, ":"); ok {
		err = s.state.Todo(org, func(t *state.Todo) bool {
			if todoID(t) == id {
				found = t
			}
			return found == nil
		})
	}
	if err == nil && found == nil {
		err = fault.New(fault.NotFound, "nothing is to be done under the id %q: see `touchstone survey todo`", id)
	}
	return found, err
}
