// Package host runs units: it gives each its environment, serves what they register, tells the truth about health, and
// stops everything in order. It knows no unit by name.
package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/touchstone-cx/touchstone/services/internal/access"
	"github.com/touchstone-cx/touchstone/services/internal/bus"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
	"github.com/touchstone-cx/touchstone/services/internal/rawgrpc"
)

// Unit is one service. Start registers and returns; what runs longer goes through Env.Go.
type Unit struct {
	Name  string
	Start func(ctx context.Context, env *Env) error
	// Settings returns the name of the unit's section and its defaults, so that `touchstone config` can print them.
	Settings func() (section string, into any)
	// Sections reads the unit's other sections in the same way; nil where it has none.
	Sections func(read func(section string, into any) error) error
}

// Env is all that a unit has of the world.
type Env struct {
	Bus     *bus.Bus
	Log     *slog.Logger
	Clock   func() time.Time
	DataDir string // folder of this unit's embedded stores
	KeyDir  string // keys, 0700
	// Config decodes the unit's own section over the defaults in *into: file, then environment. Unknown keys are errors.
	Config  func(section string, into any) error
	HTTP    *http.ServeMux
	GRPC    grpc.ServiceRegistrar
	Access  *access.Keys
	Guard   *access.Guard
	Maps    *expmap.Registry
	Metrics metric.Meter
	Tracer  trace.Tracer
	// Peer returns a connection to a service by name; in one process it is the host's own listener.
	Peer func(service string) grpc.ClientConnInterface
	// Go runs f until the host stops. Its error stops the host; its ctx ends when the units have been told to stop.
	Go func(name string, f func(ctx context.Context) error)
	// Health adds a check to /readyz and gRPC health.
	Health func(name string, check func(ctx context.Context) error)
	// OnStop adds what must happen before the bus closes, last added first.
	OnStop func(name string, f func(ctx context.Context) error)
	// MendBus brings an embedded NATS server back that a full disk has stopped, and reports whether it did; nil where there
	// is none.
	MendBus func(ctx context.Context) (mended bool, err error)
}

// Options is the outside, as a value.
type Options struct {
	GRPC, HTTP, Admin string // addresses to listen on; empty means none
	DataDir           string
	Bus               *bus.Bus
	MendBus           func(ctx context.Context) (mended bool, err error)
	Config            *Config
	Log               *slog.Logger
	Telemetry         *Telemetry
	Clock             func() time.Time
	Peers             map[string]string // service → address; missing means the own listener
	// Ready is told the addresses once everything serves.
	Ready func(Addresses)
	// Grace bounds each step of stopping; 0 means 10 s.
	Grace time.Duration
}

// Addresses are where a host listens.
type Addresses struct{ GRPC, HTTP, Admin string }

// Run starts the units in order and serves until ctx ends or a unit fails, then stops in reverse order: not ready, HTTP
// and gRPC drain, units' long work ends, their OnStop runs. It returns all errors joined. The bus is the caller's.
func Run(ctx context.Context, opt Options, units ...Unit) (err error) {
	h, err := newHost(opt)
	if err != nil {
		return err
	}
	// Work ends after serving has: a request in flight still finds its fold.
	work, endWork := context.WithCancelCause(context.WithoutCancel(ctx))
	defer endWork(nil)
	stopped := make(chan struct{})
	h.fail = func(e error) {
		h.mu.Lock()
		h.errs = append(h.errs, e)
		h.mu.Unlock()
		h.once.Do(func() { close(stopped) })
	}
	startErr := h.start(work, units)
	if startErr != nil {
		h.errs = append(h.errs, startErr)
	} else {
		if opt.Ready != nil {
			opt.Ready(h.addresses())
		}
		select {
		case <-ctx.Done():
		case <-stopped:
		}
	}
	h.stop(endWork)
	h.mu.Lock() // work that did not end in time may still fail
	defer h.mu.Unlock()
	return errors.Join(h.errs...)
}

type host struct {
	opt       Options
	log       *slog.Logger
	keys      *access.Keys
	maps      *expmap.Registry
	guard     *access.Guard
	grpc      *grpcServer
	http      *httpServer
	admin     *httpServer
	health    *health
	conns     map[string]*grpc.ClientConn
	fail      func(error)
	once      sync.Once
	wg        sync.WaitGroup
	mu        sync.Mutex
	errs      []error
	stops     []namedStop
	listeners []net.Listener
}

