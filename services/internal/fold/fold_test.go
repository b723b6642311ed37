package fold_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/touchstone-cx/touchstone/services/internal/bus"
	"github.com/touchstone-cx/touchstone/services/internal/bus/bustest"
	"github.com/touchstone-cx/touchstone/services/internal/bus/embedded"
	"github.com/touchstone-cx/touchstone/services/internal/fold"
	"github.com/touchstone-cx/touchstone/services/internal/fold/memstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// adder is a machine that adds up numbers; "bad" is a message it refuses, "panic" one it trips over, "store" one at which
// its store fails.
type adder struct {
	mu    sync.Mutex
	sum   uint64
	n     int
	loads int
}

func (a *adder) Load(s fold.Store) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sum, a.loads = 0, a.loads+1
	b, err := s.Get([]byte("sum"))
	if err == nil && b != nil {
		a.sum = binary.BigEndian.Uint64(b)
	}
	return err
}

func (a *adder) Apply(m fold.Message) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.n++
	switch string(m.Data) {
	case "bad":
		return errors.New("it is bad")
	case "store":
		return fmt.Errorf("reading: %w", fold.ErrStore)
	case "panic":
		a.sum += 1000 // half a change
		panic("tripped")
	}
	var x uint64
	if _, err := fmt.Sscan(string(m.Data), &x); err != nil {
		return err
	}
	a.sum += x
	return nil
}

func (a *adder) Flush(w *fold.Write) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	w.Set([]byte("sum"), binary.BigEndian.AppendUint64(nil, a.sum))
	return nil
}

func (a *adder) total() uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.sum
}

type rig struct {
	t      *testing.T
	bus    *bus.Bus
	server *embedded.Server
	stores fold.Stores
	m      *adder
	cfg    fold.Config
	f      *fold.Fold
	mu     sync.Mutex
	parked []string
	stop   func()
}

func newRig(t *testing.T) *rig {
	r := &rig{t: t, stores: memstore.New()}
	r.bus, r.server = bustest.In(t, t.TempDir())
	t.Cleanup(func() {
		if r.stop != nil {
			r.stop()
		}
	})
	return r
}

func (r *rig) open(name string) {
	st, err := r.stores.Open(name)
	if err != nil {
		r.t.Fatal(err)
	}
	r.m = &adder{}
	r.cfg = fold.Config{
		JS: r.bus.JS(), Stream: bus.StreamFact, Store: st, Machine: r.m, Log: slog.New(slog.DiscardHandler),
		Park: func(_ context.Context, m fold.Message, why string) error {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.parked = append(r.parked, fmt.Sprintf("%d %s", m.Sequence, why))
			return nil
		},
	}
	r.f = fold.New(r.cfg)
}

func (r *rig) start() {
	r.open("x")
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.f.Run(ctx) }()
	r.stop = func() {
		cancel()
		if err := <-done; err != nil {
			r.t.Error(err)
		}
		r.stop = nil
	}
}

func (r *rig) publish(data string) uint64 {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	ack, err := r.bus.JS().Publish(ctx, "ts.fact.acme.0", []byte(data))
	if err != nil {
		r.t.Fatal(err)
	}
	return ack.Sequence
}

func (r *rig) await(sequence uint64) {
	r.t.Helper()
	for end := time.Now().Add(20 * time.Second); r.f.Applied() < sequence; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			r.t.Fatalf("applied %d of %d", r.f.Applied(), sequence)
		}
	}
}

func TestGoesOnWhereItStopped(t *testing.T) {
	r := newRig(t)
	r.start()
	var last uint64
	for i := range 50 {
		last = r.publish(fmt.Sprint(i))
	}
	r.await(last)
	r.stop()
	r.publish("1")
	last = r.publish("2")
	r.start()
	r.await(last)
	if got := r.m.total(); got != 49*50/2+3 {
		t.Fatalf("sum %d", got)
	}
	if r.m.n != 2 {
		t.Fatalf("applied %d messages after the restart, not 2", r.m.n)
	}
}

func TestBadMessageIsParked(t *testing.T) {
	r := newRig(t)
	r.start()
	r.publish("1")
	bad := r.publish("bad")
	r.await(r.publish("2"))
	if got := r.m.total(); got != 3 {
		t.Fatalf("sum %d", got)
	}
	if want := fmt.Sprintf("%d it is bad", bad); len(r.parked) != 1 || r.parked[0] != want {
		t.Fatalf("parked %q", r.parked)
	}
}

func TestPanicLeavesNoHalfChange(t *testing.T) {
	r := newRig(t)
	r.start()
	r.publish("1")
	r.publish("panic")
	r.await(r.publish("2"))
	if got := r.m.total(); got != 3 {
		t.Fatalf("sum %d", got)
	}
	if len(r.parked) != 1 {
		t.Fatalf("parked %q", r.parked)
	}
}

// A stream that is not the one the store followed is counted from its base.
func TestReplacedStreamIsCountedFromItsBase(t *testing.T) {
	for _, how := range []string{"made anew", "lost its tail"} {
		t.Run(how, func(t *testing.T) {
			r := newRig(t)
			r.start()
			r.publish("1")
			r.await(r.publish("10"))
			r.stop()
			ctx := context.Background()
			s, err := r.bus.JS().Stream(ctx, bus.StreamFact)
			if err != nil {
				t.Fatal(err)
			}
			if how == "made anew" {
				if err := r.bus.JS().DeleteStream(ctx, bus.StreamFact); err != nil {
					t.Fatal(err)
				}
				if err := r.bus.EnsureStreams(ctx); err != nil {
					t.Fatal(err)
				}
				r.publish("5")
			} else if err := s.DeleteMsg(ctx, 2); err != nil {
				t.Fatal(err)
			}
			last := r.publish("100")
			r.start()
			r.await(last)
			want := uint64(105)
			if how != "made anew" {
				want = 101
			}
			if got := r.m.total(); got != want {
				t.Fatalf("sum %d, want %d", got, want)
			}
		})
	}
}

func TestRunToAndExec(t *testing.T) {
	r := newRig(t)
	var last uint64
	for i := range 20 {
		last = r.publish(fmt.Sprint(i))
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	r.open("x")
	if err := r.f.RunTo(ctx, 10); err != nil {
		t.Fatal(err)
	}
	if r.f.Applied() != 10 || r.m.total() != 45 {
		t.Fatalf("at %d, sum %d", r.f.Applied(), r.m.total())
	}
	if err := r.f.RunTo(ctx, last); err != nil {
		t.Fatal(err)
	}
	if r.m.total() != 190 || r.m.loads != 1 {
		t.Fatalf("sum %d after %d loads", r.m.total(), r.m.loads)
	}
	r.start()
	r.await(last)
	ran := false
	if err := r.f.Exec(ctx, func() { ran = true }); err != nil || !ran {
		t.Fatalf("%v", err)
	}
}
