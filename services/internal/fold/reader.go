package fold

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// reader delivers a stream's messages in order and without gaps, bounded in bytes, through a channel.
type reader struct {
	out    chan read
	cancel context.CancelFunc
	done   sync.WaitGroup
	stream jetstream.Stream
	log    *slog.Logger
}

type read struct {
	msg  Message
	last uint64 // last sequence known to be in the stream
	err  error
}

const (
	pullBytes = 8 << 20 // asked for at once: more would pass the pending limits of client and server
	queue     = 16      // messages read ahead of Apply, up to 256 KiB each
)

func newReader(ctx context.Context, s jetstream.Stream, from uint64, log *slog.Logger) (*reader, error) {
	ctx, cancel := context.WithCancel(ctx)
	cons, err := s.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:   from,
	})
	if err != nil {
		cancel()
		return nil, fmt.Errorf("fold: reading from %d: %w", from, err)
	}
	it, err := cons.Messages(jetstream.PullMaxBytes(pullBytes), jetstream.PullHeartbeat(5*time.Second), jetstream.PullExpiry(30*time.Second))
	if err != nil {
		cancel()
		return nil, fmt.Errorf("fold: reading from %d: %w", from, err)
	}
	r := &reader{out: make(chan read, queue), cancel: cancel, stream: s, log: log}
	r.done.Add(2)
	pumped := make(chan struct{})
	go func() {
		defer r.done.Done()
		<-ctx.Done()
		// Next ends by its context; only an iterator that is being made anew, because the bus is away, has to be told. Told too
		// early it would stop its old self and leave the new one running.
		select {
		case <-pumped:
		case <-time.After(100 * time.Millisecond):
		}
		it.Stop()
	}()
	go func() {
		defer r.done.Done()
		defer close(pumped)
		r.pump(ctx, it, from)
	}()
	return r, nil
}

func (r *reader) pump(ctx context.Context, it jetstream.MessagesContext, next uint64) {
	send := func(x read) bool {
		select {
		case r.out <- x:
			return x.err == nil
		case <-ctx.Done():
			return false
		}
	}
	for {
		m, err := it.Next(jetstream.NextContext(ctx))
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			if errors.Is(err, jetstream.ErrNoHeartbeat) {
				continue // the ordered consumer makes itself anew
			}
			send(read{err: &restart{"reading stopped: " + err.Error()}})
			return
		}
		meta, err := m.Metadata()
		if err != nil {
			send(read{err: fmt.Errorf("fold: message without metadata: %w", err)})
			return
		}
		seq := meta.Sequence.Stream
		if seq < next {
			continue // seen: the consumer was made anew
		}
		if seq > next {
			// A slow consumer loses messages silently: never step over a gap that is not in the stream itself.
			if _, err := r.stream.GetMsg(ctx, next); !errors.Is(err, jetstream.ErrMsgNotFound) {
				send(read{err: &restart{fmt.Sprintf("gap: expected message %d, got %d", next, seq)}})
				return
			}
			r.log.Error("messages are missing from the stream: what they told cannot be counted", "first", next, "last", seq-1)
		}
		next = seq + 1
		if !send(read{msg: Message{Sequence: seq, Subject: m.Subject(), Header: m.Headers(), Data: m.Data()}, last: seq + meta.NumPending}) {
			return
		}
	}
}

func (r *reader) stop() {
	r.cancel()
	r.done.Wait()
}
