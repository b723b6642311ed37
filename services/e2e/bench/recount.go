package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/big"

	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
)

// tally is what the service must have counted.
type tally struct {
	count int64
	sums  amounts
}

// recount counts what batches have sent, without the service: by touchpoint, and "" for all.
func recount(batches []*batch) map[string]*tally {
	out := map[string]*tally{"": {}}
	add := func(touchpoint string, count int64, values amounts) {
		if out[touchpoint] == nil {
			out[touchpoint] = &tally{}
		}
		for _, t := range []*tally{out[""], out[touchpoint]} {
			t.count += count
			for m, v := range values {
				t.sums[m] += v
			}
		}
	}
	for _, b := range batches {
		for i := range b.slots {
			s := &b.slots[i]
			var values amounts
			switch s.role {
			case fresh, late:
				for m, v := range s.event.values {
					values[m] = v * int64(len(b.uses))
				}
				add(s.event.touchpoint, int64(len(b.uses)), values)
			case correction:
				// However often a fact is corrected, it changes once: the correction says the same each time.
				for m, v := range b.slots[s.of].event.values {
					values[m] = (s.event.values[m] - v) * int64(len(s.corrected))
				}
				add(s.event.touchpoint, 0, values)
			}
		}
	}
	return out
}

// sent returns how many facts batches have sent, and the mean of their bytes.
func sent(batches []*batch) (facts int64, bytes float64) {
	total := int64(0)
	for _, b := range batches {
		facts += int64(len(b.slots) * len(b.uses))
		total += int64(len(b.frame) * len(b.uses))
	}
	return facts, float64(total) / float64(max(1, facts))
}

// exact compares the scores of all time with a recount: the number of interactions and the sum of each metric, of the
// organisation and of each touchpoint.
func exact(ctx context.Context, s *service, want map[string]*tally) error {
	var errs []error
	for touchpoint, t := range want {
		count, err := s.score(ctx, touchpoint, "interactions.count", scorev1.Window_WINDOW_ALL)
		if err != nil {
			return err
		}
		if got := int64(math.Round(count.GetValue())); got != t.count {
			errs = append(errs, fmt.Errorf("touchpoint %q: %d interactions are counted, %d were sent", touchpoint, got, t.count))
		}
		for m, id := range metrics {
			e, err := s.explain(ctx, touchpoint, id+".mean", scorev1.Window_WINDOW_ALL)
			if err != nil {
				return err
			}
			got := new(big.Int)
			for _, c := range e.GetCells() {
				x, ok := new(big.Int).SetString(c.GetSum(), 10)
				if !ok {
					return fmt.Errorf("explain %s: a cell's sum is %q", id, c.GetSum())
				}
				got.Add(got, x)
			}
			if e.GetMoreCells() == 0 && got.Cmp(big.NewInt(t.sums[m])) != 0 {
				errs = append(errs, fmt.Errorf("touchpoint %q: the sum of %s is %s, %d were sent", touchpoint, id, got, t.sums[m]))
			}
			// The mean is published as the float nearest to sum ÷ n: with n exact it holds the sum to 15 digits.
			resolution := 1000.0
			if id == "handling_cost" {
				resolution = 100
			}
			if sum := e.GetScore().GetValue() * resolution * float64(e.GetScore().GetN()); math.Abs(sum-float64(t.sums[m])) > math.Abs(sum)*1e-12 {
				errs = append(errs, fmt.Errorf("touchpoint %q: mean × n of %s is %.0f, %d were sent", touchpoint, id, sum, t.sums[m]))
			}
		}
	}
	return errors.Join(errs...)
}
