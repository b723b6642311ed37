package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/nats-io/nats-server/v2/server"
)

// JetStream keeps refusing to write a stream after its first write error, a full disk above all, even when there is space
// again: publishers get timeouts until the server is started anew. WriteError and Mend are the way out.

// WriteError tells why JetStream cannot write any more; nil while it can.
func (e *Server) WriteError() error {
	e.mu.Lock()
	s, log := e.s, e.log
	e.mu.Unlock()
	if s == nil {
		return errors.New("the embedded NATS server is not running")
	}
	if text := log.writeError(); text != "" {
		return errors.New(text)
	}
	if !s.JetStreamEnabled() {
		return errors.New("JetStream is switched off")
	}
	return nil
}

// Health is WriteError, and whether every stream could be recovered.
func (e *Server) Health(context.Context) error {
	if err := e.WriteError(); err != nil {
		return err
	}
	e.mu.Lock()
	s := e.s
	e.mu.Unlock()
	if s == nil {
		return errors.New("the embedded NATS server is not running")
	}
	if h := s.Healthz(&server.HealthzOptions{}); h.Error != "" {
		return errors.New(h.Error)
	}
	return nil
}

// Mend restarts the server when JetStream cannot write although its disk can, and reports whether it did. An error means
// that the trouble goes on: the disk still takes no data, or the server does not start.
func (e *Server) Mend(ctx context.Context) (restarted bool, err error) {
	e.change.Lock()
	defer e.change.Unlock()
	trouble := e.WriteError()
	if trouble == nil {
		return false, nil
	}
	if err := probe(e.opt.Dir); err != nil {
		return false, fmt.Errorf("%w (JetStream: %w)", err, trouble)
	}
	if err := e.stop(ctx); err != nil {
		return false, err
	}
	return true, e.start()
}

// probeSize is more than one block write of JetStream needs, so that a restart does not fail at once again.
const probeSize = 16 << 20

// probe finds out whether the disk takes data.
func probe(dir string) (err error) {
	name := filepath.Join(dir, "probe.tmp")
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("the disk takes no data: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(name)) }()
	piece := make([]byte, 1<<20)
	for range probeSize / len(piece) {
		if _, err := f.Write(piece); err != nil {
			return fmt.Errorf("the disk takes no data: %w", err)
		}
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("the disk takes no data: %w", err)
	}
	return nil
}
