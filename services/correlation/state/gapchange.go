package state

// gapChange is the gap of one answer to one baseline that comes (k = 1) or goes (-1).
type gapChange struct {
	baseline Baseline
	of       said
	expected int64 // in the measures' resolution
	k        int8
}

// gap is what was experienced less what was expected.
func (c *gapChange) gap() int64 {
	if c.baseline == History {
		return c.of.value*historyUnit - c.expected
	}
	return c.of.value - c.expected
}

// historyUnit is the number of values in one point of a mean.
const historyUnit = 1000

// around appends to changes what comes when an answer comes into a line that has not got it, at a place (k = 1), or what goes
// when it goes (-1).
func (g *gaps) around(q *compared, line []said, place int, x said, k int8, changes []gapChange) []gapChange {
	if x.expects {
		return q.expecting(line, place, x, k, changes)
	}
	if q.on[Stated] {
		if e := stated(line, x); e != nil {
			changes = append(changes, gapChange{Stated, x, e.value, k})
		}
	}
	if q.on[Last] {
		changes = g.last(line, place, x, k, changes)
	}
	if q.on[History] {
		changes = history(line, place, x, k, changes)
	}
	return changes
}

// stated returns what was expected of an experience; nil where nothing was.
func stated(line []said, x said) *said {
	var best *said
	for i := range line {
		if e := &line[i]; e.expects && e.fits(best, x) {
			best = e
		}
	}
	return best
}

// fits reports whether e tells better than best what was expected of x; best is nil for nothing.
func (e *said) fits(best *said, x said) bool {
	same := func(e *said) bool { return x.response != 0 && e.response == x.response }
	switch {
	case !same(e) && e.at > x.at:
		return false
	case best == nil:
		return true
	case same(e) != same(best):
		return same(e)
	default:
		return e.compare(*best) > 0
	}
}

// expecting appends the changes of the gaps to what was stated when x is what was expected.
func (q *compared) expecting(line []said, place int, x said, k int8, changes []gapChange) []gapChange {
	if !q.on[Stated] {
		return changes
	}
	// From the next one on, this one is not the newest any more.
	until := int64(-1)
	for _, e := range line[place:] {
		if e.expects {
			until = e.at
			break
		}
	}
	for _, y := range line {
		sameResponse := x.response != 0 && x.response == y.response
		if y.expects || !sameResponse && (y.at < x.at || until >= 0 && y.at >= until) {
			continue
		}
		best := stated(line, y)
		if !x.fits(best, y) || best != nil && best.value == x.value {
			continue
		}
		if best != nil {
			changes = append(changes, gapChange{Stated, y, best.value, -k})
		}
		changes = append(changes, gapChange{Stated, y, x.value, k})
	}
	return changes
}

// last appends the changes of the gaps to the last experience at a touchpoint: of x, and of the one after it.
func (g *gaps) last(line []said, place int, x said, k int8, changes []gapChange) []gapChange {
	comparable := func(y *said) bool {
		return !y.expects && y.past != pastHistory && y.touchpoint == x.touchpoint
	}
	var before *said
	for i := place - 1; i >= 0 && before == nil; i-- {
		if comparable(&line[i]) {
			before = &line[i]
			changes = append(changes, gapChange{Last, x, before.value, k})
		}
	}
	for i := place; i < len(line); i++ {
		y := &line[i]
		if !comparable(y) {
			continue
		}
		if before != nil && before.value == x.value {
			break
		}
		if before != nil {
			changes = append(changes, gapChange{Last, *y, before.value, -k})
		}
		return append(changes, gapChange{Last, *y, x.value, k})
	}
	return changes
}

// history appends the changes of the gaps to the mean of all before: of x, and of all after it.
func history(line []said, place int, x said, k int8, changes []gapChange) []gapChange {
	var sum, n int64
	for i := range line[:place] {
		switch y := &line[i]; {
		case y.expects || y.past == pastLast:
		case y.past == pastHistory:
			sum, n = sum+y.value, n+int64(y.n)
		default:
			sum, n = sum+y.value, n+1
		}
	}
	if n > 0 {
		changes = append(changes, gapChange{History, x, mean(sum, n), k})
	}
	for _, y := range line[place:] {
		if y.expects {
			continue
		}
		with := mean(sum+x.value, n+1)
		if n == 0 {
			changes = append(changes, gapChange{History, y, with, k})
		} else if without := mean(sum, n); without != with {
			changes = append(changes, gapChange{History, y, without, -k}, gapChange{History, y, with, k})
		}
		sum, n = sum+y.value, n+1
	}
	return changes
}

// mean returns sum / n in thousandths, halves to the even neighbour.
func mean(sum, n int64) int64 {
	q, r := sum*historyUnit/n, sum*historyUnit%n
	if r < 0 {
		q, r = q-1, r+n
	}
	if 2*r > n || 2*r == n && q%2 != 0 {
		q++
	}
	return q
}
