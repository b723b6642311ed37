package state

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/internal/fold"
	"github.com/touchstone-cx/touchstone/services/internal/wire"
)

// Sealing lets go of what happened before a time, in one organisation. What it counted stays counted and can be changed by
// nothing any more. It comes as a message of the log, so that every replay seals at the same place. Of what happened before:
//
//   - An interaction or observation goes by its own time.
//   - An answer goes with the interaction at whose time it counts, else by its own time. One whose own time is not sealed
//     although its interaction's is stays as *settled*: known, so that it does not count twice, and never to be changed. No
//     answer that is left needs the context of an interaction that is gone.
//   - A retraction, and an answer that has no time, go by when they were recorded.
//   - A customer's line begins anew, but for a journey and a contact that are open (see ghosts), and for what later answers are
//     compared with (see past).
//   - A dispute goes with what it is about.
//
// From then on what happened before is refused, in whatever order it comes (see refused), and what did not is counted as if
// nothing had been let go.

// aboutSealed is in the place of the interaction of a settled answer.
const aboutSealed = math.MaxUint64

// slack is by how much a fact may happen after it is recorded: ingest allows for clocks that are ahead.
const slack = 5 * 60 * 1000

// sealing is what a seal lets go.
type sealing struct {
	gone             numberSet
	settle           []uint64 // answers that stay, without their interaction
	prune            []uint64 // interactions that stay, without some of their answers
	facts, retracted uint64
	set              [2]uint64
}

// numberSet is a set of entry numbers.
type numberSet []uint64

func (b numberSet) add(n uint64)      { b[n/64] |= 1 << (n % 64) }
func (b numberSet) has(n uint64) bool { return n/64 < uint64(len(b)) && b[n/64]&(1<<(n%64)) != 0 }

// refuses reports whether a seal refuses a delivery, beside what is known of its identity; nil where nothing is. What an
// answer about an interaction counts by is only known once that is recorded: it is refused when it is to be counted.
func (o *org) refuses(next, known *entry, about bool) bool {
	if known != nil && known.about == aboutSealed {
		return true
	}
	timed := next.kind == factv1.Kind_KIND_INTERACTION || next.kind == factv1.Kind_KIND_OBSERVATION || next.kind == factv1.Kind_KIND_ANSWER && !about
	return timed && next.has(flagContent) && next.at < o.sealed
}

// recordedBefore reports whether an entry that has no time was recorded so long ago that what it speaks of happened before.
func (e *entry) recordedBefore(ms int64) bool { return e.recorded != 0 && e.recorded < ms-slack }

// survey finds what a seal would let go. It changes nothing, and may run beside readers.
func (s *State) survey(o *org, before int64) (*sealing, error) {
	words := s.ledger.Len()/64 + 1
	x := &sealing{gone: make(numberSet, words)}
	interactions, bare := make(numberSet, words), make(numberSet, words) // those that go, and those without content
	var e entry
	each := func(f func(number uint64)) error {
		return s.ledger.Each(func(number uint64, enc []byte) error {
			if err := e.decode(enc); err != nil || e.org != o.sym {
				return err
			}
			f(number)
			return nil
		})
	}
	goes := func(number uint64) {
		x.gone.add(number)
		if e.has(flagAwaited) {
			return
		}
		x.facts++
		if !e.has(flagContent) {
			x.retracted++
		}
		add128(&x.set, e.hash())
	}
	if err := each(func(number uint64) {
		switch {
		case e.kind != factv1.Kind_KIND_INTERACTION:
		case !e.has(flagContent):
			bare.add(number)
		case e.at < before:
			interactions.add(number)
			goes(number)
		}
	}); err != nil {
		return nil, err
	}
	if err := each(func(number uint64) {
		switch e.kind {
		case factv1.Kind_KIND_ANSWER:
			own := e.has(flagContent) && e.at != 0 && e.at < before
			old := own || e.recordedBefore(before)
			switch {
			case e.about == aboutSealed || e.about == 0 || bare.has(e.about-1) || !e.has(flagContent) && !interactions.has(e.about-1):
				if old {
					goes(number)
				}
			case !interactions.has(e.about - 1): // counts at its interaction, which stays
			case old || e.has(flagContent) && e.at == 0:
				goes(number)
			default:
				x.settle = append(x.settle, number)
			}
		case factv1.Kind_KIND_OBSERVATION:
			if e.has(flagContent) && e.at < before || !e.has(flagContent) && e.recordedBefore(before) {
				goes(number)
			}
		}
	}); err != nil {
		return nil, err
	}
	if err := each(func(number uint64) {
		if e.kind != factv1.Kind_KIND_INTERACTION || x.gone.has(number) {
			return
		}
		n := len(e.answers)
		e.answers = slices.DeleteFunc(e.answers, x.gone.has)
		if bare.has(number) && len(e.answers) == 0 && (e.has(flagAwaited) || e.recordedBefore(before)) {
			goes(number)
		} else if len(e.answers) != n {
			x.prune = append(x.prune, number)
		}
	}); err != nil || s.counts.Disputes == 0 {
		return x, err
	}
	return x, each(func(number uint64) { // a dispute goes with what it is about
		if e.kind == factv1.Kind_KIND_DISPUTE && e.about > 0 && x.gone.has(e.about-1) {
			goes(number)
		}
	})
}

