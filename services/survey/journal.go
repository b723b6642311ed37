package survey

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"

	surveyv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/survey/v1"
	"github.com/touchstone-cx/touchstone/services/internal/bus"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
	"github.com/touchstone-cx/touchstone/services/survey/state"
)

// journal is the one writer of TS_SURVEY: what all parts of the service decide and hear at a time leaves in one message, synced
// once. Each message names the last of its subject, so that of two writers one is refused: what it meant to write is made again
// on what the other wrote.
type journal struct {
	js     jetstream.JetStream
	state  *state.State
	folded func() uint64 // last sequence of TS_SURVEY that the state holds
	log    *slog.Logger
	newest atomic.Uint64 // sequence of the newest message known of, of any organisation

	mu    sync.Mutex
	books map[string]*book
	run   func(f func(context.Context))
}

// book is the log of one organisation.
type book struct {
	org string

	mu      sync.Mutex
	waiting []*entry
	closed  bool
	read    uint64 // changes whenever somebody else wrote: what was read before is stale
	wake    chan struct{}

	known bool   // last is; of the writer's goroutine
	last  uint64 // sequence of the subject's last message
}

type entry struct {
	batch *surveyv1.SurveyBatch
	size  int
	read  uint64
	done  chan written
}

type written struct {
	sequence uint64
	err      error
}

const (
	batchBytes = 256 << 10 // of one message
	ackTimeout = 10 * time.Second
	lookAgain  = 250 * time.Millisecond
)

// errStale says that somebody else wrote meanwhile.
var errStale = fault.New(fault.Conflict, "another writer was first")

func (j *journal) book(org string) *book {
	j.mu.Lock()
	defer j.mu.Unlock()
	b := j.books[org]
	if b == nil {
		b = &book{org: org, wake: make(chan struct{}, 1), read: 1}
		j.books[org] = b
		j.run(func(ctx context.Context) { j.keep(ctx, b) })
	}
	return b
}

// write has make decide by the state what to write, and returns once that is on disk and in the state. make is called again when
// somebody else wrote meanwhile. Nothing made is nothing written.
func (j *journal) write(ctx context.Context, org string, make func() (*surveyv1.SurveyBatch, error)) error {
	b := j.book(org)
	for {
		b.mu.Lock()
		read := b.read
		b.mu.Unlock()
		if err := j.current(ctx); err != nil {
			return err
		}
		batch, err := make()
		if err != nil || batch == nil {
			return err
		}
		err = j.append(ctx, b, read, batch)
		if !errors.Is(err, errStale) {
			return err
		}
	}
}

// record writes what happened already, whatever the state says. It goes on while ctx ends, and returns once it is on disk and, if ctx
// lasts, in the state.
func (j *journal) record(ctx context.Context, org string, events []*surveyv1.SurveyEvent) error {
	b := j.book(org)
	disk, cancel := context.WithTimeout(context.WithoutCancel(ctx), ackTimeout)
	defer cancel()
	for {
		b.mu.Lock()
		read := b.read
		b.mu.Unlock()
		sequence, err := j.enqueue(disk, b, read, &surveyv1.SurveyBatch{Events: events})
		if err == nil {
			return j.reached(ctx, sequence)
		}
		if !errors.Is(err, errStale) {
			return err
		}
	}
}

func (j *journal) append(ctx context.Context, b *book, read uint64, batch *surveyv1.SurveyBatch) error {
	sequence, err := j.enqueue(ctx, b, read, batch)
	if err != nil {
		return err
	}
	return j.reached(ctx, sequence)
}

