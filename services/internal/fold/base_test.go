package fold_test

import (
	"context"
	"encoding/binary"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/touchstone-cx/touchstone/services/internal/bus"
	"github.com/touchstone-cx/touchstone/services/internal/fold"
)

// based makes a fold whose base is what the store "base" holds, if that holds anything.
func (r *rig) based(store string) {
	r.t.Helper()
	r.open(store)
	st, err := r.stores.Open("base")
	if err != nil {
		r.t.Fatal(err)
	}
	r.cfg.Base = func() (*fold.Base, error) {
		at, err := st.Position()
		if err != nil || at.IsZero() {
			return nil, err
		}
		return &fold.Base{Position: at, Fill: func() error { return r.stores.Copy(store, "base") }}, nil
	}
	r.f = fold.New(r.cfg)
}

func (r *rig) runTo(sequence uint64) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := r.f.RunTo(ctx, sequence); err != nil || ctx.Err() != nil {
		r.t.Fatal(err, ctx.Err())
	}
}

func (r *rig) trim(upTo uint64) {
	r.t.Helper()
	s, err := r.bus.JS().Stream(context.Background(), bus.StreamFact)
	if err == nil {
		err = s.Purge(context.Background(), jetstream.WithPurgeSequence(upTo+1))
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

// A fold that has nothing begins with the base, and reads on from its position, whether the stream was trimmed or not; one that
// has gone further goes on where it was.
func TestBeginsWithItsBase(t *testing.T) {
	r := newRig(t)
	for range 5 {
		r.publish("1")
	}
	third := uint64(3)
	r.based("base")
	r.runTo(third)
	for _, trimmed := range []bool{false, true} {
		if trimmed {
			r.trim(third)
		}
		r.based("new")
		st, err := r.stores.Open("new")
		if err != nil {
			t.Fatal(err)
		}
		if err := st.Drop(); err != nil {
			t.Fatal(err)
		}
		r.runTo(5)
		if r.m.total() != 5 || r.m.n != 2 {
			t.Fatalf("trimmed %v: sum %d after %d messages", trimmed, r.m.total(), r.m.n)
		}
	}
	r.publish("10")
	r.based("new")
	r.runTo(6)
	if r.m.total() != 15 || r.m.n != 1 {
		t.Fatalf("going on: sum %d after %d messages", r.m.total(), r.m.n)
	}
}

// A fold whose position the stream was trimmed beyond would miss what is gone: it begins with the base.
func TestBehindTheTrimmedStream(t *testing.T) {
	r := newRig(t)
	for range 5 {
		r.publish("1")
	}
	r.based("behind")
	r.runTo(2)
	r.based("base")
	r.runTo(4)
	r.trim(4)
	r.based("behind")
	r.runTo(5)
	if r.m.total() != 5 || r.m.n != 1 {
		t.Fatalf("sum %d after %d messages", r.m.total(), r.m.n)
	}
	// One that stands just before the first message left misses nothing.
	r.based("at")
	r.runTo(5)
	r.trim(5)
	r.publish("1")
	r.based("at")
	r.runTo(6)
	if r.m.total() != 6 || r.m.n != 1 {
		t.Fatalf("sum %d after %d messages", r.m.total(), r.m.n)
	}
}

// What a base holds is in no stream any more: where the stream is another one nothing is dropped, and nothing folded.
func TestABaseOfAnotherStream(t *testing.T) {
	r := newRig(t)
	r.publish("1")
	r.based("own")
	r.runTo(1)
	st, err := r.stores.Open("base")
	if err != nil {
		t.Fatal(err)
	}
	w := fold.Write{Position: fold.Position{Created: time.Unix(1, 0).UTC(), Sequence: 1}}
	w.Set([]byte("sum"), binary.BigEndian.AppendUint64(nil, 1000))
	if err := st.Commit(&w); err != nil {
		t.Fatal(err)
	}
	r.publish("1")
	for _, store := range []string{"own", "new"} {
		r.based(store)
		ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
		defer cancel()
		if err := r.f.RunTo(ctx, 2); err != nil {
			t.Fatal(err)
		}
		if why := r.f.Trouble(); why == nil || r.f.Applied() != 0 || r.m.n != 0 {
			t.Errorf("%s: trouble %v, applied %d", store, why, r.f.Applied())
		}
	}
	own, err := r.stores.Open("own")
	if err != nil {
		t.Fatal(err)
	}
	if p, err := own.Position(); err != nil || p.Sequence != 1 {
		t.Errorf("the store stands at %+v, %v", p, err)
	}
}
