package state

import (
	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	"github.com/touchstone-cx/touchstone/services/correlation/cell"
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
		if !e.has(flagContent) {
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
		if e.has(flagContent) {
			s.countObservation(o, e, k)
		}
	}
	return nil
}

func (s *State) countInteraction(o *org, e *entry, k int64) {
	if !e.has(flagContent) {
		return
	}
	var layouts [16]*cell.Bins
	var bins [16]int32
	for i := range e.metrics {
		if i == len(layouts) {
			break
		}
		if layouts[i] = s.bins(o, e.metrics[i].measure); layouts[i] != nil {
			bins[i] = layouts[i].Of(e.metrics[i].v)
		} else if k > 0 {
			s.counts.Uncounted++
		}
	}
	o.newest = max(o.newest, e.at)
	s.eachBlock(o, contextOf(e), func(b *block) {
		out := b.outcome(e.outcome)
		out.n += k
		if e.has(flagSimulated) {
			out.simulated += k
		}
		for i := range e.metrics {
			m := &e.metrics[i]
			if i < len(layouts) {
				if layouts[i] != nil {
					out.measure(m.measure).Add(m.v, bins[i], k)
				}
			} else if l := s.bins(o, m.measure); l != nil {
				out.measure(m.measure).Add(m.v, l.Of(m.v), k)
			}
		}
	})
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
	layout := s.bins(o, a.question)
	if layout == nil {
		if k > 0 {
			s.counts.Uncounted++
		}
		return
	}
	bin := layout.Of(a.value)
	o.newest = max(o.newest, c.at)
	s.eachBlock(o, c, func(b *block) {
		out := b.outcome(c.outcome)
		if a.has(flagSimulated) {
			out.simulated += k
		}
		out.measure(a.question).Add(a.value, bin, k)
	})
}

func (s *State) countObservation(o *org, e *entry, k int64) {
	if s.bins(o, e.metric) == nil {
		if k > 0 {
			s.counts.Uncounted++
		}
		return
	}
	o.newest = max(o.newest, e.at)
	s.eachBlock(o, contextOf(e), func(b *block) {
		out := b.outcome(0)
		if e.has(flagSimulated) {
			out.simulated += k
		}
		m := out.measure(e.metric)
		m.ObservedN += k * int64(e.n)
		sum := cell.Int(e.sum)
		if k < 0 {
			sum = cell.Int128{}.Sub(sum)
		}
		m.ObservedSum = m.ObservedSum.Add(sum)
	})
}

// eachBlock calls f with every block in which something counts: each breakdown kept, each tier that still holds its time.
func (s *State) eachBlock(o *org, c context, f func(*block)) {
	t := s.touchpoint(o, c.touchpoint)
	t.epoch = s.epoch
	var buckets [tiers]int64
	buckets[Minute] = floorDiv(c.at, minuteMs)
	buckets[QuarterHour] = floorDiv(c.at, quarterMs)
	buckets[Day] = o.days.of(c.at, o.counting.Zone)
	visit := func(sr *series) {
		sr.epoch = s.epoch
		f(s.overlay(sr, buckets))
	}
	visit(s.series(o, t, byTouchpoint, 0))
	if o.counting.Channel && c.channel != 0 {
		visit(s.series(o, t, byChannel, c.channel))
	}
	if o.counting.Team && c.team != 0 {
		visit(s.series(o, t, byTeam, c.team))
	}
	for _, a := range c.attributes {
		visit(s.series(o, t, byAttribute, a))
	}
}
