package scoreservice

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"hash/maphash"
	"sync"
	"time"

	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
)

// hub computes every watched score once, however many watch it. It runs while anyone watches: woken by the state, it
// computes again the scores whose scope changed or whose window slid, and numbers the changes. Watchers compare numbers
// when they are free to send, so that a slow one finds the newest value and holds nobody up.
//
// Locks: eval, then mu. Neither is held while anything is sent, nor taken inside state.View.
type hub struct {
	r        *Reader
	instance uint64       // names this process's numbering in resume tokens
	seed     maphash.Seed // of the hashes in shapes

	eval sync.Mutex // one computes at a time

	mu       sync.Mutex
	series   map[seriesKey]*series
	seq      uint64        // number of the last change
	evicted  uint64        // seq at which a series was last forgotten
	shape    uint64        // rises when filters may select other scores than before
	moved    chan struct{} // closed and replaced when seq or shape rises
	watchers int
	cancel   context.CancelFunc // of run, while there are watchers
	shapes   map[string]*shape  // by organisation watched by a filter
}

type seriesKey struct {
	organisation, score string
	scope               scope
	window              scorev1.Window
}

func (t *Target) key() seriesKey {
	return seriesKey{t.Organisation(), t.Definition.ID, t.name(), t.Ref.GetWindow()}
}

// series is one watched score.
type series struct {
	key   seriesKey
	users int       // mu
	idle  time.Time // mu: since when nobody watches it

	t    *Target // eval: as of the map last seen
	seen seen    // eval

	last    *scorev1.Score // mu: never changed once it is here; nil before the first computation
	changed uint64         // mu: seq of last
	gone    error          // mu: why the map no longer has it
}

// seen is what a series was last computed from.
type seen struct {
	generation, epoch, version uint64
	from, to                   time.Time
	decided                    string // up to when cases are decided; empty where they are at once
}

const (
	// keepIdle is how long a series that nobody watches is remembered, so that a watcher can come back and be told only what
	// changed meanwhile.
	keepIdle = 10 * time.Minute
	// evalEvery is the least time between two computations while facts keep coming, tickEvery that between two looks at the
	// clock and the map.
	evalEvery = 100 * time.Millisecond
	tickEvery = 250 * time.Millisecond
)

func newHub(r *Reader) *hub {
	var b [8]byte
	rand.Read(b[:]) // never fails
	return &hub{
		r: r, instance: binary.BigEndian.Uint64(b[:]), series: map[seriesKey]*series{}, shapes: map[string]*shape{},
		seed: maphash.MakeSeed(), moved: make(chan struct{}),
	}
}

// enter counts a watcher in; the hub runs until the last one has left.
func (h *hub) enter() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.watchers++; h.watchers == 1 {
		ctx, cancel := context.WithCancel(context.Background())
		h.cancel = cancel
		go h.run(ctx)
	}
}

func (h *hub) leave(mine []*series) {
	h.drop(mine)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.watchers--; h.watchers == 0 {
		h.cancel()
	}
}

// join returns the series of targets, making those that are not there, and computes what is not known of them.
func (h *hub) join(targets []*Target) []*series {
	out := make([]*series, len(targets))
	h.mu.Lock()
	for i, t := range targets {
		key := t.key()
		sr := h.series[key]
		if sr == nil {
			sr = &series{key: key, t: t}
			h.series[key] = sr
		}
		sr.users++
		out[i] = sr
	}
	h.mu.Unlock()
	h.compute(out)
	return out
}

func (h *hub) drop(mine []*series) {
	now := h.r.Clock()
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, sr := range mine {
		if sr.users--; sr.users == 0 {
			sr.idle = now
		}
	}
}

// run computes until ctx ends. The channel of the next change is taken before computing, so that none is missed.
func (h *hub) run(ctx context.Context) {
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		changed := h.r.State().Changed()
		began := time.Now()
		h.compute(h.watched())
		h.lookAtShapes()
		// Computing takes at most about a fifth of one core.
		pause := time.NewTimer(max(evalEvery, 4*time.Since(began)))
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return
		}
		select {
		case <-changed:
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// watched returns the series that someone watches, and forgets those that nobody has watched for long.
func (h *hub) watched() []*series {
	now := h.r.Clock()
	h.mu.Lock()
	defer h.mu.Unlock()
	out := make([]*series, 0, len(h.series))
	for key, sr := range h.series {
		switch {
		case sr.users > 0:
			out = append(out, sr)
		case now.Sub(sr.idle) > keepIdle:
			delete(h.series, key)
			h.seq++
			h.evicted = h.seq
		}
	}
	return out
}

// knows reports whether the hub can tell what changed since a token: it numbered it, and has forgotten nothing since.
func (h *hub) knows(r resume) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return r.instance == h.instance && r.seq <= h.seq && r.seq >= h.evicted
}

func (h *hub) shapeNow() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.shape
}

// notify wakes the watchers; mu is held.
func (h *hub) notify() {
	close(h.moved)
	h.moved = make(chan struct{})
}
