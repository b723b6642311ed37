package ingest

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/metric/noop"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	adminv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/admin/v1"
	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	"github.com/touchstone-cx/touchstone/services/internal/access"
	"github.com/touchstone-cx/touchstone/services/internal/bus"
	"github.com/touchstone-cx/touchstone/services/internal/bus/bustest"
	"github.com/touchstone-cx/touchstone/services/internal/bus/embedded"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
	"github.com/touchstone-cx/touchstone/services/internal/host"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 20 * time.Second

func testStats(t testing.TB) *stats {
	t.Helper()
	s, err := newStats(noop.NewMeterProvider().Meter("test"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func grpcCode(err error) string { return status.Code(err).String() }

func soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// gateway is the service over gRPC: a host with this unit, a bus of its own and the map of acme.
type gateway struct {
	t      testing.TB
	bus    *bus.Bus
	nats   *embedded.Server
	conn   *grpc.ClientConn
	client ingestv1.IngestServiceClient
	http   string
}

// open starts it. environ are settings, as "TOUCHSTONE_INGEST_PARTITIONS=8".
func open(t testing.TB, environ ...string) *gateway {
	t.Helper()
	return openLogged(t, slog.DiscardHandler, "", environ...)
}

// openLogged is open with a log, and a collector of traces where an endpoint is given.
func openLogged(t testing.TB, log slog.Handler, traces string, environ ...string) *gateway {
	t.Helper()
	s := &gateway{t: t}
	s.bus, s.nats = bustest.In(t, t.TempDir())
	ctx := soon(t)
	s.applyMap(ctx)
	cfg, err := host.ReadConfig("", append([]string{"TOUCHSTONE_INGEST_RESERVE_BYTES=0", "TOUCHSTONE_INGEST_RESERVE_SHARE=0"}, environ...))
	if err != nil {
		t.Fatal(err)
	}
	telemetry, err := host.NewTelemetry(ctx, traces, "test")
	if err != nil {
		t.Fatal(err)
	}
	running, halt := context.WithCancel(context.Background())
	ready, ended := make(chan host.Addresses, 1), make(chan error, 1)
	go func() {
		ended <- host.Run(running, host.Options{
			GRPC: "127.0.0.1:0", HTTP: "127.0.0.1:0", DataDir: t.TempDir(), Bus: s.bus, Config: cfg, Log: slog.New(log), Telemetry: telemetry,
			Ready: func(a host.Addresses) { ready <- a },
		}, Unit())
	}()
	t.Cleanup(func() {
		halt()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := telemetry.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	var at host.Addresses
	select {
	case at = <-ready:
	case <-ctx.Done():
		t.Fatal("it does not start")
	}
	s.http = at.HTTP
	if s.conn, err = grpc.NewClient(at.GRPC, grpc.WithTransportCredentials(insecure.NewCredentials())); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.conn.Close(); err != nil {
			t.Error(err)
		}
	})
	s.client = ingestv1.NewIngestServiceClient(s.conn)
	return s
}

func (s *gateway) applyMap(ctx context.Context) {
	s.t.Helper()
	maps, err := expmap.NewRegistry(ctx, s.bus.JS())
	if err != nil {
		s.t.Fatal(err)
	}
	defer maps.Close()
	m := smallMap("acme")
	m.Metrics = []*mapv1.Metric{{Id: "wait", Unit: "s", Resolution: 1000}}
	m.Questions = []*mapv1.Question{{Id: "recommend", Kind: mapv1.QuestionKind_QUESTION_KIND_NPS, ScaleMax: 10, Touchpoints: []string{"help"}}}
	if _, _, err := maps.Apply(ctx, m, nil); err != nil {
		s.t.Fatal(err)
	}
}

// as makes a key and returns a context that sends it.
func (s *gateway) as(role adminv1.KeyRole, organisation, source string) context.Context {
	s.t.Helper()
	ctx := soon(s.t)
	keys, err := access.NewKeys(ctx, s.bus.JS(), time.Now)
	if err != nil {
		s.t.Fatal(err)
	}
	defer keys.Close()
	_, token, err := keys.Create(ctx, role, organisation, source)
	if err != nil {
		s.t.Fatal(err)
	}
	with := metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
	for ctx.Err() == nil { // the service hears of the key in a moment
		if _, err := s.client.GetImport(with, &ingestv1.GetImportRequest{Organisation: organisation, ImportId: "none"}); grpcCode(err) != "Unauthenticated" {
			return with
		}
		time.Sleep(5 * time.Millisecond)
	}
	s.t.Fatal("the key is not known")
	return nil
}

// authorization returns what a context made by as sends.
func authorization(ctx context.Context) string {
	md, _ := metadata.FromOutgoingContext(ctx)
	return md.Get("authorization")[0]
}

func (s *gateway) acd() context.Context {
	return s.as(adminv1.KeyRole_KEY_ROLE_SOURCE, "acme", "acd")
}

// recorded reads the facts of TS_FACT with the subject of each message.
func (s *gateway) recorded() (facts []*factv1.RecordedFact, subjects []string) {
	s.t.Helper()
	for _, m := range messages(s.t, s.bus, bus.StreamFact) {
		b := new(factv1.RecordedBatch)
		if err := proto.Unmarshal(m.Data, b); err != nil {
			s.t.Fatal(err)
		}
		for _, f := range b.GetFacts() {
			facts, subjects = append(facts, f), append(subjects, m.Subject)
		}
	}
	return facts, subjects
}

type stored struct {
	Subject string
	Data    []byte
	Header  map[string][]string
}

// messages reads a whole stream.
func messages(t testing.TB, b *bus.Bus, stream string) (out []stored) {
	t.Helper()
	ctx := soon(t)
	st, err := b.JS().Stream(ctx, stream)
	if err != nil {
		t.Fatal(err)
	}
	for seq := uint64(1); seq <= st.CachedInfo().State.LastSeq; seq++ {
		m, err := st.GetMsg(ctx, seq)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, stored{m.Subject, m.Data, m.Header})
	}
	return out
}

func helpCall(id string) *factv1.Fact {
	return &factv1.Fact{Id: id, Content: &factv1.Fact_Interaction{Interaction: &factv1.Interaction{
		OccurredAt: timestamppb.New(time.Now().Add(-time.Minute)), Touchpoint: "help",
		Metrics: []*factv1.MetricValue{{Metric: "wait", Amount: &factv1.MetricValue_Value{Value: 12_000}}},
	}}}
}

func batchOf(ids ...string) *ingestv1.PublishRequest {
	r := new(ingestv1.PublishRequest)
	for _, id := range ids {
		r.Facts = append(r.Facts, helpCall(id))
	}
	return r
}

// lines is a log that tests can read.
type lines struct {
	mu   sync.Mutex
	text []string
}

func (l *lines) Enabled(context.Context, slog.Level) bool { return true }
func (l *lines) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l *lines) WithGroup(string) slog.Handler            { return l }

func (l *lines) Handle(_ context.Context, r slog.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, r.Message)
	return nil
}

func (l *lines) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.text...)
}