// seal lets go of what happened before a time, in milliseconds since 1970 UTC.
func (s *State) seal(o *org, before int64) error {
	if before <= o.sealed {
		return nil // sealed already: whoever was cut off asks again
	}
	x, err := s.survey(o, before)
	if err != nil {
		return err
	}
	change := func(numbers []uint64, f func(e *entry)) error {
		for _, number := range numbers {
			enc, err := s.ledger.Get(number)
			if err != nil {
				return err
			}
			e := &s.scratch.old
			if err := e.decode(enc); err != nil {
				return err
			}
			f(e)
			if err := s.ledger.Replace(number, e.append(nil)); err != nil {
				return err
			}
		}
		return nil
	}
	if err := change(x.settle, func(e *entry) { e.about = aboutSealed }); err != nil {
		return err
	}
	if err := change(x.prune, func(e *entry) { e.answers = slices.DeleteFunc(e.answers, x.gone.has) }); err != nil {
		return err
	}
	if err := s.ledger.Remove(x.gone.has); err != nil {
		return err
	}
	s.counts.Facts -= x.facts
	s.counts.Retracted -= x.retracted
	s.counts.LetGo += x.facts
	sub128(&s.set, x.set)
	o.sealed = before
	if o.links != nil {
		s.cutLines(o)
	}
	if o.gaps != nil {
		s.cutSaid(o)
	}
	o.contests.cut(x.gone.has)
	return s.forgetDeliveries()
}

// forgetDeliveries removes the deliveries of facts that the ledger has let go.
func (s *State) forgetDeliveries() error {
	var hi, lo uint64
	known, any := false, false
	gone := func(key []byte) (bool, error) {
		if h, l := binary.BigEndian.Uint64(key[1:]), binary.BigEndian.Uint64(key[9:]); !any || h != hi || l != lo {
			var err error
			if _, _, known, err = s.ledger.Find(h, l); err != nil {
				return false, err
			}
			hi, lo, any = h, l, true
		}
		return !known, nil
	}
	if err := s.store.Scan([]byte{keyHistory}, func(k, _ []byte) error {
		if len(k) != 29 {
			return errEntry
		}
		out, err := gone(k)
		if out {
			s.removed = append(s.removed, slices.Clone(k))
		}
		return err
	}); err != nil {
		return err
	}
	var err error
	s.history = slices.DeleteFunc(s.history, func(p fold.Pair) bool {
		if err != nil {
			return false
		}
		var out bool
		out, err = gone(p.Key)
		return out
	})
	return err
}

// Seals tells, of each organisation that has any facts, before when it is sealed, in milliseconds since 1970 UTC; 0 where
// nothing is.
func (s *State) Seals() map[string]int64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := map[string]int64{}
	for name, o := range s.orgNames {
		out[name] = o.sealed
	}
	return out
}

// LetsGo counts the facts that a seal before a time, in milliseconds since 1970 UTC, would let go.
func (s *State) LetsGo(organisation string, before int64) (uint64, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	o := s.orgNames[organisation]
	if o == nil || before <= o.sealed {
		return 0, nil
	}
	x, err := s.survey(o, before)
	if err != nil {
		return 0, err
	}
	return x.facts, nil
}

// refused reports whether the seal refuses a delivery that would change something, and counts it. enc is the entry of its
// identity, where there is one.
func (s *State) refused(o *org, next *entry, r *wire.Recorded, found bool, enc []byte) (bool, error) {
	var known *entry
	if found {
		known = &s.scratch.old
		if err := known.decode(enc); err != nil {
			return false, errors.Join(fold.ErrStore, err)
		}
		switch judge(known, next) {
		case scorev1.Verdict_VERDICT_DUPLICATE, scorev1.Verdict_VERDICT_STALE, scorev1.Verdict_VERDICT_CONFLICT_LOST:
			if !known.has(flagAwaited) {
				return false, nil
			}
		}
	}
	if !o.refuses(next, known, len(r.AboutID) > 0) {
		return false, nil
	}
	s.counts.Sealed++
	return true, nil
}
