// Package simulate makes the facts of a believable call centre: arrival peaks by hour and weekday, teams with agents on
// shift, queues whose waits grow with load, customers who hang up, transfers, answers that depend on what happened, late
// facts, corrections and duplicates. It is pure: the same map, options and times give the same facts, byte for byte.
//
// What it makes is invented, and marked: it is published as the source Source, by which scores that contain it are shown as
// simulated.
package simulate

import (
	"errors"
	"fmt"
	"sort"
	"time"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
)

// Source is the source of every simulated fact.
const Source = "simulate"

// DefaultPerDay is the number of interactions on an average day, unless Options say otherwise.
const DefaultPerDay = 6200

// FactsPerInteraction is about how many facts come of one interaction, with its answers, corrections and duplicates.
const FactsPerInteraction = 1.35

// Options choose what is made.
type Options struct {
	Seed   uint64
	PerDay float64 // interactions on an average day; 0 means DefaultPerDay
	Prefix string  // begins every fact's id, so that two simulations of one organisation can stand side by side
}

// Publication is one fact and when its source would publish it.
type Publication struct {
	At   time.Time
	Fact *factv1.Fact

	root  time.Time // when the interaction it is about was first published
	order int       // among publications of one moment
}

// Generator makes the facts of one organisation. It is immutable and safe for concurrent use.
type Generator struct {
	options Options
	zone    *time.Location
	places  []place
	teams   map[string]*team
	people  []attribute
}

type attribute struct {
	id     string
	values []string
}

// New prepares a simulation of the organisation that m describes.
func New(m *expmap.Map, o Options) (*Generator, error) {
	if o.PerDay == 0 {
		o.PerDay = DefaultPerDay
	}
	if !(o.PerDay > 0 && o.PerDay <= 10_000_000) {
		return nil, fmt.Errorf("simulate: %v interactions a day are outside 0 to 10,000,000", o.PerDay)
	}
	g := &Generator{options: o, zone: m.Zone, teams: map[string]*team{}}
	for _, id := range sorted(m.Attributes) {
		g.people = append(g.people, attribute{id: id, values: sorted(m.Attributes[id].Values)})
	}
	g.places = places(m, o)
	if len(g.places) == 0 {
		return nil, errors.New("simulate: the map has no touchpoints")
	}
	g.plan()
	return g, nil
}

// History makes all facts that are published from from until before to, in order of publication, in pieces. An error of
// emit ends it and is returned.
func (g *Generator) History(from, to time.Time, emit func([]Publication) error) error {
	const piece = 1000
	l := g.Live(from)
	for at := from; at.Before(to); {
		at = at.Add(time.Hour)
		if at.After(to) {
			at = to
		}
		due := l.before(at)
		for len(due) > 0 {
			n := min(len(due), piece)
			if err := emit(due[:n]); err != nil {
				return err
			}
			due = due[n:]
		}
	}
	return nil
}

func sorted[T any](m map[string]T) []string {
	out := make([]string, 0, len(m))
	for id := range m {
		out = append(out, id)
	}
	sort.Strings(out)
	return out
}
