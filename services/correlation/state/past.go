package state

import (
	"encoding/binary"
	"math"
	"slices"
)

// Answers that are not sealed are compared with answers that are. Of these a line keeps what that takes, and no more: the number
// and sum of the experiences, the newest of each touchpoint, the newest expectation, and expectations of a response that may
// still be answered. It is kept for as long as the customer has an answer that is not sealed; whose last answer is sealed is no
// longer known, and begins anew.

// past is what an answer in a line stands for of what is sealed.
type past uint8

const (
	notPast     past = iota
	pastHistory      // the n experiences that are sealed, value being their sum
	pastLast         // the newest experience at a touchpoint
	pastStated       // what was expected
)

// sameResponse is how long before a seal a response may have been begun to which answers are still taken.
const sameResponse = 30 * 24 * 3600 * 1000

// cutSaid puts what is needed of them in the place of the answers that are sealed now.
func (s *State) cutSaid(o *org) {
	for key, line := range o.gaps.lines {
		at := slices.IndexFunc(line, func(x said) bool { return x.at >= o.sealed })
		if at == 0 {
			continue
		}
		if had := line[0].past != notPast; at < 0 {
			if delete(o.gaps.lines, key); had {
				s.setAside(pastKey(o, key), nil)
			}
			continue
		}
		kept := condense(line[:at], o.sealed)
		s.setAside(pastKey(o, key), appendPast(nil, kept))
		o.gaps.lines[key] = append(kept, line[at:]...)
	}
}

// condense returns what is kept of answers that are sealed, in their order.
func condense(line []said, sealed int64) []said {
	all := said{at: math.MinInt64, past: pastHistory}
	newest := map[uint32]said{}
	var out []said
	for i, x := range line {
		switch {
		case x.expects:
			last := !slices.ContainsFunc(line[i+1:], func(y said) bool { return y.expects })
			if last || x.response != 0 && x.at >= sealed-sameResponse {
				x.past, x.context = pastStated, 0
				out = append(out, x)
			}
			continue
		case x.past == pastHistory:
			all.value, all.n = all.value+x.value, all.n+x.n
			continue
		case x.past == notPast:
			all.value, all.n = all.value+x.value, all.n+1
		}
		newest[x.touchpoint] = said{at: x.at, hi: x.hi, lo: x.lo, value: x.value, touchpoint: x.touchpoint, past: pastLast}
	}
	for _, x := range newest {
		out = append(out, x)
	}
	slices.SortFunc(out, said.compare)
	if all.n > 0 {
		out = slices.Insert(out, 0, all)
	}
	return out
}

func pastKey(o *org, by saidBy) []byte {
	k := binary.BigEndian.AppendUint32([]byte{keyPast}, o.sym)
	k = append(k, by.customer[:]...)
	return binary.BigEndian.AppendUint32(k, by.question)
}

const pastKeyLen = 1 + 4 + 16 + 4

func appendPast(b []byte, all []said) []byte {
	for _, x := range all {
		b = append(b, byte(x.past))
		b = binary.AppendVarint(b, x.at)
		b = binary.BigEndian.AppendUint64(b, x.hi)
		b = binary.BigEndian.AppendUint64(b, x.lo)
		b = binary.BigEndian.AppendUint64(b, x.response)
		b = binary.AppendVarint(b, x.value)
		b = binary.AppendUvarint(b, uint64(x.touchpoint))
		b = binary.AppendUvarint(b, uint64(x.n))
	}
	return b
}

func decodePast(b []byte) ([]said, error) {
	var all []said
	r := blockReader{b: b}
	for len(r.b) > 0 && r.err == nil {
		x := said{past: past(r.uint()), at: r.int(), hi: r.uint64(), lo: r.uint64(), response: r.uint64(), value: r.int(), touchpoint: uint32(r.uint()), n: uint32(r.uint())}
		if x.expects = x.past == pastStated; x.past == notPast || x.past > pastStated {
			return nil, errEntry
		}
		all = append(all, x)
	}
	return all, r.err
}

// loadPast puts what is kept of sealed answers into an organisation's lines, which are sorted later. What is kept of questions
// that are compared no longer goes, and so does what nobody is compared with any more.
func (s *State) loadPast(o *org) error {
	if o.sealed == 0 {
		return nil
	}
	return s.store.Scan(binary.BigEndian.AppendUint32([]byte{keyPast}, o.sym), func(k, v []byte) error {
		if len(k) != pastKeyLen {
			return errEntry
		}
		by := saidBy{[16]byte(k[5:21]), binary.BigEndian.Uint32(k[21:])}
		kept, err := decodePast(v)
		if err != nil {
			return err
		}
		for _, x := range kept {
			if !s.symbols.has(x.touchpoint) {
				return errEntry
			}
		}
		if o.gaps.of[by.question] == nil {
			s.setAside(k, nil)
			return nil
		}
		o.gaps.lines[by] = append(kept, o.gaps.lines[by]...)
		return nil
	})
}

// cut takes out the disputes about what a seal lets go.
func (c *contests) cut(gone func(uint64) bool) {
	if c == nil {
		return
	}
	for fact := range c.all {
		if gone(fact) {
			delete(c.all, fact)
		}
	}
	for touchpoint, all := range c.at {
		if c.at[touchpoint] = slices.DeleteFunc(all, func(x *contest) bool { return gone(x.fact) }); len(c.at[touchpoint]) == 0 {
			delete(c.at, touchpoint)
		}
	}
}
