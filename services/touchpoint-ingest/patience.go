package ingest

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/touchstone-cx/touchstone/services/internal/fault"
)

// patiently tries what the service does by itself until it is done, or fails for good: an error of other kinds than these is
// final. Between two tries it waits at least so long, and longer where the error says so. It ends with ctx by the last error.
func patiently(ctx context.Context, least time.Duration, kinds []fault.Kind, try func() error) error {
	for {
		err := try()
		if err == nil || !slices.Contains(kinds, fault.KindOf(err)) {
			return err
		}
		wait := least
		if f, ok := errors.AsType[*fault.Error](err); ok {
			wait = max(wait, f.RetryAfter)
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(wait):
		}
	}
}
