package simulate

import (
	"container/heap"
	"fmt"
	"math"
	"time"
)

// team is a pool of agents who serve every staffed touchpoint they handle from one queue.
type team struct {
	id   string
	load [24]float64 // agents busy on an average day, by hour
}

// Relative arrivals by hour of the day: people telephone before noon and after work, and use machines in the evening.
var (
	peopleHours  = [24]float64{7: 0.3, 0.8, 1.3, 1.6, 1.5, 1.1, 1.0, 1.1, 1.2, 1.3, 1.4, 1.1, 0.8, 0.5, 0.25}
	machineHours = [24]float64{0.4, 0.2, 0.1, 0.1, 0.1, 0.2, 0.5, 0.9, 1.1, 1.1, 1.1, 1.1, 1.2, 1.1, 1.0, 1.0, 1.1, 1.3, 1.5, 1.7, 1.8, 1.6, 1.2, 0.8}
)

// Relative arrivals by day of the week, Sunday first.
var (
	peopleDays  = [7]float64{0.45, 1.28, 1.15, 1.08, 1.05, 1.02, 0.72}
	machineDays = [7]float64{1.05, 1.05, 1.0, 0.98, 0.97, 0.95, 1.0}
)

func total(of [24]float64) float64 {
	sum := 0.0
	for _, v := range of {
		sum += v
	}
	return sum
}

// plan rosters each team for the arrivals of an average day.
func (g *Generator) plan() {
	whole := total(peopleHours)
	for i := range g.places {
		p := &g.places[i]
		for _, channel := range p.channels {
			if !p.queued(channel) {
				continue
			}
			for _, id := range p.teams {
				t := g.teams[id]
				if t == nil {
					t = &team{id: id}
					g.teams[id] = t
				}
				busy := p.handling*1.35 + 50 // talk with its hold, and the work after it
				share := p.perDay / float64(len(p.channels)) / float64(len(p.teams))
				for h := range 24 {
					t.load[h] += share * peopleHours[h] / whole * busy / 3600
				}
			}
		}
	}
}

// queued tells whether customers wait for a person at p on a channel.
func (p *place) queued(channel string) bool {
	_, waits := p.queue["wait"]
	return waits && !p.outbound && isOne(channel, staffed) && len(p.teams) > 0
}

// onShift is how many agents a team has at an hour: what the plan needs, less or more by how well the week is staffed.
func (g *Generator) onShift(t *team, week int, weekday time.Weekday, hour int) int {
	load := t.load[hour] * peopleDays[weekday]
	staffing := 1 + 0.16*normalOf(fixed(g.options.Seed, fmt.Sprintf("staffing %s %d", t.id, week)))
	return max(1, int(math.Round((load+0.75*math.Sqrt(load))*staffing+0.3)))
}

// shift is a team's agents on one day: when each is free again.
type shift struct{ free []time.Time }

// resize changes the number of agents. Those who leave are the idle ones.
func (s *shift) resize(n int, now time.Time) {
	for len(s.free) < n {
		heap.Push(s, now)
	}
	for len(s.free) > n && !s.free[0].After(now) {
		heap.Pop(s)
	}
}

// next is how long somebody who comes now waits for an agent.
func (s *shift) next(now time.Time) time.Duration {
	return max(s.free[0].Sub(now), 0)
}

// serve occupies the next agent.
func (s *shift) serve(until time.Time) {
	s.free[0] = until
	heap.Fix(s, 0)
}

func (s *shift) Len() int           { return len(s.free) }
func (s *shift) Less(i, j int) bool { return s.free[i].Before(s.free[j]) }
func (s *shift) Swap(i, j int)      { s.free[i], s.free[j] = s.free[j], s.free[i] }
func (s *shift) Push(x any)         { s.free = append(s.free, x.(time.Time)) }
func (s *shift) Pop() any {
	last := s.free[len(s.free)-1]
	s.free = s.free[:len(s.free)-1]
	return last
}
