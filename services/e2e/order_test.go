package e2e

import (
	"testing"

	"github.com/touchstone-cx/touchstone/services/e2e/order"
)

// The same facts in other orders, repeated, corrected newest first and oldest first, taken back, with restarts anywhere,
// give the same hash in two instances. `make fault FAULT=order ROUNDS=1000` does more of it.
func TestOrder(t *testing.T) {
	histories := 200
	if testing.Short() {
		histories = 20
	}
	const seed = 20_261
	r, err := order.Run(t.Context(), order.Options{Binary: binary, Dir: t.TempDir(), Histories: histories, Seed: seed, Every: 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d histories of seed %d: %d facts in %d deliveries, %d restarts, %d scores equal to a recount, hash %s", histories, seed, r.Facts, r.Deliveries, r.Restarts, r.Scores, r.Hash)
}
