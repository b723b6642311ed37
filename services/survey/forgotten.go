package survey

import (
	"context"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/touchstone-cx/touchstone/services/internal/bus"
	"github.com/touchstone-cx/touchstone/services/internal/seal"
)

// forgetter deletes the keys of customers who were forgotten, so that what they wrote in surveys can be read no more, in any copy of
// the log. It goes through TS_FORGOTTEN with a consumer that remembers where it is: a crash before it says so deletes a key that is
// gone.
type forgetter struct {
	js     jetstream.JetStream
	sealer *seal.Sealer
	log    *slog.Logger
}

const forgetAgain = time.Second

func (f *forgetter) run(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := f.follow(ctx); err != nil && ctx.Err() == nil {
			f.log.Warn("customers who were forgotten are looked for again", "reason", err)
		}
		select {
		case <-time.After(forgetAgain):
		case <-ctx.Done():
		}
	}
	return nil
}

func (f *forgetter) follow(ctx context.Context) error {
	cons, err := f.js.CreateOrUpdateConsumer(ctx, bus.StreamForgotten, jetstream.ConsumerConfig{Durable: "survey", AckPolicy: jetstream.AckExplicitPolicy, MaxAckPending: 1})
	if err != nil {
		return err
	}
	all, err := cons.Messages(jetstream.PullMaxMessages(1))
	if err != nil {
		return err
	}
	defer all.Stop()
	for {
		m, err := all.Next(jetstream.NextContext(ctx))
		if err != nil {
			return err
		}
		if customer, ok := asID(m.Data()); ok {
			if err := f.sealer.Forget(bus.ForgottenOrganisation(m.Subject()), customer); err != nil {
				return err
			}
		}
		if err := m.DoubleAck(ctx); err != nil {
			return err
		}
	}
}
