package correlation

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/touchstone-cx/touchstone/services/internal/bus"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
	"github.com/touchstone-cx/touchstone/services/internal/fold"
)

// A base is the whole state at a position of TS_FACT, in a store of its own, in which nothing folds. Every fold that has
// nothing yet begins as a copy of it (fold.Config.Base), so that the stream may be trimmed up to its position. The marker says
// which store it is: it is written once the base is whole and before the stream is trimmed.
const (
	basePrefix  = "base-"
	markerStore = "base"
)

var markerKey = []byte("store")

func baseName(position uint64) string { return basePrefix + strconv.FormatUint(position, 10) }

// base returns the store that the marker names, and its position; "" where there is none.
func (g *generations) base() (name string, at fold.Position, err error) {
	m, err := g.stores.Open(markerStore)
	if err != nil {
		return "", at, err
	}
	b, err := m.Get(markerKey)
	if err != nil || b == nil {
		return "", at, err
	}
	name = string(b)
	st, err := g.stores.Open(name)
	if err != nil {
		return "", at, err
	}
	if at, err = st.Position(); err != nil {
		return "", at, err
	}
	if at.IsZero() {
		return "", at, fmt.Errorf("the base %s is missing from the store: restore a backup", name)
	}
	return name, at, nil
}

// begin returns how a fold into a store begins with the base. filled is set when it has.
func (g *generations) begin(into string, filled *bool) func() (*fold.Base, error) {
	return func() (*fold.Base, error) {
		name, at, err := g.base()
		if err != nil || name == "" {
			return nil, err
		}
		return &fold.Base{Position: at, Fill: func() error {
			*filled = true
			return g.stores.Copy(into, name)
		}}, nil
	}
}

// buildBase folds from the base there is up to a position into a store of its own, and syncs it.
func (g *generations) buildBase(ctx context.Context, position uint64) error {
	name := baseName(position)
	if now, at, err := g.base(); err != nil || now == name && at.Sequence == position {
		return err
	}
	gen, err := g.open(ctx, name, 0, false)
	if err != nil {
		return err
	}
	if err := gen.store.Drop(); err != nil {
		return err
	}
	if err := gen.fold.RunTo(ctx, position); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	at, err := gen.store.Position()
	if err != nil {
		return err
	}
	if at.Sequence != position {
		return fmt.Errorf("the base was folded up to %d, not %d", at.Sequence, position)
	}
	return g.stores.Sync()
}

// markBase makes the base at a position the one from which everything is folded.
func (g *generations) markBase(position uint64) error {
	m, err := g.stores.Open(markerStore)
	if err != nil {
		return err
	}
	w := fold.Write{}
	if w.Expect, err = m.Position(); err != nil {
		return err
	}
	st, err := g.stores.Open(baseName(position))
	if err != nil {
		return err
	}
	if w.Position, err = st.Position(); err != nil {
		return err
	}
	if w.Position.IsZero() {
		return fmt.Errorf("there is no base at %d", position)
	}
	w.Set(markerKey, []byte(baseName(position)))
	return errors.Join(m.Commit(&w), g.stores.Sync())
}

// trimStream lets go of the messages up to the base. It returns how many there were, and where the stream begins now.
func (g *generations) trimStream(ctx context.Context) (messages, first uint64, err error) {
	away := func(err error) error {
		return fault.Wrap(fault.Unavailable, err, "the stream of facts cannot be trimmed now: call again, and it goes on where it was cut off")
	}
	s, err := g.js.Stream(ctx, bus.StreamFact)
	if err != nil {
		return 0, 0, away(err)
	}
	before := s.CachedInfo().State
	name, at, err := g.base()
	if err != nil || name == "" || before.FirstSeq > at.Sequence {
		return 0, before.FirstSeq, err
	}
	if !at.Created.Equal(s.CachedInfo().Created) || at.Sequence > before.LastSeq {
		return 0, before.FirstSeq, fault.New(fault.Precondition, "the base is of another stream of facts than the one there is: bring back the stream, or restore a backup into a new instance")
	}
	if err := s.Purge(ctx, jetstream.WithPurgeSequence(at.Sequence+1)); err != nil {
		return 0, before.FirstSeq, away(err)
	}
	return at.Sequence + 1 - max(before.FirstSeq, 1), at.Sequence + 1, nil
}

// dropBases drops every base but the one that the marker names: one that was replaced, and one that was never finished.
func (g *generations) dropBases() error {
	name, _, err := g.base()
	if err != nil {
		return err
	}
	names, err := g.stores.Names()
	if err != nil {
		return err
	}
	for _, n := range names {
		if strings.HasPrefix(n, basePrefix) && n != name {
			st, err := g.stores.Open(n)
			if err == nil {
				err = st.Drop()
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// rebase moves the base on to a position and trims the stream up to it. A call that is cut off is completed by the next one.
func (g *generations) rebase(ctx context.Context, position uint64) (messages, first uint64, err error) {
	g.one.Lock()
	defer g.one.Unlock()
	if _, at, err := g.base(); err != nil {
		return 0, 0, err
	} else if position > at.Sequence {
		if err := g.buildBase(ctx, position); err != nil {
			return 0, 0, err
		}
		if err := g.markBase(position); err != nil {
			return 0, 0, err
		}
	}
	if messages, first, err = g.trimStream(ctx); err != nil {
		return messages, first, err
	}
	return messages, first, g.dropBases()
}
