package bus

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/touchstone-cx/touchstone/services/internal/fault"
)

// Parked is where a parked message came from, and why it was parked.
type Parked struct {
	Stream, Subject string
	Sequence        uint64
	Reason          string
}

// Park keeps a message that no retry can process. Parking the same message of a stream again changes nothing.
func (b *Bus) Park(ctx context.Context, stream, subject string, sequence uint64, data []byte, reason string) error {
	at := "ts.parked." + stream + "." + strconv.FormatUint(sequence, 10)
	s, err := b.js.Stream(ctx, StreamParked)
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "the stream of parked messages cannot be written now")
	}
	if _, err := s.GetLastMsgForSubject(ctx, at); err == nil {
		return nil
	} else if !errors.Is(err, jetstream.ErrMsgNotFound) {
		return err
	}
	m := nats.NewMsg(at)
	m.Data = data
	m.Header.Set(headerStream, stream)
	m.Header.Set(headerSubject, subject)
	m.Header.Set(headerSequence, strconv.FormatUint(sequence, 10))
	m.Header.Set(headerReason, strings.NewReplacer("\r", " ", "\n", " ").Replace(reason))
	_, err = b.js.PublishMsg(ctx, m)
	return err
}

// ParkedFrom reads what Park wrote.
func ParkedFrom(m *jetstream.RawStreamMsg) Parked {
	// A header that is no number leaves 0: the message was not parked by Park.
	seq, err := strconv.ParseUint(m.Header.Get(headerSequence), 10, 64)
	if err != nil {
		seq = 0
	}
	return Parked{Stream: m.Header.Get(headerStream), Subject: m.Header.Get(headerSubject), Sequence: seq, Reason: m.Header.Get(headerReason)}
}
