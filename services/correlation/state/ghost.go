package state

import (
	"encoding/binary"
	"slices"
)

// What a linked metric counts at a moment that is not sealed depends on later moments alone, with two exceptions: an interaction
// that belongs to a journey begun before begins none itself, and a leg of a contact that had legs before is not its first. So of
// all the moments that a seal lets go a line keeps those that began a journey which is still open, and the last leg of each
// contact that may have more: the *ghosts*. They bear no facts, and what is counted at them cannot change any more.

// ghost is whose journey or contact is open, by which metric.
type ghost struct {
	customer [16]byte
	metric   int
	contact  uint64 // of transfers
}

// ghostSetting returns the number of the setting of a metric's ghosts.
func (l *links) ghostSetting(metric int) uint32 {
	if l.ghostly == nil {
		l.ghostly = make([]uint32, len(l.of))
	}
	if l.ghostly[metric] == 0 {
		x := setting{roles: make([]role, len(l.of))}
		x.roles[metric] = begins
		if l.of[metric].Kind == Transfers {
			x.roles[metric] = contact
		}
		l.settings = append(l.settings, x)
		l.ghostly[metric] = uint32(len(l.settings)) // one more than its number
	}
	return l.ghostly[metric] - 1
}

// cutLines takes out of each line the moments that are sealed now, leaving ghosts.
func (s *State) cutLines(o *org) {
	l := o.links
	before := l.ghosts
	l.ghosts = map[ghost]int64{}
	for customer, line := range l.lines {
		at := slices.IndexFunc(line, func(m moment) bool { return m.at >= o.sealed })
		if at < 0 {
			at = len(line)
		}
		if at == 0 {
			continue
		}
		var left []moment
		for i := range l.of {
			longest := l.of[i].Longest.Milliseconds()
			switch l.of[i].Kind {
			case JourneyTime, Friction:
				if open, ok := l.open(i, line[:at]); ok && o.sealed-open <= longest {
					l.ghosts[ghost{customer, i, 0}] = open
					left = append(left, moment{at: open, setting: l.ghostSetting(i)})
				}
			case Transfers:
				for j, m := range line[:at] {
					x := &l.settings[m.setting]
					if x.roles[i] != contact || x.alone() || o.sealed-m.at > longest || slices.ContainsFunc(line[j+1:at], func(y moment) bool {
						return y.contact == m.contact && l.settings[y.setting].roles[i] == contact
					}) {
						continue
					}
					l.ghosts[ghost{customer, i, m.contact}] = m.at
					left = append(left, moment{at: m.at, contact: m.contact, setting: l.ghostSetting(i)})
				}
			}
		}
		slices.SortFunc(left, l.compare)
		if left = append(left, line[at:]...); len(left) == 0 {
			delete(l.lines, customer)
		} else {
			l.lines[customer] = left
		}
	}
	for g := range before {
		if _, ok := l.ghosts[g]; !ok {
			s.setAside(s.ghostKey(o, g), nil)
		}
	}
	for g, at := range l.ghosts {
		s.setAside(s.ghostKey(o, g), binary.AppendVarint(nil, at))
	}
}

// open returns when the journey began that moments leave open.
func (l *links) open(metric int, moments []moment) (at int64, ok bool) {
	longest := l.of[metric].Longest.Milliseconds()
	for _, m := range moments {
		switch r := l.settings[m.setting].roles[metric]; {
		case ok && m.at-at <= longest:
			ok = r != completes
		case r == begins:
			at, ok = m.at, true
		case r == completes:
			ok = false
		}
	}
	return at, ok
}

const ghostKeyLen = 1 + 4 + 16 + 4 + 8

// setAside notes what is to be written under a key at the next flush, or that it is to be removed (nil).
func (s *State) setAside(key, value []byte) {
	if s.aside == nil {
		s.aside = map[string][]byte{}
	}
	s.aside[string(key)] = value
}

func (s *State) ghostKey(o *org, g ghost) []byte {
	k := binary.BigEndian.AppendUint32([]byte{keyGhost}, o.sym)
	k = append(k, g.customer[:]...)
	k = binary.BigEndian.AppendUint32(k, o.links.measures[g.metric])
	return binary.BigEndian.AppendUint64(k, g.contact)
}

// loadGhosts puts an organisation's ghosts into their lines, which are sorted later. same tells which metrics still are what
// they were.
func (s *State) loadGhosts(o *org, same func(*Linked) bool) error {
	l := o.links
	if l == nil || o.sealed == 0 {
		return nil
	}
	l.ghosts = map[ghost]int64{}
	return s.store.Scan(binary.BigEndian.AppendUint32([]byte{keyGhost}, o.sym), func(k, v []byte) error {
		at, n := binary.Varint(v)
		if len(k) != ghostKeyLen || n != len(v) || n == 0 {
			return errEntry
		}
		metric := slices.Index(l.measures, binary.BigEndian.Uint32(k[21:]))
		if metric < 0 || l.of[metric].Kind == NextContact || !same(&l.of[metric]) {
			s.setAside(k, nil)
			return nil
		}
		g := ghost{[16]byte(k[5:21]), metric, binary.BigEndian.Uint64(k[25:])}
		l.ghosts[g] = at
		l.lines[g.customer] = append(l.lines[g.customer], moment{at: at, contact: g.contact, setting: l.ghostSetting(metric)})
		return nil
	})
}
