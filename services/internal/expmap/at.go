package expmap

import "context"

// At returns a version of an organisation's map with its tables: what was once accepted, also where checks became stricter since.
func (r *Registry) At(ctx context.Context, org string, version uint64) (*Map, error) {
	if m := r.Current(org); m != nil && m.Version == version {
		return m, nil
	}
	mv, err := r.Version(ctx, org, version)
	if err != nil {
		return nil, err
	}
	return build(mv.GetMap(), mv.GetVersion())
}
