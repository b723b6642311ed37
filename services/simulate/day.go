package simulate

import (
	"container/heap"
	"fmt"
	"math"
	"time"
)

// day is one local day in the making: arrivals in order of time, each of which may bring another leg. Days do not depend
// on one another, so that any of them can be made alone; queues are empty at midnight.
type day struct {
	g        *Generator
	start    time.Time
	next     time.Time // start of the day after
	week     int
	chance   chance
	arrivals arrivals
	shifts   map[string]*shift
	made     int
	prefix   string
}

// arrival is one customer reaching one touchpoint.
type arrival struct {
	at    time.Time
	order int
	place int
	leg   int    // 0 for the first
	first string // id of the first leg; "" on it
	who   uint32
	carry experience // of the legs before
}

func (g *Generator) newDay(t time.Time) *day {
	y, m, d := t.In(g.zone).Date()
	start := time.Date(y, m, d, 0, 0, 0, 0, g.zone)
	name := start.Format("20060102")
	number := int(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86400)
	out := &day{
		g: g, start: start, next: time.Date(y, m, d+1, 0, 0, 0, 0, g.zone), week: (number + 3) / 7, // weeks from Monday
		chance: newChance(g.options.Seed, g.options.Prefix+" day "+name), shifts: map[string]*shift{},
		prefix: g.options.Prefix + name + "-",
	}
	for i := range g.places {
		out.arrive(i)
	}
	heap.Init(&out.arrivals)
	return out
}

// arrive draws a day's arrivals at one touchpoint.
func (d *day) arrive(i int) {
	p := &d.g.places[i]
	c := d.chance
	busy := c.logNormal(1, 0.12)
	// Now and then something breaks, and everybody calls within two hours.
	breaks, from := c.yes(0.02), c.IntN(12)+7
	for _, channel := range p.channels {
		hours, days := machineHours, machineDays
		if isOne(channel, staffed) || p.outbound {
			hours, days = peopleHours, peopleDays
		}
		mean := p.perDay / float64(len(p.channels)) * days[d.start.Weekday()] * busy / total(hours)
		for h := range 24 {
			n := mean * hours[h]
			if breaks && (h == from || h == from+1) {
				n *= 2.5
			}
			hour := time.Date(d.start.Year(), d.start.Month(), d.start.Day(), h, 0, 0, 0, d.g.zone)
			for range c.poisson(n) {
				at := hour.Add(time.Duration(c.Int64N(int64(time.Hour)))).Truncate(time.Millisecond)
				if at.Before(d.next) {
					d.arrivals = append(d.arrivals, arrival{at: at, order: len(d.arrivals), place: i, who: d.customer()})
				}
			}
		}
	}
}

// customer draws one of sixty thousand; some call more often than others.
func (d *day) customer() uint32 {
	u := d.chance.Float64()
	return uint32(60000 * u * math.Sqrt(u))
}

// now is the time up to which everything is made: nothing later makes a fact published before it.
func (d *day) now() time.Time {
	if len(d.arrivals) == 0 {
		return d.start
	}
	return d.arrivals[0].at
}

// step makes the facts of the next arrival. It is false when the day is over.
func (d *day) step(add func(Publication)) bool {
	if len(d.arrivals) == 0 {
		return false
	}
	a := heap.Pop(&d.arrivals).(arrival)
	d.made++
	d.serve(a, fmt.Sprintf("%s%x", d.prefix, d.made), add)
	return true
}

// arrivals is a heap by time.
type arrivals []arrival

func (a arrivals) Len() int { return len(a) }
func (a arrivals) Less(i, j int) bool {
	if c := a[i].at.Compare(a[j].at); c != 0 {
		return c < 0
	}
	return a[i].order < a[j].order
}
func (a arrivals) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a *arrivals) Push(x any)   { *a = append(*a, x.(arrival)) }
func (a *arrivals) Pop() any {
	old := *a
	last := old[len(old)-1]
	*a = old[:len(old)-1]
	return last
}
