package host_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	adminv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/admin/v1"
	"github.com/touchstone-cx/touchstone/services/internal/access"
	"github.com/touchstone-cx/touchstone/services/internal/bus"
	"github.com/touchstone-cx/touchstone/services/internal/bus/bustest"
	"github.com/touchstone-cx/touchstone/services/internal/host"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const within = 20 * time.Second

// running is a host that serves.
type running struct {
	t    testing.TB
	at   host.Addresses
	bus  *bus.Bus
	log  *records
	conn *grpc.ClientConn
	halt context.CancelFunc
	done chan struct{} // closed when Run has returned
	err  error         // then: what it returned
}

// options are those of a host on loopback with a bus of its own.
func options(t testing.TB, log *records, environ ...string) host.Options {
	t.Helper()
	cfg, err := host.ReadConfig("", environ)
	if err != nil {
		t.Fatal(err)
	}
	telemetry, err := host.NewTelemetry(t.Context(), "", "test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := telemetry.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return host.Options{
		GRPC: "127.0.0.1:0", HTTP: "127.0.0.1:0", Admin: "127.0.0.1:0", DataDir: t.TempDir(), Bus: bustest.New(t), Config: cfg,
		Log: slog.New(log), Telemetry: telemetry, Grace: 5 * time.Second,
	}
}

// run starts a host with these units and waits until it serves. It ends with the test.
func run(t testing.TB, change func(*host.Options), units ...host.Unit) *running {
	t.Helper()
	log := &records{}
	opt := options(t, log)
	if change != nil {
		change(&opt)
	}
	r := &running{t: t, bus: opt.Bus, log: log, done: make(chan struct{})}
	ctx, halt := context.WithCancel(context.Background())
	r.halt = halt
	ready := make(chan host.Addresses, 1)
	opt.Ready = func(a host.Addresses) { ready <- a }
	go func() {
		defer close(r.done)
		r.err = host.Run(ctx, opt, units...)
	}()
	t.Cleanup(func() { halt(); <-r.done })
	select {
	case r.at = <-ready:
	case <-r.done:
		t.Fatal(r.err)
	case <-time.After(within):
		t.Fatal("the host is not ready")
	}
	var err error
	if r.conn, err = grpc.NewClient(r.at.GRPC, grpc.WithTransportCredentials(insecure.NewCredentials())); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.conn.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// stop ends the host and returns what Run returned.
func (r *running) stop() error {
	r.t.Helper()
	r.halt()
	select {
	case <-r.done:
	case <-time.After(within):
		r.t.Fatal("the host does not stop")
	}
	return r.err
}

// key makes a key and returns a context that sends it.
func (r *running) key(role adminv1.KeyRole, organisation, source string) context.Context {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	r.t.Cleanup(cancel)
	keys, err := access.NewKeys(ctx, r.bus.JS(), time.Now)
	if err != nil {
		r.t.Fatal(err)
	}
	defer keys.Close()
	_, token, err := keys.Create(ctx, role, organisation, source)
	if err != nil {
		r.t.Fatal(err)
	}
	with := metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
	// The host hears of it in a moment.
	for end := time.Now().Add(within); ; time.Sleep(5 * time.Millisecond) {
		_, err := adminv1.NewAdminServiceClient(r.conn).GetStatus(with, &adminv1.GetStatusRequest{})
		if code(err) != "UNAUTHENTICATED" || time.Now().After(end) {
			return with
		}
	}
}

// records is a log that tests can read.
type records struct {
	mu    sync.Mutex
	lines []string
}

func (r *records) Enabled(context.Context, slog.Level) bool { return true }
func (r *records) WithAttrs([]slog.Attr) slog.Handler       { return r }
func (r *records) WithGroup(string) slog.Handler            { return r }

func (r *records) Handle(_ context.Context, rec slog.Record) error {
	line := rec.Message
	rec.Attrs(func(a slog.Attr) bool { line += " " + a.String(); return true })
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, line)
	return nil
}

func (r *records) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.lines...)
}

// unit is a unit of a few lines.
func unit(name string, start func(ctx context.Context, env *host.Env) error) host.Unit {
	return host.Unit{Name: name, Start: start}
}