type namedStop struct {
	name string
	f    func(context.Context) error
}

func newHost(opt Options) (*host, error) {
	if opt.Clock == nil {
		opt.Clock = time.Now
	}
	if opt.Grace == 0 {
		opt.Grace = 10 * time.Second
	}
	if err := os.MkdirAll(filepath.Join(opt.DataDir, "keys"), 0o700); err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	return &host{opt: opt, log: opt.Log, health: newHealth(), conns: map[string]*grpc.ClientConn{}}, nil
}

func (h *host) start(ctx context.Context, units []Unit) error {
	loading, cancel := context.WithTimeout(ctx, 60*time.Second)
	defer cancel()
	var err error
	if h.keys, err = access.NewKeys(loading, h.opt.Bus.JS(), h.opt.Clock); err != nil {
		return err
	}
	if h.maps, err = expmap.NewRegistry(loading, h.opt.Bus.JS()); err != nil {
		return err
	}
	h.health.add("maps", h.maps.Health)
	h.health.add("bus", h.busHealth)

	grpcLis, err := h.listen("gRPC", h.opt.GRPC)
	if err != nil {
		return err
	}
	httpLis, err := h.listen("HTTP", h.opt.HTTP)
	if err != nil {
		return err
	}
	adminLis, err := h.listen("admin", h.opt.Admin)
	if err != nil {
		return err
	}
	h.guard = &access.Guard{Keys: h.keys, Anonymous: loopback(h.opt.GRPC) && loopback(h.opt.HTTP)}
	if h.grpc, err = newGRPC(h); err != nil {
		return err
	}
	mux := http.NewServeMux()
	for _, u := range units {
		env, err := h.env(ctx, u, mux)
		if err != nil {
			return fmt.Errorf("%s: %w", u.Name, err)
		}
		if err := u.Start(ctx, env); err != nil {
			return fmt.Errorf("%s: %w", u.Name, err)
		}
	}
	if h.guard.Roles, err = access.RolesOf(h.grpc.GetServiceInfo()); err != nil {
		return err
	}
	// Everything is registered: serve.
	h.serve("gRPC", grpcLis, func(l net.Listener) error { return h.grpc.Serve(l) })
	if httpLis != nil {
		h.http = newHTTP(mux, h.opt.Telemetry)
		h.serve("HTTP", httpLis, h.http.Serve)
	}
	if adminLis != nil {
		h.admin = newHTTP(h.adminMux(), nil)
		h.serve("admin", adminLis, h.admin.Serve)
	}
	h.Go(ctx, "health", func(ctx context.Context) error { h.health.follow(ctx, h.grpc.health); return nil })
	return nil
}

func (h *host) busHealth(context.Context) error {
	if !h.opt.Bus.NC().IsConnected() {
		return errors.New("not connected to NATS")
	}
	return nil
}

func (h *host) listen(what, addr string) (net.Listener, error) {
	if addr == "" {
		h.listeners = append(h.listeners, nil)
		return nil, nil
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("%s listener on %s: %w (is another instance running? choose another port in the configuration)", what, addr, err)
	}
	h.listeners = append(h.listeners, l)
	return l, nil
}

func loopback(addr string) bool {
	if addr == "" {
		return true
	}
	name, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	if name == "localhost" {
		return true
	}
	ip := net.ParseIP(name)
	return ip != nil && ip.IsLoopback()
}

func (h *host) addresses() Addresses {
	at := func(i int) string {
		if h.listeners[i] == nil {
			return ""
		}
		return h.listeners[i].Addr().String()
	}
	return Addresses{GRPC: at(0), HTTP: at(1), Admin: at(2)}
}

func (h *host) serve(name string, l net.Listener, f func(net.Listener) error) {
	if l == nil {
		return
	}
	h.wg.Add(1)
	go func() {
		defer h.wg.Done()
		if err := f(l); err != nil && !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, grpc.ErrServerStopped) && !errors.Is(err, net.ErrClosed) {
			h.fail(fmt.Errorf("serving %s: %w", name, err))
		}
	}()
}

