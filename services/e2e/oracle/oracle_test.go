package oracle_test

import (
	"context"
	"math"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/e2e/oracle"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func call(id string, version uint64, ms int64, team string) *factv1.Fact {
	return &factv1.Fact{Id: id, Version: version, Content: &factv1.Fact_Interaction{Interaction: &factv1.Interaction{
		OccurredAt: timestamppb.New(noon), Touchpoint: "call", Team: team, Outcome: "answered",
		Metrics: []*factv1.MetricValue{{Metric: "wait", Amount: &factv1.MetricValue_Value{Value: ms}}},
	}}}
}

func answer(id, about string, value int64) *factv1.Fact {
	return &factv1.Fact{Id: id, Content: &factv1.Fact_Answer{Answer: &factv1.Answer{Question: "recommend", Value: value, Interaction: &factv1.InteractionRef{Id: about}}}}
}

// The newest version counts, once; an answer counts where its interaction does, whichever comes first.
func TestRecount(t *testing.T) {
	j := oracle.NewJournal(nil, map[string]int64{"wait": 1000})
	j.Acknowledged("pbx", answer("a-1", "c-1", 10), answer("a-2", "c-2", 3), answer("a-3", "never", 0))
	j.Acknowledged("pbx", call("c-1", 2, 2000, "north"), call("c-1", 1, 9000, "south"), call("c-1", 2, 2000, "north"))
	j.Acknowledged("pbx", call("c-2", 0, 4000, "south"), call("c-3", 0, 8000, "south"))
	j.Acknowledged("pbx", &factv1.Fact{Id: "c-3", Version: 1, Content: &factv1.Fact_Retraction{Retraction: &factv1.Retraction{Kind: factv1.Kind_KIND_INTERACTION}}})
	j.Acknowledged("crm", call("c-1", 0, 500, "")) // the same id of another source is another fact
	if facts, deliveries := j.Facts(); facts != 7 || deliveries != 10 {
		t.Errorf("%d facts in %d deliveries, want 7 in 10", facts, deliveries)
	}
	cases := j.Recount()
	for _, c := range []struct {
		scope oracle.Scope
		id    string
		n     int64
		value float64
	}{
		{oracle.Scope{}, "interactions.count", 3, 3},
		{oracle.Scope{}, "wait.mean", 3, 6.5 / 3},
		{oracle.Scope{Team: "south"}, "wait.mean", 1, 4},
		{oracle.Scope{Team: "north"}, "recommend.nps", 1, 100},
		{oracle.Scope{}, "recommend.nps", 2, 0},
		{oracle.Scope{}, "outcome.answered.share", 3, 100},
		{oracle.Scope{}, "wait.median", 3, 2},
	} {
		resolution := int64(1)
		if strings.HasPrefix(c.id, "wait") {
			resolution = 1000
		}
		x, ok := oracle.Count(cases, c.scope, 0, 0).Score(c.id, resolution, 10)
		if !ok || x.N != c.n || math.Abs(x.Value-c.value) > 1e-12 {
			t.Errorf("%s of %+v: %+v, want %v of %d", c.id, c.scope, x, c.value, c.n)
		}
	}
	if n := oracle.Count(cases, oracle.Scope{}, noon.UnixMilli()+1, noon.UnixMilli()+2).Interactions; n != 0 {
		t.Errorf("%d interactions after the last", n)
	}
}

// scores answers what another journal counts.
type scores struct {
	scorev1.ScoreServiceClient
	from *oracle.Journal
}

func (s scores) BatchGetScores(_ context.Context, r *scorev1.BatchGetScoresRequest, _ ...grpc.CallOption) (*scorev1.BatchGetScoresResponse, error) {
	out := &scorev1.BatchGetScoresResponse{}
	cases := s.from.Recount()
	for _, ref := range r.GetRefs() {
		resolution := int64(1)
		if strings.HasPrefix(ref.GetScore(), "wait") {
			resolution = 1000
		}
		x, _ := oracle.Count(cases, oracle.Scope{Touchpoint: ref.GetScope().GetTouchpoint(), Team: ref.GetScope().GetTeam()}, 0, 0).Score(ref.GetScore(), resolution, 10)
		sc := &scorev1.Score{Ref: ref, N: x.N}
		if !math.IsNaN(x.Value) {
			sc.Value = &x.Value
		}
		out.Scores = append(out.Scores, sc)
	}
	return out, nil
}

func (s scores) ExplainScore(context.Context, *scorev1.ExplainScoreRequest, ...grpc.CallOption) (*scorev1.ExplainScoreResponse, error) {
	return &scorev1.ExplainScoreResponse{Formula: "6500 ÷ 2 ÷ 1000"}, nil
}

// A fact that is lost, counted twice, counted in an old version or in another place is found.
func TestCompareFindsDifferences(t *testing.T) {
	m := &mapv1.Map{
		Touchpoints: []*mapv1.Touchpoint{{Id: "call"}}, Teams: []*mapv1.Team{{Id: "north"}, {Id: "south"}}, Outcomes: []*mapv1.Outcome{{Id: "answered"}},
		Metrics:   []*mapv1.Metric{{Id: "wait", Resolution: 1000}},
		Questions: []*mapv1.Question{{Id: "recommend", Kind: mapv1.QuestionKind_QUESTION_KIND_NPS, ScaleMax: 10}},
	}
	made := func(facts ...*factv1.Fact) *oracle.Journal {
		j := oracle.NewJournal(nil, nil)
		j.Acknowledged("pbx", facts...)
		return j
	}
	truth := made(call("c-1", 1, 2000, "north"), call("c-2", 0, 4500, "south"), answer("a-1", "c-1", 9))
	for name, told := range map[string]*oracle.Journal{
		"lost":          made(call("c-1", 1, 2000, "north"), answer("a-1", "c-1", 9)),
		"lost answer":   made(call("c-1", 1, 2000, "north"), call("c-2", 0, 4500, "south")),
		"twice":         made(call("c-1", 1, 2000, "north"), call("c-2", 0, 4500, "south"), call("c-3", 0, 4500, "south"), answer("a-1", "c-1", 9)),
		"old version":   made(call("c-1", 0, 2001, "north"), call("c-2", 0, 4500, "south"), answer("a-1", "c-1", 9)),
		"another place": made(call("c-1", 1, 2000, "south"), call("c-2", 0, 4500, "north"), answer("a-1", "c-1", 9)),
	} {
		if _, err := truth.Compare(t.Context(), scores{from: told}, m, oracle.Stretch{}); err == nil {
			t.Errorf("%s: not found", name)
		}
	}
	if n, err := truth.Compare(t.Context(), scores{from: truth}, m, oracle.Stretch{}); err != nil || n == 0 {
		t.Errorf("%d scores compared: %v", n, err)
	}
}
