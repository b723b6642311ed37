package traffic

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	"github.com/touchstone-cx/touchstone/services/e2e/oracle"
)

// Writer is one source that publishes a life. It repeats what was not acknowledged for as long as it takes: a fact of
// unknown fate is published again, and none is given up.
type Writer struct {
	Client       ingestv1.IngestServiceClient
	Organisation string
	Source       string
	Stream       bool // publish on a bidirectional stream, several batches in flight; else one unary call after another
	Rate         int  // facts a second at most; 0: as fast as it goes
	Life         *Life
	Journal      *oracle.Journal
	Chance       *rand.Rand // sizes of batches
	Gate         *Gate      // nil for none

	sequence uint64
	pending  []*batch // in order, not acknowledged
	began    time.Time
	sent     int
}

type batch struct {
	sequence uint64
	facts    []*factv1.Fact
	sent     time.Time // the last time
}

const (
	maxBatch = 100
	inFlight = 8
)

// Run publishes until stop is closed and everything published is acknowledged. It returns an error when ctx ends, or when
// a fact is refused for good: none of these should be.
func (w *Writer) Run(ctx context.Context, stop <-chan struct{}) error {
	w.began, w.sent = time.Now(), 0
	life := w.unary
	if w.Stream {
		life = w.stream
	}
	for {
		if w.Gate != nil {
			if err := w.Gate.Pass(ctx); err != nil {
				return err
			}
		}
		err := life(ctx, stop)
		if err == nil {
			return nil
		}
		var refused *Refused
		var impossible *Impossible
		if errors.As(err, &refused) || errors.As(err, &impossible) {
			return err
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%s: %w; last: %w", w.Source, ctx.Err(), err)
		}
		switch status.Code(err) {
		case codes.InvalidArgument, codes.PermissionDenied, codes.Unauthenticated, codes.NotFound, codes.Unimplemented:
			return fmt.Errorf("%s: %w", w.Source, err)
		}
		if !pause(ctx, time.Duration(5+w.Chance.IntN(20))*time.Millisecond) {
			return ctx.Err()
		}
	}
}

// Refused says that a fact was refused that should not be.
type Refused struct {
	Source  string
	Fact    *factv1.Fact
	Refusal *ingestv1.Refusal
}

func (r *Refused) Error() string {
	return fmt.Sprintf("%s: %s was refused: %v", r.Source, r.Fact.GetId(), r.Refusal)
}

// Impossible says that facts were acknowledged that cannot be on disk.
type Impossible struct {
	Source string
	Facts  int
}

func (i *Impossible) Error() string {
	return fmt.Sprintf("%s: %d facts were acknowledged that were sent after the disk had lost its power", i.Source, i.Facts)
}

func stopped(stop <-chan struct{}) bool {
	select {
	case <-stop:
		return true
	default:
		return false
	}
}

// more adds a batch when there is room and time for one; wait is how long to wait otherwise.
func (w *Writer) more(limit int) (wait time.Duration) {
	if len(w.pending) >= limit {
		return time.Hour
	}
	if w.Rate > 0 {
		if ahead := time.Duration(w.sent)*time.Second/time.Duration(w.Rate) - time.Since(w.began); ahead > 0 {
			return ahead
		}
	}
	w.sequence++
	b := &batch{sequence: w.sequence}
	for range 1 + w.Chance.IntN(maxBatch) {
		b.facts = append(b.facts, w.Life.Next())
	}
	w.sent += len(b.facts)
	w.pending = append(w.pending, b)
	return 0
}

func (w *Writer) request(b *batch) *ingestv1.PublishRequest {
	b.sent = time.Now()
	return &ingestv1.PublishRequest{Organisation: w.Organisation, Source: w.Source, Facts: b.facts}
}

