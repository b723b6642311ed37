package scoreservice

import (
	"maps"
	"slices"
	"strings"
	"time"

	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/correlation/cell"
	"github.com/touchstone-cx/touchstone/services/correlation/score"
	"github.com/touchstone-cx/touchstone/services/correlation/state"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
)

// Answers of employees are shown for whole days and longer, never watched, never with fewer than the minimum, and only so
// far as none of the scores of one window tells of fewer when they are added or subtracted. They are divided one way at a
// time, by place or by one breakdown: of both at once every cell of the table would have to be looked at. What two windows
// tell when they are subtracted is limited by whole days and the minimum, and not excluded. Values move with every answer,
// not yet in steps.

const nobody = "so that nobody can be recognised"

// fits refuses windows and scopes in which a score is not shown.
func fits(def *score.Definition, name scope, w scorev1.Window, field string) error {
	if !def.Employees {
		return nil
	}
	if short(w) {
		return fault.Field(field+".window", "Answers of employees are shown for whole days and longer only, "+nobody+".", "Use 7d, 28d, 13w or all.")
	}
	if !undivided(name) {
		return fault.Field(field+".scope", "Answers of employees are divided by place, or by one of channel, team and segment, not by both, "+nobody+".",
			"Leave out one of the two.")
	}
	return nil
}

func short(w scorev1.Window) bool {
	return w == scorev1.Window_WINDOW_5M || w == scorev1.Window_WINDOW_1H || w == scorev1.Window_WINDOW_24H
}

// undivided reports whether a scope divides one way at most.
func undivided(name scope) bool { return name.level == ofOrganisation || name.breakdown == "" }

// watchable refuses what is not watched.
func watchable(def *score.Definition, field string) error {
	if def.Employees {
		return fault.Field(field, "Scores of employees' answers are not watched, "+nobody+": each change would tell of one answer.", "Get it, for 7d or longer.")
	}
	return nil
}

// wholeDays widens a stretch of time to whole days of a zone.
func wholeDays(from, to time.Time, zone *time.Location) (time.Time, time.Time) {
	midnight := func(t time.Time) time.Time {
		y, m, d := t.In(zone).Date()
		return time.Date(y, m, d, 0, 0, 0, 0, zone)
	}
	end := midnight(to)
	if end.Before(to) {
		y, m, d := to.In(zone).Date()
		end = time.Date(y, m, d+1, 0, 0, 0, 0, zone)
	}
	return midnight(from), end
}

// dayStep keeps steps at a day or longer.
func dayStep(step scorev1.Step) (scorev1.Step, error) {
	switch step {
	case scorev1.Step_STEP_UNSPECIFIED:
		return scorev1.Step_STEP_DAY, nil
	case scorev1.Step_STEP_MINUTE, scorev1.Step_STEP_QUARTER_HOUR, scorev1.Step_STEP_HOUR:
		return 0, fault.Field("step", "Answers of employees are shown for whole days and longer only, "+nobody+".", "Ask for days or weeks.")
	}
	return step, nil
}

// census counts the answers to one question, in all and by what they are divided by.
type census struct {
	total int64
	by    map[string]int64
}

// takeCensus counts the answers of a target's window through the whole organisation.
func takeCensus(v *view, t *Target, span state.Span) *census {
	c := &census{by: map[string]int64{}}
	sum := func(sc state.Scope, f func(touchpoint, value string, n int64)) {
		v.Cells(sc, t.Definition.Measure, span, func(touchpoint, value, _ string, _ state.Tier, _ time.Time, m *cell.Moments, _ int64) {
			if m != nil {
				f(touchpoint, value, m.N+m.ObservedN)
			}
		})
	}
	sum(state.Scope{}, func(touchpoint, _ string, n int64) {
		c.total += n
		if t.Scope.Breakdown == "" {
			c.by[touchpoint] += n
		}
	})
	if t.Scope.Breakdown != "" {
		parts := []state.Part{}
		for _, value := range values(t.Map, t.Scope.Breakdown) {
			parts = append(parts, state.Part{Value: value, From: state.FirstDay, To: state.LastDay})
		}
		sum(state.Scope{Breakdown: t.Scope.Breakdown, Parts: parts}, func(_, value string, n int64) { c.by[value] += n })
	}
	return c
}

