// Package state is the fold of facts into ledger and cells: what correlation knows. Applied to the same set of facts
// under the same map it is the same, whatever their order, their repetitions and the restarts in between.
package state

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/bits"
	"slices"
	"sync"
	"time"

	"github.com/touchstone-cx/touchstone/services/correlation/cell"
	"github.com/touchstone-cx/touchstone/services/correlation/ledger"
	"github.com/touchstone-cx/touchstone/services/internal/fold"
)

// Counting is the part of an organisation's map that decides what is counted.
type Counting struct {
	Zone       *time.Location
	Channel    bool             // keep the breakdown by channel
	Team       bool             // keep the breakdown by team
	Attributes map[string]bool  // keep the breakdown by these attributes
	Resolution map[string]int64 // of every metric, question (1) and linked metric that any version of the map declares
	Linked     []Linked         // metrics that follow customers
	Agent      bool             // keep the breakdown by agent
	Gaps       []Gap            // comparisons of answers with what was expected
	Perceived  []Perceived      // comparisons of answers with a metric
}

// String tells two counting parts apart that give different cells.
func (c *Counting) String() string {
	s := c.Zone.String()
	if c.Channel {
		s += " channel"
	}
	if c.Team {
		s += " team"
	}
	for _, a := range slices.Sorted(maps.Keys(c.Attributes)) {
		s += " attribute:" + a
	}
	for i := range c.Linked {
		s += " linked:" + c.Linked[i].String()
	}
	if c.Agent {
		s += " agent"
	}
	for i := range c.Gaps {
		s += " gap:" + c.Gaps[i].String()
	}
	for i := range c.Perceived {
		s += " perceived:" + c.Perceived[i].String()
	}
	return s
}

// Outdated returns the organisations whose cells were counted by another counting part than their map's of today: the map
// changed while nobody was counting. They are to be counted again.
func (s *State) Outdated() []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var out []string
	for _, o := range s.orgs {
		today := o.counting
		if o.today != nil {
			today = o.today
		}
		if o.counted != today.String() {
			out = append(out, o.name)
		}
	}
	slices.Sort(out)
	return out
}

// Maps gives the counting part of an organisation's current map; nil when it has none.
type Maps func(organisation string) (*Counting, error)

// Keys in the store.
const (
	keyCell    = 'c' // organisation, touchpoint, breakdown, value, tier, bucket → flush, block
	keyDelta   = 'd' // flush → what it added
	keyPast    = 'e' // organisation, customer, question → what later answers are compared with of what is sealed
	keyGhost   = 'g' // organisation, customer, linked metric → when a journey that is open began, which is sealed
	keyHistory = 'h' // identity, position, index → one delivery after the first
	keyLedger  = 'l' // chunk number → chunk
	keyMeta    = 'm' // → counters, newest times
	keyPart    = 'p' // organisation → counting part by which its cells were counted
	keySymbol  = 's' // number → name
)

// Breakdowns as numbered in keys.
const (
	byTouchpoint = iota
	byChannel
	byTeam
	byAttribute
)

// SimulatedSource is the source whose facts are marked simulated wherever they are shown.
const SimulatedSource = "simulate"

// State is a fold.Machine. Its exported reading methods may be called from any goroutine.
type State struct {
	maps  Maps
	clock func() time.Time

	mu       sync.RWMutex // held for writing by Apply, Flush and Load, for reading by View
	store    fold.Store
	symbols  symbols
	orgs     map[uint32]*org
	orgNames map[string]*org
	ledger   *ledger.Ledger
	counts   Counts
	set      [2]uint64 // sum mod 2^128 over all facts of a hash of identity, version and content
	horizons [tiers]int64
	position uint64
	epoch    uint64
	failed   error // a cell of the store could not be read: the fold must stop

	amounts []amount      // of the contribution in the making
	turns   []*touchpoint // with something the store's cells lack, in the order of their turns
	credit  int           // towards the next turn, in parts of a cycle
	whole   bool          // every touchpoint has its turn at the next flush
	pending int           // contributions not absorbed yet
	spare   []*group
	own     absorber
	loading *loader // while deltas are loaded
	delta   []byte  // of the next flush
	deltaAt int64   // time of the last contribution in it
	deltaN  int     // contributions in it
	empty   []place // cells that are empty in the store
	flushes uint64  // number of the last flush
	oldest  uint64  // number of the oldest delta that may be in the store
	history []fold.Pair
	aside   map[string][]byte // what seals leave to be written at the next flush; nil values are to be removed
	removed [][]byte
	changed chan struct{}
	slab    []byte
	scratch scratch
	sums    sync.Pool // of *summing, which have room for whole histograms
}

