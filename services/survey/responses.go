package survey

import (
	"context"
	"encoding/hex"
	"errors"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	surveyv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/survey/v1"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
	"github.com/touchstone-cx/touchstone/services/survey/page"
	"github.com/touchstone-cx/touchstone/services/survey/state"
)

// leastEmployees is the fewest responses of employees that are shown.
const leastEmployees = 10

// RecordResponse implements the RPC.
func (s *service) RecordResponse(ctx context.Context, req *surveyv1.RecordResponseRequest) (*surveyv1.RecordResponseResponse, error) {
	org := orElse(req.GetOrganisation(), defaultOrganisation)
	err := s.answers.take(ctx, req.GetToken(), func(f *found) (*surveyv1.Saved, error) {
		if f.i.Organisation != org {
			return nil, page.ErrGone
		}
		step := page.Step{Answers: page.Answers{}, Language: orElse(req.GetLanguage(), f.i.Language), Device: "other", LastSeen: f.i.LastSeen}
		for _, g := range req.GetGiven() {
			if err := f.survey.takes(f.by, g); err != nil {
				return nil, err
			}
			step.Answers[g.GetQuestion()] = page.Answer{Values: g.GetValues(), Text: g.GetText()}
			step.LastSeen = g.GetQuestion()
		}
		out, err := s.answers.step(f, step, req.GetFinal())
		if err == nil {
			out.MayQuote, out.MayContact = req.GetMayQuote(), req.GetMayContact()
		}
		return out, err
	})
	switch {
	case errors.Is(err, page.ErrGone):
		return nil, fault.New(fault.NotFound, "this link takes no answers: it is unknown, its time is over, or its survey is closed")
	case errors.Is(err, page.ErrSpent):
		return nil, fault.New(fault.Precondition, "it was answered to the end already: the first end counts")
	case err != nil:
		return nil, err
	}
	return &surveyv1.RecordResponseResponse{Completed: req.GetFinal()}, nil
}

// takes says what is wrong with an answer, or nothing.
func (a *asked) takes(by *compiled, g *surveyv1.Given) error {
	n := slices.IndexFunc(a.page.Questions, func(q page.Question) bool { return q.ID == g.GetQuestion() })
	if n < 0 {
		return fault.Field("given.question", "the survey does not ask "+g.GetQuestion(), "Give answers to its questions only: see `touchstone survey list`.")
	}
	q, declared := &a.page.Questions[n], by.view.Questions[g.GetQuestion()]
	text := declared.Kind == mapv1.QuestionKind_QUESTION_KIND_TEXT
	several := declared.Kind == mapv1.QuestionKind_QUESTION_KIND_MULTIPLE || declared.Kind == mapv1.QuestionKind_QUESTION_KIND_RANKING
	wrong := func(what, remedy string) error { return fault.Field("given."+g.GetQuestion(), what, remedy) }
	switch {
	case text && len(g.GetValues()) > 0:
		return wrong("it is answered in words", "Give text and no values.")
	case !text && g.GetText() != "":
		return wrong("it is answered by a value", "Give values and no text.")
	case !several && len(g.GetValues()) > 1:
		return wrong("it has one value", "Give one.")
	case declared.Kind == mapv1.QuestionKind_QUESTION_KIND_RANKING && len(g.GetValues()) > 0 && len(g.GetValues()) != len(q.Choices):
		return wrong("a ranking orders all choices", "Give each once.")
	}
	for i, v := range g.GetValues() {
		if slices.Contains(g.GetValues()[:i], v) {
			return wrong("a value is given twice", "Give each once.")
		}
		if len(q.Choices) > 0 && !slices.Contains(q.Choices, v) || len(q.Choices) == 0 && (v < q.Min || v > q.Max) {
			return wrong("the value is none of its scale", "Give one that the map declares.")
		}
	}
	return nil
}

// ListResponses implements the RPC.
func (s *service) ListResponses(ctx context.Context, req *surveyv1.ListResponsesRequest) (*surveyv1.ListResponsesResponse, error) {
	org, by, err := s.of(req.GetOrganisation())
	if err != nil {
		return nil, err
	}
	size := pageSize(req.GetPageSize())
	var before state.ID
	if t := req.GetPageToken(); t != "" {
		b, err := hex.DecodeString(t)
		ok := false
		if before, ok = asID(b); err != nil || !ok {
			return nil, badToken()
		}
	}
	type one struct {
		id state.ID
		i  *state.Invitation
	}
	var last []one // the newest before the token, one more than are shown
	employees := 0
	if err := s.state.Responses(org, func(id state.ID, i *state.Invitation) bool {
		if id == before && before != (state.ID{}) {
			return false
		}
		if a := by.byID[i.Survey]; a != nil && a.proto.GetWave().GetAudience() == mapv1.Audience_AUDIENCE_EMPLOYEES {
			if req.GetSurvey() != i.Survey {
				return true
			}
			employees++
		}
		if req.GetSurvey() != "" && i.Survey != req.GetSurvey() || req.GetTouchpoint() != "" && i.Context.GetTouchpoint() != req.GetTouchpoint() ||
			req.GetTheme() != "" && !slices.ContainsFunc(i.Answers, func(x *surveyv1.SavedAnswer) bool { return slices.Contains(x.GetThemes(), req.GetTheme()) }) {
			return true
		}
		if last = append(last, one{id, i}); len(last) > size+1 {
			last = last[1:]
		}
		return true
	}); err != nil {
		return nil, err
	}
	out := &surveyv1.ListResponsesResponse{}
	if a := by.byID[req.GetSurvey()]; a != nil && a.proto.GetWave().GetAudience() == mapv1.Audience_AUDIENCE_EMPLOYEES && employees < leastEmployees {
		out.Withheld = "fewer than 10 answers of employees"
		return out, nil
	}
	all := admin(ctx)
	for n := len(last) - 1; n >= 0 && len(out.GetResponses()) < size; n-- {
		out.Responses = append(out.Responses, s.response(last[n].id, last[n].i, all))
	}
	if len(last) > size {
		out.NextPageToken = out.GetResponses()[size-1].GetInvitation()
	}
	return out, nil
}

func (s *service) response(id state.ID, i *state.Invitation, all bool) *surveyv1.Response {
	r := &surveyv1.Response{
		Invitation: hex.EncodeToString(id[:]), Survey: i.Survey, Touchpoint: i.Context.GetTouchpoint(), StartedAt: timestamppb.New(time.UnixMilli(i.Started)),
		ChangedAt: timestamppb.New(time.UnixMilli(i.Changed)), Completed: i.Completed > 0, Language: i.AskedIn, LastSeen: i.LastSeen,
		MayQuote: i.MayQuote, MayContact: i.MayContact,
	}
	for _, x := range i.Answers {
		g := &surveyv1.Given{Question: x.GetQuestion(), Values: x.GetValues()}
		if all || i.MayQuote {
			g.Text = s.answers.text(i, x)
		}
		r.Given = append(r.Given, g)
	}
	return r
}

func pageSize(n int32) int {
	if n == 0 {
		return 100
	}
	return int(n)
}

func badToken() error {
	return fault.Field("page_token", "it is none that was given", "Take next_page_token of the page before.")
}
