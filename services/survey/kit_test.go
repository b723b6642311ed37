package survey

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	adminv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/admin/v1"
	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	surveyv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/survey/v1"
	"github.com/touchstone-cx/touchstone/services/internal/access"
	"github.com/touchstone-cx/touchstone/services/internal/bus"
	"github.com/touchstone-cx/touchstone/services/internal/bus/bustest"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
	"github.com/touchstone-cx/touchstone/services/internal/host"
	"github.com/touchstone-cx/touchstone/services/internal/seal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// noon is a Wednesday on which messages may leave.
var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// kit is the service on a bus of its own, with a stand-in for ingest, that can end and begin again on the same stream.
type kit struct {
	t     testing.TB
	bus   *bus.Bus
	dir   string
	now   atomic.Int64
	maps  *expmap.Registry
	pages string
	token string
	env   []string // settings of the next begin

	conn *grpc.ClientConn
	api  surveyv1.SurveyServiceClient
	halt func()

	mu       sync.Mutex
	answered map[string]*factv1.Fact // by id: the newest version
	requests int
}

// aMap has a survey that asks after calls by e-mail, else by link.
func aMap(change ...func(*mapv1.Survey, *mapv1.Map)) *mapv1.Map {
	s := &mapv1.Survey{
		Id: "help", Name: "Help", Owner: "head", State: mapv1.SurveyState_SURVEY_STATE_ACTIVE, Trigger: &mapv1.SurveyTrigger{Touchpoints: []string{"call"}},
		Channels: []mapv1.SurveyChannel{mapv1.SurveyChannel_SURVEY_CHANNEL_EMAIL, mapv1.SurveyChannel_SURVEY_CHANNEL_LINK},
		Items:    []*mapv1.SurveyItem{{Question: "recommend"}, {Question: "ease", When: "recommend <= 8"}},
	}
	m := &mapv1.Map{
		Organisation: "acme", Name: "Acme", Zone: "Europe/Berlin", Surveys: []*mapv1.Survey{s},
		Touchpoints: []*mapv1.Touchpoint{{Id: "call", Name: "Call", FunctionalOwner: "head", OperationalOwner: "floor"}, {Id: "shop", Name: "Shop", FunctionalOwner: "head", OperationalOwner: "floor"}},
		Outcomes:    []*mapv1.Outcome{{Id: "answered"}, {Id: "fraud"}},
		Metrics:     []*mapv1.Metric{{Id: "wait", Name: "Wait", Unit: "s", Resolution: 1000}},
		Attributes:  []*mapv1.Attribute{{Id: "plan", Values: []string{"gold", "blue"}}},
		Questions: []*mapv1.Question{
			{Id: "recommend", Text: "How likely are you to recommend Acme?", Kind: mapv1.QuestionKind_QUESTION_KIND_NPS, ScaleMax: 10, Touchpoints: []string{"call"}, UnpairedBecause: "a test"},
			{Id: "ease", Text: "Acme made it easy.", Kind: mapv1.QuestionKind_QUESTION_KIND_CES2, ScaleMin: 1, ScaleMax: 7, Touchpoints: []string{"call"}, UnpairedBecause: "a test"},
		},
		ActionRules: []*mapv1.ActionRule{{Id: "call_back", Question: "recommend", Answer: 6, Action: "Call them back."}, {Id: "look", Question: "ease", Answer: 1, Action: "Look at what was hard."}},
	}
	for _, f := range change {
		f(s, m)
	}
	return m
}

func newKit(t testing.TB, m *mapv1.Map) *kit {
	t.Helper()
	k := &kit{t: t, bus: bustest.New(t), dir: filepath.Join(t.TempDir(), "data"), answered: map[string]*factv1.Fact{}}
	k.now.Store(noon.UnixMilli())
	var err error
	if k.maps, err = expmap.NewRegistry(t.Context(), k.bus.JS()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.maps.Close)
	ks, err := access.NewKeys(t.Context(), k.bus.JS(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer ks.Close()
	if _, k.token, err = ks.Create(t.Context(), adminv1.KeyRole_KEY_ROLE_ADMIN, "", ""); err != nil {
		t.Fatal(err)
	}
	sub, err := k.bus.NC().Subscribe("ts.in.*.*", k.ingest)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sub.Unsubscribe() })
	if m != nil {
		k.apply(m)
	}
	return k
}

