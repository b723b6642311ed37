package embedded_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"github.com/touchstone-cx/touchstone/services/internal/bus"
	"github.com/touchstone-cx/touchstone/services/internal/bus/bustest"
	"github.com/touchstone-cx/touchstone/services/internal/bus/embedded"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const loopback = "127.0.0.1:0"

func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// publisher connects as whoever reaches the listener: without a password.
func publisher(t *testing.T, s *embedded.Server) (*nats.Conn, <-chan error) {
	t.Helper()
	refused := make(chan error, 16)
	nc, err := nats.Connect("nats://"+s.Addr(), nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { refused <- err }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc, refused
}

func TestAPublisherWithoutPasswordMayOnlyHandIn(t *testing.T) {
	s := bustest.Server(t, embedded.Options{Dir: t.TempDir(), Listen: loopback})
	b := bustest.Connect(t, s)
	if err := b.EnsureStreams(soon(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := b.NC().Subscribe("ts.in.>", func(m *nats.Msg) {
		if err := bus.Respond(m, []byte("ok")); err != nil {
			t.Error(err)
		}
	}); err != nil {
		t.Fatal(err)
	}
	if err := b.NC().Flush(); err != nil {
		t.Fatal(err)
	}
	nc, refused := publisher(t, s)
	if m, err := nc.Request("ts.in.default.acd", []byte("fact"), 10*time.Second); err != nil || string(m.Data) != "ok" {
		t.Fatalf("a request to ts.in: %v, %v", m, err)
	}
	for _, subject := range []string{"ts.fact.default.0", "ts.map.default", "$JS.API.STREAM.DELETE.TS_FACT", "$JS.API.INFO", "$KV.TS_KEY.a", "$SYS.REQ.SERVER.PING", "_INBOX.a"} {
		if err := nc.Publish(subject, nil); err != nil {
			t.Fatal(err)
		}
		expectRefusal(t, nc, refused, subject)
	}
	for _, subject := range []string{">", "ts.>", "ts.in.>", "$KV.>", "_TS_INBOX.>", "$SYS.>"} {
		sub, err := nc.SubscribeSync(subject)
		if err != nil {
			t.Fatal(err)
		}
		expectRefusal(t, nc, refused, subject)
		if _, err := sub.NextMsg(time.Millisecond); err == nil {
			t.Errorf("a publisher without password reads %s", subject)
		}
	}
}

func expectRefusal(t *testing.T, nc *nats.Conn, refused <-chan error, subject string) {
	t.Helper()
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-refused:
		if !strings.Contains(strings.ToLower(err.Error()), "permissions violation") {
			t.Errorf("%s: %v", subject, err)
		}
	case <-time.After(20 * time.Second):
		t.Errorf("%s was allowed", subject)
	}
}

func TestAPublisherDoesNotOverhearWhatStreamsAnswer(t *testing.T) {
	s := bustest.Server(t, embedded.Options{Dir: t.TempDir(), Listen: loopback})
	b := bustest.Connect(t, s)
	ctx := soon(t)
	if err := b.EnsureStreams(ctx); err != nil {
		t.Fatal(err)
	}
	nc, _ := publisher(t, s)
	overheard := make(chan *nats.Msg, 64)
	if _, err := nc.ChanSubscribe("_INBOX.>", overheard); err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	if _, err := b.JS().Publish(ctx, bus.FactSubject("default", 0), []byte("a customer's call")); err != nil {
		t.Fatal(err)
	}
	st, err := b.JS().Stream(ctx, bus.StreamFact)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := st.GetMsg(ctx, 1); err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	if n := len(overheard); n != 0 {
		t.Errorf("a publisher overheard %d answers to this process", n)
	}
}

func TestRestartKeepsStreamsAndClients(t *testing.T) {
	s := bustest.Server(t, embedded.Options{Dir: t.TempDir(), Listen: loopback, Sync: true})
	b := bustest.Connect(t, s)
	ctx := soon(t)
	if err := b.EnsureStreams(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := b.JS().Publish(ctx, bus.FactSubject("default", 0), []byte("one")); err != nil {
		t.Fatal(err)
	}
	addr := s.Addr()
	if err := s.Restart(ctx); err != nil {
		t.Fatal(err)
	}
	if s.Addr() != addr {
		t.Errorf("publishers must find the server at %s again, not at %s", addr, s.Addr())
	}
	for !b.NC().IsConnected() {
		select {
		case <-ctx.Done():
			t.Fatal("the client did not connect again")
		case <-time.After(10 * time.Millisecond):
		}
	}
	if err := b.EnsureStreams(ctx); err != nil {
		t.Fatal(err)
	}
	ack, err := b.JS().Publish(ctx, bus.FactSubject("default", 0), []byte("two"))
	if err != nil || ack.Sequence != 2 {
		t.Fatalf("after the restart: %+v, %v", ack, err)
	}
	if err := b.Health(ctx); err != nil {
		t.Error(err)
	}
	if err := s.Health(ctx); err != nil {
		t.Error(err)
	}
}

func TestStopTwice(t *testing.T) {
	s := bustest.Server(t, embedded.Options{Dir: t.TempDir()})
	for range 2 {
		if err := s.Stop(soon(t)); err != nil {
			t.Fatal(err)
		}
	}
	if s.WriteError() == nil {
		t.Error("a stopped server cannot write")
	}
}

func TestAnOccupiedPortIsToldAtOnce(t *testing.T) {
	l, err := net.Listen("tcp", loopback)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	_, err = embedded.Start(embedded.Options{Dir: t.TempDir(), Listen: l.Addr().String()})
	if err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("the error must say that the port is in use: %v", err)
	}
}