// Counts are running totals, for operators. All but Facts and Retracted tell of deliveries and so depend on history.
type Counts struct {
	Facts       uint64 `json:"facts"`     // identities with content or retracted
	Retracted   uint64 `json:"retracted"` // retractions in force
	Duplicates  uint64 `json:"duplicates"`
	Corrections uint64 `json:"corrections"`
	Stale       uint64 `json:"stale"`
	Conflicts   uint64 `json:"conflicts"`
	Uncounted   uint64 `json:"uncounted"` // values of measures that no map declares
	Disputes    uint64 `json:"disputes"`  // facts that are or were contested
	Sealed      uint64 `json:"sealed"`    // deliveries about what is sealed, refused
	LetGo       uint64 `json:"let_go"`    // facts that the ledger let go
	Cells       uint64 `json:"-"`         // blocks in memory
}

type org struct {
	name        string
	sym         uint32
	counting    *Counting
	counted     string    // what the cells were counted by; another than counting's own asks for a recount
	today       *Counting // of the map, where counting is what the cells were counted by before; nil where they are one
	written     bool      // the store has the counting part
	sealed      int64     // ms: what happened before is sealed; 0: nothing is
	touchpoints map[uint32]*touchpoint
	measures    map[uint32]*cell.Bins
	newest      int64
	epoch       uint64
	days        dayCache
	links       *links // nil where nothing follows customers
	gaps        *gaps  // nil where no answer is compared with others
	felt        map[uint32]felt
	contests    *contests // nil where nothing was ever contested
}

type touchpoint struct {
	name   string
	sym    uint32
	org    *org
	epoch  uint64
	series map[uint64]*series // breakdown<<32 | symbol of the value

	groups  map[int64]*group // by minute
	last    *group           // the group of the last contribution
	pending int              // contributions in groups
	changed []place          // cells that differ from the store's
	since   uint64           // number of the first delta that the store's cells lack; 0 when they lack nothing
}

// place is where a changed block stands.
type place struct {
	s      *series
	tier   Tier
	bucket int64
}

// dayCache remembers on which day of the zone a quarter-hour falls.
type dayCache struct {
	quarter, day [64]int64
	used         [64]bool
}

func (c *dayCache) of(ms int64, zone *time.Location) int64 {
	q := floorDiv(ms, quarterMs)
	i := uint64(q) & 63
	if c.used[i] && c.quarter[i] == q {
		return c.day[i]
	}
	d := dayOf(time.UnixMilli(ms), zone)
	c.quarter[i], c.day[i], c.used[i] = q, d, true
	return d
}

// New returns an empty state. clock decides only which fine buckets are old enough to be dropped.
func New(maps Maps, clock func() time.Time) *State {
	s := &State{maps: maps, clock: clock, changed: make(chan struct{})}
	s.reset()
	return s
}

func (s *State) reset() {
	s.symbols = newSymbols()
	s.orgs, s.orgNames = map[uint32]*org{}, map[string]*org{}
	s.counts, s.set, s.position = Counts{}, [2]uint64{}, 0
	s.turns, s.delta, s.empty, s.history, s.aside, s.removed = nil, nil, nil, nil, nil, nil
	s.flushes, s.oldest, s.deltaN, s.credit, s.pending, s.whole = 0, 0, 0, 0, 0, false
	for t := range tiers {
		s.horizons[t] = horizon(t, s.clock())
	}
}

type meta struct {
	Counts Counts           `json:"counts"`
	Set    [2]uint64        `json:"set"`
	Newest map[string]int64 `json:"newest"`
	// Counting tells by which counting part each organisation's cells were counted.
	Counting map[string]string `json:"counting"`
	Position uint64            `json:"position"`
	Flushes  uint64            `json:"flushes"`
	// Sealed tells before which time each organisation is sealed, in milliseconds since 1970 UTC.
	Sealed map[string]int64 `json:"sealed,omitempty"`
}