// ingest stands in for the other service: it keeps the facts of the newest versions.
func (k *kit) ingest(m *nats.Msg) {
	req, resp := &ingestv1.PublishRequest{}, &ingestv1.PublishStreamResponse{}
	if err := proto.Unmarshal(m.Data, req); err != nil {
		k.t.Error(err)
	}
	k.mu.Lock()
	k.requests++
	for _, f := range req.GetFacts() {
		if old := k.answered[f.GetId()]; old == nil || f.GetVersion() >= old.GetVersion() {
			k.answered[f.GetId()] = f
		}
		resp.Results = append(resp.Results, &ingestv1.FactResult{Status: ingestv1.Status_STATUS_RECORDED})
	}
	k.mu.Unlock()
	b, err := proto.Marshal(resp)
	if err == nil {
		err = m.Respond(b)
	}
	if err != nil {
		k.t.Error(err)
	}
}

func (k *kit) apply(m *mapv1.Map) {
	k.t.Helper()
	if _, _, err := k.maps.Apply(k.t.Context(), m, nil); err != nil {
		k.t.Fatal(err, problems(k.maps, m))
	}
	if k.api == nil {
		return // it reads the map when it begins
	}
	k.until("the service knows the map", func() bool {
		got, err := k.api.ListSurveys(k.ctx(), &surveyv1.ListSurveysRequest{Organisation: m.GetOrganisation()})
		return err == nil && slices.EqualFunc(got.GetSurveys(), m.GetSurveys(), func(s *surveyv1.SurveyStatus, want *mapv1.Survey) bool { return proto.Equal(s.GetSurvey(), want) })
	})
}

func problems(maps *expmap.Registry, m *mapv1.Map) []*mapv1.Problem {
	all, _, _, _ := maps.Check(context.Background(), m)
	return all
}

// begin starts the service; end stops it. Tests that do not end it have it ended for them.
func (k *kit) begin() *kit {
	k.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		k.t.Fatal(err)
	}
	k.pages = l.Addr().String()
	_ = l.Close()
	cfg, err := host.ReadConfig("", append([]string{"TOUCHSTONE_SURVEY_PAGES=" + k.pages}, k.env...))
	if err != nil {
		k.t.Fatal(err)
	}
	telemetry, err := host.NewTelemetry(context.Background(), "", "test")
	if err != nil {
		k.t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	if os.Getenv("SURVEY_LOG") != "" {
		log = slog.Default()
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan host.Addresses, 1), make(chan error, 1)
	go func() {
		ended <- host.Run(ctx, host.Options{
			GRPC: "127.0.0.1:0", DataDir: k.dir, Bus: k.bus, Config: cfg, Log: log, Telemetry: telemetry, Clock: k.clock,
			Ready: func(a host.Addresses) { ready <- a },
		}, Unit())
	}()
	var at host.Addresses
	select {
	case at = <-ready:
	case err := <-ended:
		cancel()
		k.t.Fatal(err)
	}
	if k.conn, err = grpc.NewClient(at.GRPC, grpc.WithTransportCredentials(insecure.NewCredentials())); err != nil {
		k.t.Fatal(err)
	}
	k.api = surveyv1.NewSurveyServiceClient(k.conn)
	loaded := func() bool {
		_, err := k.api.ExplainCustomer(k.ctx(), &surveyv1.ExplainCustomerRequest{Organisation: "acme", CustomerId: "nobody"})
		return status.Code(err) != codes.Unavailable
	}
	var once sync.Once
	k.halt = func() {
		once.Do(func() {
			_ = k.conn.Close()
			cancel()
			if err := <-ended; err != nil {
				k.t.Error(err)
			}
			_ = telemetry.Stop(context.Background())
		})
	}
	k.t.Cleanup(k.halt)
	k.until("the state is loaded", loaded)
	return k
}

func (k *kit) clock() time.Time { return time.UnixMilli(k.now.Load()) }

func (k *kit) later(d time.Duration) { k.now.Add(d.Milliseconds()) }

func (k *kit) ctx() context.Context {
	return metadata.AppendToOutgoingContext(k.t.Context(), "authorization", "Bearer "+k.token)
}

