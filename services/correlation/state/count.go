package state

import (
	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
)

// context is where and when something counts.
type context struct {
	at                                 int64
	touchpoint, channel, team, outcome uint32
	attributes                         []uint32
}

// count counts an entry k times: 1 to count it, −1 to take it back.
func (s *State) count(o *org, e *entry, k int64) error {
	switch e.kind {
	case factv1.Kind_KIND_INTERACTION:
		s.countInteraction(o, e, k)
	case factv1.Kind_KIND_ANSWER:
		if !e.counts() || e.about == aboutSealed {
			return nil
		}
		var interaction *entry
		if e.about > 0 {
			enc, err := s.ledger.Get(e.about - 1)
			if err != nil {
				return err
			}
			if err := s.scratch.about.decode(enc); err != nil {
				return err
			}
			interaction = &s.scratch.about
		}
		s.countAnswer(o, e, interaction, k)
	case factv1.Kind_KIND_OBSERVATION:
		if e.counts() {
			s.countObservation(o, e, k)
		}
	}
	return nil
}

func (s *State) countInteraction(o *org, e *entry, k int64) {
	if !e.counts() {
		if o.links != nil && e.has(flagCustomer) {
			o.links.moment(e) // readers ask what it would change
		}
		return
	}
	x := contribution{k: int8(k), counts: true, simulated: e.has(flagSimulated)}
	s.amounts = s.amounts[:0]
	for i := range e.metrics {
		s.amount(o, e.metrics[i].measure, e.metrics[i].v, k)
	}
	o.newest = max(o.newest, e.at)
	s.take(o, contextOf(e), x)
	if o.links != nil && e.has(flagCustomer) {
		s.link(o, e, k)
	}
}

// take takes in a contribution in the making, and keeps it for the store.
func (s *State) take(o *org, c context, x contribution) {
	x.flush = s.flushes + 1
	s.keep(o, c, &x)
	s.pend(o, c, x)
}

// amount adds a value to the amounts of the contribution in the making; it reports whether the map declares its measure.
func (s *State) amount(o *org, measure uint32, v, k int64) bool {
	layout := s.bins(o, measure)
	if layout == nil {
		if k > 0 {
			s.counts.Uncounted++
		}
		return false
	}
	s.amounts = append(s.amounts, newAmount(measure, v, layout))
	return true
}

func contextOf(e *entry) context {
	return context{e.at, e.touchpoint, e.channel, e.team, e.outcome, e.attributes}
}

// answerContext says where an answer counts: at its interaction, from its newest version; while none is recorded, or once
// it is retracted, by what the answer says itself; nowhere if that is not enough.
func answerContext(a, interaction *entry) (context, bool) {
	if interaction != nil && interaction.has(flagContent) {
		return contextOf(interaction), true
	}
	return context{at: a.at, touchpoint: a.touchpoint, channel: a.channel, team: a.team}, a.at != 0 && a.touchpoint != 0
}

func (s *State) countAnswer(o *org, a, interaction *entry, k int64) {
	c, ok := answerContext(a, interaction)
	if !ok {
		return
	}
	if c.at < o.sealed {
		if k > 0 {
			s.counts.Sealed++
		}
		return
	}
	s.amounts = s.amounts[:0]
	if !s.amount(o, a.question, a.value, k) {
		return
	}
	if o.felt != nil {
		s.perceive(o, a, interaction, k)
	}
	o.newest = max(o.newest, c.at)
	s.take(o, c, contribution{k: int8(k), simulated: a.has(flagSimulated)})
	if o.gaps != nil {
		s.compare(o, a, interaction, c, k)
	}
}

func (s *State) countObservation(o *org, e *entry, k int64) {
	s.amounts = s.amounts[:0]
	if !s.amount(o, e.metric, e.sum, k) {
		return
	}
	o.newest = max(o.newest, e.at)
	s.take(o, contextOf(e), contribution{k: int8(k), simulated: e.has(flagSimulated), observed: true, n: e.n})
}
