package state

import (
	"cmp"
	"encoding/binary"
	"slices"
	"strings"

	"github.com/zeebo/xxh3"

	"github.com/touchstone-cx/touchstone/services/internal/wire"
)

// moment is one interaction of a customer.
type moment struct {
	at      int64 // ms
	contact uint64
	setting uint32
}

// identify notes in an entry whose interaction it is, if it is a customer's; l is nil where no metric follows customers.
func (s *State) identify(l *links, e *entry, r *wire.Recorded) {
	if len(r.Customer) != len(e.customer) {
		return
	}
	e.set(flagCustomer, true)
	copy(e.customer[:], r.Customer)
	e.contact = e.hi ^ e.lo
	if len(r.Contact) > 0 {
		e.contact = xxh3.Hash(r.Contact)
	}
	if l == nil || len(l.topics) == 0 {
		return
	}
	for _, a := range r.Attributes {
		if l.topics[string(a.Key)] {
			s.scratch.buf = append(append(append(s.scratch.buf[:0], a.Key...), '='), a.Value...)
			e.topics = append(e.topics, s.symbols.of(s.scratch.buf))
		}
	}
}

// settingKey encodes all of an entry that makes its setting.
func (l *links) settingKey(b []byte, e *entry) []byte {
	c := contextOf(e)
	return l.flags(contextKey(b, &c, e.topics), e)
}

const (
	flagAlone = 1 << iota // names no contact: it is one by itself
	flagHold              // and further bits, by the metrics that tell of a hold
)

// flags encodes what linked metrics have to know of an interaction beside its context; nothing where none does.
func (l *links) flags(b []byte, e *entry) []byte {
	if !l.legs && len(l.holds) == 0 {
		return b
	}
	var flags uint32 // for at most 20 linked metrics
	if l.legs && e.contact == e.hi^e.lo {
		flags |= flagAlone
	}
	for i, hold := range l.holds {
		if slices.ContainsFunc(e.metrics, func(m value) bool { return m.measure == hold && m.v > 0 }) {
			flags |= flagHold << i
		}
	}
	return binary.BigEndian.AppendUint32(b, flags)
}

// has reports whether a setting has a flag; of those without flags none has any.
func (x *setting) has(flag uint32) bool {
	return x.flags != "" && binary.BigEndian.Uint32([]byte(x.flags))&flag != 0
}

func (x *setting) alone() bool { return x.has(flagAlone) }

// contextKey encodes a context without its time, and topics beside it.
func contextKey(b []byte, c *context, topics []uint32) []byte {
	for _, x := range [...]uint32{c.touchpoint, c.channel, c.team, c.outcome} {
		b = binary.AppendUvarint(b, uint64(x))
	}
	b = binary.AppendUvarint(b, uint64(len(c.attributes)))
	for _, list := range [...][]uint32{c.attributes, topics} {
		at := len(b)
		for _, x := range list {
			b = binary.BigEndian.AppendUint32(b, x)
		}
		if len(list) > 1 {
			sortQuads(b[at:]) // the order in which attributes come makes no difference
		}
	}
	return b
}

func sortQuads(b []byte) {
	for i := 4; i < len(b); i += 4 {
		for j := i; j > 0 && binary.BigEndian.Uint32(b[j-4:]) > binary.BigEndian.Uint32(b[j:]); j -= 4 {
			x, y := binary.BigEndian.Uint32(b[j-4:]), binary.BigEndian.Uint32(b[j:])
			binary.BigEndian.PutUint32(b[j-4:], y)
			binary.BigEndian.PutUint32(b[j:], x)
		}
	}
}

// moment returns where an entry stands in its customer's line, giving its setting a number if it has none.
func (l *links) moment(e *entry) moment {
	l.key = l.settingKey(l.key[:0], e)
	n, known := l.numbers[string(l.key)]
	if !known {
		n = uint32(len(l.settings))
		l.numbers[string(l.key)] = n
		l.settings = append(l.settings, l.newSetting(e))
	}
	return moment{e.at, e.contact, n}
}

