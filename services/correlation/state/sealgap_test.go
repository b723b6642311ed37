package state

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	"github.com/touchstone-cx/touchstone/services/correlation/cell"
)

// sealedGaps is what sealing means for gaps by its plainest reading: those of sealed answers are frozen, and later answers are
// compared with sealed ones as with any others, until a customer has none that is not sealed.
type sealedGaps struct {
	*sealedModel
	gaps     []told // frozen
	gapsPast []told
}

func (m *sealedGaps) tellings() []told {
	return tellingsSince(slices.Collect(maps.Values(m.newest)), max(m.before, 1), m.gapsPast)
}

// line names the customer and the question of an answer that is compared, or that others are compared with.
func (x *told) line() string {
	for q, all := range expectations {
		if slices.Contains(all, x.question) {
			return x.customer + "|" + q
		}
	}
	return x.customer + "|" + x.question
}

func (m *sealedGaps) seal(c int64) {
	if c <= m.before {
		return
	}
	alive := map[string]bool{}
	for _, x := range m.tellings() {
		if x.at < c {
			m.gaps, m.gapsPast = append(m.gaps, x), append(m.gapsPast, x)
		} else {
			alive[x.line()] = true
		}
	}
	m.gapsPast = slices.DeleteFunc(m.gapsPast, func(x told) bool { return !alive[x.line()] })
	m.sealedModel.seal(c)
}

// Sealing changes no gap, and answers that are not sealed are compared with those that are as before, whatever the order and the
// restarts in between.
func TestSealingGaps(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 13))
		var all []phase
		for range 1 + r.IntN(4) {
			var p phase
			n := 1 + r.IntN(30)
			for range 3 + r.IntN(50) {
				f := opinion(r, n)
				f.RecordedAtMs = now.UnixMilli() - int64(f.Digest[0])*10*day.Milliseconds()/256
				if f.Content == nil {
					f.RecordedAtMs = now.UnixMilli() - int64(f.Version)*3*day.Milliseconds()
				}
				p.facts = append(p.facts, f)
			}
			p.seal = now.Add(-time.Duration(r.Int64N(int64(7 * day)))).UnixMilli()
			all = append(all, p)
		}
		if r.IntN(2) == 0 {
			all[len(all)-1].seal = 0
		}
		m := &sealedGaps{sealedModel: newSealedModel()}
		for _, p := range all {
			for _, f := range p.facts {
				m.deliver(f)
			}
			m.seal(p.seal)
		}
		maps := pick(r, comparing, comparingAndFollowing)
		a, b := playSealed(rt, maps, r, all), playSealed(rt, maps, r, all)
		if a.hash() != b.hash() {
			rt.Fatal("two orders of the same facts give two states")
		}
		check := func() {
			a.s.View("acme", func(v *View) {
				sameTellings(rt, append(slices.Clone(m.gaps), m.tellings()...), func(sc Scope, measure string, span Span) *cell.Sample {
					return v.Sample(sc, cell.Needs{Measure: measure, Distribution: true}, span)
				})
			})
		}
		check()
		a.flush()
		a.restart()
		if a.hash() != b.hash() {
			rt.Fatal("loaded, it is another state")
		}
		// What comes after a restart is compared as if there had been none.
		var later []*factv1.RecordedFact
		for range 10 {
			f := opinion(r, 30)
			f.Version = 9
			later = append(later, seal(f))
		}
		for _, f := range later {
			m.deliver(f)
		}
		a.apply(later...)
		check()
	})
}
