package simulate

import (
	"container/heap"
	"time"
)

// Live hands facts out as their time comes. It is not safe for concurrent use.
type Live struct {
	g       *Generator
	from    time.Time
	day     *day
	pending pending
	made    int
}

// Live begins at from: what would have been published before, and what is about it, is left out. A second one from a later
// time makes the same facts from there on.
func (g *Generator) Live(from time.Time) *Live {
	return &Live{g: g, from: from, day: g.newDay(from)}
}

// Next returns everything that is due by now and was not returned yet, in order of publication. It is an open loop: how
// fast the caller asks changes nothing about what is due.
func (l *Live) Next(now time.Time) []Publication { return l.before(now.Add(1)) }

// before returns what is published before t.
func (l *Live) before(t time.Time) []Publication {
	for l.day.now().Before(t) {
		if !l.day.step(l.add) {
			l.day = l.g.newDay(l.day.next)
		}
	}
	var due []Publication
	for len(l.pending) > 0 && l.pending[0].At.Before(t) {
		due = append(due, heap.Pop(&l.pending).(Publication))
	}
	return due
}

func (l *Live) add(p Publication) {
	if p.root.Before(l.from) {
		return
	}
	p.order = l.made
	l.made++
	heap.Push(&l.pending, p)
}

// pending is a heap by time of publication.
type pending []Publication

func (p pending) Len() int { return len(p) }
func (p pending) Less(i, j int) bool {
	if c := p[i].At.Compare(p[j].At); c != 0 {
		return c < 0
	}
	return p[i].order < p[j].order
}
func (p pending) Swap(i, j int) { p[i], p[j] = p[j], p[i] }
func (p *pending) Push(x any)   { *p = append(*p, x.(Publication)) }
func (p *pending) Pop() any {
	old := *p
	last := old[len(old)-1]
	old[len(old)-1] = Publication{}
	*p = old[:len(old)-1]
	return last
}
