package state

import "slices"

// change is one case of a linked metric that comes (k = 1) or goes (-1). It counts where and when its moment was.
type change struct {
	metric int
	at     moment
	value  int64 // seconds until the later interaction, transfers or friction; -1 while it is not known
	k      int8
}

// known is what a case counts among the cases.
func (c *change) known() int64 {
	if c.value < 0 {
		return 0
	}
	return 1
}

// around appends to changes what comes, for all linked metrics, when m comes into a line that has not got it, at a place (k =
// 1), or what goes when m goes (-1). room is scratch.
func (l *links) around(line []moment, place int, m moment, k int8, changes []change, room []moment) ([]change, []moment) {
	for i := range l.of {
		switch kind := l.of[i].Kind; {
		case l.settings[m.setting].roles[i] == outside:
		case kind == NextContact:
			changes = l.contacts(i, line, place, m, k, changes)
		case kind == Transfers:
			changes = l.transfers(i, line, place, m, k, changes)
		default:
			changes, room = l.journeys(i, line, place, m, k, changes, room)
		}
	}
	return changes, room
}

// contacts appends the changes of next contacts: of m itself, and of the one before it in its chain, which had another next.
func (l *links) contacts(i int, line []moment, place int, m moment, k int8, changes []change) []change {
	longest, topic := l.of[i].Longest.Milliseconds(), l.settings[m.setting].topic(i)
	chain := func(x moment) bool {
		s := &l.settings[x.setting]
		return s.roles[i] == contact && s.topic(i) == topic
	}
	var next *moment
	for j := place; j < len(line) && line[j].at-m.at <= longest; j++ {
		if chain(line[j]) {
			next = &line[j]
			break
		}
	}
	changes = l.followed(i, m, next, k, changes)
	for j := place - 1; j >= 0 && m.at-line[j].at <= longest; j-- {
		if p := line[j]; chain(p) {
			if next != nil && next.at-p.at > longest {
				next = nil
			}
			changes = l.followed(i, p, next, -k, changes)
			return l.followed(i, p, &m, k, changes)
		}
	}
	return changes
}

// followed appends the case of a contact and what follows it within the longest time; there is none where its own does.
func (l *links) followed(i int, m moment, next *moment, k int8, changes []change) []change {
	switch {
	case next == nil:
		return add(changes, change{i, m, -1, k})
	case next.contact == m.contact:
		return changes
	default:
		return add(changes, change{i, m, (next.at - m.at) / 1000, k})
	}
}

// transfers appends the changes of contacts: of the one that m is a leg of, which without it may be two.
func (l *links) transfers(i int, line []moment, place int, m moment, k int8, changes []change) []change {
	if l.settings[m.setting].alone() {
		return add(changes, change{i, m, 0, k})
	}
	longest := l.of[i].Longest.Milliseconds()
	leg := func(x moment) bool { return x.contact == m.contact && l.settings[x.setting].roles[i] == contact }
	first, before := m, int64(0)
	var previous, next int64
	for j := place - 1; j >= 0 && first.at-line[j].at <= longest; j-- {
		if leg(line[j]) {
			if first = line[j]; before == 0 {
				previous = first.at
			}
			before++
		}
	}
	var second moment // the first leg after m
	after, last := int64(0), m.at
	for j := place; j < len(line) && line[j].at-last <= longest; j++ {
		if leg(line[j]) {
			if last = line[j].at; after == 0 {
				second, next = line[j], last
			}
			after++
		}
	}
	switch {
	case before > 0 && after > 0 && next-previous <= longest:
		changes = add(changes, change{i, first, before + after - 1, -k})
	default:
		if before > 0 {
			changes = add(changes, change{i, first, before - 1, -k})
		}
		if after > 0 {
			changes = add(changes, change{i, second, after - 1, -k})
		}
	}
	return add(changes, change{i, first, before + after, k})
}

// journeys appends the changes of journeys. They reach back to the last moment that certainly left no journey open, because
// it completed one or because nothing came for too long after it, and forward to the next such.
func (l *links) journeys(i int, line []moment, place int, m moment, k int8, changes []change, room []moment) ([]change, []moment) {
	longest := l.of[i].Longest.Milliseconds()
	role := func(x moment) role { return l.settings[x.setting].roles[i] }
	room = room[:0]
	last := m.at
	for j := place - 1; j >= 0 && last-line[j].at <= longest; j-- {
		r := role(line[j])
		if r == completes {
			break
		}
		switch r {
		case begins:
			room, last = append(room, line[j]), line[j].at
		case passes:
			room = append(room, line[j])
		}
	}
	slices.Reverse(room)
	own := len(room)
	room, last = append(room, m), m.at
	for j := place; j < len(line) && line[j].at-last <= longest; j++ {
		r := role(line[j])
		if r == outside {
			continue
		}
		if room = append(room, line[j]); r == passes {
			continue
		}
		if last = line[j].at; r == completes {
			break
		}
	}
	changes = l.begun(i, room, own, -k, changes)
	return l.begun(i, room, -1, k, changes), room
}

// begun appends the journeys that moments begin, one moment left out, of which no journey is open before.
func (l *links) begun(i int, moments []moment, without int, k int8, changes []change) []change {
	longest := l.of[i].Longest.Milliseconds()
	friction := l.of[i].Kind == Friction
	var open *moment
	var way way
	lost := func() {
		if open != nil && !friction {
			changes = add(changes, change{i, *open, -1, k})
		}
	}
	for j := range moments {
		if j == without {
			continue
		}
		x := &moments[j]
		role := l.settings[x.setting].roles[i]
		within := open != nil && x.at-open.at <= longest
		if friction && within {
			way.step(&l.settings[x.setting], i)
		}
		switch {
		case role == passes, within && role == begins:
			continue
		case within && friction:
			changes = add(changes, change{i, *open, way.points, k})
			open = nil
			continue
		case within:
			changes = add(changes, change{i, *open, (x.at - open.at) / 1000, k})
			open = nil
			continue
		}
		lost()
		if open = nil; role == begins {
			open, way = x, newWay(&l.settings[x.setting], i)
		}
	}
	lost()
	return changes
}

// way is what a customer went through since a journey began.
type way struct {
	points  int64
	channel uint32 // the last that is known; 0 for none
}

func newWay(x *setting, metric int) way {
	var w way
	if x.points != nil {
		w.step(x, metric)
	}
	return w
}

func (w *way) step(x *setting, metric int) {
	p := x.points[metric]
	if p == 0 {
		return // at a touchpoint that customers do not see
	}
	w.points += p
	if x.channel == 0 {
		return
	}
	if w.channel != 0 && w.channel != x.channel {
		w.points++
	}
	w.channel = x.channel
}

// add appends a change, or takes out the one that it undoes.
func add(changes []change, c change) []change {
	undone := c
	undone.k = -c.k
	if i := slices.Index(changes, undone); i >= 0 {
		return slices.Delete(changes, i, i+1)
	}
	return append(changes, c)
}