func (w *Writer) unary(ctx context.Context, stop <-chan struct{}) error {
	for {
		if len(w.pending) == 0 {
			if stopped(stop) {
				return nil
			}
			if wait := w.more(1); wait > 0 {
				pause(ctx, min(wait, 10*time.Millisecond))
				if ctx.Err() != nil {
					return ctx.Err()
				}
				continue
			}
		}
		call, cancel := context.WithTimeout(ctx, 30*time.Second)
		resp, err := w.Client.Publish(call, w.request(w.pending[0]))
		cancel()
		if err != nil {
			return err
		}
		if err := w.settle(w.pending[0], resp.GetResults()); err != nil {
			return err
		}
	}
}

// settle takes in the results of a batch: what is recorded is journaled, what may be tried again stays.
func (w *Writer) settle(b *batch, results []*ingestv1.FactResult) error {
	if len(results) != len(b.facts) {
		return fmt.Errorf("%d results for %d facts", len(results), len(b.facts))
	}
	var again, recorded []*factv1.Fact
	for i, r := range results {
		switch {
		case r.GetStatus() == ingestv1.Status_STATUS_RECORDED:
			recorded = append(recorded, b.facts[i])
		case temporary(r.GetRefusal()):
			again = append(again, b.facts[i])
		default:
			return &Refused{w.Source, b.facts[i], r.GetRefusal()}
		}
	}
	if w.Gate != nil {
		switch withheld, impossible := w.Gate.withheld(b.sent); {
		case impossible && len(recorded) > 0:
			return &Impossible{w.Source, len(recorded)}
		case withheld:
			return status.Error(codes.Unavailable, "the answer did not get through")
		}
	}
	w.Journal.Acknowledged(w.Source, recorded...)
	for i, p := range w.pending {
		if p == b {
			w.pending = append(w.pending[:i:i], w.pending[i+1:]...)
		}
	}
	if len(again) > 0 {
		w.sequence++
		w.pending = append(w.pending, &batch{sequence: w.sequence, facts: again})
		return status.Error(codes.ResourceExhausted, "some facts are to be sent again")
	}
	return nil
}

func temporary(r *ingestv1.Refusal) bool {
	switch r.GetReason() {
	case ingestv1.Reason_REASON_RATE, ingestv1.Reason_REASON_NO_SPACE, ingestv1.Reason_REASON_UNAVAILABLE:
		return true
	}
	return false
}

// stream is the life of one stream: it sends again what is pending, then goes on, until all is settled or it breaks.
func (w *Writer) stream(ctx context.Context, stop <-chan struct{}) error {
	ctx, cancel := context.WithCancel(ctx)
	s, err := w.Client.PublishStream(ctx)
	if err != nil {
		cancel()
		return err
	}
	answers, broken, ended := make(chan *ingestv1.PublishStreamResponse, 2*inFlight), make(chan error, 1), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			m, err := s.Recv()
			if err != nil {
				broken <- err
				return
			}
			select {
			case answers <- m:
			case <-ctx.Done():
				return
			}
		}
	}()
	defer func() { cancel(); <-ended }()
	sent := map[uint64]*batch{}
	stopping := stop
	for {
		var wait time.Duration
		if stopped(stop) {
			if len(w.pending) == 0 {
				return s.CloseSend()
			}
			stopping, wait = nil, time.Hour
		} else {
			wait = w.more(inFlight)
		}
		for _, b := range w.pending {
			if sent[b.sequence] != nil {
				continue
			}
			sent[b.sequence] = b
			if err := s.Send(&ingestv1.PublishStreamRequest{Sequence: b.sequence, Batch: w.request(b)}); err != nil && !errors.Is(err, io.EOF) {
				return err
			}
		}
		if wait == 0 && len(answers) == 0 && len(broken) == 0 {
			continue
		}
		timer := time.NewTimer(wait)
		select {
		case m := <-answers:
			b := sent[m.GetSequence()]
			if e := m.GetError(); e != nil {
				if !temporary(e) {
					return &Refused{w.Source, b.facts[0], e}
				}
				pause(ctx, time.Duration(m.GetRetryAfterMs())*time.Millisecond)
				return status.Error(codes.Unavailable, e.GetMessage())
			}
			if err := w.settle(b, m.GetResults()); err != nil {
				return err
			}
		case err := <-broken:
			return err
		case <-timer.C:
		case <-stopping:
		}
		timer.Stop()
	}
}

func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
