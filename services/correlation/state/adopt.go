package state

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	"github.com/touchstone-cx/touchstone/services/internal/fold"
)

// part is a counting part as the store keeps it, so that a state can be loaded as it was counted although the map has
// changed since.
type part struct {
	Zone       string      `json:"zone"`
	Channel    bool        `json:"channel,omitempty"`
	Team       bool        `json:"team,omitempty"`
	Agent      bool        `json:"agent,omitempty"`
	Attributes []string    `json:"attributes,omitempty"`
	Linked     []Linked    `json:"linked,omitempty"`
	Gaps       []Gap       `json:"gaps,omitempty"`
	Perceived  []Perceived `json:"perceived,omitempty"`
}

func partKey(o *org) []byte { return binary.BigEndian.AppendUint32([]byte{keyPart}, o.sym) }

// writePart adds to w by which counting part an organisation's cells were counted.
func (s *State) writePart(w *fold.Write, o *org) error {
	o.written = true
	if o.counted != o.counting.String() {
		return nil // of a store that never knew
	}
	c := o.counting
	b, err := json.Marshal(part{c.Zone.String(), c.Channel, c.Team, c.Agent, slices.Sorted(maps.Keys(c.Attributes)), c.Linked, c.Gaps, c.Perceived})
	w.Set(partKey(o), b)
	return err
}

// loadPart makes an organisation count on by what its cells were counted by, which may not be the map of today: they are to
// be counted again (Outdated), or taken over (Adopt).
func (s *State) loadPart(o *org) error {
	b, err := s.store.Get(partKey(o))
	if err != nil {
		return err
	}
	o.written = b != nil
	if o.counted == o.counting.String() {
		return nil
	}
	o.links, o.gaps, o.felt = nil, nil, nil // what these cells lack cannot be followed
	if b == nil {
		return nil
	}
	var p part
	if err := json.Unmarshal(b, &p); err != nil {
		return fmt.Errorf("the counting part of %s is damaged, rebuild the state: %w", o.name, err)
	}
	zone, err := time.LoadLocation(p.Zone)
	if err != nil {
		return nil
	}
	old := &Counting{
		Zone: zone, Channel: p.Channel, Team: p.Team, Agent: p.Agent, Attributes: map[string]bool{}, Resolution: o.counting.Resolution,
		Linked: p.Linked, Gaps: p.Gaps, Perceived: p.Perceived,
	}
	for _, a := range p.Attributes {
		old.Attributes[a] = true
	}
	if old.String() != o.counted {
		return nil
	}
	o.today, o.counting = o.counting, old
	s.follow(o)
	return nil
}

// Adopt makes a base that was counted by other parts of maps than those of today go on by these. What the ledger holds is
// taken back and counted anew; what is sealed stays as it was counted: days as another zone cut them, breakdowns as they were
// then. A fact of the base has no attribute, and no customer, that was not kept when it was folded: breakdowns and linked
// metrics that are new begin with what the stream still holds. It must follow Load.
func (s *State) Adopt() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	adopted := false
	for _, o := range s.orgs {
		today := o.today
		if today == nil {
			if o.counted == o.counting.String() {
				continue
			}
			return fmt.Errorf("by what the base of %s was counted is not known", o.name)
		}
		adopted = true
		if err := s.recount(o, -1); err != nil {
			return err
		}
		s.absorbAll() // by the old zone and breakdowns
		before := o.counting.Linked
		o.counting, o.today, o.days = today, nil, dayCache{}
		o.counted, o.written = today.String(), false
		s.follow(o)
		if err := s.loadGhosts(o, func(l *Linked) bool {
			return slices.ContainsFunc(before, func(b Linked) bool { return b.String() == l.String() })
		}); err != nil {
			return err
		}
		if o.gaps != nil {
			if err := s.loadPast(o); err != nil {
				return err
			}
		}
		if !today.Agent {
			s.dropAgents(o)
		}
		if err := s.refit(o); err != nil {
			return err
		}
		if err := s.recount(o, 1); err != nil {
			return err
		}
		s.absorbAll()
	}
	if adopted {
		// Deltas are read by the counting part of the day on which they are: every cell is written at the next flush, and none
		// is left.
		s.whole = true
	}
	return s.failed
}

// dropAgents lets go of the cells of single agents, those of what is sealed too: where a map keeps no scores of agents there are
// none.
func (s *State) dropAgents(o *org) {
	for _, t := range o.touchpoints {
		for k, sr := range t.series {
			if int(k>>32) != byAttribute || !isAgent(s.symbols.name(uint32(k))) {
				continue
			}
			for tier := range tiers {
				for _, bucket := range sr.tiers[tier].buckets {
					s.removed = append(s.removed, place{s: sr, tier: tier, bucket: bucket}.key())
					s.counts.Cells--
				}
			}
			delete(t.series, k)
		}
	}
}

// recount takes back what the ledger's entries of an organisation count (k = -1), or counts them.
func (s *State) recount(o *org, k int64) error {
	e := new(entry)
	uncounted := s.counts.Uncounted
	sealed := s.counts.Sealed
	defer func() { s.counts.Uncounted, s.counts.Sealed = uncounted, sealed }()
	return errors.Join(s.ledger.Each(func(_ uint64, enc []byte) error {
		if err := e.decode(enc); err != nil || e.org != o.sym {
			return err
		}
		return s.count(o, e, k)
	}), s.failed)
}

// refit makes entries hold what the counting part of today keeps of what they have.
func (s *State) refit(o *org) error {
	e := new(entry)
	return s.ledger.Each(func(number uint64, enc []byte) error {
		if len(enc) < 18 || enc[16] != byte(factv1.Kind_KIND_INTERACTION) || enc[17]&flagContent == 0 {
			return nil
		}
		if err := e.decode(enc); err != nil || e.org != o.sym || len(e.attributes)+len(e.topics) == 0 {
			return err
		}
		all := slices.Concat(e.attributes, e.topics)
		slices.SortFunc(all, func(a, b uint32) int { return strings.Compare(s.symbols.name(a), s.symbols.name(b)) })
		e.attributes, e.topics = e.attributes[:0], e.topics[:0]
		for _, a := range all {
			switch key, _, _ := strings.Cut(s.symbols.name(a), "="); {
			case isAgent(key):
				if o.counting.Agent {
					e.attributes = append(e.attributes, a)
				}
			case o.counting.Attributes[key]:
				e.attributes = append(e.attributes, a)
			case o.links != nil && o.links.topics[key] && e.has(flagCustomer):
				e.topics = append(e.topics, a)
			}
		}
		return s.ledger.Replace(number, e.append(nil))
	})
}
