package scoreservice

import (
	"sync"
	"time"

	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/correlation/cell"
	"github.com/touchstone-cx/touchstone/services/correlation/state"
)

// samples remembers the newest sample of each live window, so that the statistics of one measure, and many readers of one
// score, add its cells up once. A sample holds while its scope's epoch, its snapped bounds and the map are the same. What
// was sampled is never changed.
type samples struct {
	mu    sync.Mutex
	byKey map[sampleKey]sampled
}

type sampleKey struct {
	organisation string
	scope        scope
	of           string // of a composite that takes other cells than its scope's
	needs        cell.Needs
	window       scorev1.Window
	decides      time.Duration // of what is decided of the window alone: how long that takes; 0 for all of it
}

type sampled struct {
	generation, epoch, version uint64
	from, to                   time.Time
	sample                     *cell.Sample
}

// maxSamples bounds the memory: a sample takes a few kilobytes.
const maxSamples = 8192

// sample adds up the cells of a target's scope, or of one of its places, in a view, unless that was done before.
func (r *Reader) sample(v *view, t *Target, name scope, cells state.Scope, needs cell.Needs, span state.Span) *cell.Sample {
	return r.part(v, t, name, cells, needs, span, 0)
}

// part is sample of what is decided of a window, where that takes some time.
func (r *Reader) part(v *view, t *Target, name scope, cells state.Scope, needs cell.Needs, span state.Span, decides time.Duration) *cell.Sample {
	epoch := v.Epoch(cells)
	if !t.live() || epoch == 0 { // 0: not changed since the cells were loaded, which may have been more than once
		return v.Sample(cells, needs, span)
	}
	key := sampleKey{t.Organisation(), name, t.pooled(), needs, t.Ref.GetWindow(), decides}
	r.samples.mu.Lock()
	s, ok := r.samples.byKey[key]
	r.samples.mu.Unlock()
	if ok && s.generation == v.generation && s.epoch == epoch && s.version == t.Map.Version && s.from.Equal(span.From) && s.to.Equal(span.To) {
		return s.sample
	}
	s = sampled{v.generation, epoch, t.Map.Version, span.From, span.To, v.Sample(cells, needs, span)}
	r.samples.mu.Lock()
	defer r.samples.mu.Unlock()
	if len(r.samples.byKey) >= maxSamples && !ok {
		n := maxSamples / 4
		for k := range r.samples.byKey { // any will do: what is read often comes back at once
			delete(r.samples.byKey, k)
			if n--; n == 0 {
				break
			}
		}
	}
	r.samples.byKey[key] = s
	return s.sample
}
