package correlation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/touchstone-cx/touchstone/services/correlation/state"
	"github.com/touchstone-cx/touchstone/services/internal/bus"
	"github.com/touchstone-cx/touchstone/services/internal/fold"
)

// generations holds the live fold of facts and, beside it, folds that count again: a rebuild, a change of the map's
// counting part, a verification. Readers always see one whole generation.
type generations struct {
	js     jetstream.JetStream
	stores fold.Stores
	maps   state.Maps
	clock  func() time.Time
	log    *slog.Logger
	park   func(context.Context, fold.Message, string) error
	ready  func(ctx context.Context, m fold.Message) error // waits until the map of a message is known
	tracer trace.Tracer
	seen   func(took time.Duration, sets, bytes int)
	run    func(name string, f func(context.Context) error)

	live atomic.Pointer[generation]
	one  sync.Mutex // one recount at a time
}

// generation is one fold with its state.
type generation struct {
	number uint64
	state  *state.State
	fold   *fold.Fold
	store  fold.Store
	stop   chan struct{} // closed to end the fold
	done   chan struct{} // closed when it has ended
}

const generationPrefix = "generation-"

// machine is the state as a fold's machine that waits for the map each message was checked against.
type machine struct {
	*state.State
	ready  func(ctx context.Context, m fold.Message) error
	tracer trace.Tracer // nil for recounts, which are no part of anybody's request
	ctx    context.Context
	filled *bool // the store was filled with the base, which nobody has adopted yet
}

// Load restores the state. A base may have been counted by other maps than those of today.
func (m machine) Load(st fold.Store) error {
	if err := m.State.Load(st); err != nil || !*m.filled {
		return err
	}
	*m.filled = false
	return m.State.Adopt()
}

// Apply folds a message. A message with the trace of a request gets a span that links to it: it has many causes, and only
// the first one sampled is named in its header.
func (m machine) Apply(msg fold.Message) error {
	if err := m.ready(m.ctx, msg); err != nil {
		return errors.Join(fold.ErrStore, err)
	}
	if link, ok := bus.Link(msg.Header); ok && m.tracer != nil {
		_, span := m.tracer.Start(m.ctx, "fold "+bus.StreamFact, trace.WithNewRoot(), trace.WithLinks(link), trace.WithSpanKind(trace.SpanKindConsumer),
			trace.WithAttributes(attribute.String("messaging.system", "nats"), attribute.String("messaging.destination.name", bus.StreamFact), attribute.Int64("messaging.message.sequence", int64(msg.Sequence))))
		defer span.End()
	}
	return m.State.Apply(msg)
}

// open makes a generation in a named store; it does not run yet.
func (g *generations) open(ctx context.Context, name string, number uint64, live bool) (*generation, error) {
	st, err := g.stores.Open(name)
	if err != nil {
		return nil, err
	}
	s := state.New(g.maps, g.clock)
	m := machine{State: s, ready: g.ready, ctx: ctx, filled: new(bool)}
	cfg := fold.Config{JS: g.js, Stream: bus.StreamFact, Store: st, Log: g.log.With("generation", name), Machine: m, Base: g.begin(name, m.filled)}
	if live {
		cfg.Park, cfg.Flushed = g.park, g.seen
		m.tracer = g.tracer
		cfg.Machine = m
	}
	return &generation{number: number, state: s, store: st, fold: fold.New(cfg), stop: make(chan struct{}), done: make(chan struct{})}, nil
}

// start opens the newest generation, drops the remains of others, and runs it. It returns once the state is loaded and the
// fold has caught up with what was in the stream.
func (g *generations) start(ctx context.Context) error {
	names, err := g.stores.Names()
	if err != nil {
		return err
	}
	newest := uint64(1)
	// A rebuild that was interrupted never became live: the lowest number is the one that served.
	var numbers []uint64
	for _, n := range names {
		if s, ok := strings.CutPrefix(n, generationPrefix); ok {
			if v, err := strconv.ParseUint(s, 10, 64); err == nil {
				numbers = append(numbers, v)
			}
		}
	}
	if len(numbers) > 0 {
		newest = slices.Min(numbers)
	}
	// So was a base that the marker does not name.
	base, _, err := g.base()
	if err != nil {
		return err
	}
	for _, n := range names {
		if n != name(newest) && n != base && n != markerStore {
			st, err := g.stores.Open(n)
			if err != nil {
				return err
			}
			if err := st.Drop(); err != nil {
				return err
			}
		}
	}
	gen, err := g.open(ctx, name(newest), newest, true)
	if err != nil {
		return err
	}
	g.live.Store(gen)
	g.launch(gen)
	return nil
}