// Load implements fold.Machine.
func (s *State) Load(st fold.Store) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reset()
	s.store = st
	s.ledger = ledger.New(st, []byte{keyLedger})
	if err := s.symbols.load(st); err != nil {
		return err
	}
	b, err := st.Get([]byte{keyMeta})
	if err != nil {
		return err
	}
	if b != nil {
		var m meta
		if err := json.Unmarshal(b, &m); err != nil {
			return fmt.Errorf("the state's head is damaged, rebuild it: %w", err)
		}
		s.counts, s.set, s.position, s.flushes = m.Counts, m.Set, m.Position, m.Flushes
		for name, ms := range m.Newest {
			o, err := s.org(s.symbols.of([]byte(name)))
			if err != nil {
				return err
			}
			o.newest, o.counted, o.sealed = ms, m.Counting[name], m.Sealed[name]
			if err := s.loadPart(o); err != nil {
				return err
			}
		}
	}
	// Contents loaded are new contents: nothing remembered by an epoch of before may be taken for them.
	s.epoch++
	if err := s.loadCells(); err != nil {
		return err
	}
	if err := s.loadDeltas(); err != nil {
		return err
	}
	if s.oldest == 0 {
		s.oldest = s.flushes + 1
	}
	// Empty cells that no delta filled again are only in the store.
	for _, p := range s.empty {
		if b := p.s.tiers[p.tier].find(p.bucket); b != nil && !b.dirty && len(b.enc) == 0 {
			p.s.tiers[p.tier].remove(p.bucket)
			s.counts.Cells--
		}
	}
	for _, o := range s.orgs {
		o.epoch = s.epoch
		for name := range o.counting.Resolution {
			if sym, ok := s.symbols.byName[name]; ok {
				s.bins(o, sym)
			}
		}
	}
	if err := s.loadLedger(); err != nil {
		return err
	}
	s.announce()
	return nil
}

func (s *State) loadCells() error {
	var slab []byte
	return s.store.Scan([]byte{keyCell}, func(k, v []byte) error {
		if len(k) != cellKeyLen {
			return fmt.Errorf("a cell's key has %d bytes: the store is damaged; rebuild it", len(k))
		}
		if len(slab)+len(v) > cap(slab) {
			slab = make([]byte, 0, max(1<<20, len(v)))
		}
		at := len(slab)
		slab = append(slab, v...)
		o, err := s.org(binary.BigEndian.Uint32(k[1:]))
		if err != nil {
			return err
		}
		t := s.touchpoint(o, binary.BigEndian.Uint32(k[5:]))
		sr := s.series(t, int(k[9]), binary.BigEndian.Uint32(k[10:]))
		tier, bucket := Tier(k[14]), int64(binary.BigEndian.Uint64(k[15:])^1<<63)
		if tier >= tiers {
			return errBlock
		}
		if bucket < s.horizons[tier] {
			s.removed = append(s.removed, append([]byte(nil), k...))
			return nil
		}
		sr.epoch, t.epoch = s.epoch, s.epoch
		b := &sr.tiers[tier]
		b.buckets = append(b.buckets, bucket)
		flush, n := binary.Uvarint(slab[at:])
		if n <= 0 {
			return errBlock
		}
		if at += n; at == len(slab) {
			s.empty = append(s.empty, place{s: sr, tier: tier, bucket: bucket})
		}
		b.blocks = append(b.blocks, &block{enc: slab[at:len(slab):len(slab)], flush: flush})
		s.counts.Cells++
		return nil
	})
}

const cellKeyLen = 23

func (p place) key() []byte {
	b := append(make([]byte, 0, cellKeyLen), p.s.key[:]...)
	b = append(b, byte(p.tier))
	return binary.BigEndian.AppendUint64(b, uint64(p.bucket)^1<<63)
}

func (s *State) org(sym uint32) (*org, error) {
	if o := s.orgs[sym]; o != nil {
		return o, nil
	}
	name := s.symbols.name(sym)
	c, err := s.maps(name)
	if err != nil {
		return nil, errors.Join(fold.ErrStore, err)
	}
	if c == nil {
		return nil, fmt.Errorf("organisation %q has no map", name)
	}
	o := &org{name: name, sym: sym, counting: c, counted: c.String(), touchpoints: map[uint32]*touchpoint{}, measures: map[uint32]*cell.Bins{}}
	s.follow(o)
	s.orgs[sym], s.orgNames[name] = o, o
	return o, nil
}

// follow makes an organisation's links and comparisons anew, by its counting part.
func (s *State) follow(o *org) {
	c := o.counting
	o.links, o.gaps, o.felt = s.newLinks(c), s.newGaps(c), s.newFelt(c)
}

func (s *State) touchpoint(o *org, sym uint32) *touchpoint {
	t := o.touchpoints[sym]
	if t == nil {
		t = &touchpoint{name: s.symbols.name(sym), sym: sym, org: o, series: map[uint64]*series{}, groups: map[int64]*group{}}
		o.touchpoints[sym] = t
	}
	return t
}

