package bus_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"

	"github.com/touchstone-cx/touchstone/services/internal/bus"
	"github.com/touchstone-cx/touchstone/services/internal/bus/bustest"
	"github.com/touchstone-cx/touchstone/services/internal/bus/embedded"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestStreamsAreMadeOnceAndKept(t *testing.T) {
	b := bustest.New(t)
	ctx := soon(t)
	if _, err := b.JS().Publish(ctx, bus.FactSubject("airport", 3), []byte("fact")); err != nil {
		t.Fatal(err)
	}
	if err := b.EnsureStreams(ctx); err != nil {
		t.Fatal(err)
	}
	s, err := b.JS().Stream(ctx, bus.StreamFact)
	if err != nil {
		t.Fatal(err)
	}
	i := s.CachedInfo()
	if i.State.Msgs != 1 || i.Config.MaxAge != 0 || i.Config.Storage != jetstream.FileStorage || i.Config.Retention != jetstream.LimitsPolicy {
		t.Errorf("the stream of facts is %+v", i)
	}
	m, err := s.GetMsg(ctx, 1)
	if err != nil {
		t.Fatal(err)
	}
	if org := bus.FactOrganisation(m.Subject); org != "airport" {
		t.Errorf("organisation of %s: %q", m.Subject, org)
	}
}

// Doubles are found by identity, in correlation. The bus must not take equal bytes for one message.
func TestTheSameBytesTwiceAreTwoMessages(t *testing.T) {
	b := bustest.New(t)
	ctx := soon(t)
	for want := uint64(1); want <= 2; want++ {
		ack, err := b.JS().Publish(ctx, bus.FactSubject("default", 0), []byte("same"))
		if err != nil || ack.Sequence != want || ack.Duplicate {
			t.Fatalf("%+v, %v", ack, err)
		}
	}
}

func TestParkedMessagesKeepTheirStory(t *testing.T) {
	b := bustest.New(t)
	ctx := soon(t)
	for range 2 {
		if err := b.Park(ctx, bus.StreamFact, "ts.fact.default.0", 7, []byte("bytes"), "cannot be\r\nread"); err != nil {
			t.Fatal(err)
		}
	}
	s, err := b.JS().Stream(ctx, bus.StreamParked)
	if err != nil {
		t.Fatal(err)
	}
	if n := s.CachedInfo().State.Msgs; n != 1 {
		t.Fatalf("parked twice is parked once, not %d times", n)
	}
	m, err := s.GetMsg(ctx, 1)
	if err != nil {
		t.Fatal(err)
	}
	want := bus.Parked{Stream: bus.StreamFact, Subject: "ts.fact.default.0", Sequence: 7, Reason: "cannot be  read"}
	if got := bus.ParkedFrom(m); got != want || string(m.Data) != "bytes" {
		t.Errorf("parked as %+v %q", got, m.Data)
	}
}

func TestConnectWaitsForAServerAndGivesUpInTime(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := bus.Connect(ctx, "nats://127.0.0.1:1", "test", slog.New(slog.DiscardHandler)); err == nil {
		t.Fatal("connected to nothing")
	}
}

func TestConnectMeetsAServerThatComesLater(t *testing.T) {
	s := bustest.Server(t, embedded.Options{Dir: t.TempDir()})
	ctx := soon(t)
	if err := s.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		b, err := bus.Connect(ctx, "", "test", slog.New(slog.DiscardHandler), s.ClientOptions()...)
		if err == nil {
			err = b.Close()
		}
		done <- err
	}()
	if err := s.Restart(ctx); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestRespondWritesOnlyToInboxes(t *testing.T) {
	b := bustest.New(t)
	for _, reply := range []string{"", "ts.fact.default.0", "$JS.API.STREAM.PURGE.TS_FACT", "_TS_INBOX.x"} {
		err := bus.Respond(&nats.Msg{Reply: reply}, nil)
		if fault.KindOf(err) != fault.Invalid {
			t.Errorf("reply subject %q: %v", reply, err)
		}
	}
	sub, err := b.NC().SubscribeSync("_INBOX.a")
	if err != nil {
		t.Fatal(err)
	}
	m := &nats.Msg{Sub: sub, Reply: "_INBOX.a"}
	if err := bus.Respond(m, []byte("yes")); err != nil {
		t.Fatal(err)
	}
	if got, err := sub.NextMsgWithContext(soon(t)); err != nil || string(got.Data) != "yes" {
		t.Errorf("%v, %v", got, err)
	}
}

func TestATraceTravelsInHeaders(t *testing.T) {
	m := nats.NewMsg("ts.fact.default.0")
	m.Header = nil
	bus.Inject(t.Context(), m)
	if m.Header != nil {
		t.Error("no trace, no header")
	}
	sc := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled})
	bus.Inject(trace.ContextWithSpanContext(t.Context(), sc), m)
	got := trace.SpanContextFromContext(bus.Extract(t.Context(), m.Header))
	if got.TraceID() != sc.TraceID() || got.SpanID() != sc.SpanID() || !got.IsSampled() {
		t.Errorf("trace %v became %v", sc, got)
	}
	if l, ok := bus.Link(m.Header); !ok || l.SpanContext.TraceID() != sc.TraceID() {
		t.Error("no link to the trace")
	}
	if _, ok := bus.Link(nil); ok {
		t.Error("a link to nothing")
	}
}

func TestUnavailableIsWhatPasses(t *testing.T) {
	for err, want := range map[error]bool{
		nats.ErrTimeout: true, nats.ErrNoResponders: true, jetstream.ErrNoStreamResponse: true, nats.ErrConnectionClosed: true,
		nil: false, errors.New("other"): false, jetstream.ErrMsgNotFound: false,
	} {
		if bus.Unavailable(err) != want {
			t.Errorf("%v: want %v", err, want)
		}
	}
}