// enqueue returns once a batch is on disk.
func (j *journal) enqueue(ctx context.Context, b *book, read uint64, batch *surveyv1.SurveyBatch) (uint64, error) {
	e := &entry{batch: batch, size: proto.Size(batch), read: read, done: make(chan written, 1)}
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return 0, stopping()
	}
	b.waiting = append(b.waiting, e)
	b.mu.Unlock()
	select {
	case b.wake <- struct{}{}:
	default:
	}
	select {
	case w := <-e.done:
		return w.sequence, w.err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

func stopping() error {
	return &fault.Error{Kind: fault.Unavailable, Message: "the service is stopping: try again", RetryAfter: time.Second}
}

// current waits until the state holds all that is known to be in the log: a state that was loaded anew is behind for a moment.
// A stream that was restored ends earlier than what was known.
func (j *journal) current(ctx context.Context) error {
	for {
		once, cancel := context.WithTimeout(ctx, ackTimeout)
		err := j.reached(once, j.newest.Load())
		if err != nil && ctx.Err() == nil {
			if s, serr := j.js.Stream(ctx, bus.StreamSurvey); serr == nil {
				j.newest.Store(s.CachedInfo().State.LastSeq)
			}
		}
		cancel()
		if err == nil || ctx.Err() != nil {
			return err
		}
	}
}

// isCurrent is current without waiting.
func (j *journal) isCurrent() bool { return j.folded() >= j.newest.Load() }

// catchUp learns of the log's end, and waits until the state holds it.
func (j *journal) catchUp(ctx context.Context) error {
	for {
		once, cancel := context.WithTimeout(ctx, ackTimeout)
		s, err := j.js.Stream(once, bus.StreamSurvey)
		cancel()
		if err == nil {
			j.learn(s.CachedInfo().State.LastSeq)
			return j.current(ctx)
		}
		select {
		case <-time.After(lookAgain):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (j *journal) learn(sequence uint64) {
	for {
		at := j.newest.Load()
		if sequence <= at || j.newest.CompareAndSwap(at, sequence) {
			return
		}
	}
}

// reached waits until the state holds a message.
func (j *journal) reached(ctx context.Context, sequence uint64) error {
	for {
		changed := j.state.Changed()
		if j.folded() >= sequence {
			return nil
		}
		select {
		case <-changed:
		case <-time.After(time.Millisecond): // the fold tells its position a moment after its change
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// keep writes what waits, message by message.
func (j *journal) keep(ctx context.Context, b *book) {
	defer func() {
		b.mu.Lock()
		b.closed = true
		left := b.waiting
		b.waiting = nil
		b.mu.Unlock()
		finish(left, written{err: stopping()})
	}()
	for {
		select {
		case <-b.wake:
		case <-ctx.Done():
			return
		}
		for {
			if !b.known {
				if err := j.look(ctx, b); err != nil {
					return
				}
			}
			some := b.take()
			if len(some) == 0 {
				break
			}
			j.send(ctx, b, some)
		}
	}
}

// take returns entries for one message; what is stale is told so.
func (b *book) take() (some []*entry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	size, n := 0, 0
	for _, e := range b.waiting {
		if e.read != b.read {
			e.done <- written{err: errStale}
			n++
			continue
		}
		if len(some) > 0 && size+e.size > batchBytes {
			break
		}
		some, size = append(some, e), size+e.size
		n++
	}
	b.waiting = b.waiting[n:]
	return some
}

func (j *journal) send(ctx context.Context, b *book, some []*entry) {
	all := &surveyv1.SurveyBatch{}
	for _, e := range some {
		all.Events = append(all.Events, e.batch.GetEvents()...)
		all.FactPosition = max(all.FactPosition, e.batch.GetFactPosition())
	}
	data, err := proto.Marshal(all)
	if err != nil {
		finish(some, written{err: err})
		return
	}
	once, cancel := context.WithTimeout(ctx, ackTimeout)
	defer cancel()
	ack, err := j.js.PublishMsg(once, &nats.Msg{Subject: bus.SurveySubject(b.org, 0), Data: data}, jetstream.WithExpectLastSequencePerSubject(b.last), jetstream.WithRetryAttempts(0))
	if err == nil {
		b.last = ack.Sequence
		j.learn(ack.Sequence)
		finish(some, written{sequence: ack.Sequence})
		return
	}
	// Refused because another wrote, or nobody knows whether it was written: what was read is no longer sure.
	j.log.Warn("the log of surveys is read again", "organisation", b.org, "reason", err)
	b.known = false
	if j.look(ctx, b) != nil {
		finish(some, written{err: stopping()})
		return
	}
	finish(some, written{err: errStale})
}

func finish(some []*entry, w written) {
	for _, e := range some {
		e.done <- w
	}
}

// look finds the subject's last message and waits until the state holds it. It gives up with ctx alone.
func (j *journal) look(ctx context.Context, b *book) error {
	for {
		last, err := j.lastOf(ctx, b.org)
		if err == nil {
			j.learn(last)
			if err = j.reached(ctx, last); err == nil {
				b.mu.Lock()
				b.read++
				b.mu.Unlock()
				b.known, b.last = true, last
				return nil
			}
		}
		select {
		case <-time.After(lookAgain):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (j *journal) lastOf(ctx context.Context, org string) (uint64, error) {
	once, cancel := context.WithTimeout(ctx, ackTimeout)
	defer cancel()
	s, err := j.js.Stream(once, bus.StreamSurvey)
	if err != nil {
		return 0, err
	}
	m, err := s.GetLastMsgForSubject(once, bus.SurveySubject(org, 0))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return m.Sequence, nil
}
