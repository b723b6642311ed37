package expmap

import (
	"context"
	"fmt"
)

// Await returns once the organisation's current map has at least this version. The error of ctx says how far it came.
func (r *Registry) Await(ctx context.Context, org string, version uint64) error {
	for {
		r.mu.Lock()
		advanced := r.advanced
		r.mu.Unlock()
		m := r.Current(org)
		if m != nil && m.Version >= version {
			return nil
		}
		r.look()
		select {
		case <-advanced:
		case <-ctx.Done():
			at := uint64(0)
			if m != nil {
				at = m.Version
			}
			return fmt.Errorf("waiting for version %d of the map of %s, at %d: %w", version, org, at, ctx.Err())
		}
	}
}
