// Package bustest gives tests a real bus: an embedded server of their own.
package bustest

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/touchstone-cx/touchstone/services/internal/bus"
	"github.com/touchstone-cx/touchstone/services/internal/bus/embedded"
)

// New starts a server in a temporary folder and returns a bus with all streams. Both end with the test.
func New(t testing.TB) *bus.Bus {
	t.Helper()
	b, _ := In(t, t.TempDir())
	return b
}

// In is New on a folder that the test keeps, and returns the server too.
func In(t testing.TB, dir string) (*bus.Bus, *embedded.Server) {
	t.Helper()
	s := Server(t, embedded.Options{Dir: dir})
	b := Connect(t, s)
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	if err := b.EnsureStreams(ctx); err != nil {
		t.Fatal(err)
	}
	return b, s
}

const wait = 20 * time.Second

// Server starts a server that ends with the test, if the test has not stopped it itself.
func Server(t testing.TB, opt embedded.Options) *embedded.Server {
	t.Helper()
	s, err := embedded.Start(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), wait)
		defer cancel()
		if err := s.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Connect returns a bus without streams, which ends with the test.
func Connect(t testing.TB, s *embedded.Server) *bus.Bus {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	b, err := bus.Connect(ctx, "", t.Name(), slog.New(slog.DiscardHandler), s.ClientOptions()...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Log(err) // the test stopped the server before its client
		}
	})
	return b
}