func (l *links) newSetting(e *entry) setting {
	roles := l.roles[e.touchpoint]
	if roles == nil {
		for i := range l.of {
			roles = append(roles, l.of[i].role(l.symbol(e.touchpoint)))
		}
		l.roles[e.touchpoint] = roles
	}
	x := setting{context: contextOf(e), others: slices.Clone(e.topics), roles: roles}
	x.at, x.attributes = 0, slices.Clone(e.attributes)
	x.flags = string(l.flags(nil, e))
	l.weigh(&x, e)
	for i := range l.of {
		t := l.of[i].Topic
		if t == "" {
			continue
		}
		if x.topics == nil {
			x.topics, x.roles = make([]uint32, len(l.of)), slices.Clone(roles)
		}
		if x.topics[i] = l.valueOf(t, e); x.topics[i] == 0 {
			x.roles[i] = outside
		}
	}
	return x
}

// weigh notes what an interaction adds to friction.
func (l *links) weigh(x *setting, e *entry) {
	hold := 0
	for i := range l.of {
		m := &l.of[i]
		if m.Kind != Friction {
			continue
		}
		if x.points == nil {
			x.points = make([]int64, len(l.of))
		}
		if !slices.Contains(m.Except, l.symbol(e.touchpoint)) {
			x.points[i] = 1
		}
		if m.Hold != "" {
			if x.points[i] > 0 && x.has(flagHold<<hold) {
				x.points[i]++
			}
			hold++
		}
	}
}

// valueOf returns the symbol of an attribute's "key=value"; 0 when the entry has none.
func (l *links) valueOf(key string, e *entry) uint32 {
	for _, list := range [...][]uint32{e.attributes, e.topics} {
		for _, a := range list {
			if k, _, _ := strings.Cut(l.symbol(a), "="); k == key {
				return a
			}
		}
	}
	return 0
}

// topic returns the symbol of the value of a linked metric's topic.
func (x *setting) topic(metric int) uint32 {
	if x.topics == nil {
		return 0
	}
	return x.topics[metric]
}

// names are the same for settings of the same content, whatever the numbers of their symbols.
func (l *links) names(x *setting) []string {
	all := []string{l.symbol(x.touchpoint), l.symbol(x.channel), l.symbol(x.team), l.symbol(x.outcome)}
	for _, list := range [...][]uint32{x.attributes, x.others} {
		for _, a := range list {
			all = append(all, l.symbol(a))
		}
	}
	slices.Sort(all[4:])
	return append(all, x.flags)
}

// compare orders moments by time. Those that are equal to it are the same in all that counts.
func (l *links) compare(a, b moment) int {
	if c := cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.contact, b.contact)); c != 0 || a.setting == b.setting {
		return c
	}
	return slices.Compare(l.names(&l.settings[a.setting]), l.names(&l.settings[b.setting]))
}

// takesPart reports whether any linked metric follows interactions of a setting.
func (x *setting) takesPart() bool {
	return slices.ContainsFunc(x.roles, func(r role) bool { return r != outside })
}

// link puts an interaction into its customer's line and counts what that changes (k = 1), or takes it back (-1).
func (s *State) link(o *org, e *entry, k int64) {
	l := o.links
	m := l.moment(e)
	if !l.settings[m.setting].takesPart() {
		return
	}
	line := l.lines[e.customer]
	at, found := slices.BinarySearchFunc(line, m, l.compare)
	if k < 0 {
		if !found {
			return
		}
		line = slices.Delete(line, at, at+1)
	}
	l.changes, l.room = l.around(line, at, m, int8(k), l.changes[:0], l.room)
	if k > 0 {
		line = slices.Insert(line, at, m)
	}
	if len(line) == 0 {
		delete(l.lines, e.customer)
	} else {
		l.lines[e.customer] = line
	}
	for i := range l.changes {
		s.countChange(o, &l.changes[i])
	}
}

// countChange counts one case of a linked metric, or takes it back.
func (s *State) countChange(o *org, c *change) {
	if c.at.at < o.sealed {
		return // what was counted there stays
	}
	l, k := o.links, int64(c.k)
	s.amounts = s.amounts[:0]
	s.amount(o, l.bases[c.metric], c.known(), k)
	if c.value >= 0 {
		s.amount(o, l.measures[c.metric], c.value, k)
	}
	if len(s.amounts) == 0 {
		return
	}
	at := l.settings[c.at.setting].context
	at.at = c.at.at
	s.take(o, at, contribution{k: c.k})
}
