package ingest

import (
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel/trace/noop"
	"google.golang.org/protobuf/proto"

	adminv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/admin/v1"
	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	"github.com/touchstone-cx/touchstone/services/internal/access"
	"github.com/touchstone-cx/touchstone/services/internal/bus/bustest"
	"github.com/touchstone-cx/touchstone/services/internal/host"
)

// More requests than may wait are told to come back; who has no key is not told how busy it is.
func TestABusyHatchSaysSo(t *testing.T) {
	b := bustest.New(t)
	keys, err := access.NewKeys(t.Context(), b.JS(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(keys.Close)
	_, token, err := keys.Create(t.Context(), adminv1.KeyRole_KEY_ROLE_SOURCE, "telecom", "acd")
	if err != nil {
		t.Fatal(err)
	}
	h := &hatch{
		rec: &Recorder{}, guard: &access.Guard{Keys: keys}, log: slog.New(slog.DiscardHandler), tracer: noop.NewTracerProvider().Tracer(""),
		slots: make(chan struct{}), // no room for anybody
	}
	nc := b.NC()
	if _, err := nc.Subscribe(requestSubject, func(m *nats.Msg) {
		m.Reply = "_INBOX." + m.Header.Get("Answer") // as publishers have it; this connection has an inbox of its own
		h.take(t.Context(), m)
	}); err != nil {
		t.Fatal(err)
	}
	ask := func(name, key, contentType string) []byte {
		sub, err := nc.SubscribeSync("_INBOX." + name)
		if err != nil {
			t.Fatal(err)
		}
		m := nats.NewMsg("ts.in.telecom.acd")
		m.Header.Set("Answer", name)
		m.Header.Set("Authorization", "Bearer "+key)
		if contentType != "" {
			m.Header.Set("Content-Type", contentType)
		}
		if err := nc.PublishMsg(m); err != nil {
			t.Fatal(err)
		}
		answer, err := sub.NextMsg(20 * time.Second)
		if err != nil {
			t.Fatal(err)
		}
		return answer.Data
	}
	var r ingestv1.PublishStreamResponse
	if err := proto.Unmarshal(ask("protobuf", token, ""), &r); err != nil || r.GetError().GetReason() != ingestv1.Reason_REASON_RATE || r.GetRetryAfterMs() != 100 {
		t.Error(&r, err)
	}
	for key, reason := range map[string]string{token: "EXHAUSTED", "tsk_a_b": "UNAUTHENTICATED"} {
		var p host.Problem
		if err := json.Unmarshal(ask(reason, key, "application/cloudevents+json"), &p); err != nil || p.Reason != reason {
			t.Error(p, err)
		}
	}
}
