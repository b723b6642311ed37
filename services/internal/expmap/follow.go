package expmap

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// How often the stream is looked at although nothing says that it has moved.
	lookInterval = 2 * time.Second
	// A message is seen by listeners a moment before the stream has it: looked for again after this, twice as long each time.
	firstRetry = 5 * time.Millisecond
	// How long the stream may take to say how long it is. Short, since a question asked as the connection breaks is never
	// answered, and nothing is read while it is waited for.
	stateTimeout = time.Second
	// How long the reading of what is new may take.
	readTimeout = 10 * time.Second
)

// follow reads on whenever there may be something to read, until stop or until the connection is closed for good.
func (r *Registry) follow(ctx context.Context, sub *nats.Subscription) {
	defer close(r.done)
	defer func() {
		// On a closed connection there is nothing left to end.
		if err := sub.Unsubscribe(); err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
			r.report(fmt.Errorf("stop listening on %s: %w", allSubjects, err))
		}
	}()
	nc := r.js.Conn()
	status := nc.StatusChanged(nats.CONNECTED, nats.CLOSED)
	defer nc.RemoveStatusListener(status)
	timer := time.NewTimer(lookInterval)
	defer timer.Stop()
	retry := lookInterval
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.nudge:
			retry = firstRetry
		case <-status:
		case <-timer.C:
			retry = min(2*retry, lookInterval)
		}
		if nc.IsClosed() {
			r.report(errors.New("the connection to the bus is closed: the maps are no longer followed"))
			return
		}
		moved, err := r.readOn(ctx)
		if ctx.Err() != nil {
			return
		}
		r.report(err)
		if moved {
			retry = lookInterval
		}
		timer.Reset(retry)
	}
}

// report keeps the trouble with the stream for Health; nil clears it.
func (r *Registry) report(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		delete(r.trouble, "")
		return
	}
	r.trouble[""] = err
}

// readOn takes in what the stream holds beyond what was read. A stream that is another one, or shorter than what was read
// from it, was restored: it is the truth, so all is read again.
func (r *Registry) readOn(ctx context.Context) (moved bool, err error) {
	stateCtx, cancelState := context.WithTimeout(ctx, stateTimeout)
	defer cancelState()
	info, err := r.stream.Info(stateCtx)
	if err != nil {
		return false, fmt.Errorf("read the state of %s: %w", streamName, err)
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	r.mu.Lock()
	last := r.last
	restored := !info.Created.Equal(r.created) || info.State.LastSeq < last
	if restored {
		clear(r.seqs)
	}
	r.mu.Unlock()
	if restored {
		return true, r.load(ctx)
	}
	for last < info.State.LastSeq {
		msg, err := r.stream.GetMsg(ctx, last+1, jetstream.WithGetMsgSubject(allSubjects))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			last = info.State.LastSeq // what is left of the stream was deleted
		} else if err != nil {
			return moved, fmt.Errorf("read %s after %d: %w", streamName, last, err)
		} else {
			last = msg.Sequence
		}
		var changes []change
		if msg != nil {
			changes = r.take(msg)
		}
		r.mu.Lock()
		r.advance(last)
		r.mu.Unlock()
		moved = true
		r.announce(changes)
	}
	return moved, nil
}

// reached waits until the stream was read up to seq.
func (r *Registry) reached(ctx context.Context, seq uint64) error {
	for {
		r.mu.Lock()
		last, advanced := r.last, r.advanced
		r.mu.Unlock()
		if last >= seq {
			return nil
		}
		r.look()
		select {
		case <-advanced:
		case <-r.done:
			return errors.New("the registry is closed")
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
