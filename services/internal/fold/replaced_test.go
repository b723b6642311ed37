package fold_test

import (
	"context"
	"testing"
	"time"

	"github.com/touchstone-cx/touchstone/services/internal/bus"
)

func TestStreamReplacedWhileItRuns(t *testing.T) {
	r := newRig(t)
	r.start()
	r.await(r.publish("1"))
	ctx := context.Background()
	if err := r.bus.JS().DeleteStream(ctx, bus.StreamFact); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); r.f.Trouble() == nil && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	t.Log("trouble:", r.f.Trouble())
	if err := r.bus.EnsureStreams(ctx); err != nil {
		t.Fatal(err)
	}
	r.publish("10")
	r.publish("100")
	for end := time.Now().Add(10 * time.Second); r.m.total() != 110 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	if r.m.total() != 110 || r.f.Trouble() != nil {
		t.Fatal(r.m.total(), r.f.Trouble())
	}
}

func TestServerAwayIsTrouble(t *testing.T) {
	r := newRig(t)
	r.start()
	r.await(r.publish("1"))
	if err := r.server.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	at := time.Now()
	for r.f.Trouble() == nil && time.Since(at) < 10*time.Second {
		time.Sleep(time.Millisecond)
	}
	t.Log(time.Since(at), r.f.Trouble())
	if err := r.server.Restart(context.Background()); err != nil {
		t.Fatal(err)
	}
	r.await(r.publish("2"))
	at = time.Now()
	for r.f.Trouble() != nil && time.Since(at) < 10*time.Second {
		time.Sleep(time.Millisecond)
	}
	t.Log(time.Since(at), r.f.Trouble(), r.m.total(), r.m.loads)
}
