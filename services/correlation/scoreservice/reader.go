package scoreservice

import (
	"context"
	"fmt"
	"sync"
	"time"

	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/correlation/score"
	"github.com/touchstone-cx/touchstone/services/correlation/state"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
)

// Maps gives the current map of an organisation; nil when it has none.
type Maps interface {
	Current(organisation string) *expmap.Map
}

// Source is what scores are read from.
type Source struct {
	// State returns the live state. Another one takes its place when history has been counted again.
	State func() *state.State
	Maps  Maps
	Clock func() time.Time
	// Confined returns the organisation that the caller of a request is confined to; empty for all.
	Confined func(context.Context) string
}

// Reader resolves and computes scores.
type Reader struct {
	Source
	samples samples
	movings movings

	mu         sync.RWMutex
	catalogues map[string]declared // by organisation
	live       *state.State        // last seen
	generation uint64              // of live: counts its changes
}

type declared struct {
	m *expmap.Map
	c *score.Catalogue
	s *structure
}

// NewReader returns a reader of a source.
func NewReader(s Source) *Reader {
	return &Reader{Source: s, samples: samples{byKey: map[sampleKey]sampled{}}, catalogues: map[string]declared{}}
}

const defaultOrganisation = "default"

// organisation returns the name of an organisation that the caller may see, with its map and its scores. What it may not
// see and what does not exist are the same to it.
func (r *Reader) organisation(ctx context.Context, name string) (declared, error) {
	if name == "" {
		name = defaultOrganisation
	}
	if own := r.Confined(ctx); own != "" && own != name {
		return declared{}, noOrganisation(name)
	}
	return r.current(name)
}

func noOrganisation(name string) error {
	return fault.New(fault.NotFound, "There is no organisation %q with a map.", name)
}

// current returns an organisation's map with its scores and its structure, which are worked out once per version.
func (r *Reader) current(name string) (declared, error) {
	m := r.Maps.Current(name)
	if m == nil {
		return declared{}, noOrganisation(name)
	}
	return r.declared(m), nil
}

// declared returns a map with its scores and its structure.
func (r *Reader) declared(m *expmap.Map) declared {
	r.mu.RLock()
	d := r.catalogues[m.Organisation]
	r.mu.RUnlock()
	if d.m == m {
		return d
	}
	d = declared{m, score.NewCatalogue(Spec(m)), newStructure(m)}
	r.mu.Lock()
	r.catalogues[m.Organisation] = d
	r.mu.Unlock()
	return d
}

// Moment is when and at which position scores were read.
type Moment struct {
	Position    uint64
	Newest, Now time.Time
}

// view is a state's view that knows of which state: epochs of two states must not be compared.
type view struct {
	*state.View
	generation uint64
}

func (v *view) moment(now time.Time) Moment { return momentOf(v.View, now) }

func momentOf(v *state.View, now time.Time) Moment {
	return Moment{Position: v.Position(), Newest: v.Newest(), Now: now}
}

// view runs f with a view of the live state. The fold waits: f must be short and wait for nothing.
func (r *Reader) view(organisation string, f func(*view)) {
	st := r.State()
	r.mu.RLock()
	same, generation := st == r.live, r.generation
	r.mu.RUnlock()
	if !same {
		r.mu.Lock()
		if st != r.live {
			r.live = st
			r.generation++
		}
		generation = r.generation
		r.mu.Unlock()
	}
	st.View(organisation, func(v *state.View) { f(&view{v, generation}) })
}

// Score computes a target as of now.
func (r *Reader) Score(t *Target, now time.Time) (*scorev1.Score, error) {
	span, err := t.Span(now)
	if err != nil {
		return nil, err
	}
	r.warm(t, span)
	var at Moment
	var x *taken
	r.view(t.Organisation(), func(v *view) { at, x = v.moment(now), r.bag(v).take(t, span) })
	return t.finish(x, span, at), nil
}

func indexed(list string, i int) string { return fmt.Sprintf("%s[%d]", list, i) }
