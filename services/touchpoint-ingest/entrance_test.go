package ingest_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	adminv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/admin/v1"
	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	"github.com/touchstone-cx/touchstone/services/internal/access"
	"github.com/touchstone-cx/touchstone/services/internal/bus"
	"github.com/touchstone-cx/touchstone/services/internal/bus/bustest"
	"github.com/touchstone-cx/touchstone/services/internal/bus/embedded"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
	"github.com/touchstone-cx/touchstone/services/internal/host"
	ingest "github.com/touchstone-cx/touchstone/services/touchpoint-ingest"
)

// entrance is a whole touchpoint-ingest on a real bus, with the telecom's map for two organisations and a key for everybody.
type entrance struct {
	t      *testing.T
	url    string // of POST /v1/events
	bus    *bus.Bus
	server *embedded.Server
	stop   func()            // ends the service and waits; may be called twice
	keys   map[string]string // Authorization by holder: admin, acd and reader of telecom, airline
}

const within = 20 * time.Second

// enter starts it. settings are of the section ingest, as "reserve_bytes=0".
func enter(t *testing.T, settings ...string) *entrance {
	t.Helper()
	s := bustest.Server(t, embedded.Options{Dir: t.TempDir(), Listen: "127.0.0.1:0"})
	e := &entrance{t: t, bus: bustest.Connect(t, s), server: s}
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	if err := e.bus.EnsureStreams(ctx); err != nil {
		t.Fatal(err)
	}
	e.applyMaps(ctx)
	e.createKeys(ctx)

	environ := []string{"TOUCHSTONE_INGEST_RESERVE_BYTES=0", "TOUCHSTONE_INGEST_RESERVE_SHARE=0"}
	for _, s := range settings {
		name, value, _ := strings.Cut(s, "=")
		environ = append(environ, "TOUCHSTONE_INGEST_"+strings.ToUpper(name)+"="+value)
	}
	cfg, err := host.ReadConfig("", environ)
	if err != nil {
		t.Fatal(err)
	}
	telemetry, err := host.NewTelemetry(ctx, "", "test")
	if err != nil {
		t.Fatal(err)
	}
	running, halt := context.WithCancel(context.WithoutCancel(t.Context()))
	ready, ended := make(chan host.Addresses, 1), make(chan error, 1)
	go func() {
		ended <- host.Run(running, host.Options{
			GRPC: "127.0.0.1:0", HTTP: "127.0.0.1:0", DataDir: t.TempDir(), Bus: e.bus, Config: cfg, Log: slog.New(slog.DiscardHandler), Telemetry: telemetry,
			Ready: func(a host.Addresses) { ready <- a },
		}, ingest.Unit())
	}()
	select {
	case a := <-ready:
		e.url = "http://" + a.HTTP + "/v1/events"
	case err := <-ended:
		halt()
		t.Fatal("it did not start:", err)
	}
	stopped := false
	e.stop = func() {
		halt()
		if stopped {
			return
		}
		stopped = true
		if err := <-ended; err != nil {
			t.Error("it did not stop cleanly:", err)
		}
		if err := telemetry.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(e.stop)
	return e
}

func (e *entrance) applyMaps(ctx context.Context) {
	e.t.Helper()
	name := filepath.Join("..", "..", "deploy", "examples", "telecom", "map.yaml")
	text, err := os.ReadFile(name)
	if err != nil {
		e.t.Fatal(err)
	}
	m, problems := expmap.ReadYAML(name, text)
	if len(problems) > 0 {
		e.t.Fatal(problems)
	}
	maps, err := expmap.NewRegistry(ctx, e.bus.JS())
	if err != nil {
		e.t.Fatal(err)
	}
	defer maps.Close()
	for _, org := range []string{"telecom", "airline"} {
		m.Organisation = org
		if _, _, err := maps.Apply(ctx, m, nil); err != nil {
			e.t.Fatal(err)
		}
	}
}

func (e *entrance) createKeys(ctx context.Context) {
	e.t.Helper()
	keys, err := access.NewKeys(ctx, e.bus.JS(), time.Now)
	if err != nil {
		e.t.Fatal(err)
	}
	defer keys.Close()
	e.keys = map[string]string{"nobody": "", "wrong": "Bearer tsk_aaaaaaaaaa_bbbbbbbbbbbbbbbbbbbbbbbbbb"}
	for _, k := range []struct {
		name, organisation, source string
		role                       adminv1.KeyRole
	}{
		{"admin", "", "", adminv1.KeyRole_KEY_ROLE_ADMIN},
		{"acd", "telecom", "acd", adminv1.KeyRole_KEY_ROLE_SOURCE},
		{"reader", "telecom", "", adminv1.KeyRole_KEY_ROLE_READER},
		{"airline", "airline", "acd", adminv1.KeyRole_KEY_ROLE_SOURCE},
	} {
		_, token, err := keys.Create(ctx, k.role, k.organisation, k.source)
		if err != nil {
			e.t.Fatal(err)
		}
		e.keys[k.name] = "Bearer " + token
	}
}

// publisher connects as a publisher does: without a password, over TCP.
func (e *entrance) publisher() *nats.Conn {
	e.t.Helper()
	nc, err := nats.Connect("nats://" + e.server.Addr())
	if err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(nc.Close)
	// The subscription is made beside what serves.
	for until := time.Now().Add(within); ; time.Sleep(time.Millisecond) {
		if _, err := nc.Request("ts.in.nobody.nobody", nil, within); err == nil {
			return nc
		} else if !errors.Is(err, nats.ErrNoResponders) || time.Now().After(until) {
			e.t.Fatal(err)
		}
	}
}

// post sends a request; header holds pairs of name and value.
func (e *entrance) post(holder, contentType string, body io.Reader, header ...string) (*http.Response, string) {
	e.t.Helper()
	req, err := http.NewRequestWithContext(e.t.Context(), http.MethodPost, e.url, body)
	if err != nil {
		e.t.Fatal(err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	if e.keys[holder] != "" {
		req.Header.Set("Authorization", e.keys[holder])
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		e.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		e.t.Fatal(err)
	}
	return resp, string(b)
}

// stored is a fact as it lies in TS_FACT.
type stored struct {
	subject string
	*factv1.RecordedFact
}

// facts reads all that is recorded, by id.
func (e *entrance) facts() map[string]stored {
	e.t.Helper()
	out := map[string]stored{}
	e.messages(bus.StreamFact, func(subject string, data []byte) {
		var b factv1.RecordedBatch
		if err := proto.Unmarshal(data, &b); err != nil {
			e.t.Fatal(err)
		}
		for _, f := range b.GetFacts() {
			out[f.GetId()] = stored{subject, f}
		}
	})
	return out
}

// refused waits until n refusals are listed, and returns them.
func (e *entrance) refused(n int) []*ingestv1.RefusedFact {
	e.t.Helper()
	for until := time.Now().Add(within); ; time.Sleep(20 * time.Millisecond) {
		var out []*ingestv1.RefusedFact
		e.messages(bus.StreamRefused, func(subject string, data []byte) {
			var b ingestv1.RefusedBatch
			if err := proto.Unmarshal(data, &b); err != nil {
				e.t.Fatal(err)
			}
			for _, r := range b.GetRefused() {
				if want := "ts.refused." + r.GetOrganisation() + "." + r.GetSource(); subject != want {
					e.t.Errorf("on %s: %v", subject, r)
				}
				out = append(out, r)
			}
		})
		if len(out) >= n || time.Now().After(until) {
			if len(out) != n {
				e.t.Fatalf("%d refusals are listed, not %d: %v", len(out), n, out)
			}
			return out
		}
	}
}

func (e *entrance) messages(stream string, each func(subject string, data []byte)) {
	e.t.Helper()
	ctx, cancel := context.WithTimeout(e.t.Context(), within)
	defer cancel()
	s, err := e.bus.JS().Stream(ctx, stream)
	if err != nil {
		e.t.Fatal(err)
	}
	for seq := uint64(1); seq <= s.CachedInfo().State.LastSeq; seq++ {
		m, err := s.GetMsg(ctx, seq)
		if err != nil {
			e.t.Fatal(err)
		}
		each(m.Subject, m.Data)
	}
}

// callTo is a call's data, in JSON, and callFact the same as a fact.
func callTo(touchpoint string) string {
	return `{"occurred_at":"2026-01-31T08:30:00Z","touchpoint":"` + touchpoint + `","channel":"voice","outcome":"answered","metrics":[{"metric":"wait","decimal":"12.5"}]}`
}

const interactionType = "touchstone.interaction.v1"

// ce is a CloudEvent in JSON. extra begins with a comma, or is empty.
func ce(id, source, extra, data string) string {
	return `{"specversion":"1.0","id":"` + id + `","source":"` + source + `","type":"` + interactionType + `"` + extra + `,"data":` + data + `}`
}

// cePacked is a CloudEvent in protobuf, with a call as its data.
func cePacked(t *testing.T, id, source string) []byte {
	t.Helper()
	data := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), "type.googleapis.com/touchstone.fact.v1.Interaction")
	data = protowire.AppendBytes(protowire.AppendTag(data, 2, protowire.BytesType), wireCall(t))
	var b []byte
	for i, s := range []string{id, source, "1.0", interactionType} {
		b = protowire.AppendString(protowire.AppendTag(b, protowire.Number(i+1), protowire.BytesType), s)
	}
	return protowire.AppendBytes(protowire.AppendTag(b, 8, protowire.BytesType), data)
}

// ceBatchOf is a CloudEventBatch.
func ceBatchOf(events ...[]byte) []byte {
	var b []byte
	for _, e := range events {
		b = protowire.AppendBytes(protowire.AppendTag(b, 1, protowire.BytesType), e)
	}
	return b
}

func call() *factv1.Interaction {
	at := time.Date(2026, 1, 31, 8, 30, 0, 0, time.UTC)
	return &factv1.Interaction{
		OccurredAt: timestamppb.New(at), Touchpoint: "help_line", Channel: "voice", Outcome: "answered",
		Metrics: []*factv1.MetricValue{{Metric: "wait", Amount: &factv1.MetricValue_Value{Value: 12500}}},
	}
}

func wireCall(t *testing.T) []byte { return marshal(t, call()) }

// publishRequest is a PublishRequest of calls with these ids; one without an id is refused.
func publishRequest(t *testing.T, organisation, source string, ids ...string) []byte {
	t.Helper()
	req := &ingestv1.PublishRequest{Organisation: organisation, Source: source}
	for _, id := range ids {
		req.Facts = append(req.Facts, &factv1.Fact{Id: id, Content: &factv1.Fact_Interaction{Interaction: call()}})
	}
	return marshal(t, req)
}

func marshal(t *testing.T, m proto.Message) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// isCall holds that a call is recorded as it was sent.
func isCall(t *testing.T, f stored, organisation, source string, version uint64) {
	t.Helper()
	i := f.GetInteraction()
	if f.RecordedFact == nil || f.subject != bus.FactSubject(organisation, 0) || f.GetSource() != source || f.GetVersion() != version ||
		i.GetOccurredAtMs() != 1769848200000 || i.GetTouchpoint() != "help_line" || i.GetChannel() != "voice" || i.GetOutcome() != "answered" ||
		len(i.GetMetrics()) != 1 || i.GetMetrics()[0].GetValue() != 12500 {
		t.Errorf("on %s: %v", f.subject, f.RecordedFact)
	}
}