// call is an interaction of a customer that was recorded now.
func (k *kit) call(id, customer string, change ...func(*factv1.RecordedFact)) *factv1.RecordedFact {
	k.t.Helper()
	x := &factv1.RecordedInteraction{OccurredAtMs: k.now.Load(), Touchpoint: "call", Outcome: "answered", Metrics: []*factv1.RecordedMetric{{Metric: "wait", Value: 90_000}}}
	if customer != "" {
		h, err := seal.OpenHasher(filepath.Join(k.dir, "keys"))
		if err != nil {
			k.t.Fatal(err)
		}
		var sum [seal.Size]byte
		h.Hash(&sum, "acme", seal.Customer, []byte(customer))
		x.Customer = sum[:]
	}
	f := &factv1.RecordedFact{Source: "acd", Id: id, Version: 1, Kind: factv1.Kind_KIND_INTERACTION, RecordedAtMs: k.now.Load(), Content: &factv1.RecordedFact_Interaction{Interaction: x}}
	for _, c := range change {
		c(f)
	}
	return f
}

// reached seals how a customer can be reached into a fact.
func (k *kit) reached(c *factv1.Contact) func(*factv1.RecordedFact) {
	k.t.Helper()
	s, err := seal.OpenSealer(filepath.Join(k.dir, "keys"), k.t.TempDir())
	if err != nil {
		k.t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	b, err := proto.Marshal(c)
	if err != nil {
		k.t.Fatal(err)
	}
	sealed, err := s.Contact(b)
	if err != nil {
		k.t.Fatal(err)
	}
	return func(f *factv1.RecordedFact) { f.GetInteraction().SealedContact = sealed }
}

// record writes facts into the log as ingest does.
func (k *kit) record(facts ...*factv1.RecordedFact) {
	k.t.Helper()
	b, err := proto.Marshal(&factv1.RecordedBatch{Facts: facts})
	if err != nil {
		k.t.Fatal(err)
	}
	m := nats.NewMsg(bus.FactSubject("acme", 0))
	m.Data = b
	m.Header.Set(bus.HeaderMap, fmt.Sprint(k.maps.Current("acme").Version))
	if _, err := k.bus.JS().PublishMsg(k.t.Context(), m); err != nil {
		k.t.Fatal(err)
	}
}

// events are all of the log, read from the stream itself.
func (k *kit) events() (all []*surveyv1.SurveyEvent) {
	k.t.Helper()
	s, err := k.bus.JS().Stream(k.t.Context(), bus.StreamSurvey)
	if err != nil {
		k.t.Fatal(err)
	}
	for seq := uint64(1); seq <= s.CachedInfo().State.LastSeq; seq++ {
		m, err := s.GetMsg(k.t.Context(), seq)
		if err != nil {
			k.t.Fatal(err)
		}
		b := &surveyv1.SurveyBatch{}
		if err := proto.Unmarshal(m.Data, b); err != nil {
			k.t.Fatal(err)
		}
		all = append(all, b.GetEvents()...)
	}
	return all
}

func (k *kit) decided() (all []*surveyv1.SurveyEvent) {
	k.t.Helper()
	for _, e := range k.events() {
		if e.GetDecided() != nil {
			all = append(all, e)
		}
	}
	return all
}

// until waits for something that is to come true.
func (k *kit) until(what string, ok func() bool) {
	k.t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			k.t.Fatalf("in vain: %s", what)
		}
	}
}

// quiet waits until all recorded so far is decided about: an interaction of its own comes through.
func (k *kit) quiet() {
	k.t.Helper()
	id := fmt.Sprint("quiet-", time.Now().UnixNano())
	k.record(k.call(id, ""))
	k.until("the decider reads on", func() bool {
		for _, e := range k.decided() {
			if e.GetDecided().GetId() == id {
				return true
			}
		}
		return false
	})
}

// about returns the decisions about the interactions that a test named.
func (k *kit) about(ids ...string) map[string][]*surveyv1.Decided {
	k.t.Helper()
	out := map[string][]*surveyv1.Decided{}
	for _, e := range k.decided() {
		for _, id := range ids {
			if e.GetDecided().GetId() == id {
				out[id] = append(out[id], e.GetDecided())
			}
		}
	}
	return out
}
