package scoreservice

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/touchstone-cx/touchstone/services/correlation/cell"
	"github.com/touchstone-cx/touchstone/services/correlation/score"
	"github.com/touchstone-cx/touchstone/services/correlation/state"
)

// moves are the steps of the answers of employees to one question, and the rounds of their groups.
type moves struct {
	d        declared
	division string
	steps    []score.Step
	rounds   []score.Round
}

// movings remembers the moves of each question as long as nothing that they are made of changes.
type movings struct {
	mu    sync.Mutex
	byKey map[movingKey]moving
}

type movingKey struct{ organisation, measure string }

type moving struct {
	generation, epoch uint64
	today             int64
	tallies           []score.Tally
	moves             *moves
}

// moves returns the steps of a target's question up to yesterday.
func (b *bag) moves(t *Target) *moves {
	r, today := b.r, state.DayOf(b.r.Clock(), t.Map.Zone)
	key, epoch := movingKey{t.Organisation(), t.Definition.Measure}, b.v.Epoch(state.Scope{})
	r.movings.mu.Lock()
	m, ok := r.movings.byKey[key]
	r.movings.mu.Unlock()
	if ok && epoch != 0 && m.generation == b.v.generation && m.epoch == epoch && m.today == today && m.moves.d.m == t.Map {
		return m.moves
	}
	d := declared{m: t.Map, s: t.s}
	x := &moves{d: d, division: d.division(t.Definition)}
	tallies := b.tallies(t, x.division, today)
	if ok && m.moves.d.m == t.Map && slices.EqualFunc(tallies, m.tallies, score.Tally.Equal) {
		x = m.moves // most of what changes an organisation are no answers of its employees
	} else {
		groups := func(from, to int64) []score.Group { return d.groups(x.division, days{from, to}) }
		x.steps, x.rounds = score.Steps(tallies, groups, t.Definition.Minimum)
	}
	r.movings.mu.Lock()
	defer r.movings.mu.Unlock()
	if r.movings.byKey == nil {
		r.movings.byKey = map[movingKey]moving{}
	}
	r.movings.byKey[key] = moving{b.v.generation, epoch, today, tallies, x}
	return x
}

// tallies counts the answers of each day before today, through the whole organisation and by what they are divided by.
func (b *bag) tallies(t *Target, division string, today int64) []score.Tally {
	byDay := map[int64]*score.Tally{}
	past := state.Days(state.FirstDay, today, t.Map.Zone)
	sum := func(sc state.Scope, f func(d *score.Tally, touchpoint, value string, n int64)) {
		b.v.Cells(sc, t.Definition.Measure, past, func(touchpoint, value, _ string, _ state.Tier, from time.Time, m *cell.Moments, _ int64) {
			if m == nil || m.N+m.ObservedN == 0 {
				return
			}
			day := state.DayOf(from, t.Map.Zone)
			d := byDay[day]
			if d == nil {
				d = &score.Tally{Day: day, By: map[string]int64{}}
				byDay[day] = d
			}
			f(d, touchpoint, value, m.N+m.ObservedN)
		})
	}
	sum(state.Scope{}, func(d *score.Tally, touchpoint, _ string, n int64) {
		d.N += n
		if division == "" {
			d.By[touchpoint] += n
		}
	})
	if division != "" {
		var parts []state.Part
		for _, value := range values(t.Map, division) {
			parts = append(parts, state.Part{Value: value, From: state.FirstDay, To: state.LastDay})
		}
		sum(state.Scope{Breakdown: division, Parts: parts}, func(d *score.Tally, _, value string, n int64) { d.By[value] += n })
	}
	var out []score.Tally
	for _, day := range slices.Sorted(maps.Keys(byDay)) {
		out = append(out, *byDay[day])
	}
	return out
}

// employees takes a score of employees: of the whole steps that end in a span, or else why it is not shown.
func (b *bag) employees(t *Target, span state.Span) *taken {
	m := b.moves(t)
	on := days{state.FirstDay, state.DayOf(span.To.Add(-time.Nanosecond), t.Map.Zone) + 1}
	if !span.From.IsZero() {
		on.from = state.DayOf(span.From, t.Map.Zone)
	}
	run, why := m.run(t.name(), on, t.Definition.Minimum)
	if why != nil {
		return &taken{sample: &cell.Sample{}, held: why}
	}
	shown := state.Days(run.from, run.to, t.Map.Zone)
	return &taken{sample: b.sample(t, t.name(), t.Scope, t.Definition.Needs(), shown), span: &shown}
}

// run returns the days of the steps that end on some days. Of a group these are the last of its rounds among which there is none
// in which it may not be shown.
func (m *moves) run(name scope, on days, least int64) (days, *score.Result) {
	ends := func(to int64) bool { return on.from < to && to <= on.to }
	withheld := score.Withheld(least)
	if name == (scope{}) {
		var run days
		for _, s := range m.steps {
			switch {
			case !ends(s.To):
			case run == days{}:
				run = days{s.From, s.To}
			default:
				run.to = s.To
			}
		}
		if (run == days{}) {
			return run, &withheld
		}
		return run, nil
	}
	var run, last days
	var total, n int64 // of all rounds; of run
	why := score.Shielded()
	for _, r := range m.rounds {
		if !ends(r.To) {
			continue
		}
		members, same := m.d.members(name, days{r.From, r.To})
		of := int64(0)
		for _, x := range members {
			of += r.By[x]
		}
		total += of
		if !same {
			why = score.Result{Suppressed: "withheld: its teams changed within this time"}
		}
		if !same || of > 0 && !r.Shown[name.groupID()] {
			run, n = days{}, 0
			continue
		}
		if (run == days{}) {
			run.from = r.From
		}
		run.to = r.To
		if n += of; n > 0 {
			last = run
		}
	}
	switch {
	case last != days{}:
		return last, nil
	case total < least && why.Suppressed == score.Shielded().Suppressed:
		return days{}, &withheld
	}
	return days{}, &why
}
