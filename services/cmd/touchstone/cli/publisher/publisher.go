// Package publisher sends batches of facts over IngestService.PublishStream: a bounded number in flight, repeated until
// each fact is recorded or refused for good, across reconnects. Repeating is safe because a fact's version decides.
package publisher

import (
	"context"
	"errors"
	"io"
	"time"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
)

// Limits of one batch, below those of IngestService (256 KiB and 1,000 facts) by the room its envelope needs.
const (
	MaxFacts = 500
	MaxBytes = 192 << 10
)

// Config says where batches go.
type Config struct {
	Client       ingestv1.IngestServiceClient
	Organisation string
	Source       string
	ImportID     string        // empty for live facts
	Window       int           // batches in flight; 0 means 16
	GiveUp       time.Duration // without any progress for so long Run fails; 0 means never
	Backoff      time.Duration // first wait after a failure, doubled six times at most; 0 means 100 ms
	// Told hears that the service is not reachable or asks to wait; nil if nobody listens.
	Told func(err error, retryAfter time.Duration)
}

// Batch is what a caller wants published together. Facts may be empty: the batch then only takes its turn.
type Batch struct {
	Facts []*factv1.Fact
	Note  any // the caller's own; not read
}

// Next returns the next batch, or io.EOF when there is none. It may block until ctx ends.
type Next func(ctx context.Context) (*Batch, error)

// Done hears of each batch, in the order of Next, once each of its facts is recorded or refused for good.
type Done func(b *Batch, results []*ingestv1.FactResult) error

// Run publishes all batches of next. It returns nil after done heard of the last one; else the first error of next or
// done, or why the service cannot be reached or does not take batches. What done heard of is on disk in either case.
func Run(ctx context.Context, c Config, next Next, done Done) error {
	if c.Window == 0 {
		c.Window = 16
	}
	if c.Backoff == 0 {
		c.Backoff = 100 * time.Millisecond
	}
	ctx, cancel := context.WithCancel(ctx)
	batches := make(chan *Batch)
	finished := make(chan error, 1)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		finished <- produce(ctx, next, batches)
	}()
	// next is not called after Run returned: its caller may close what next reads.
	defer func() { cancel(); <-stopped }()
	r := &run{Config: c, done: done, batches: batches, finished: finished, inFlight: map[uint64]*part{}, progress: time.Now()}
	return r.loop(ctx)
}

func produce(ctx context.Context, next Next, into chan<- *Batch) error {
	for {
		b, err := next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case into <- b:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// entry is a batch that is not done yet.
type entry struct {
	batch   *Batch
	results []*ingestv1.FactResult // nil where a fact has no final result yet
	open    int                    // facts without one
}

// part is facts of one batch that travel in one message.
type part struct {
	entry *entry
	facts []int // indices into entry.batch.Facts
	due   time.Time
}

type run struct {
	Config
	done     Done
	batches  chan *Batch
	finished chan error

	rejected error    // what done returned; it hears of nothing after
	ended    bool     // next returned io.EOF
	queue    []*entry // in order of next
	ready    []*part  // to send, some only when due
	inFlight map[uint64]*part
	sequence uint64
	failures int // since the last progress
	progress time.Time
}

func (r *run) loop(ctx context.Context) error {
	for {
		s, err := r.open(ctx)
		if err == nil {
			err = r.serve(ctx, s)
			s.close()
			// What was answered before the break is done, and the caller shall know.
			if lost := r.drain(s); err != nil && lost != nil {
				return lost
			}
		}
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var broken *connectionError
		if !errors.As(err, &broken) {
			return err
		}
		wait, again := r.backoff(broken.err)
		if !again {
			return broken.err
		}
		if r.Told != nil {
			r.Told(broken.err, wait)
		}
		for sequence, p := range r.inFlight {
			delete(r.inFlight, sequence)
			r.ready = append(r.ready, p)
		}
		if !sleep(ctx, wait) {
			return ctx.Err()
		}
	}
}

// drain takes in the answers that had come when a connection ended.
func (r *run) drain(s *session) error {
	for {
		select {
		case m := <-s.responses:
			if err := r.answer(m); err != nil {
				return err
			}
		default:
			return r.deliver()
		}
	}
}

// serve drives one connection until all is done (nil), it breaks (*connectionError), or something else fails.
func (r *run) serve(ctx context.Context, s *session) error {
	for {
		if err := r.deliver(); err != nil {
			return err
		}
		if r.ended && len(r.queue) == 0 {
			return nil
		}
		later, err := r.sendDue(s)
		if err != nil {
			return err
		}
		var in chan *Batch
		var finished chan error
		if !r.ended && len(r.queue) < r.Window {
			in, finished = r.batches, r.finished
		}
		select {
		case b := <-in:
			r.take(b)
		case err := <-finished:
			if err != nil {
				return err
			}
			r.ended = true
		case m := <-s.responses:
			if err := r.answer(m); err != nil {
				return err
			}
		case err := <-s.broken:
			return &connectionError{err}
		case <-later:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (r *run) take(b *Batch) {
	e := &entry{batch: b, results: make([]*ingestv1.FactResult, len(b.Facts)), open: len(b.Facts)}
	r.queue = append(r.queue, e)
	if e.open > 0 {
		all := make([]int, len(b.Facts))
		for i := range all {
			all[i] = i
		}
		r.ready = append(r.ready, &part{entry: e, facts: all})
	}
}

// deliver tells of finished batches from the front, so that the caller can remember how far it has come by one number.
func (r *run) deliver() error {
	for r.rejected == nil && len(r.queue) > 0 && r.queue[0].open == 0 {
		e := r.queue[0]
		r.queue = r.queue[1:]
		r.rejected = r.done(e.batch, e.results)
	}
	return r.rejected
}

// sendDue sends all parts that are due, and returns a channel that fires when the next one is.
func (r *run) sendDue(s *session) (<-chan time.Time, error) {
	now := time.Now()
	var waiting []*part
	var first time.Time
	for i, p := range r.ready {
		if p.due.After(now) {
			if first.IsZero() || p.due.Before(first) {
				first = p.due
			}
			waiting = append(waiting, p)
			continue
		}
		r.sequence++
		r.inFlight[r.sequence] = p
		if err := s.send(r.request(p)); err != nil {
			r.ready = append(waiting, r.ready[i+1:]...)
			return nil, &connectionError{err}
		}
	}
	r.ready = waiting
	if first.IsZero() {
		return nil, nil
	}
	return time.After(time.Until(first)), nil
}

func (r *run) request(p *part) *ingestv1.PublishStreamRequest {
	facts := p.entry.batch.Facts
	if len(p.facts) != len(facts) {
		facts = make([]*factv1.Fact, len(p.facts))
		for i, at := range p.facts {
			facts[i] = p.entry.batch.Facts[at]
		}
	}
	return &ingestv1.PublishStreamRequest{Sequence: r.sequence, Batch: &ingestv1.PublishRequest{
		Organisation: r.Organisation, Source: r.Source, ImportId: r.ImportID, Facts: facts,
	}}
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
