package main

import (
	"context"
	"errors"
	"path/filepath"
	"time"
)

// rawReference measures publishing alone: the same events, one a message, to a stream on disk that is not synced.
func (b *bench) rawReference(ctx context.Context) (err error) {
	r := &b.report
	r.title("raw", "nats.go PublishAsync of the same events, one a message: nothing reads them, no fsync before the acknowledgement")
	k, err := startBroker(ctx, filepath.Join(b.scratch, "raw"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, k.stop()) }()
	events := short(b, 1_500_000, 200_000)
	before, err := k.usage()
	if err != nil {
		return err
	}
	ownBefore, began := ownCPU(), time.Now()
	if err := k.publishEach(ctx, events); err != nil {
		return err
	}
	took := time.Since(began)
	after, err := k.usage()
	if err != nil {
		return err
	}
	r.add("raw", rate, "events/s", float64(events)/took.Seconds())
	r.add("raw", "server CPU", "µs/event", micros(after.minus(before).cpu)/float64(events))
	r.add("raw", "publisher CPU", "µs/event", micros(ownCPU()-ownBefore)/float64(events))
	return nil
}
