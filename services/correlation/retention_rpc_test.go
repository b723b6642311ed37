package correlation_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	adminv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/admin/v1"
	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/correlation"
	"github.com/touchstone-cx/touchstone/services/internal/access"
	"github.com/touchstone-cx/touchstone/services/internal/bus"
	"github.com/touchstone-cx/touchstone/services/internal/bus/bustest"
	"github.com/touchstone-cx/touchstone/services/internal/host"
)

// service is correlation in a host, at a time of the test's choosing.
type service struct {
	t     *testing.T
	bus   *bus.Bus
	admin adminv1.AdminServiceClient
	score scorev1.ScoreServiceClient
	ctx   context.Context
}

func serve(t *testing.T, now time.Time, environ ...string) *service {
	t.Helper()
	return serveOn(t, bustest.New(t), t.TempDir(), now, environ...)
}

func serveOn(t *testing.T, b *bus.Bus, dir string, now time.Time, environ ...string) *service {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	s := &service{t: t, bus: b}
	clock := func() time.Time { return now }
	keys, err := access.NewKeys(ctx, b.JS(), clock)
	if err != nil {
		t.Fatal(err)
	}
	defer keys.Close()
	_, key, err := keys.Create(ctx, adminv1.KeyRole_KEY_ROLE_ADMIN, "", "")
	if err != nil {
		t.Fatal(err)
	}
	s.ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+key)
	cfg, err := host.ReadConfig("", environ)
	if err != nil {
		t.Fatal(err)
	}
	telemetry, err := host.NewTelemetry(ctx, "", "test")
	if err != nil {
		t.Fatal(err)
	}
	running, halt := context.WithCancel(context.Background())
	ready, ended := make(chan host.Addresses, 1), make(chan error, 1)
	go func() {
		ended <- host.Run(running, host.Options{
			GRPC: "127.0.0.1:0", HTTP: "127.0.0.1:0", DataDir: dir, Bus: b, Config: cfg, Log: slog.New(slog.DiscardHandler), Telemetry: telemetry,
			Clock: clock, Ready: func(a host.Addresses) { ready <- a },
		}, correlation.Unit())
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
	at := <-ready
	conn, err := grpc.NewClient(at.GRPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	s.admin, s.score = adminv1.NewAdminServiceClient(conn), scorev1.NewScoreServiceClient(conn)
	return s
}

// recorded puts a call into TS_FACT, as ingest would have.
func (s *service) recorded(org, id string, at time.Time) {
	s.t.Helper()
	f := &factv1.RecordedFact{Source: "pbx", Id: id, Kind: factv1.Kind_KIND_INTERACTION, Digest: []byte("0123456789abcdef"), RecordedAtMs: at.UnixMilli()}
	f.Content = &factv1.RecordedFact_Interaction{Interaction: &factv1.RecordedInteraction{
		OccurredAtMs: at.UnixMilli(), Touchpoint: "help", Metrics: []*factv1.RecordedMetric{{Metric: "wait", Value: 1000}},
	}}
	b, err := proto.Marshal(&factv1.RecordedBatch{Facts: []*factv1.RecordedFact{f}})
	if err == nil {
		_, err = s.bus.JS().Publish(s.ctx, bus.FactSubject(org, 0), b)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *service) counted() *adminv1.GetStatusResponse {
	s.t.Helper()
	for {
		st, err := s.admin.GetStatus(s.ctx, &adminv1.GetStatusRequest{})
		if err != nil {
			s.t.Fatal(err)
		}
		if st.GetPosition() == st.GetStreamLast() {
			return st
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (s *service) offered(org string) float64 {
	s.t.Helper()
	r, err := s.score.GetScore(s.ctx, &scorev1.GetScoreRequest{Ref: &scorev1.ScoreRef{Organisation: org, Score: "interactions.count", Window: scorev1.Window_WINDOW_ALL}})
	if err != nil {
		s.t.Fatal(err)
	}
	return r.GetScore().GetValue()
}

// By the configured retention everything before the first of a month is sealed, in each organisation's own zone.
func TestTrimHistory(t *testing.T) {
	b := bustest.New(t)
	correlation.MapOf(t, b, "acme", "Europe/Berlin")
	correlation.MapOf(t, b, "zealand", "Pacific/Auckland")
	correlation.MapOf(t, b, "empty", "")
	now := time.Now().AddDate(0, 27, 0)
	s := serveOn(t, b, t.TempDir(), now)
	y, m, _ := now.Date()
	for org, zone := range map[string]string{"acme": "Europe/Berlin", "zealand": "Pacific/Auckland"} {
		where, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		first := time.Date(y, m-25, 1, 0, 0, 0, 0, where)
		s.recorded(org, "before", first.Add(-time.Millisecond))
		s.recorded(org, "after", first)
	}
	if st := s.counted(); st.GetSealedBefore() != nil || st.GetBase() != 0 || st.GetFacts() != 4 {
		t.Fatalf("status before: %v", st)
	}
	trim := func(before string, dry bool) (*adminv1.TrimHistoryResponse, error) {
		return s.admin.TrimHistory(s.ctx, &adminv1.TrimHistoryRequest{Before: before, DryRun: dry})
	}
	for _, wrong := range []string{"yesterday", "2024-13-01", now.AddDate(0, 0, -20).Format(time.DateOnly)} {
		if _, err := trim(wrong, false); status.Code(err) != codes.InvalidArgument {
			t.Errorf("before %s: %v", wrong, err)
		}
	}
	foreseen, err := trim("", true)
	if err != nil || foreseen.GetFacts() != 2 || foreseen.GetMessages() != 4 {
		t.Fatalf("foreseen: %v, %v", foreseen, err)
	}
	if st := s.counted(); st.GetFacts() != 4 || st.GetSealedBefore() != nil {
		t.Fatalf("a dry run did something: %v", st)
	}
	did, err := trim("", false)
	if err != nil || !proto.Equal(did, foreseen) {
		t.Fatalf("done: %v, %v; foreseen: %v", did, err, foreseen)
	}
	auckland, _ := time.LoadLocation("Pacific/Auckland")
	if want := time.Date(y, m-25, 1, 0, 0, 0, 0, auckland); !did.GetSealedBefore().AsTime().Equal(want) {
		t.Errorf("sealed before %v, want %v", did.GetSealedBefore().AsTime(), want)
	}
	st := s.counted()
	if st.GetFacts() != 2 || st.GetBase() != did.GetFirstSequence()-1 || !st.GetSealedBefore().AsTime().Equal(did.GetSealedBefore().AsTime()) {
		t.Errorf("status after: %v", st)
	}
	for _, org := range []string{"acme", "zealand"} {
		if n := s.offered(org); n != 2 {
			t.Errorf("%s: %v interactions are counted", org, n)
		}
		if _, err := s.score.GetFact(s.ctx, &scorev1.GetFactRequest{Organisation: org, Source: "pbx", Id: "before"}); status.Code(err) != codes.NotFound || !strings.Contains(err.Error(), "no longer held") {
			t.Errorf("%s: the sealed fact: %v", org, err)
		}
		f, err := s.score.GetFact(s.ctx, &scorev1.GetFactRequest{Organisation: org, Source: "pbx", Id: "after"})
		if err != nil || len(f.GetStories()) != 1 {
			t.Errorf("%s: the other: %v, %v", org, f, err)
		}
	}
	if v, err := s.admin.Verify(s.ctx, &adminv1.VerifyRequest{}); err != nil || !v.GetEqual() {
		t.Errorf("verify: %v, %v", v, err)
	}
	if _, err := s.admin.Rebuild(s.ctx, &adminv1.RebuildRequest{}); err != nil || s.offered("acme") != 2 {
		t.Errorf("rebuilt: %v", err)
	}
	if _, err := trim(now.AddDate(0, -30, 0).Format(time.DateOnly), false); status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), "already") {
		t.Errorf("before what is sealed: %v", err)
	}
	if again, err := trim("", false); err != nil || again.GetFacts() != 0 || !again.GetSealedBefore().AsTime().Equal(did.GetSealedBefore().AsTime()) {
		t.Errorf("again: %v, %v", again, err)
	}
	next := now.AddDate(0, -2, 0)
	if did, err = trim(next.Format(time.DateOnly), false); err != nil || did.GetFacts() != 2 || did.GetSealedBefore().AsTime().Sub(next).Abs() > 48*time.Hour {
		t.Errorf("by a day: %v, %v", did, err)
	}
	if s.offered("acme") != 2 || s.offered("zealand") != 2 {
		t.Error("scores changed")
	}
}

// Who keeps everything names a day.
func TestKeepingEverything(t *testing.T) {
	s := serve(t, time.Now(), "TOUCHSTONE_CORRELATION_RETENTION_MONTHS=0")
	if _, err := s.admin.TrimHistory(s.ctx, &adminv1.TrimHistoryRequest{}); status.Code(err) != codes.InvalidArgument {
		t.Error(err)
	}
	if r, err := s.admin.TrimHistory(s.ctx, &adminv1.TrimHistoryRequest{Before: "2020-01-01"}); err != nil || r.GetFacts() != 0 {
		t.Errorf("of nothing: %v, %v", r, err)
	}
}