func (s *State) series(t *touchpoint, breakdown int, value uint32) *series {
	k := uint64(breakdown)<<32 | uint64(value)
	sr := t.series[k]
	if sr == nil {
		sr = &series{touchpoint: t, first: s.firstTier(breakdown, value)}
		sr.key[0] = keyCell
		binary.BigEndian.PutUint32(sr.key[1:], t.org.sym)
		binary.BigEndian.PutUint32(sr.key[5:], t.sym)
		sr.key[9] = byte(breakdown)
		binary.BigEndian.PutUint32(sr.key[10:], value)
		t.series[k] = sr
	}
	return sr
}

// bins returns the histogram layout of a measure, nil when no version of the map declares it.
func (s *State) bins(o *org, sym uint32) *cell.Bins {
	if b := o.measures[sym]; b != nil {
		return b
	}
	name := s.symbols.name(sym)
	res, ok := o.counting.Resolution[name]
	if !ok {
		// A later version may declare it; what exists never changes.
		c, err := s.maps(o.name)
		if err != nil {
			s.failed = errors.Join(fold.ErrStore, err)
			return nil
		}
		if c != nil {
			o.counting.Resolution = c.Resolution
			res, ok = c.Resolution[name]
		}
		if !ok {
			return nil
		}
	}
	b := cell.NewBins(res)
	o.measures[sym] = b
	return b
}

// Flush implements fold.Machine.
func (s *State) Flush(w *fold.Write) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.symbols.flush(w)
	s.ledger.Flush(w)
	s.flushCells(w)
	w.Sets = append(w.Sets, s.history...)
	for k, v := range s.aside {
		if v == nil {
			w.Delete([]byte(k))
		} else {
			w.Set([]byte(k), v)
		}
	}
	s.history, s.aside = nil, nil
	w.Deletes = append(w.Deletes, s.removed...)
	s.removed = nil
	m := meta{Counts: s.counts, Set: s.set, Position: s.position, Flushes: s.flushes, Newest: map[string]int64{}, Counting: map[string]string{}}
	for _, o := range s.orgs {
		m.Newest[o.name], m.Counting[o.name] = o.newest, o.counted
		if o.sealed != 0 {
			if m.Sealed == nil {
				m.Sealed = map[string]int64{}
			}
			m.Sealed[o.name] = o.sealed
		}
		if !o.written {
			if err := s.writePart(w, o); err != nil {
				return err
			}
		}
	}
	head, err := json.Marshal(m)
	if err != nil {
		return err
	}
	w.Set([]byte{keyMeta}, head)
	return nil
}

// Prune drops the fine buckets that are too old as of the clock; the next flush removes them from the store. It returns
// how many it dropped.
func (s *State) Prune() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.absorbAll()
	n := 0
	for t := range tiers {
		h := horizon(t, s.clock())
		if h <= s.horizons[t] {
			continue
		}
		s.horizons[t] = h
		for _, o := range s.orgs {
			for _, tp := range o.touchpoints {
				for _, sr := range tp.series {
					b := &sr.tiers[t]
					old, _ := b.span(firstDay, h)
					for _, bucket := range old {
						s.removed = append(s.removed, place{s: sr, tier: t, bucket: bucket}.key())
					}
					k := len(old)
					b.buckets = append([]int64(nil), b.buckets[k:]...)
					b.blocks = append([]*block(nil), b.blocks[k:]...)
					b.last = 0
					n += k
				}
			}
		}
	}
	s.counts.Cells -= uint64(n)
	return n
}

// announce wakes those who wait for a change.
func (s *State) announce() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// Changed returns a channel that is closed at the next change.
func (s *State) Changed() <-chan struct{} {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.changed
}

// Counts returns the running totals.
func (s *State) Counts() Counts {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.counts
}

// IndexBytes returns the memory of the ledger's index.
func (s *State) IndexBytes() uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.ledger.IndexBytes()
}

func add128(a *[2]uint64, b [2]uint64) {
	var c uint64
	a[1], c = bits.Add64(a[1], b[1], 0)
	a[0], _ = bits.Add64(a[0], b[0], c)
}

func sub128(a *[2]uint64, b [2]uint64) {
	var c uint64
	a[1], c = bits.Sub64(a[1], b[1], 0)
	a[0], _ = bits.Sub64(a[0], b[0], c)
}
