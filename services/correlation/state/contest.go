package state

import (
	"encoding/hex"
	"errors"
	"slices"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	"github.com/touchstone-cx/touchstone/services/internal/fold"
	"github.com/touchstone-cx/touchstone/services/internal/wire"
)

// A dispute is a fact about a fact: its id is the identity of the contested one, its versions are its steps, and the newest
// says whether the contested fact counts. While it is ruled out an entry has flagExcluded, which its corrections, conflicts
// and retractions keep, so that it makes no difference in which order all of them come. An excluded interaction still gives
// its context to the answers about it, which count on their own.

// DisputeSource is the source of disputes.
const DisputeSource = "disputes"

// contests is what an organisation's disputes are looked up by. It is made again from the ledger when a state is loaded.
type contests struct {
	all map[uint64]*contest   // by number of the contested fact
	at  map[uint32][]*contest // by touchpoint at which that counts, or would; 0 for nowhere
}

type contest struct {
	dispute, fact uint64 // numbers in the ledger
	touchpoint    uint32
	ruling        factv1.Ruling
	known         bool // false after the dispute itself was taken back
	raised        int64
}

// dispute acts on what was just recorded of a dispute: whatever was delivered, it is the version that holds that acts.
func (s *State) dispute(o *org, r *wire.Recorded) error {
	hi, lo := wire.Identity(o.name, r.Kind, r.Source, r.ID, r.AboutSource, r.AboutID)
	number, enc, found, err := s.ledger.Find(hi, lo)
	if err != nil || !found {
		return err
	}
	d := &s.scratch.old
	if err := d.decode(enc); err != nil {
		return errors.Join(fold.ErrStore, err)
	}
	if d.about == 0 {
		if d.about, err = s.contested(o, r); err != nil || d.about == 0 {
			return err
		}
		if err := s.ledger.Replace(number, d.append(nil)); err != nil {
			return err
		}
		s.counts.Disputes++
	}
	c := o.contest(number, d)
	if err := s.exclude(o, c.fact, c.ruling == factv1.Ruling_RULING_EXCLUDED); err != nil {
		return err
	}
	return s.place(o, c)
}

// contest notes a dispute as it stands.
func (o *org) contest(number uint64, d *entry) *contest {
	if o.contests == nil {
		o.contests = &contests{all: map[uint64]*contest{}, at: map[uint32][]*contest{}}
	}
	c := o.contests.all[d.about-1]
	if c == nil {
		c = &contest{fact: d.about - 1}
		o.contests.all[c.fact] = c
		o.contests.at[0] = append(o.contests.at[0], c)
	}
	c.dispute, c.known, c.ruling, c.raised = number, d.has(flagContent), factv1.Ruling(d.value), d.at
	return c
}

// contested returns the number + 1 of the fact that a dispute is about, making room for it if it was never delivered; 0
// when a delivery does not tell, or is no dispute of ours.
func (s *State) contested(o *org, r *wire.Recorded) (uint64, error) {
	d := r.Dispute
	if d == nil || string(r.Source) != DisputeSource || len(r.AboutSource)+len(r.AboutID) > 0 {
		return 0, nil
	}
	e := &s.scratch.next
	*e = entry{kind: d.Kind, flags: flagAwaited, org: o.sym}
	switch d.Kind {
	case factv1.Kind_KIND_INTERACTION, factv1.Kind_KIND_ANSWER, factv1.Kind_KIND_OBSERVATION:
	default:
		return 0, nil
	}
	e.hi, e.lo = d.Identity(o.name)
	if string(r.ID) != DisputeID(e.hi, e.lo) {
		return 0, nil
	}
	number, _, found, err := s.ledger.Find(e.hi, e.lo)
	if err != nil || found {
		return number + 1, err
	}
	if d.Kind == factv1.Kind_KIND_ANSWER && len(d.AboutID) > 0 {
		if e.about, err = s.await(o, &wire.Recorded{Source: d.Source, AboutSource: d.AboutSource, AboutID: d.AboutID}); err != nil {
			return 0, err
		}
	}
	if number, err = s.ledger.Append(e.hi, e.lo, e.append(nil)); err != nil {
		return 0, err
	}
	if e.about > 0 {
		err = s.join(e.about-1, number)
	}
	return number + 1, err
}