func name(n uint64) string { return generationPrefix + strconv.FormatUint(n, 10) }

func (g *generations) launch(gen *generation) {
	g.run("fold of generation "+strconv.FormatUint(gen.number, 10), func(ctx context.Context) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer close(gen.done)
		go func() {
			select {
			case <-gen.stop:
				cancel()
			case <-ctx.Done():
			}
		}()
		return gen.fold.Run(ctx)
	})
}

// current returns the live generation.
func (g *generations) current() *generation { return g.live.Load() }

// rebuild counts all facts again in a new generation, which becomes live when it has caught up.
func (g *generations) rebuild(ctx context.Context, why string) (*generation, error) {
	g.one.Lock()
	defer g.one.Unlock()
	old := g.current()
	next, err := g.open(ctx, name(old.number+1), old.number+1, true)
	if err != nil {
		return nil, err
	}
	if err := next.store.Drop(); err != nil {
		return nil, err
	}
	g.log.Info("counting all facts again", "generation", next.number, "reason", why)
	if err := g.follow(ctx, next, old); err != nil {
		return nil, errors.Join(err, next.store.Drop())
	}
	// Both stand at the same place. From here the new one serves; the old one ends and its store is dropped. A crash
	// between the two leaves both: the lower number serves again, and the other is dropped at the next start.
	g.live.Store(next)
	close(old.stop)
	<-old.done
	if err := old.store.Drop(); err != nil {
		return nil, err
	}
	g.launch(next)
	return next, nil
}

// follow runs a recount up to where the live fold stands, holding the live fold only for the last few messages.
func (g *generations) follow(ctx context.Context, next, live *generation) error {
	if err := next.fold.RunTo(ctx, live.fold.Applied()); err != nil {
		return err
	}
	var err error
	if xerr := live.fold.Exec(ctx, func() { err = next.fold.RunTo(ctx, live.fold.Applied()) }); xerr != nil {
		return xerr
	}
	return err
}

// verification is the outcome of verify.
type verification struct {
	position      uint64
	live, recount state.Digest
	differences   []string
}

// verify counts all facts again beside the live state, and compares both at one position.
func (g *generations) verify(ctx context.Context) (*verification, error) {
	g.one.Lock()
	defer g.one.Unlock()
	live := g.current()
	again, err := g.open(ctx, "verify", 0, false)
	if err != nil {
		return nil, err
	}
	if err := again.store.Drop(); err != nil {
		return nil, err
	}
	v := new(verification)
	err = func() error {
		if err := again.fold.RunTo(ctx, live.fold.Applied()); err != nil {
			return err
		}
		var inner error
		err := live.fold.Exec(ctx, func() {
			v.position = live.fold.Applied()
			if inner = again.fold.RunTo(ctx, v.position); inner != nil {
				return
			}
			asOf := g.clock()
			if v.live, inner = live.state.Digest(asOf); inner == nil {
				v.recount, inner = again.state.Digest(asOf)
			}
		})
		return errors.Join(err, inner)
	}()
	if err := errors.Join(err, again.store.Drop()); err != nil {
		return nil, err
	}
	v.compare()
	return v, nil
}

func (v *verification) compare() {
	add := func(format string, args ...any) {
		if len(v.differences) < 20 {
			v.differences = append(v.differences, fmt.Sprintf(format, args...))
		}
	}
	if v.live.Facts != v.recount.Facts {
		add("facts: live %d, recount %d", v.live.Facts, v.recount.Facts)
	}
	for k, h := range v.recount.Lines {
		switch l, ok := v.live.Lines[k]; {
		case !ok:
			add("%s: missing in the live state", k)
		case l != h:
			add("%s: cells differ", k)
		}
	}
	for k := range v.live.Lines {
		if _, ok := v.recount.Lines[k]; !ok {
			add("%s: not in the recount", k)
		}
	}
	if v.live.Hash != v.recount.Hash && len(v.differences) == 0 {
		add("the ledgers differ: the same number of facts, with other versions or contents")
	}
	slices.Sort(v.differences)
}
