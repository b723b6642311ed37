package survey

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/touchstone-cx/touchstone/services/internal/bus"
	"github.com/touchstone-cx/touchstone/services/internal/bus/bustest"
	"github.com/touchstone-cx/touchstone/services/internal/seal"
)

// What a customer wrote can be read no more once they are forgotten; what others wrote can, and so can what they write afterwards.
func TestForgotten(t *testing.T) {
	b, _ := bustest.In(t, t.TempDir())
	s, err := seal.OpenSealer(t.TempDir(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	ann, bob := [seal.Size]byte{1}, [seal.Size]byte{2}
	write := func(who [seal.Size]byte) []byte {
		t.Helper()
		sealed, err := s.Text("acme", who, []byte("a text"))
		if err != nil {
			t.Fatal(err)
		}
		return sealed
	}
	readable := func(who [seal.Size]byte, sealed []byte) bool {
		t.Helper()
		_, err := s.OpenText("acme", who, sealed)
		if err != nil && !errors.Is(err, seal.ErrForgotten) {
			t.Fatal(err)
		}
		return err == nil
	}
	anns, bobs := write(ann), write(bob)
	f := &forgetter{js: b.JS(), sealer: s, log: slog.New(slog.DiscardHandler)}
	follow := func(until func() bool) {
		t.Helper()
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- f.run(ctx) }()
		for limit := time.Now().Add(10 * time.Second); !until() && time.Now().Before(limit); time.Sleep(5 * time.Millisecond) {
			continue
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	for _, data := range [][]byte{[]byte("no hash"), ann[:]} {
		if _, err := b.JS().Publish(t.Context(), bus.ForgottenSubject("acme"), data); err != nil {
			t.Fatal(err)
		}
	}
	follow(func() bool { return !readable(ann, anns) })
	if readable(ann, anns) || !readable(bob, bobs) {
		t.Error("who was forgotten can be read, or who was not cannot")
	}
	// Begun again, it goes on from where it was.
	later := write(ann)
	if _, err := b.JS().Publish(t.Context(), bus.ForgottenSubject("acme"), bob[:]); err != nil {
		t.Fatal(err)
	}
	follow(func() bool { return !readable(bob, bobs) })
	if readable(bob, bobs) || !readable(ann, later) {
		t.Error("what was written afterwards went, too")
	}
}
