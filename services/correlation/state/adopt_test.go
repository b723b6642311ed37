package state

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/correlation/cell"
)

// elsewhere counts by another zone, other breakdowns and other linked metrics than following, none of which needs what that
// does not keep.
func elsewhere(string) (*Counting, error) {
	c, err := following("")
	if err != nil {
		return nil, err
	}
	if c.Zone, err = time.LoadLocation("America/New_York"); err != nil {
		return nil, err
	}
	c.Channel, c.Attributes = false, map[string]bool{}
	c.Linked = slices.Clone(linkedMetrics)
	c.Linked[0].Longest, c.Linked[1].Longest = 2*day, 7*day
	return c, nil
}

func withoutTeams(string) (*Counting, error) {
	c, err := following("")
	c.Team = false
	return c, err
}

// adopt takes a state over that was counted by other maps, as a recount from a base does.
func (l *life) adopt(maps Maps) {
	l.flush()
	l.maps = maps
	l.restart()
	if got := l.s.Outdated(); len(got) != 1 {
		l.t.Fatal("not outdated")
	}
	if err := l.s.Adopt(); err != nil {
		l.t.Fatal(err)
	}
	if got := l.s.Outdated(); len(got) != 0 {
		l.t.Fatal("still outdated")
	}
}

// What the ledger holds of a base is counted by the map of today, to the byte, and goes on so.
func TestAdoptedEqualsCountedAnew(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 11))
		from, to := Maps(following), Maps(elsewhere)
		if r.IntN(2) == 0 {
			from, to = withoutTeams, following
		}
		var facts []*factv1.RecordedFact
		for _, p := range phases(r) {
			facts = append(facts, p.facts...)
		}
		k := r.IntN(len(facts) + 1)
		l := playBy(rt, from, r, facts[:max(k, 1)])
		l.adopt(to)
		for _, f := range facts[k:] {
			l.apply(f)
			switch r.IntN(9) {
			case 0:
				l.flush()
			case 1:
				l.flush()
				l.restart()
			}
		}
		again := playBy(rt, to, r, facts)
		if l.hash() != again.hash() {
			rt.Fatal("taken over, it is another state than counted anew")
		}
		l.flush()
		l.restart()
		if l.hash() != again.hash() || l.s.Outdated() != nil {
			rt.Fatal("loaded, it is another state")
		}
	})
}

// What is sealed stays as it was counted: no sum changes, and nothing is taken back that the other map does not know.
func TestAdoptedKeepsWhatIsSealed(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 12))
		all := phases(r)
		k := r.IntN(len(all))
		m := newSealedModel()
		for _, p := range all[:k+1] {
			for _, f := range p.facts {
				m.deliver(f)
			}
			m.seal(p.seal)
		}
		l := playSealed(rt, following, r, all[:k+1])
		l.adopt(elsewhere)
		for _, p := range all[k+1:] {
			for _, f := range p.facts {
				m.deliver(f)
				l.apply(f)
			}
		}
		l.flush()
		l.restart()
		want := append(slices.Clone(m.frozen), m.live()...)
		l.s.View("acme", func(v *View) {
			for _, sc := range []Scope{{}, {Touchpoint: "call"}, {Breakdown: "team", Value: "north"}} {
				for _, measure := range []string{"wait", "recommend", "staff"} {
					span := Live(scorev1.Window_WINDOW_ALL, now, berlin)
					got := v.Sample(sc, cell.Needs{Measure: measure, Distribution: true}, span)
					var adder cell.Adder
					for _, x := range got.Measure {
						adder.Add(x, true)
					}
					sum := adder.Take()
					n, values, _, observed := want.sum(sc, measure, span)
					if got.Offered() != n || sum.N != values || sum.ObservedN != observed || sum.Hist.Total() != values {
						rt.Fatalf("%+v %s: %d interactions, %d values, %d observed; want %d, %d, %d", sc, measure, got.Offered(), sum.N, sum.ObservedN, n, values, observed)
					}
				}
			}
		})
	})
}
