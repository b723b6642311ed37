package ingest

import (
	"context"
	"errors"
	"maps"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/touchstone-cx/touchstone/services/internal/bus"
	"github.com/touchstone-cx/touchstone/services/internal/wire"
)

// seals knows before when each organisation's history is sealed, by following TS_SEALED. A seal is told there before it is put
// into TS_FACT: facts are refused here before the fold has to pass them by.
type seals struct {
	js  jetstream.JetStream
	now atomic.Pointer[map[string]int64] // nil while nothing is sealed
}

// before returns the time before which an organisation is sealed, in milliseconds since 1970 UTC; 0 where nothing is.
func (s *seals) before(org string) int64 {
	if m := s.now.Load(); m != nil {
		return (*m)[org]
	}
	return 0
}

// take takes in one message.
func (s *seals) take(subject string, data []byte) {
	org, ms := bus.SealedOrganisation(subject), int64(0)
	if ms, _ = wire.SealedBefore(data); org == "" || ms <= s.before(org) {
		return
	}
	next := map[string]int64{}
	if m := s.now.Load(); m != nil {
		maps.Copy(next, *m)
	}
	next[org] = ms
	s.now.Store(&next)
}

// open reads what is sealed now.
func (s *seals) open(ctx context.Context) error {
	stream, err := s.js.Stream(ctx, bus.StreamSealed)
	if err != nil {
		return err
	}
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter(">"))
	if err != nil {
		return err
	}
	for subject := range info.State.Subjects {
		m, err := stream.GetLastMsgForSubject(ctx, subject)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		s.take(m.Subject, m.Data)
	}
	return nil
}

// follow takes in what is sealed from now on. It listens to the subjects themselves, and looks at the stream now and then for
// what it did not hear.
func (s *seals) follow(ctx context.Context) error {
	const every = 10 * time.Second
	heard, err := s.js.Conn().SubscribeSync(bus.SealedSubject("*"))
	if err != nil {
		return err
	}
	defer func() { _ = heard.Unsubscribe() }() // on a closed connection there is nothing to end
	for {
		wait, cancel := context.WithTimeout(ctx, every)
		m, err := heard.NextMsgWithContext(wait)
		cancel()
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			s.take(m.Subject, m.Data)
		default:
			look, cancel := context.WithTimeout(ctx, every)
			_ = s.open(look) // the bus is away: the next look tells
			cancel()
			if !errors.Is(err, context.DeadlineExceeded) {
				select {
				case <-ctx.Done():
					return nil
				case <-time.After(every):
				}
			}
		}
	}
}
