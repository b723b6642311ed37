package cli

import (
	"context"
	"fmt"
	"math"
	"time"

	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	"github.com/touchstone-cx/touchstone/services/cmd/touchstone/cli/publisher"
	"github.com/touchstone-cx/touchstone/services/simulate"
)

// tick is how often the live simulation looks for what is due.
const tick = 200 * time.Millisecond

// publishLive publishes each fact when its time has come. It is an open loop: if Touchstone is slow or away, what fell due
// in the meantime is published as soon as it is back, as real sources do.
func (f *simulateFlags) publishLive(ctx context.Context, s *session) error {
	org, err := s.org(ctx)
	if err != nil {
		return err
	}
	if f.rate < 0 || f.rate > 100 || math.IsNaN(f.rate) {
		return failed("--rate is up to 100 facts a second, not %v", f.rate)
	}
	// The rate is part of the ids: the facts of two rates are different facts.
	g, err := f.generator(ctx, s, f.rate*86400/simulate.FactsPerInteraction, fmt.Sprintf("l%d.%g-", f.seed, f.rate))
	if err != nil {
		return err
	}
	live := g.Live(time.Now())
	var waiting []*publisher.Batch
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	told, good, bad := time.Now(), uint64(0), uint64(0)
	if err := s.say(s.err, "simulating %s live; Ctrl-C ends", org); err != nil {
		return err
	}
	err = s.publish(ctx, publisher.Config{Organisation: org, Source: simulate.Source}, func(ctx context.Context) (*publisher.Batch, error) {
		for len(waiting) == 0 {
			select {
			case <-ticker.C:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
			var none uint64
			if err := cut(facts(live.Next(time.Now()), &none), func(b *publisher.Batch) error { waiting = append(waiting, b); return nil }); err != nil {
				return nil, err
			}
		}
		b := waiting[0]
		waiting = waiting[1:]
		return b, nil
	}, func(b *publisher.Batch, results []*ingestv1.FactResult) error {
		recorded, refused := split(results)
		if bad == 0 && refused > 0 {
			fmt.Fprintln(s.err, firstRefusal(b, results))
		}
		good, bad = good+recorded, bad+refused
		if time.Since(told) > time.Minute {
			told = time.Now()
			return s.say(s.err, "%s  %s facts published live, %s refused", told.Format("15:04:05"), thousands(fmt.Sprint(good)), thousands(fmt.Sprint(bad)))
		}
		return nil
	})
	if ctx.Err() != nil {
		return s.say(s.out, "simulated %s: %s facts published live, %s refused", org, thousands(fmt.Sprint(good)), thousands(fmt.Sprint(bad)))
	}
	return err
}
