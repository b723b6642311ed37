// Package embedded is a NATS server with JetStream inside the process, for `touchstone standalone` and tests.
package embedded

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// Options says how to run.
type Options struct {
	Dir    string       // JetStream's folder; one server at a time may use it
	Listen string       // host:port for publishers; "" for no listener, port 0 for any free one
	Sync   bool         // fsync before every acknowledgement, so that it survives a power cut
	Log    *slog.Logger // nil for none
}

// Server is a running server.
type Server struct {
	opt      Options
	password string
	change   sync.Mutex // held by whoever starts or stops; taken before mu

	mu   sync.Mutex
	s    *server.Server
	log  *serverLog
	addr string
}

const (
	internalUser = "touchstone"
	// internalInbox begins the subjects on which this process is answered. Publishers may listen on _INBOX.>, where their
	// own answers come; what streams answer to this process must not pass there.
	internalInbox = "_TS_INBOX"

	maxPayload     = 1 << 20
	maxConnections = 1024
	memoryStreams  = 256 << 20 // all streams in memory
	startTimeout   = 60 * time.Second
)

// Start starts a server and waits until it is ready.
func Start(opt Options) (*Server, error) {
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	e := &Server{opt: opt, password: rand.Text()}
	e.change.Lock()
	defer e.change.Unlock()
	if err := e.start(); err != nil {
		return nil, err
	}
	return e, nil
}

func (e *Server) options() (*server.Options, error) {
	o := &server.Options{
		ServerName: "touchstone", JetStream: true, StoreDir: e.opt.Dir, SyncAlways: e.opt.Sync,
		NoSigs: true, NoLog: true, MaxPayload: maxPayload, MaxPending: 256 << 20, MaxConn: maxConnections, DontListen: e.opt.Listen == "",
		JetStreamMaxMemory: memoryStreams,
		JetStreamMaxStore:  1 << 50, // space is watched by ingest, which refuses in time; a share of today's space would not do
		WriteDeadline:      10 * time.Second,
		// Whoever connects without a password may hand in facts, and nothing else: not read, not touch a stream.
		Users: []*server.User{
			{Username: internalUser, Password: e.password},
			{Username: "publisher", Permissions: &server.Permissions{
				Publish:   &server.SubjectPermission{Allow: []string{"ts.in.>"}},
				Subscribe: &server.SubjectPermission{Allow: []string{"_INBOX.>"}},
			}},
		},
		NoAuthUser: "publisher",
	}
	if e.opt.Listen == "" {
		return o, nil
	}
	addr := e.opt.Listen
	if e.addr != "" {
		addr = e.addr // the same port again after a restart
	}
	tcp, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("NATS listener %q: %w", addr, err)
	}
	o.Host, o.Port = "0.0.0.0", tcp.Port
	if tcp.IP != nil {
		o.Host = tcp.IP.String()
	}
	if tcp.Port == 0 {
		o.Port = server.RANDOM_PORT
	}
	return o, nil
}

// start runs with change held.
func (e *Server) start() error {
	o, err := e.options()
	if err != nil {
		return err
	}
	s, err := server.NewServer(o)
	if err != nil {
		return fmt.Errorf("embedded NATS: %w", err)
	}
	log := &serverLog{log: e.opt.Log}
	s.SetLogger(log, false, false)
	s.Start()
	until := time.Now().Add(startTimeout)
	for !s.ReadyForConnections(100 * time.Millisecond) {
		fatal := log.fatalError()
		if fatal == "" && time.Now().Before(until) {
			continue
		}
		s.Shutdown()
		s.WaitForShutdown()
		return fmt.Errorf("embedded NATS did not become ready: %s (is another instance running? is %s free, and %s writable?)", fatal, e.opt.Listen, e.opt.Dir)
	}
	if !s.JetStreamEnabled() {
		s.Shutdown()
		s.WaitForShutdown()
		return fmt.Errorf("embedded NATS: JetStream could not be enabled: %s (its folder %s may be damaged or unwritable)", log.fatalError(), e.opt.Dir)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.s, e.log = s, log
	if e.opt.Listen != "" {
		e.addr = s.Addr().String()
	}
	return nil
}

// Addr returns the address for publishers; "" without a listener.
func (e *Server) Addr() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.addr
}

// InProcessConn implements nats.InProcessConnProvider; a client that reconnects after Restart meets the new server.
func (e *Server) InProcessConn() (net.Conn, error) {
	e.mu.Lock()
	s := e.s
	e.mu.Unlock()
	if s == nil {
		return nil, errors.New("embedded NATS is not running")
	}
	return s.InProcessConn()
}

// ClientOptions returns what a client in this process needs to connect with all rights.
func (e *Server) ClientOptions() []nats.Option {
	return []nats.Option{nats.InProcessServer(e), nats.UserInfo(internalUser, e.password), nats.CustomInboxPrefix(internalInbox)}
}

// Restart stops the server and starts it on the same folder. Streams in memory are gone then: bus.EnsureStreams makes them
// again. A Restart whose start fails leaves no server; calling it again tries again.
func (e *Server) Restart(ctx context.Context) error {
	e.change.Lock()
	defer e.change.Unlock()
	if err := e.stop(ctx); err != nil {
		return err
	}
	return e.start()
}

// Stop stops the server. Stopping twice is no error.
func (e *Server) Stop(ctx context.Context) error {
	e.change.Lock()
	defer e.change.Unlock()
	return e.stop(ctx)
}

func (e *Server) stop(ctx context.Context) error {
	e.mu.Lock()
	s := e.s
	e.mu.Unlock()
	if s == nil {
		return nil
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Shutdown()
		s.WaitForShutdown()
	}()
	select {
	case <-done:
		e.mu.Lock()
		e.s = nil
		e.mu.Unlock()
		return nil
	case <-ctx.Done():
		return fmt.Errorf("embedded NATS did not stop in time: %w", ctx.Err())
	}
}
