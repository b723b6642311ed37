package scoreservice

import (
	"hash/maphash"
	"time"

	"github.com/touchstone-cx/touchstone/services/correlation/state"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
)

// shape is which scores the filters on an organisation can select: its map and its scopes with data.
type shape struct {
	filters int // mu: watches that hold it
	// Below: eval.
	m          *expmap.Map
	generation uint64
	epoch      uint64
	scopes     uint64
	looked     time.Time
	took       time.Duration
}

// follow makes the hub look for new scopes of an organisation, until unfollow.
func (h *hub) follow(organisation string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.shapes[organisation] == nil {
		h.shapes[organisation] = new(shape)
	}
	h.shapes[organisation].filters++
}

func (h *hub) unfollow(organisation string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s := h.shapes[organisation]; s.filters > 1 {
		s.filters--
	} else {
		delete(h.shapes, organisation)
	}
}

// lookAtShapes makes the watchers of filters select anew when an organisation's map or its scopes are others than before.
// Listing scopes makes the fold wait, so that it is done the less often the longer it takes.
func (h *hub) lookAtShapes() {
	h.eval.Lock()
	defer h.eval.Unlock()
	h.mu.Lock()
	followed := make(map[string]*shape, len(h.shapes))
	for name, s := range h.shapes {
		followed[name] = s
	}
	h.mu.Unlock()
	for name, s := range followed {
		m := h.r.Maps.Current(name)
		if time.Since(s.looked) < max(tickEvery, 50*s.took) && m == s.m {
			continue
		}
		began := time.Now()
		generation, epoch, scopes := s.generation, s.epoch, s.scopes
		h.r.view(name, func(v *view) {
			if generation, epoch = v.generation, v.Epoch(state.Scope{}); generation != s.generation || epoch != s.epoch {
				scopes = 0
				v.Scopes(func(sc state.Scope) { scopes ^= maphash.Comparable(h.seed, keptScope(sc)) })
			}
		})
		if m != s.m || scopes != s.scopes {
			h.mu.Lock()
			h.shape++
			h.notify()
			h.mu.Unlock()
		}
		s.m, s.generation, s.epoch, s.scopes, s.looked, s.took = m, generation, epoch, scopes, began, time.Since(began)
	}
}