// withheld returns what is shown instead of a score of employees that must not be.
func (t *Target) withheld(c *census, span state.Span) (score.Result, bool) {
	groups, constant := t.groups(span)
	switch shown := score.Disclose(c.total, c.by, groups, t.Definition.Minimum); {
	case shown[t.name().groupID()]:
		return score.Result{}, false
	case !constant:
		return score.Result{Suppressed: "withheld: its teams changed within this time"}, true
	case t.counted(c) < t.Definition.Minimum:
		return score.Withheld(t.Definition.Minimum), true
	}
	return score.Shielded(), true
}

// counted is the number of answers in a scope that is constant.
func (t *Target) counted(c *census) int64 {
	if t.level == ofOrganisation && t.Scope.Breakdown == "" {
		return c.total
	}
	var n int64
	for _, m := range t.members() {
		n += c.by[m]
	}
	return n
}

// members returns what of a census a target is the sum of.
func (t *Target) members() []string {
	switch {
	case t.Scope.Breakdown == "":
		return t.s.touchpoints[t.level][t.id]
	case t.Scope.Parts == nil:
		return []string{t.Scope.Value}
	}
	var out []string
	for _, p := range t.Scope.Parts {
		if !slices.Contains(out, p.Value) {
			out = append(out, p.Value)
		}
	}
	return out
}

// groupID names a scope among the groups of its division; the organisation is "".
func (s scope) groupID() string {
	if s.breakdown != "" {
		return s.value
	}
	if s.level == ofOrganisation {
		return ""
	}
	return s.level.String() + " " + s.id
}

// groups returns all groups of a target's division. A unit whose teams changed within the span is none; constant tells
// whether the target's own did not.
func (t *Target) groups(span state.Span) (groups []score.Group, constant bool) {
	if t.Scope.Breakdown == "" {
		for _, l := range []level{ofJourney, ofStage, ofTouchpoint} {
			for _, id := range slices.Sorted(maps.Keys(t.s.touchpoints[l])) {
				groups = append(groups, score.Group{ID: scope{level: l, id: id}.groupID(), Members: t.s.touchpoints[l][id]})
			}
		}
		return groups, true
	}
	constant = true
	for _, value := range values(t.Map, t.Scope.Breakdown) {
		members, ok := []string{value}, true
		if t.Scope.Breakdown == byTeam && len(t.s.below[value]) > 0 {
			members, ok = t.s.constant(value, daysIn(span))
		}
		if ok {
			groups = append(groups, score.Group{ID: value, Members: members})
		} else if value == t.Scope.Value {
			constant = false
		}
	}
	return groups, constant
}

func daysIn(span state.Span) days {
	d := days{state.LastDay, state.FirstDay}
	for _, p := range span.Pieces {
		d = days{min(d.from, p.From), max(d.to, p.To)}
	}
	return d
}

// constant returns the teams of a unit on some days; ok is false when they were not the same on all of them.
func (s *structure) constant(unit string, on days) (teams []string, ok bool) {
	for _, p := range s.unit(unit) {
		switch d := (days{p.From, p.To}); {
		case d.from <= on.from && d.to >= on.to:
			teams = append(teams, p.Value)
		case d.and(on).from < d.and(on).to:
			return nil, false
		}
	}
	return teams, true
}

// values returns what a map declares of a breakdown, sorted.
func values(m *expmap.Map, breakdown string) []string {
	switch breakdown {
	case byChannel:
		return slices.Sorted(maps.Keys(m.Channels))
	case byTeam:
		return slices.Sorted(maps.Keys(m.Teams))
	}
	if a := m.Attributes[strings.TrimPrefix(breakdown, byAttribute)]; a != nil {
		return slices.Sorted(maps.Keys(a.Values))
	}
	return nil
}
