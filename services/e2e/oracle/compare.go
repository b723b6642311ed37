package oracle

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
)

// Stretch is a stretch of time; the zero Stretch is all time.
type Stretch struct{ From, To time.Time }

// wanted is one score to compare.
type wanted struct {
	ref *scorev1.ScoreRef
	x   Number
	sum *int64 // exact, where it is compared too
}

// Compare asks for every score of every scope that the map declares and returns an error that tells the first differences.
// compared is the number of scores that were equal.
func (j *Journal) Compare(ctx context.Context, client scorev1.ScoreServiceClient, m *mapv1.Map, stretches ...Stretch) (compared int, err error) {
	cases := j.Recount()
	var errs []error
	for _, s := range stretches {
		var list []wanted
		for _, scope := range scopes(m) {
			list = append(list, expect(cases, m, scope, s)...)
		}
		for len(list) > 0 && len(errs) < 10 {
			n := min(len(list), 1000)
			bad, err := compare(ctx, client, list[:n])
			if err != nil {
				return compared, err
			}
			errs = append(errs, bad...)
			compared += n - len(bad)
			list = list[n:]
		}
	}
	return compared, errors.Join(errs...)
}

// scopes are the organisation, its touchpoints, and each with each channel, team and segment.
func scopes(m *mapv1.Map) []Scope {
	var out []Scope
	touchpoints := []string{""}
	for _, t := range m.GetTouchpoints() {
		touchpoints = append(touchpoints, t.GetId())
	}
	for _, t := range touchpoints {
		out = append(out, Scope{Touchpoint: t})
		for _, c := range m.GetChannels() {
			out = append(out, Scope{Touchpoint: t, Channel: c.GetId()})
		}
		for _, x := range m.GetTeams() {
			out = append(out, Scope{Touchpoint: t, Team: x.GetId()})
		}
		for _, a := range m.GetAttributes() {
			for _, v := range a.GetValues() {
				out = append(out, Scope{Touchpoint: t, Segment: v})
			}
		}
	}
	return out
}

func expect(cases []Counted, m *mapv1.Map, scope Scope, s Stretch) []wanted {
	from, to := int64(0), int64(0)
	if !s.From.IsZero() {
		from, to = s.From.UnixMilli(), s.To.UnixMilli()
	}
	tally := Count(cases, scope, from, to)
	var out []wanted
	add := func(id string, resolution, top int64, sum *int64) {
		x, ok := tally.Score(id, resolution, top)
		if !ok {
			panic("oracle: unknown score " + id)
		}
		out = append(out, wanted{reference(m.GetOrganisation(), id, scope, s), x, sum})
	}
	add("interactions.count", 1, 0, nil)
	for _, o := range m.GetOutcomes() {
		add("outcome."+o.GetId()+".share", 1, 0, nil)
	}
	for _, x := range m.GetMetrics() {
		sum := tally.Sum(x.GetId())
		statistics := []string{"count", "mean", "sd", "median", "p90", "p95"}
		if tally.ObservedN[x.GetId()] > 0 {
			statistics = statistics[:2] // the spread of published sums is not known
		}
		for _, st := range statistics {
			exact := &sum
			if st != "mean" || len(tally.Values[x.GetId()]) == 0 || tally.ObservedN[x.GetId()] > 0 {
				exact = nil
			}
			add(x.GetId()+"."+st, int64(x.GetResolution()), 0, exact)
		}
	}
	for _, q := range m.GetQuestions() {
		statistics := []string{"count", "mean"}
		switch q.GetKind() {
		case mapv1.QuestionKind_QUESTION_KIND_NPS:
			statistics = append(statistics, "nps", "nps_adjusted")
		case mapv1.QuestionKind_QUESTION_KIND_CSAT, mapv1.QuestionKind_QUESTION_KIND_CES2, mapv1.QuestionKind_QUESTION_KIND_RATING:
			statistics = append(statistics, "top2")
		}
		for _, st := range statistics {
			add(q.GetId()+"."+st, 1, int64(q.GetScaleMax()), nil)
		}
	}
	return out
}

func reference(org, id string, scope Scope, s Stretch) *scorev1.ScoreRef {
	ref := &scorev1.ScoreRef{Organisation: org, Score: id, Scope: &scorev1.Scope{Touchpoint: scope.Touchpoint, Channel: scope.Channel, Team: scope.Team}}
	if scope.Segment != "" {
		ref.Scope.Segment = "segment=" + scope.Segment
	}
	if s.From.IsZero() {
		ref.Window = scorev1.Window_WINDOW_ALL
	} else {
		ref.From, ref.To = timestamppb.New(s.From), timestamppb.New(s.To)
	}
	return ref
}

func compare(ctx context.Context, client scorev1.ScoreServiceClient, list []wanted) ([]error, error) {
	refs := make([]*scorev1.ScoreRef, len(list))
	for i, w := range list {
		refs[i] = w.ref
	}
	got, err := client.BatchGetScores(ctx, &scorev1.BatchGetScoresRequest{Refs: refs})
	if err != nil {
		return nil, fmt.Errorf("asking for scores: %w", err)
	}
	if len(got.GetScores()) != len(list) {
		return nil, fmt.Errorf("asked for %d scores, got %d", len(list), len(got.GetScores()))
	}
	var errs []error
	for i, s := range got.GetScores() {
		if err := differs(list[i], s); err != nil {
			errs = append(errs, err)
		}
	}
	// The organisation's sums digit for digit, from the arithmetic that Explain shows.
	for _, w := range list {
		if w.sum == nil || w.ref.GetScope().GetTouchpoint() != "" || w.ref.GetScope().GetChannel() != "" || w.ref.GetScope().GetTeam() != "" || w.ref.GetScope().GetSegment() != "" {
			continue
		}
		e, err := client.ExplainScore(ctx, &scorev1.ExplainScoreRequest{Ref: w.ref})
		if err != nil {
			return nil, fmt.Errorf("asking why %s: %w", w.ref.GetScore(), err)
		}
		if !strings.HasPrefix(e.GetFormula(), strconv.FormatInt(*w.sum, 10)+" ÷ ") {
			errs = append(errs, fmt.Errorf("%s: Explain says %s, the recount's sum is %d", label(w.ref), e.GetFormula(), *w.sum))
		}
	}
	return errs, nil
}

func differs(w wanted, s *scorev1.Score) error {
	if s.GetN() != w.x.N {
		return fmt.Errorf("%s: n is %d, the recount has %d", label(w.ref), s.GetN(), w.x.N)
	}
	if math.IsNaN(w.x.Value) {
		if s.Value != nil {
			return fmt.Errorf("%s: value is %g, the recount has none", label(w.ref), s.GetValue())
		}
		return nil
	}
	if s.Value == nil {
		return fmt.Errorf("%s: no value (%s), the recount has %g", label(w.ref), s.GetSuppressed(), w.x.Value)
	}
	if d := math.Abs(s.GetValue() - w.x.Value); d > w.x.Rough && d > 1e-9*math.Abs(w.x.Value) {
		return fmt.Errorf("%s: value is %.12g, the recount has %.12g", label(w.ref), s.GetValue(), w.x.Value)
	}
	return nil
}

func label(r *scorev1.ScoreRef) string {
	s := r.GetScope()
	return fmt.Sprintf("%s [touchpoint %q channel %q team %q segment %q, %s to %s]", r.GetScore(), s.GetTouchpoint(), s.GetChannel(), s.GetTeam(), s.GetSegment(),
		r.GetFrom().AsTime().Format(time.RFC3339), r.GetTo().AsTime().Format(time.RFC3339))
}
