package fold_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/touchstone-cx/touchstone/services/internal/bus"
	"github.com/touchstone-cx/touchstone/services/internal/fold"
)

// The server is restarted again and again while facts come: the fold goes on by itself, and each message counts once.
func TestServerRestartedInTheMiddle(t *testing.T) {
	r := newRig(t)
	r.start()
	published := make(chan struct{})
	go func() {
		defer close(published)
		for i := range 400 {
			// A message whose acknowledgement was cut off is sent again: the stream may hold it twice.
			for {
				ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
				_, err := r.bus.JS().Publish(ctx, "ts.fact.acme.0", []byte(fmt.Sprint(i)))
				cancel()
				if err == nil {
					break
				}
			}
		}
	}()
	for range 3 {
		time.Sleep(20 * time.Millisecond)
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		if err := r.server.Restart(ctx); err != nil {
			t.Fatal(err)
		}
		cancel()
	}
	<-published
	r.await(r.publish("0"))
	want, n := r.recount()
	if got := r.m.total(); got != want || r.m.n != n {
		t.Errorf("sum %d of %d messages; the stream has %d in %d", got, r.m.n, want, n)
	}
	if err := r.f.Trouble(); err != nil {
		t.Errorf("trouble that has passed is still told: %v", err)
	}
	if lag := r.f.Lag(); lag != 0 {
		t.Errorf("lag %d", lag)
	}
	r.stop()
	// What was committed is what was told.
	r.start()
	r.await(r.publish("0"))
	if got := r.m.total(); got != want || r.m.n != 1 {
		t.Errorf("after a restart of the fold: sum %d, %d messages applied", got, r.m.n)
	}
}

// recount adds up the stream itself.
func (r *rig) recount() (sum uint64, n int) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	s, err := r.bus.JS().Stream(ctx, bus.StreamFact)
	if err != nil {
		r.t.Fatal(err)
	}
	for seq := s.CachedInfo().State.FirstSeq; seq <= s.CachedInfo().State.LastSeq; seq++ {
		m, err := s.GetMsg(ctx, seq)
		if err != nil {
			r.t.Fatal(err)
		}
		var x uint64
		if _, err := fmt.Sscan(string(m.Data), &x); err != nil {
			r.t.Fatal(err)
		}
		sum, n = sum+x, n+1
	}
	return sum, n
}

// A fold whose stream is not there waits for it, and says meanwhile why it does not get on.
func TestTroubleIsTold(t *testing.T) {
	r := newRig(t)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := r.bus.JS().DeleteStream(ctx, bus.StreamFact); err != nil {
		t.Fatal(err)
	}
	r.start()
	for ctx.Err() == nil && r.f.Trouble() == nil {
		time.Sleep(time.Millisecond)
	}
	if err := r.f.Trouble(); err == nil || !strings.Contains(err.Error(), bus.StreamFact) {
		t.Errorf("trouble: %v", err)
	}
	if r.f.Loaded() {
		t.Error("loaded without a stream")
	}
	if err := r.bus.EnsureStreams(ctx); err != nil {
		t.Fatal(err)
	}
	r.await(r.publish("5"))
	if err := r.f.Trouble(); err != nil || r.m.total() != 5 || !r.f.Loaded() {
		t.Errorf("trouble %v, sum %d", err, r.m.total())
	}
}

// brittle is a set of stores whose commits fail from a moment on, and tells when they do.
type brittle struct {
	fold.Stores
	fail atomic.Pointer[error]
}

type brittleStore struct {
	fold.Store
	of *brittle
}

func (b *brittle) Open(name string) (fold.Store, error) {
	s, err := b.Stores.Open(name)
	return &brittleStore{s, b}, err
}

func (s *brittleStore) Commit(w *fold.Write) error {
	if err := s.of.fail.Load(); err != nil {
		return *err
	}
	return s.Store.Commit(w)
}

// A store that cannot be written ends the fold with its error: to go on would be to forget. What was committed before is
// there for the next one.
func TestFailingStoreEndsTheFold(t *testing.T) {
	r := newRig(t)
	b := &brittle{Stores: r.stores}
	r.stores = b
	r.start()
	r.await(r.publish("1"))
	r.stop()

	broken := errors.New("the disk is broken")
	b.fail.Store(&broken)
	r.open("x")
	r.publish("10")
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := r.f.Run(ctx); !errors.Is(err, broken) || ctx.Err() != nil {
		t.Fatalf("%v", err)
	}
	b.fail.Store(nil)
	r.start()
	r.await(r.publish("100"))
	if got := r.m.total(); got != 111 {
		t.Errorf("sum %d", got)
	}
}

// A fold whose store another has written ends: two writers would count twice.
func TestFencedFoldEnds(t *testing.T) {
	r := newRig(t)
	r.open("x")
	first := r.f
	ended := make(chan error, 1)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	go func() { ended <- first.Run(ctx) }()
	r.await(r.publish("1"))
	if err := first.Exec(ctx, func() {}); err != nil { // flushed
		t.Fatal(err)
	}
	st, err := r.stores.Open("x")
	if err != nil {
		t.Fatal(err)
	}
	at, err := st.Position()
	if err != nil {
		t.Fatal(err)
	}
	w := fold.Write{Expect: at, Position: fold.Position{Created: at.Created, Sequence: at.Sequence + 5}}
	if err := st.Commit(&w); err != nil {
		t.Fatal(err)
	}
	r.publish("2")
	if err := <-ended; !errors.Is(err, fold.ErrFenced) {
		t.Errorf("%v", err)
	}
	if now, err := st.Position(); err != nil || !now.Equal(w.Position) {
		t.Errorf("the other's position was overwritten: %v %v", now, err)
	}
}

// An error of the store during Apply blames no message.
func TestStoreErrorDuringApplyParksNothing(t *testing.T) {
	r := newRig(t)
	r.open("x")
	r.publish("store")
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := r.f.Run(ctx); !errors.Is(err, fold.ErrStore) || len(r.parked) != 0 {
		t.Errorf("%v, parked %q", err, r.parked)
	}
}
