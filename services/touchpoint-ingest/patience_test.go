package ingest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/touchstone-cx/touchstone/services/internal/fault"
)

func TestPatiently(t *testing.T) {
	busy := &fault.Error{Kind: fault.Exhausted, Message: "no room", RetryAfter: 5 * time.Second}
	soon := &fault.Error{Kind: fault.Exhausted, Message: "no room", RetryAfter: time.Millisecond}
	away := fault.New(fault.Unavailable, "the bus is away")
	wrong := fault.New(fault.Invalid, "it is wrong")
	plain := errors.New("nobody knows")
	for name, c := range map[string]struct {
		kinds []fault.Kind
		fails []error // one after the other, then nothing
		want  error
		tries int
		took  time.Duration
	}{
		"at once":                   {[]fault.Kind{fault.Exhausted}, nil, nil, 1, 0},
		"as long as it says":        {[]fault.Kind{fault.Exhausted}, []error{busy, busy}, nil, 3, 10 * time.Second},
		"at least so long":          {[]fault.Kind{fault.Exhausted}, []error{soon}, nil, 2, time.Second},
		"of either kind":            {[]fault.Kind{fault.Exhausted, fault.Unavailable}, []error{away, busy}, nil, 3, 6 * time.Second},
		"a cause within":            {[]fault.Kind{fault.Exhausted}, []error{fmt.Errorf("again: %w", busy)}, nil, 2, 5 * time.Second},
		"of another kind":           {[]fault.Kind{fault.Exhausted}, []error{away}, away, 1, 0},
		"wrong after a while":       {[]fault.Kind{fault.Exhausted}, []error{busy, wrong}, wrong, 2, 5 * time.Second},
		"of no kind":                {[]fault.Kind{fault.Exhausted, fault.Unavailable}, []error{plain}, plain, 1, 0},
		"longer than anybody waits": {[]fault.Kind{fault.Unavailable}, []error{away, away, away, away, away, away, away, away, away, away, away, away}, away, 11, 10*time.Second + time.Second/2},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second+time.Second/2)
			defer cancel()
			begin, tries := time.Now(), 0
			err := patiently(ctx, time.Second, c.kinds, func() error {
				if tries++; tries <= len(c.fails) {
					return c.fails[tries-1]
				}
				return nil
			})
			if !errors.Is(err, c.want) || tries != c.tries || time.Since(begin) != c.took {
				t.Errorf("%s: %v after %d tries and %s", name, err, tries, time.Since(begin))
			}
		})
	}
}
