// Package bus is the connection to NATS JetStream: streams and their settings, subjects, parked messages. It is the only
// way by which services meet; no service knows whether the server runs in the same process.
package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Bus is one connection.
type Bus struct {
	nc *nats.Conn
	js jetstream.JetStream
}

// Connect connects. It waits for a server that is not there yet until ctx ends, and later reconnects for ever.
func Connect(ctx context.Context, url, name string, log *slog.Logger, opts ...nats.Option) (*Bus, error) {
	opts = append([]nats.Option{
		nats.Name(name),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(250 * time.Millisecond),
		nats.RetryOnFailedConnect(true),
		nats.Timeout(5 * time.Second),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				log.Warn("connection to NATS lost", "error", err)
			}
		}),
		nats.ReconnectHandler(func(*nats.Conn) { log.Info("connected to NATS again") }),
		nats.ErrorHandler(func(_ *nats.Conn, sub *nats.Subscription, err error) {
			subject := ""
			if sub != nil {
				subject = sub.Subject
			}
			log.Error("NATS", "error", err, "subject", subject)
		}),
	}, opts...)
	nc, err := nats.Connect(url, opts...)
	if err != nil {
		return nil, fmt.Errorf("connecting to NATS at %s: %w", url, err)
	}
	for !nc.IsConnected() {
		select {
		case <-ctx.Done():
			last := nc.LastError()
			nc.Close()
			return nil, fmt.Errorf("connecting to NATS at %s: %w", url, errors.Join(ctx.Err(), last))
		case <-time.After(20 * time.Millisecond):
		}
	}
	js, err := jetstream.New(nc, jetstream.WithDefaultTimeout(10*time.Second))
	if err != nil {
		nc.Close()
		return nil, err
	}
	return &Bus{nc: nc, js: js}, nil
}

// NC returns the connection.
func (b *Bus) NC() *nats.Conn { return b.nc }

// JS returns JetStream on it.
func (b *Bus) JS() jetstream.JetStream { return b.js }

// Close ends the connection after what was published has left.
func (b *Bus) Close() {
	if err := b.nc.FlushTimeout(2 * time.Second); err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
		// The server is gone; JetStream acknowledged whatever counts.
		b.nc.Close()
		return
	}
	b.nc.Close()
}

// FactSubject is the subject of an organisation's facts of one partition.
func FactSubject(org string, partition int) string {
	return "ts.fact." + org + "." + strconv.Itoa(partition)
}

// EnsureStreams makes the streams and buckets that are missing and brings the settings of others up to date.
func (b *Bus) EnsureStreams(ctx context.Context) error {
	for _, c := range streams() {
		if _, err := b.js.CreateOrUpdateStream(ctx, c); err != nil {
			return fmt.Errorf("stream %s: %w", c.Name, err)
		}
	}
	for _, name := range []string{BucketKey, BucketCursor} {
		if _, err := b.js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: name, Storage: jetstream.FileStorage}); err != nil {
			return fmt.Errorf("bucket %s: %w", name, err)
		}
	}
	return nil
}

func streams() []jetstream.StreamConfig {
	file := func(name, subject, about string) jetstream.StreamConfig {
		return jetstream.StreamConfig{
			Name: name, Subjects: []string{subject}, Description: about,
			Storage: jetstream.FileStorage, Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardNew,
			// Doubles are found by identity, for ever, not by a window of minutes: keep none of its memory.
			Duplicates: 100 * time.Millisecond,
		}
	}
	refused := file(StreamRefused, "ts.refused.>", "what ingest refused, the last of each source")
	refused.MaxMsgsPerSubject, refused.Discard = 256, jetstream.DiscardOld
	score := file(StreamScore, "ts.score.*", "score changes; derivable from facts")
	score.Storage, score.MaxAge, score.Discard, score.MaxBytes = jetstream.MemoryStorage, 10*time.Minute, jetstream.DiscardOld, 64<<20
	return []jetstream.StreamConfig{
		file(StreamFact, "ts.fact.*.*", "recorded facts, in one order"),
		score,
		file(StreamParked, "ts.parked.>", "messages that could not be processed"),
		refused,
		file(StreamMap, "ts.map.*", "every version of every experience map"),
		file(StreamAudit, "ts.audit.>", "who changed what"),
	}
}
