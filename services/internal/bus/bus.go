// Package bus is the connection to NATS JetStream: streams and their settings, subjects, parked messages, traces through
// headers. It is the only way by which services meet; no service knows whether the server runs in the same process.
package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
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
	connected := make(chan struct{}, 1)
	opts = append([]nats.Option{
		nats.Name(name),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(250 * time.Millisecond),
		nats.ReconnectJitter(100*time.Millisecond, 500*time.Millisecond),
		nats.RetryOnFailedConnect(true),
		nats.Timeout(5 * time.Second),
		nats.PingInterval(10 * time.Second), nats.MaxPingsOutstanding(3),
		nats.ConnectHandler(func(*nats.Conn) { connected <- struct{}{} }),
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
	select {
	case <-connected:
	case <-ctx.Done():
		last := nc.LastError()
		nc.Close()
		return nil, fmt.Errorf("connecting to NATS at %s: %w", nc.Opts.Url, errors.Join(ctx.Err(), last))
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

// Health tells whether the server answers, JetStream included.
func (b *Bus) Health(ctx context.Context) error {
	if !b.nc.IsConnected() {
		return errors.New("not connected to NATS")
	}
	if _, err := b.js.AccountInfo(ctx); err != nil {
		return fmt.Errorf("JetStream does not answer: %w", err)
	}
	return nil
}

// Close ends the connection after what was published has left. Closing twice is no error.
func (b *Bus) Close() error {
	err := b.nc.FlushTimeout(2 * time.Second)
	b.nc.Close()
	if err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
		return fmt.Errorf("flushing the connection to NATS: %w (whatever was acknowledged is safe)", err)
	}
	return nil
}

// Unavailable reports whether an error of NATS passes by itself: the server is away, busy or being restarted.
func Unavailable(err error) bool {
	for _, e := range []error{
		nats.ErrTimeout, nats.ErrNoResponders, nats.ErrDisconnected, nats.ErrConnectionReconnecting, nats.ErrConnectionClosed,
		nats.ErrNoServers, nats.ErrReconnectBufExceeded, jetstream.ErrNoStreamResponse, jetstream.ErrJetStreamNotEnabled,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
