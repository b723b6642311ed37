// Package embedded is a NATS server with JetStream inside the process, for `touchstone standalone` and tests.
package embedded

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// Options says how to run.
type Options struct {
	Dir    string // JetStream's folder
	Listen string // host:port for publishers; "" for no listener, port 0 for any free one
	Sync   bool   // fsync before every acknowledgement, so that it survives a power cut
}

// Server is a running server.
type Server struct {
	opt      Options
	password string

	mu   sync.Mutex
	s    *server.Server
	addr string
}

const internalUser = "touchstone"

// Start starts a server and waits until it is ready.
func Start(opt Options) (*Server, error) {
	e := &Server{opt: opt, password: rand.Text()}
	if err := e.start(); err != nil {
		return nil, err
	}
	return e, nil
}

func (e *Server) start() error {
	o := &server.Options{
		ServerName: "touchstone", JetStream: true, StoreDir: e.opt.Dir, SyncAlways: e.opt.Sync,
		NoSigs: true, NoLog: true, MaxPayload: 1 << 20, MaxPending: 256 << 20, DontListen: e.opt.Listen == "",
		JetStreamMaxStore: 1 << 50, // space is watched by ingest, which refuses in time; a share of today's space would not do
		WriteDeadline:     10 * time.Second,
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
	if e.opt.Listen != "" {
		addr := e.opt.Listen
		if e.addr != "" {
			addr = e.addr // the same port again after a restart
		}
		tcp, err := net.ResolveTCPAddr("tcp", addr)
		if err != nil {
			return fmt.Errorf("NATS listener %q: %w", addr, err)
		}
		o.Host, o.Port = tcp.IP.String(), tcp.Port
		if tcp.Port == 0 {
			o.Port = server.RANDOM_PORT
		}
	}
	s, err := server.NewServer(o)
	if err != nil {
		return fmt.Errorf("embedded NATS: %w", err)
	}
	s.Start()
	if !s.ReadyForConnections(30 * time.Second) {
		s.Shutdown()
		return fmt.Errorf("embedded NATS did not become ready: is %s free and %s writable by this user alone?", e.opt.Listen, e.opt.Dir)
	}
	if !s.JetStreamEnabled() {
		s.Shutdown()
		return errors.New("embedded NATS: JetStream could not be enabled: its folder may be damaged or unwritable")
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.s = s
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
	return []nats.Option{nats.InProcessServer(e), nats.UserInfo(internalUser, e.password)}
}

// Restart stops the server and starts it on the same folder. JetStream keeps refusing writes after a full disk until it is
// started anew.
func (e *Server) Restart(ctx context.Context) error {
	if err := e.Stop(ctx); err != nil {
		return err
	}
	return e.start()
}

// Stop stops the server.
func (e *Server) Stop(ctx context.Context) error {
	e.mu.Lock()
	s := e.s
	e.s = nil
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
		return nil
	case <-ctx.Done():
		return fmt.Errorf("embedded NATS did not stop in time: %w", ctx.Err())
	}
}
