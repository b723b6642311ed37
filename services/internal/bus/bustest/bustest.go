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
	s, err := embedded.Start(embedded.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	b, err := bus.Connect(ctx, "", t.Name(), slog.New(slog.DiscardHandler), s.ClientOptions()...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		b.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := s.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	if err := b.EnsureStreams(ctx); err != nil {
		t.Fatal(err)
	}
	return b, s
}
