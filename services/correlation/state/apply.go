package state

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/zeebo/xxh3"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/internal/fold"
	"github.com/touchstone-cx/touchstone/services/internal/wire"
)

// scratch is reused between facts, so that a new fact allocates nothing but its place in a chunk.
type scratch struct {
	old, next, about entry
	ctx              entry
	buf              []byte
	attributes       []uint32
}

// Apply implements fold.Machine: it folds one RecordedBatch of the subject ts.fact.<organisation>.<partition>.
func (s *State) Apply(m fold.Message) error {
	parts := strings.Split(m.Subject, ".")
	if len(parts) != 4 {
		return fmt.Errorf("subject %q is not ts.fact.<organisation>.<partition>", m.Subject)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	// Looked up before anything changes: without a map nothing of the message counts.
	o, err := s.org(s.symbols.of([]byte(parts[2])))
	if err != nil {
		return err
	}
	// A position applied before was replayed by a fold that lost its last flush; its facts are duplicates then.
	s.position = m.Sequence
	s.epoch++
	o.epoch = s.epoch
	if before, ok := wire.SealedBefore(m.Data); ok {
		err := s.seal(o, before)
		s.announce()
		if err != nil {
			return errors.Join(fold.ErrStore, err)
		}
		return s.failed
	}
	err = wire.ScanBatch(m.Data, func(i int, r *wire.Recorded) error {
		err := s.fact(o, r, m.Sequence, uint32(i))
		if err == nil && r.Kind == factv1.Kind_KIND_DISPUTE {
			err = s.dispute(o, r)
		}
		return err
	})
	if s.pending <= few {
		s.absorbAll()
	}
	s.announce()
	return errors.Join(err, s.failed)
}

func (s *State) fact(o *org, r *wire.Recorded, position uint64, index uint32) error {
	hi, lo := wire.Identity(o.name, r.Kind, r.Source, r.ID, r.AboutSource, r.AboutID)
	number, enc, found, err := s.ledger.Find(hi, lo)
	if err != nil {
		return err
	}
	next := &s.scratch.next
	s.fill(o, next, r, hi, lo, position, index)
	if o.sealed != 0 {
		refused, err := s.refused(o, next, r, found, enc)
		if err != nil || refused {
			return err
		}
	}
	if !found {
		if next.kind == factv1.Kind_KIND_ANSWER && len(r.AboutID) > 0 {
			if next.about, err = s.await(o, r); err != nil {
				return err
			}
		}
		s.scratch.buf = next.append(s.scratch.buf[:0])
		if number, err = s.ledger.Append(hi, lo, s.scratch.buf); err != nil {
			return err
		}
		s.counts.Facts++
		if !next.has(flagContent) {
			s.counts.Retracted++
		}
		add128(&s.set, next.hash())
		if next.about > 0 {
			if err := s.join(next.about-1, number); err != nil {
				return err
			}
		}
		return s.count(o, next, 1)
	}

	old := &s.scratch.old
	if err := old.decode(enc); err != nil {
		return errors.Join(fold.ErrStore, err)
	}
	next.about = old.about
	next.set(flagExcluded, old.has(flagExcluded))
	next.answers = append(next.answers[:0], old.answers...)
	if old.has(flagAwaited) {
		s.counts.Facts++
		if !next.has(flagContent) {
			s.counts.Retracted++
		}
		return s.replace(o, number, old, next)
	}
	next.first, next.firstIdx = old.first, old.firstIdx
	verdict := judge(old, next)
	s.note(hi, lo, position, index, next.version, verdict, r.RecordedAt)
	switch verdict {
	case scorev1.Verdict_VERDICT_DUPLICATE:
		s.counts.Duplicates++
		return nil
	case scorev1.Verdict_VERDICT_STALE:
		s.counts.Stale++
		return nil
	case scorev1.Verdict_VERDICT_CONFLICT_LOST:
		s.counts.Conflicts++
		if old.has(flagConflict) {
			return nil
		}
		old.set(flagConflict, true)
		s.scratch.buf = old.append(s.scratch.buf[:0])
		return s.ledger.Replace(number, s.scratch.buf)
	case scorev1.Verdict_VERDICT_CONFLICT_WON:
		s.counts.Conflicts++
		next.set(flagConflict, true)
	default:
		s.counts.Corrections++
		next.set(flagConflict, false)
	}
	if old.has(flagContent) && !next.has(flagContent) {
		s.counts.Retracted++
	}
	if !old.has(flagContent) && next.has(flagContent) {
		s.counts.Retracted--
	}
	return s.replace(o, number, old, next)
}

// judge says what a delivery is beside what is known.
func judge(old, next *entry) scorev1.Verdict {
	switch {
	case next.version < old.version:
		return scorev1.Verdict_VERDICT_STALE
	case next.version > old.version && !next.has(flagContent):
		return scorev1.Verdict_VERDICT_RETRACTION
	case next.version > old.version:
		return scorev1.Verdict_VERDICT_CORRECTION
	}
	switch bytes.Compare(next.digest[:], old.digest[:]) {
	case 0:
		return scorev1.Verdict_VERDICT_DUPLICATE
	case 1:
		return scorev1.Verdict_VERDICT_CONFLICT_WON
	default:
		return scorev1.Verdict_VERDICT_CONFLICT_LOST
	}
}

// replace takes back what old counted and counts next, moving the answers about an interaction with it.
func (s *State) replace(o *org, number uint64, old, next *entry) error {
	if err := s.countWithAnswers(o, old, -1); err != nil {
		return err
	}
	if !old.has(flagAwaited) {
		sub128(&s.set, old.hash())
	}
	add128(&s.set, next.hash())
	s.scratch.buf = next.append(s.scratch.buf[:0])
	if err := s.ledger.Replace(number, s.scratch.buf); err != nil {
		return err
	}
	if err := s.countWithAnswers(o, next, 1); err != nil || o.contests == nil {
		return err
	}
	return s.moved(o, number, next)
}

// countWithAnswers counts an entry as it stands, and the answers about it in the context that it gives them.
func (s *State) countWithAnswers(o *org, e *entry, k int64) error {
	if e.kind != factv1.Kind_KIND_INTERACTION {
		return s.count(o, e, k)
	}
	s.countInteraction(o, e, k)
	for _, number := range e.answers {
		a := &s.scratch.ctx
		enc, err := s.ledger.Get(number)
		if err == nil {
			err = a.decode(enc)
		}
		if err != nil {
			return errors.Join(fold.ErrStore, err)
		}
		if a.counts() {
			s.countAnswer(o, a, e, k)
		}
	}
	return nil
}

// await returns the number + 1 of the interaction an answer is about, making room for it if it was never delivered.
func (s *State) await(o *org, r *wire.Recorded) (uint64, error) {
	source := r.AboutSource
	if len(source) == 0 {
		source = r.Source
	}
	hi, lo := wire.Identity(o.name, factv1.Kind_KIND_INTERACTION, source, r.AboutID, nil, nil)
	number, _, found, err := s.ledger.Find(hi, lo)
	if err != nil || found {
		return number + 1, err
	}
	e := &s.scratch.about
	*e = entry{hi: hi, lo: lo, kind: factv1.Kind_KIND_INTERACTION, flags: flagAwaited, org: o.sym}
	number, err = s.ledger.Append(hi, lo, e.append(nil))
	return number + 1, err
}

// join notes an answer in its interaction's entry.
func (s *State) join(interaction, answer uint64) error {
	enc, err := s.ledger.Get(interaction)
	if err != nil {
		return err
	}
	e := &s.scratch.about
	if err := e.decode(enc); err != nil {
		return errors.Join(fold.ErrStore, err)
	}
	e.answers = append(e.answers, answer)
	return s.ledger.Replace(interaction, e.append(nil))
}

// fill makes an entry of what was delivered.
func (s *State) fill(o *org, e *entry, r *wire.Recorded, hi, lo, position uint64, index uint32) {
	*e = entry{
		hi: hi, lo: lo, kind: r.Kind, version: r.Version, digest: r.Digest,
		position: position, index: index, first: position, firstIdx: index, org: o.sym,
		attributes: e.attributes[:0], metrics: e.metrics[:0], answers: e.answers[:0], topics: e.topics[:0],
	}
	e.set(flagContent, r.Content)
	if !r.Content || r.Kind == factv1.Kind_KIND_ANSWER && r.OccurredAt == 0 {
		e.recorded = r.RecordedAt
	}
	e.set(flagHistory, r.History)
	e.set(flagSimulated, string(r.Source) == SimulatedSource)
	e.imported = s.symbols.of(r.ImportID)
	if !r.Content {
		return
	}
	e.at = r.OccurredAt
	e.touchpoint, e.channel, e.team = s.symbols.of(r.Touchpoint), s.symbols.of(r.Channel), s.symbols.of(r.Team)
	switch r.Kind {
	case factv1.Kind_KIND_INTERACTION:
		e.outcome = s.symbols.of(r.Outcome)
		for _, a := range r.Attributes {
			if !o.counting.Attributes[string(a.Key)] {
				continue
			}
			s.scratch.buf = append(append(append(s.scratch.buf[:0], a.Key...), '='), a.Value...)
			e.attributes = append(e.attributes, s.symbols.of(s.scratch.buf))
		}
		if o.counting.Agent && len(r.Agent) == agentSize {
			e.attributes = append(e.attributes, s.agent(r.Team, r.Agent))
		}
		for _, m := range r.Metrics {
			e.metrics = append(e.metrics, value{s.symbols.of(m.Metric), m.Value})
		}
		if o.links != nil || o.gaps != nil {
			s.identify(o.links, e, r)
		}
	case factv1.Kind_KIND_ANSWER:
		e.question, e.value = s.symbols.of(r.Question), r.Value
		if o.gaps != nil {
			o.gaps.identify(e, r)
		}
	case factv1.Kind_KIND_OBSERVATION:
		e.metric, e.sum, e.n = s.symbols.of(r.Metric), r.Sum, r.N
	case factv1.Kind_KIND_DISPUTE:
		if d := r.Dispute; d != nil {
			e.at, e.value = d.RaisedAt, int64(d.InForce())
		}
	}
}

// hash is what an entry adds to the state's hash: a function of its identity, version and content alone.
func (e *entry) hash() [2]uint64 {
	var b [41]byte
	binary.BigEndian.PutUint64(b[:], e.hi)
	binary.BigEndian.PutUint64(b[8:], e.lo)
	binary.BigEndian.PutUint64(b[16:], e.version)
	copy(b[24:], e.digest[:])
	b[40] = e.flags & flagContent
	h := xxh3.Hash128(b[:])
	return [2]uint64{h.Hi, h.Lo}
}

// note keeps one delivery after the first, so that a fact's whole story can be told.
func (s *State) note(hi, lo, position uint64, index uint32, version uint64, v scorev1.Verdict, recordedAt int64) {
	k := make([]byte, 0, 29)
	k = append(k, keyHistory)
	k = binary.BigEndian.AppendUint64(k, hi)
	k = binary.BigEndian.AppendUint64(k, lo)
	k = binary.BigEndian.AppendUint64(k, position)
	k = binary.BigEndian.AppendUint32(k, index)
	b := binary.AppendUvarint(nil, version)
	b = append(b, byte(v))
	b = binary.AppendVarint(b, recordedAt)
	s.history = append(s.history, fold.Pair{Key: k, Value: b})
}
