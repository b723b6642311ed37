package state

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/zeebo/xxh3"

	"github.com/touchstone-cx/touchstone/services/internal/wire"
)

// Gap says with what a question's answers are compared. Each answer of a customer that counts somewhere, and that has
// something to be compared with, counts two values in its own context: answer less expectation, and expectation.
//
//   - Stated: the newest answer to one of the expectations in the same response, else the customer's newest at or before the
//     answer's time.
//   - Last: the customer's answer to the question about the same touchpoint before this one.
//   - History: the mean of all the customer's answers to the question before this one, in thousandths, halves to the even
//     neighbour.
//
// Whose an answer is it says itself, else its interaction. What comes before is told by the time at which answers count; of
// answers at one millisecond by their identities, whatever the order in which they came.
type Gap struct {
	Question     string
	Baseline     Baseline
	Expectations []string // questions; for Stated
	// Gap and Expected are the ids of the two measures.
	Gap, Expected string
}

// Baseline is a kind of expectation.
type Baseline uint8

// The baselines.
const (
	Stated Baseline = iota
	Last
	History
	baselines
)

// String tells two gaps apart that give different cells.
func (g *Gap) String() string { return fmt.Sprintf("%s %d %q", g.Question, g.Baseline, g.Expectations) }

// compared is a question whose answers are compared.
type compared struct {
	question      uint32
	on            [baselines]bool
	gap, expected [baselines]uint32 // symbols of the measures
}

// said is one answer of a customer, where it counts.
type said struct {
	at       int64 // ms
	hi, lo   uint64
	response uint64
	value    int64
	// touchpoint is that of the context, which a reader may ask of an answer whose context has no number.
	touchpoint, context uint32
	expects             bool // what was expected, not what was experienced
	past                past // what it stands for of what is sealed
	n                   uint32
}

func (a said) compare(b said) int {
	return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.hi, b.hi), cmp.Compare(a.lo, b.lo))
}

// saidBy names a line: what one customer answered to one compared question, and to those that ask what was expected of it.
type saidBy struct {
	customer [16]byte
	question uint32
}

// gaps is what an organisation's comparisons have to remember. As links, it is made again from the ledger when a state is
// loaded.
type gaps struct {
	of       map[uint32]*compared // by the symbol of the question
	about    map[uint32]*compared // by that of a question that asks what was expected
	contexts []context            // without their times
	numbers  map[string]uint32
	lines    map[saidBy][]said
	key      []byte // scratch
	changes  []gapChange
}

func (s *State) newGaps(c *Counting) *gaps {
	if len(c.Gaps) == 0 {
		return nil
	}
	g := &gaps{of: map[uint32]*compared{}, about: map[uint32]*compared{}, numbers: map[string]uint32{}, lines: map[saidBy][]said{}}
	sym := func(id string) uint32 { return s.symbols.of([]byte(id)) }
	for _, x := range c.Gaps {
		question := sym(x.Question)
		q := g.of[question]
		if q == nil {
			q = &compared{question: question}
			g.of[question] = q
		}
		q.on[x.Baseline], q.gap[x.Baseline], q.expected[x.Baseline] = true, sym(x.Gap), sym(x.Expected)
		for _, e := range x.Expectations {
			g.about[sym(e)] = q
		}
	}
	return g
}

// asks returns the comparison that answers to a question take part in, nil for none, and whether they tell what was expected.
func (g *gaps) asks(question uint32) (q *compared, expects bool) {
	if q = g.of[question]; q != nil {
		return q, false
	}
	q = g.about[question]
	return q, q != nil
}

// identify notes in an entry whose answer it is and of which response, if that is needed.
func (g *gaps) identify(e *entry, r *wire.Recorded) {
	if q, _ := g.asks(e.question); q == nil {
		return
	}
	if e.named = len(r.Customer) == len(e.customer); e.named {
		copy(e.customer[:], r.Customer)
	}
	if len(r.Response) > 0 {
		e.response = xxh3.Hash(r.Response)
	}
	e.set(flagCustomer, e.named || e.response != 0)
}

// appendWho encodes whose answer an entry is.
func (e *entry) appendWho(b []byte) []byte {
	if e.named {
		b = append(append(b, 1), e.customer[:]...)
	} else {
		b = append(b, 0)
	}
	return binary.BigEndian.AppendUint64(b, e.response)
}

func (e *entry) decodeWho(r *blockReader) {
	who := r.uint()
	if e.named = who == 1; e.named {
		copy(e.customer[:], r.bytes(len(e.customer)))
	}
	if e.response = r.uint64(); who > 1 {
		r.err = errEntry
	}
}

// whose returns an answer's customer: its own, else its interaction's.
func whose(a, interaction *entry) ([16]byte, bool) {
	if a.named {
		return a.customer, true
	}
	if interaction != nil && interaction.has(flagContent) && interaction.has(flagCustomer) {
		return interaction.customer, true
	}
	return [16]byte{}, false
}

// said returns an answer as it stands in a line, giving its context a number if it has none.
func (g *gaps) said(a *entry, c context, expects bool) said {
	return said{at: c.at, hi: a.hi, lo: a.lo, response: a.response, value: a.value, touchpoint: c.touchpoint, context: g.number(c), expects: expects}
}

func (g *gaps) number(c context) uint32 {
	g.key = contextKey(g.key[:0], &c, nil)
	n, known := g.numbers[string(g.key)]
	if !known {
		n = uint32(len(g.contexts))
		c.at, c.attributes = 0, slices.Clone(c.attributes)
		g.numbers[string(g.key)], g.contexts = n, append(g.contexts, c)
	}
	return n
}

// compare puts an answer into its customer's line and counts what that changes (k = 1), or takes it back (-1).
func (s *State) compare(o *org, a, interaction *entry, c context, k int64) {
	g := o.gaps
	q, expects := g.asks(a.question)
	if q == nil {
		return
	}
	customer, known := whose(a, interaction)
	if !known {
		return
	}
	key, x := saidBy{customer, q.question}, g.said(a, c, expects)
	line := g.lines[key]
	at, found := slices.BinarySearchFunc(line, x, said.compare)
	if found == (k > 0) {
		return // never: an answer counts once
	}
	if k < 0 {
		line = slices.Delete(line, at, at+1)
	}
	g.changes = g.around(q, line, at, x, int8(k), g.changes[:0])
	if k > 0 {
		line = slices.Insert(line, at, x)
	}
	if len(line) == 0 {
		delete(g.lines, key)
	} else {
		g.lines[key] = line
	}
	for i := range g.changes {
		s.countGap(o, q, &g.changes[i])
	}
}

// countGap counts one gap, or takes it back.
func (s *State) countGap(o *org, q *compared, c *gapChange) {
	if c.of.at < o.sealed {
		return // what was counted there stays
	}
	k := int64(c.k)
	s.amounts = s.amounts[:0]
	s.amount(o, q.gap[c.baseline], c.gap(), k)
	s.amount(o, q.expected[c.baseline], c.expected, k)
	if len(s.amounts) == 0 {
		return
	}
	at := o.gaps.contexts[c.of.context]
	at.at = c.of.at
	s.take(o, at, contribution{k: c.k})
}
