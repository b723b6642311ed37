package scoreservice

import (
	"context"
	"crypto/sha256"
	"errors"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/correlation/state"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
	"github.com/touchstone-cx/touchstone/services/internal/fold"
	"github.com/touchstone-cx/touchstone/services/internal/fold/memstore"
)

var monday = time.Date(2026, 3, 2, 10, 30, 30, 0, time.UTC)

// kit is a service over a real state, with a clock that stands still.
type kit struct {
	t    testing.TB
	svc  *Service
	r    *Reader
	st   atomic.Pointer[state.State]
	now  atomic.Int64
	seq  uint64
	mu   sync.Mutex
	maps map[string]*expmap.Map
}

func (k *kit) Current(organisation string) *expmap.Map {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.maps[organisation]
}

func (k *kit) clock() time.Time { return time.UnixMilli(k.now.Load()).UTC() }

func (k *kit) advance(d time.Duration) { k.now.Add(d.Milliseconds()) }

type ownKey struct{}

// as confines a caller to an organisation.
func as(organisation string) context.Context {
	return context.WithValue(context.Background(), ownKey{}, organisation)
}

func newKit(t testing.TB) *kit {
	k := &kit{t: t, maps: map[string]*expmap.Map{}}
	k.now.Store(monday.UnixMilli())
	k.apply("default", 1, nil)
	k.apply("other", 1, nil)
	k.fresh()
	k.r = NewReader(Source{State: k.st.Load, Maps: k, Clock: k.clock, Confined: func(ctx context.Context) string {
		own, _ := ctx.Value(ownKey{}).(string)
		return own
	}})
	k.svc = New(k.r, nil)
	return k
}

// fresh begins with an empty state, as after a rebuild.
func (k *kit) fresh() {
	k.t.Helper()
	st, err := memstore.New().Open("x")
	if err != nil {
		k.t.Fatal(err)
	}
	s := state.New(func(organisation string) (*state.Counting, error) {
		m := k.Current(organisation)
		c := &state.Counting{Zone: m.Zone, Channel: true, Team: true, Attributes: map[string]bool{"plan": true}, Resolution: map[string]int64{}, Agent: m.KeepsAgents()}
		for id, x := range m.Metrics {
			c.Resolution[id] = x.Resolution
		}
		for id, q := range m.Questions {
			c.Resolution[id] = 1
			for _, b := range q.Proto.GetBaselines() {
				c.Resolution[expmap.GapMeasure(id, b)], c.Resolution[expmap.ExpectedMeasure(id, b)] = expmap.GapResolution(b), expmap.GapResolution(b)
			}
			if x := m.Metrics[q.Proto.GetPerceives()]; x != nil {
				c.Resolution[expmap.FeltGapMeasure(id)], c.Resolution[expmap.CountedMeasure(id)] = x.Resolution, x.Resolution
			}
		}
		for _, l := range m.LinkedInOrder() {
			c.Linked = append(c.Linked, state.Linked{ID: l.ID, Base: expmap.LinkedBase(l.ID), Touchpoints: l.Touchpoints, Except: l.Except, Longest: l.Longest})
			c.Resolution[l.ID], c.Resolution[expmap.LinkedBase(l.ID)] = 3600, 1
		}
		return c, nil
	}, k.clock)
	if err := s.Load(st); err != nil {
		k.t.Fatal(err)
	}
	k.st.Store(s)
}

func (k *kit) apply(organisation string, version uint64, change func(*mapv1.Map)) {
	k.t.Helper()
	p := &mapv1.Map{
		Organisation: organisation, Zone: "Europe/Berlin",
		Channels: []*mapv1.Channel{{Id: "phone"}, {Id: "web"}},
		Teams:    []*mapv1.Team{{Id: "north"}, {Id: "south"}},
		Outcomes: []*mapv1.Outcome{{Id: "answered"}, {Id: "abandoned"}},
		Metrics:  []*mapv1.Metric{{Id: "wait", Unit: "s", Resolution: 1000}, {Id: "cost", Unit: "EUR", Resolution: 100}},
		Questions: []*mapv1.Question{
			{Id: "recommend", Kind: mapv1.QuestionKind_QUESTION_KIND_NPS, ScaleMin: 0, ScaleMax: 10, Touchpoints: []string{"call", "shop"}},
			{Id: "satisfied", Kind: mapv1.QuestionKind_QUESTION_KIND_CSAT, ScaleMin: 1, ScaleMax: 5, Touchpoints: []string{"call"}},
		},
		Attributes: []*mapv1.Attribute{{Id: "plan", Values: []string{"basic", "gold"}}},
		Breakdowns: []string{"channel", "team", "attribute:plan"},
		ServiceLevels: []*mapv1.ServiceLevel{{
			Id: "in_time", Metric: "wait", Threshold: 20, Boundary: mapv1.Boundary_BOUNDARY_BELOW, Outcomes: []string{"answered"},
		}},
	}
	for _, id := range []string{"call", "shop", "site"} {
		p.Touchpoints = append(p.Touchpoints, &mapv1.Touchpoint{Id: id, FunctionalOwner: "head", OperationalOwner: "lead"})
	}
	if change != nil {
		change(p)
	}
	m, problems := expmap.Compile(p, version)
	if problems != nil {
		k.t.Fatal(problems)
	}
	k.mu.Lock()
	k.maps[organisation] = m
	k.mu.Unlock()
}

