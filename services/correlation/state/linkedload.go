package state

import (
	"slices"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
)

// loadLedger fills the ledger's index and, where customers are followed or compared, their lines, and the list of disputes.
func (s *State) loadLedger() error {
	follows, compares := false, false
	for _, o := range s.orgs {
		follows = follows || o.links != nil
		compares = compares || o.gaps != nil
	}
	if !follows && !compares && s.counts.Disputes == 0 {
		return s.ledger.Load(nil)
	}
	heard := map[uint64]heard{}
	e := &s.scratch.old
	if err := s.ledger.Load(func(number uint64, enc []byte) error {
		if len(enc) >= 18 && enc[16] == byte(factv1.Kind_KIND_DISPUTE) {
			return s.loadDispute(number, enc)
		}
		if len(enc) < 18 || enc[17]&flagContent == 0 || !compares && (enc[16] != byte(factv1.Kind_KIND_INTERACTION) || enc[17]&flagCustomer == 0) {
			return nil
		}
		if err := e.decode(enc); err != nil {
			return err
		}
		o := s.orgs[e.org]
		if o == nil || o.links == nil && o.gaps == nil {
			return nil
		}
		if !s.knows(e) {
			return errEntry
		}
		if o.gaps != nil {
			o.gaps.load(number, e, o.sealed, heard)
		}
		if o.links != nil && e.kind == factv1.Kind_KIND_INTERACTION && e.has(flagCustomer) {
			if m := o.links.moment(e); e.counts() && o.links.settings[m.setting].takesPart() {
				o.links.lines[e.customer] = append(o.links.lines[e.customer], m)
			}
		}
		return nil
	}); err != nil {
		return err
	}
	for _, o := range s.orgs {
		if o.links != nil {
			if err := s.loadGhosts(o, func(*Linked) bool { return true }); err != nil {
				return err
			}
			for _, line := range o.links.lines {
				sortLine(line, o.links.compare)
			}
		}
		if o.gaps != nil {
			if err := s.loadPast(o); err != nil {
				return err
			}
			for _, line := range o.gaps.lines {
				sortLine(line, said.compare)
			}
		}
	}
	return s.placeContests()
}

func sortLine[T any](line []T, compare func(a, b T) int) {
	if !slices.IsSortedFunc(line, compare) {
		slices.SortFunc(line, compare)
	}
}

// knows reports whether all names that place an entry are known.
func (s *State) knows(e *entry) bool {
	for _, x := range [...]uint32{e.touchpoint, e.channel, e.team, e.outcome} {
		if !s.symbols.has(x) {
			return false
		}
	}
	for _, list := range [...][]uint32{e.attributes, e.topics} {
		for _, x := range list {
			if !s.symbols.has(x) {
				return false
			}
		}
	}
	return true
}

// heard is what answers have to know of the interaction that they are about.
type heard struct {
	at       int64
	customer [16]byte
	known    bool
	context  uint32
}

// entry returns an interaction of which contextOf gives the context again.
func (c *context) entry(at int64) *entry {
	return &entry{flags: flagContent, at: at, touchpoint: c.touchpoint, channel: c.channel, team: c.team, outcome: c.outcome, attributes: c.attributes}
}

// load takes an entry of the ledger in. Interactions come before the answers about them: their place is made with the first.
// Lines are sorted afterwards.
func (g *gaps) load(number uint64, e *entry, sealed int64, interactions map[uint64]heard) {
	switch e.kind {
	case factv1.Kind_KIND_INTERACTION:
		if len(e.answers) > 0 {
			interactions[number] = heard{e.at, e.customer, e.has(flagCustomer), g.number(contextOf(e))}
		}
	case factv1.Kind_KIND_ANSWER:
		q, expects := g.asks(e.question)
		if q == nil || !e.counts() || e.about == aboutSealed {
			return
		}
		// What there is of the interaction, as far as answerContext and whose look at it.
		var interaction *entry
		if e.about > 0 {
			if h, recorded := interactions[e.about-1]; recorded {
				interaction = g.contexts[h.context].entry(h.at)
				interaction.customer = h.customer
				interaction.set(flagCustomer, h.known)
			}
		}
		c, counts := answerContext(e, interaction)
		customer, known := whose(e, interaction)
		if counts && known && c.at >= sealed {
			key := saidBy{customer, q.question}
			g.lines[key] = append(g.lines[key], g.said(e, c, expects))
		}
	}
}
