package state

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/touchstone-cx/touchstone/services/correlation/cell"
)

// View is one organisation at one position. It is valid only inside the call of State.View.
type View struct {
	s   *State
	org *org // nil when nothing of the organisation was ever counted
}

// View runs f with a view that does not change meanwhile. The fold waits: keep f short.
func (s *State) View(organisation string, f func(v *View)) {
	defer s.settle()()
	f(&View{s: s, org: s.orgNames[organisation]})
}

// settle locks the state for reading, with nothing pending. Only under a flood of facts is there anything: then it takes the
// lock for writing, and the first reader pays for what has gathered.
func (s *State) settle() (unlock func()) {
	s.mu.RLock()
	if s.pending == 0 {
		return s.mu.RUnlock
	}
	s.mu.RUnlock()
	s.mu.Lock()
	s.absorbAll()
	return s.mu.Unlock
}

// Position returns the sequence in TS_FACT up to which facts are counted.
func (v *View) Position() uint64 { return v.s.position }

// Newest returns when the newest fact ever counted occurred; the zero time when none was.
func (v *View) Newest() time.Time {
	if v.org == nil || v.org.newest == 0 {
		return time.Time{}
	}
	return time.UnixMilli(v.org.newest).UTC()
}

// Sample adds up the cells of a scope and span: interactions by outcome, and one measure's moments by outcome.
func (v *View) Sample(sc Scope, needs cell.Needs, span Span) *cell.Sample {
	out := &cell.Sample{Interactions: map[string]int64{}, Measure: map[string]*cell.Moments{}}
	if v.org == nil {
		return out
	}
	sym := v.s.symbols.byName[needs.Measure]
	if sym != 0 {
		out.Bins = v.layout(sym)
	}
	sum, _ := v.s.sums.Get().(*summing)
	if sum == nil {
		sum = new(summing)
	}
	defer v.s.sums.Put(sum)
	sum.measure, sum.distribution = sym, needs.Distribution
	v.each(&sc, span, func(r row) {
		for _, p := range r.pieces {
			r.sr.over(p, func(_ int64, b *block) {
				if err := b.sum(sum); err != nil {
					out.Damaged = true
				}
			})
		}
	})
	for i := range sum.outs {
		o := &sum.outs[i]
		name := v.s.symbols.name(o.sym)
		if o.n != 0 {
			out.Interactions[name] = o.n
		}
		out.Simulated += o.simulated
		if o.any {
			if m := o.moments.Take(); !m.IsZero() {
				out.Measure[name] = m
			}
		}
	}
	sum.outs = sum.outs[:0]
	return out
}

// layout returns a measure's bins without remembering them, since readers change nothing.
func (v *View) layout(sym uint32) *cell.Bins {
	if b := v.org.measures[sym]; b != nil {
		return b
	}
	if r, ok := v.org.counting.Resolution[v.s.symbols.name(sym)]; ok {
		return cell.NewBins(r)
	}
	return nil
}

// Cells calls f for each cell that Sample adds up: by touchpoint, then value of the breakdown, time and outcome. m is nil
// where the cell has nothing of the measure.
func (v *View) Cells(sc Scope, measure string, span Span, f func(touchpoint, value, outcome string, tier Tier, from time.Time, m *cell.Moments, interactions int64)) {
	if v.org == nil {
		return
	}
	sym := v.s.symbols.byName[measure]
	var rows []row
	v.each(&sc, span, func(r row) { rows = append(rows, r) })
	slices.SortStableFunc(rows, func(a, b row) int { return cmp.Or(cmp.Compare(a.t.name, b.t.name), cmp.Compare(a.value, b.value)) })
	for _, r := range rows {
		for _, p := range r.pieces {
			r.sr.over(p, func(bucket int64, b *block) {
				from := bucketStart(p.Tier, bucket, v.org.counting.Zone)
				type one struct {
					name string
					n    int64
					m    *cell.Moments
				}
				var outs []one
				if err := b.each(sym, func(o uint32, n, _ int64, m *cell.Moments) {
					outs = append(outs, one{v.s.symbols.name(o), n, m})
				}); err != nil {
					return // Sample says that the scope is damaged
				}
				slices.SortFunc(outs, func(a, b one) int { return cmp.Compare(a.name, b.name) })
				for _, o := range outs {
					if o.m != nil || sym == 0 || o.n != 0 {
						f(r.t.name, r.value, o.name, p.Tier, from, o.m, o.n)
					}
				}
			})
		}
	}
}

// Scopes calls f for every scope for which cells are kept: each touchpoint and then its breakdown values, sorted.
func (v *View) Scopes(f func(sc Scope)) {
	if v.org == nil {
		return
	}
	var all []Scope
	for _, t := range v.org.touchpoints {
		for k := range t.series {
			sc := Scope{Touchpoint: t.name}
			value := v.s.symbols.name(uint32(k))
			switch k >> 32 {
			case byChannel:
				sc.Breakdown, sc.Value = "channel", value
			case byTeam:
				sc.Breakdown, sc.Value = "team", value
			case byAttribute:
				if agent, ok := strings.CutPrefix(value, agentMark); ok {
					sc.Breakdown, sc.Value = ByAgent, agent
					break
				}
				key, val, _ := strings.Cut(value, "=")
				sc.Breakdown, sc.Value = "attribute:"+key, val
			}
			all = append(all, sc)
		}
	}
	slices.SortFunc(all, func(a, b Scope) int {
		return cmp.Or(cmp.Compare(a.Touchpoint, b.Touchpoint), cmp.Compare(a.Breakdown, b.Breakdown), cmp.Compare(a.Value, b.Value))
	})
	for _, sc := range all {
		f(sc)
	}
}