// DisputeID returns the id of the dispute about a fact with an identity.
func DisputeID(hi, lo uint64) string {
	var b [16]byte
	for i := range 8 {
		b[i], b[8+i] = byte(hi>>(56-8*i)), byte(lo>>(56-8*i))
	}
	return hex.EncodeToString(b[:])
}

// exclude leaves a fact out of what is counted, or takes it in again.
func (s *State) exclude(o *org, number uint64, on bool) error {
	e := &s.scratch.next
	if err := s.entry(number, e); err != nil || e.has(flagExcluded) == on {
		return err
	}
	if err := s.count(o, e, -1); err != nil {
		return err
	}
	e.set(flagExcluded, on)
	if err := s.ledger.Replace(number, e.append(nil)); err != nil {
		return err
	}
	return s.count(o, e, 1)
}

func (s *State) entry(number uint64, e *entry) error {
	enc, err := s.ledger.Get(number)
	if err == nil {
		err = e.decode(enc)
	}
	if err != nil {
		return errors.Join(fold.ErrStore, err)
	}
	return nil
}

// moved looks anew where contested facts count after an entry has changed: itself, or answers in its context.
func (s *State) moved(o *org, number uint64, e *entry) error {
	if c := o.contests.all[number]; c != nil {
		if err := s.place(o, c); err != nil {
			return err
		}
	}
	for _, a := range e.answers {
		if c := o.contests.all[a]; c != nil {
			if err := s.place(o, c); err != nil {
				return err
			}
		}
	}
	return nil
}

// place notes at which touchpoint a contested fact counts, or would. Scores there say something else now, even where they
// count the same.
func (s *State) place(o *org, c *contest) error {
	e, interaction := &s.scratch.ctx, (*entry)(nil)
	if err := s.entry(c.fact, e); err != nil {
		return err
	}
	if e.kind == factv1.Kind_KIND_ANSWER && e.about > 0 && e.about != aboutSealed {
		interaction = &s.scratch.about
		if err := s.entry(e.about-1, interaction); err != nil {
			return err
		}
	}
	touchpoint := uint32(0)
	if at := contextOf(e); e.has(flagContent) {
		if e.kind == factv1.Kind_KIND_ANSWER {
			at, _ = answerContext(e, interaction)
		}
		touchpoint = at.touchpoint
	}
	if touchpoint != c.touchpoint {
		x := o.contests
		i := slices.Index(x.at[c.touchpoint], c)
		s.touch(o, c.touchpoint)
		if x.at[c.touchpoint] = slices.Delete(x.at[c.touchpoint], i, i+1); len(x.at[c.touchpoint]) == 0 {
			delete(x.at, c.touchpoint)
		}
		x.at[touchpoint] = append(x.at[touchpoint], c)
		c.touchpoint = touchpoint
	}
	s.touch(o, touchpoint)
	return nil
}

// touch makes readers read a touchpoint's cells again.
func (s *State) touch(o *org, touchpoint uint32) {
	if t := o.touchpoints[touchpoint]; t != nil {
		for _, sr := range t.series {
			sr.epoch = s.epoch
		}
	}
}

// loadDispute notes a dispute of the ledger; where its fact counts is known once all of the ledger is.
func (s *State) loadDispute(number uint64, enc []byte) error {
	d := &s.scratch.old
	if err := d.decode(enc); err != nil {
		return err
	}
	if o := s.orgs[d.org]; o != nil && d.about > 0 {
		o.contest(number, d)
	}
	return nil
}

func (s *State) placeContests() error {
	for _, o := range s.orgs {
		if o.contests == nil {
			continue
		}
		for _, c := range o.contests.all {
			if c.fact >= s.ledger.Len() {
				return errEntry
			}
			if err := s.place(o, c); err != nil {
				return err
			}
			if !s.symbols.has(c.touchpoint) {
				return errEntry
			}
		}
	}
	return nil
}
