package traffic

import (
	"context"
	"sync"
	"time"
)

// Gate stands between writers and a service whose power is cut. While it is closed no answer reaches a writer, and none
// begins anew. The zero Gate is open.
type Gate struct {
	mu     sync.Mutex
	closed chan struct{} // nil while open; closed when it opens
	dark   time.Time     // zero before Dark
}

// Close closes the gate. Writers in the middle of something go on sending.
func (g *Gate) Close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed == nil {
		g.closed = make(chan struct{})
	}
}

// Dark notes that the power is cut: what is sent from now on can reach no disk.
func (g *Gate) Dark() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.dark = time.Now()
}

// Open lets everybody through.
func (g *Gate) Open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed != nil {
		close(g.closed)
		g.closed, g.dark = nil, time.Time{}
	}
}

// Pass waits until the gate is open.
func (g *Gate) Pass(ctx context.Context) error {
	g.mu.Lock()
	closed := g.closed
	g.mu.Unlock()
	if closed == nil {
		return ctx.Err()
	}
	select {
	case <-closed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// withheld reports whether an answer does not get through, and whether what it answers was sent into the dark.
func (g *Gate) withheld(sent time.Time) (withheld, impossible bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.closed != nil, !g.dark.IsZero() && sent.After(g.dark)
}
