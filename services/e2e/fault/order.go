package main

import (
	"context"
	"fmt"
	"time"

	"github.com/touchstone-cx/touchstone/services/e2e/order"
)

// shuffled gives the same facts to two instances in other orders.
func shuffled(ctx context.Context, s settings) error {
	if s.rounds == 0 {
		s.rounds = 1000
	}
	began := time.Now()
	r, err := order.Run(ctx, order.Options{
		Binary: s.bin, Dir: s.dir, Histories: s.rounds, Seed: s.seed, Every: 50,
		Told: func(format string, args ...any) { fmt.Printf(format, args...) },
	})
	if err != nil {
		return err
	}
	fmt.Printf("\n%d histories in %s: %d facts in %d deliveries to two instances, each in an order of its own, %d restarts: the same hash %s; %d scores equal an independent recount; seed %d\n",
		s.rounds, time.Since(began).Round(time.Second), r.Facts, r.Deliveries, r.Restarts, r.Hash, r.Scores, s.seed)
	return nil
}
