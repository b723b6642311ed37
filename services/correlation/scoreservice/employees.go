package scoreservice

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/correlation/score"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
)

// Answers of employees are shown for whole days and longer, never watched, never with fewer than the minimum, and in steps:
// see score.Steps. Today belongs to no step. A step counts on its last day, so that a window is the whole steps that end in
// it, and says where the first of them begins. So nothing that is shown, in whatever windows, scopes and at whatever moments,
// tells of fewer than the minimum when it is added or subtracted.
//
// They are divided one way only, which the map tells: by place where the question is asked at several touchpoints, else by the
// first of team, channel and attributes that is kept as a breakdown. What differs between a place and a team may be one
// answer, and of three divisions at once every cell of the table would have to be looked at.
//
// What remains: an answer that comes, is corrected or is taken back after its day has been shown moves that day, and may move
// the steps after it; another map may ask elsewhere or divide otherwise. Who reads before and after sees the difference. And
// medians and shares of values tell more of a group than its sum does, though of no smaller one.

const nobody = "so that nobody can be recognised"

// fits refuses windows in which a score is not shown.
func fits(def *score.Definition, w scorev1.Window, field string) error {
	if !def.Employees {
		return nil
	}
	if short(w) {
		return fault.Field(field+".window", "Answers of employees are shown for whole days and longer only, "+nobody+".", "Use 7d, 28d, 13w or all.")
	}
	return nil
}

// division returns the breakdown by which the answers of employees to a question are divided; empty for places.
func (d declared) division(def *score.Definition) string {
	q := d.m.Questions[def.Measure]
	if q == nil || len(q.Touchpoints) > 1 {
		return ""
	}
	for _, b := range [...]string{byTeam, byChannel} {
		if kept(d.m, b) {
			return b
		}
	}
	for _, a := range slices.Sorted(maps.Keys(d.m.Attributes)) {
		if kept(d.m, byAttribute+a) {
			return byAttribute + a
		}
	}
	return ""
}

// divides reports whether a scope is of the division of a score of employees.
func (d declared) divides(def *score.Definition, name scope) bool {
	return name == scope{} || d.division(def) == name.breakdown && (name.breakdown == "" || name.level == ofOrganisation)
}

// divided refuses scopes in which a score is not shown.
func (d declared) divided(def *score.Definition, name scope, field string) error {
	if !def.Employees || d.divides(def, name) {
		return nil
	}
	by := "touchpoint, stage and journey"
	if b := d.division(def); b != "" {
		by = strings.TrimPrefix(b, byAttribute)
	}
	return fault.Field(field+".scope", fmt.Sprintf("Answers of employees to %s are divided by %s only, %s.", def.Measure, by, nobody),
		"Leave out the rest of the scope. A question asked at several touchpoints is divided by place, one asked at a single one by team.")
}

func short(w scorev1.Window) bool {
	return w == scorev1.Window_WINDOW_5M || w == scorev1.Window_WINDOW_1H || w == scorev1.Window_WINDOW_24H
}

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

// groups returns all groups of a division that are the same on some days.
func (d declared) groups(division string, on days) (groups []score.Group) {
	if division == "" {
		for _, l := range []level{ofJourney, ofStage, ofTouchpoint} {
			for _, id := range slices.Sorted(maps.Keys(d.s.touchpoints[l])) {
				groups = append(groups, score.Group{ID: scope{level: l, id: id}.groupID(), Members: d.s.touchpoints[l][id]})
			}
		}
		return groups
	}
	for _, value := range values(d.m, division) {
		if members, ok := d.members(scope{breakdown: division, value: value}, on); ok {
			groups = append(groups, score.Group{ID: value, Members: members})
		}
	}
	return groups
}

// members returns what a group is the sum of on some days; ok is false when it was not the same on all of them.
func (d declared) members(name scope, on days) (members []string, ok bool) {
	switch {
	case name.breakdown == "":
		return d.s.touchpoints[name.level][name.id], true
	case name.breakdown == byTeam && len(d.s.below[name.value]) > 0:
		return d.s.constant(name.value, on)
	}
	return []string{name.value}, true
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
