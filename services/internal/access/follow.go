package access

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"

	adminv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/admin/v1"
	"github.com/touchstone-cx/touchstone/services/internal/bus"
)

// lookEvery is how often the bucket is looked at when nothing told of a change: a message lost while the connection was
// away must not keep a revoked key alive.
const lookEvery = 2 * time.Second

// follower keeps Keys current until it is stopped.
type follower struct {
	js   jetstream.JetStream
	stop context.CancelFunc
	done chan struct{}
}

// NewKeys reads all keys, then follows changes until Close. The bucket must exist.
func NewKeys(ctx context.Context, js jetstream.JetStream, clock func() time.Time) (*Keys, error) {
	kv, err := js.KeyValue(ctx, bus.BucketKey)
	if err != nil {
		return nil, fmt.Errorf("opening the bucket of keys: %w", err)
	}
	k := &Keys{kv: kv, clock: clock, follower: follower{js: js, done: make(chan struct{})}}
	k.keys.Store(&map[string]*adminv1.Key{})
	if err := k.refresh(ctx); err != nil {
		return nil, err
	}
	changed := make(chan struct{}, 1)
	sub, err := js.Conn().Subscribe(bucketSubjects, func(*nats.Msg) {
		select {
		case changed <- struct{}{}:
		default: // one look serves all changes before it
		}
	})
	if err != nil {
		return nil, fmt.Errorf("listening for changes of keys: %w", err)
	}
	following, stop := context.WithCancel(context.Background())
	k.stop = stop
	go func() {
		defer close(k.done)
		k.follow(following, sub, changed)
	}()
	return k, nil
}

func (k *Keys) follow(ctx context.Context, sub *nats.Subscription, changed <-chan struct{}) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			if err := sub.Unsubscribe(); err != nil {
				return // the connection went first, and the subscription with it
			}
			return
		case <-changed:
		case <-tick.C:
		}
		look, cancel := context.WithTimeout(ctx, lookEvery)
		// A bucket that cannot be read now is read at the next tick; meanwhile the keys last known hold.
		_ = k.refresh(look)
		cancel()
	}
}

// Close ends the following and waits for it. The keys last known stay.
func (k *Keys) Close() {
	k.stop()
	<-k.done
}

// refresh reads the bucket if it has changed since.
func (k *Keys) refresh(ctx context.Context) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	s, err := k.js.Stream(ctx, "KV_"+bus.BucketKey)
	if err != nil {
		return fmt.Errorf("looking at the bucket of keys: %w", err)
	}
	last := s.CachedInfo().State.LastSeq
	if k.seen && last == k.read {
		return nil
	}
	w, err := k.kv.WatchAll(ctx, jetstream.IgnoreDeletes())
	if err != nil {
		return fmt.Errorf("reading keys: %w", err)
	}
	keys, err := collect(ctx, w)
	// The watcher's consumer is on its way out; the server drops it by itself if it does not hear this.
	_ = w.Stop()
	if err != nil {
		return err
	}
	k.keys.Store(&keys)
	k.read, k.seen = last, true
	return nil
}

// collect reads a watcher up to where it knows all there was when it began.
func collect(ctx context.Context, w jetstream.KeyWatcher) (map[string]*adminv1.Key, error) {
	keys := map[string]*adminv1.Key{}
	for {
		select {
		case e, open := <-w.Updates():
			if !open {
				return nil, fmt.Errorf("reading keys: %w", nats.ErrConnectionClosed)
			}
			if e == nil {
				return keys, nil
			}
			key := &adminv1.Key{}
			if proto.Unmarshal(e.Value(), key) == nil { // an entry that cannot be read lets nobody in
				keys[e.Key()] = key
			}
		case <-ctx.Done():
			return nil, fmt.Errorf("reading keys: %w", ctx.Err())
		}
	}
}