// a fact, sealed as ingest does.
func sealed(id string, version uint64, content any) *factv1.RecordedFact {
	f := &factv1.RecordedFact{Source: "pbx", Id: id, Version: version, Digest: make([]byte, 16)}
	switch c := content.(type) {
	case *factv1.RecordedInteraction:
		f.Kind, f.Content = factv1.Kind_KIND_INTERACTION, &factv1.RecordedFact_Interaction{Interaction: c}
	case *factv1.RecordedAnswer:
		f.Kind, f.Content = factv1.Kind_KIND_ANSWER, &factv1.RecordedFact_Answer{Answer: c}
	case factv1.Kind:
		f.Kind = c
		return f
	}
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(f)
	if err != nil {
		panic(err)
	}
	d := sha256.Sum256(b)
	f.Digest = d[:16]
	return f
}

func call(at time.Time, touchpoint, team, outcome string, waitMs int64) *factv1.RecordedInteraction {
	c := &factv1.RecordedInteraction{OccurredAtMs: at.UnixMilli(), Touchpoint: touchpoint, Channel: "phone", Team: team, Outcome: outcome}
	if waitMs >= 0 {
		c.Metrics = []*factv1.RecordedMetric{{Metric: "wait", Value: waitMs}}
	}
	return c
}

func answer(at time.Time, touchpoint, question string, v int64) *factv1.RecordedAnswer {
	return &factv1.RecordedAnswer{AboutTimeMs: at.UnixMilli(), Touchpoint: touchpoint, Question: question, Value: v}
}

func (k *kit) fold(facts ...*factv1.RecordedFact) { k.t.Helper(); k.foldInto("default", facts...) }

func (k *kit) foldInto(organisation string, facts ...*factv1.RecordedFact) {
	k.t.Helper()
	b, err := proto.Marshal(&factv1.RecordedBatch{Facts: facts})
	if err != nil {
		k.t.Fatal(err)
	}
	k.seq++
	if err := k.st.Load().Apply(fold.Message{Sequence: k.seq, Subject: "ts.fact." + organisation + ".0", Data: b}); err != nil {
		k.t.Fatal(err)
	}
}

func (k *kit) get(id string, scope *scorev1.Scope, w scorev1.Window) *scorev1.Score {
	k.t.Helper()
	resp, err := k.svc.GetScore(context.Background(), &scorev1.GetScoreRequest{Ref: &scorev1.ScoreRef{Score: id, Scope: scope, Window: w}})
	if err != nil {
		k.t.Fatal(err)
	}
	return resp.GetScore()
}

// client serves the service on a connection in memory.
func (k *kit) client() scorev1.ScoreServiceClient {
	k.t.Helper()
	lis := bufconn.Listen(1 << 20)
	s := grpc.NewServer()
	scorev1.RegisterScoreServiceServer(s, k.svc)
	done := make(chan error, 1)
	go func() { done <- s.Serve(lis) }()
	conn, err := grpc.NewClient("passthrough:///x", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return lis.DialContext(ctx) }))
	if err != nil {
		k.t.Fatal(err)
	}
	k.t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			k.t.Error(err)
		}
		k.svc.Close()
		s.GracefulStop()
		if err := <-done; err != nil {
			k.t.Error(err)
		}
	})
	return scorev1.NewScoreServiceClient(conn)
}

// wantField checks that err is about one field, and says some words.
func wantField(t testing.TB, err error, field, words string) {
	t.Helper()
	var e *fault.Error
	if !errors.As(err, &e) || e.Kind != fault.Invalid || len(e.Violations) == 0 {
		t.Errorf("want a violation of %s, got %v", field, err)
		return
	}
	v := e.Violations[0]
	if v.Field != field || v.Remedy == "" || !strings.Contains(v.Message+" "+v.Remedy, words) {
		t.Errorf("want %s with %q, got %+v", field, words, v)
	}
}

func ts(t time.Time) *timestamppb.Timestamp { return timestamppb.New(t) }

// nowhere is a stream that takes everything.
type nowhere struct {
	grpc.ServerStreamingServer[scorev1.WatchScoresResponse]
	sent chan struct{}
}

func (n *nowhere) Context() context.Context { return context.Background() }

func (n *nowhere) Send(*scorev1.WatchScoresResponse) error {
	n.sent <- struct{}{}
	return nil
}
