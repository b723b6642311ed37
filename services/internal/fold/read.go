package fold

import (
	"context"
	"log/slog"

	"github.com/nats-io/nats.go/jetstream"
)

// Reader reads a stream in order and without gaps, for those who act on messages and keep no state of their own: a fold reads for
// itself.
type Reader struct{ r *reader }

// Read begins to read at a sequence.
func Read(ctx context.Context, s jetstream.Stream, from uint64, log *slog.Logger) (*Reader, error) {
	r, err := newReader(ctx, s, from, log)
	if err != nil {
		return nil, err
	}
	return &Reader{r}, nil
}

// Next returns the next message. After an error the stream is away or was replaced: read it anew.
func (r *Reader) Next(ctx context.Context) (Message, error) {
	select {
	case x := <-r.r.out:
		return x.msg, x.err
	case <-ctx.Done():
		return Message{}, ctx.Err()
	}
}

// Ready reports whether Next returns at once.
func (r *Reader) Ready() bool { return len(r.r.out) > 0 }

// Stop ends the reading.
func (r *Reader) Stop() { r.r.stop() }