func (h *host) env(ctx context.Context, u Unit, mux *http.ServeMux) (*Env, error) {
	dir := filepath.Join(h.opt.DataDir, u.Name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return &Env{
		Bus: h.opt.Bus, Log: h.log.With("service", u.Name), Clock: h.opt.Clock, DataDir: dir,
		KeyDir: filepath.Join(h.opt.DataDir, "keys"), Config: h.opt.Config.Section,
		HTTP: mux, GRPC: h.grpc, Access: h.keys, Guard: h.guard, Maps: h.maps,
		Metrics: h.opt.Telemetry.Meter(u.Name), Tracer: h.opt.Telemetry.Tracer(u.Name),
		Peer:    h.peer,
		Go:      func(name string, f func(context.Context) error) { h.Go(ctx, u.Name+": "+name, f) },
		Health:  func(name string, f func(context.Context) error) { h.health.add(u.Name+": "+name, f) },
		OnStop:  func(name string, f func(context.Context) error) { h.onStop(u.Name+": "+name, f) },
		MendBus: h.opt.MendBus,
	}, nil
}

func (h *host) onStop(name string, f func(context.Context) error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stops = append(h.stops, namedStop{name, f})
}

// Go runs f until ctx ends; its error stops the host.
func (h *host) Go(ctx context.Context, name string, f func(context.Context) error) {
	h.wg.Add(1)
	go func() {
		defer h.wg.Done()
		if err := f(ctx); err != nil && !(ctx.Err() != nil && errors.Is(err, context.Canceled)) {
			h.fail(fmt.Errorf("%s: %w", name, err))
		}
	}()
}

// peer returns a connection to another service, made once.
func (h *host) peer(service string) grpc.ClientConnInterface {
	addr := h.opt.Peers[service]
	if addr == "" && h.listeners[0] == nil {
		return failing{fmt.Errorf("where is %s? this process does not listen for gRPC, and its address is not configured", service)}
	}
	if addr == "" {
		addr = h.listeners[0].Addr().String()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if c := h.conns[addr]; c != nil {
		return c
	}
	c, err := grpc.NewClient("passthrough:///"+addr, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.ForceCodecV2(rawgrpc.Codec())))
	if err != nil {
		return failing{err}
	}
	h.conns[addr] = c
	return c
}

// failing is a connection that could not be made.
type failing struct{ err error }

func (f failing) Invoke(context.Context, string, any, any, ...grpc.CallOption) error { return f.err }

func (f failing) NewStream(context.Context, *grpc.StreamDesc, string, ...grpc.CallOption) (grpc.ClientStream, error) {
	return nil, f.err
}

// stop takes everything down, each step bounded.
func (h *host) stop(endWork context.CancelCauseFunc) {
	step := func(name string, f func(context.Context) error) {
		ctx, cancel := context.WithTimeout(context.Background(), h.opt.Grace)
		defer cancel()
		if err := f(ctx); err != nil {
			h.mu.Lock()
			h.errs = append(h.errs, fmt.Errorf("stopping %s: %w", name, err))
			h.mu.Unlock()
		}
	}
	h.health.stop()
	if h.http != nil {
		step("HTTP", h.http.drain)
	}
	if h.grpc != nil {
		step("gRPC", h.grpc.drain)
	}
	endWork(errors.New("stopping"))
	step("work", func(ctx context.Context) error { return h.waitWork(ctx) })
	h.mu.Lock()
	stops := h.stops
	h.mu.Unlock()
	for i := len(stops) - 1; i >= 0; i-- {
		step(stops[i].name, stops[i].f)
	}
	for _, c := range h.conns {
		step("peer connection", func(context.Context) error { return c.Close() })
	}
	if h.maps != nil {
		h.maps.Close()
	}
	if h.keys != nil {
		h.keys.Close()
	}
	if h.admin != nil {
		step("admin", h.admin.drain)
	}
	for _, l := range h.listeners {
		if l != nil {
			if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
				h.mu.Lock()
				h.errs = append(h.errs, err)
				h.mu.Unlock()
			}
		}
	}
}

// waitWork waits for everything started by Go and serve but the admin listener, which answers until the end.
func (h *host) waitWork(ctx context.Context) error {
	if h.admin != nil {
		if err := h.admin.drain(ctx); err != nil {
			return err
		}
		h.admin = nil
	}
	done := make(chan struct{})
	go func() { defer close(done); h.wg.Wait() }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return errors.New("some work did not end in time; what it had not flushed is counted again at the next start")
	}
}
