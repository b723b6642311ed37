package scoreservice

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/correlation/score"
	"github.com/touchstone-cx/touchstone/services/correlation/state"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
)

const (
	byChannel   = "channel"
	byTeam      = "team"
	byAttribute = "attribute:"
)

// level is which kind of thing a score is about.
type level uint8

const (
	ofOrganisation level = iota
	ofJourney
	ofStage
	ofTouchpoint
	levels
)

// String returns the level's noun, which is also its field in a scope.
func (l level) String() string {
	return [...]string{"organisation", "journey", "stage", "touchpoint"}[l]
}

// scope names what a score is about; a structure tells which cells that is.
type scope struct {
	level     level
	id        string // of the journey, stage or touchpoint
	breakdown string // "", or one of state.Scope
	value     string
}

// compareScopes puts the organisation first, then journeys, stages and touchpoints.
func compareScopes(a, b scope) int {
	return cmp.Or(cmp.Compare(a.level, b.level), cmp.Compare(a.id, b.id), cmp.Compare(a.breakdown, b.breakdown), cmp.Compare(a.value, b.value))
}

// keptScope names a scope for which cells are kept.
func keptScope(sc state.Scope) scope {
	return scope{ofTouchpoint, sc.Touchpoint, sc.Breakdown, sc.Value}
}

// scopeOf resolves a scope: what it names must be declared, and at most one breakdown is kept beside the touchpoint.
func (d declared) scopeOf(s *scorev1.Scope, field string) (scope, error) {
	m := d.m
	var out scope
	set := 0
	for _, x := range [...]scope{{level: ofTouchpoint, id: s.GetTouchpoint()}, {level: ofStage, id: s.GetStage()}, {level: ofJourney, id: s.GetJourney()}} {
		if x.id == "" {
			continue
		}
		set++
		out = x
		if declared := d.s.touchpoints[x.level]; declared[x.id] == nil {
			return out, undeclared(field+"."+x.level.String(), x.level.String(), x.id, slices.Sorted(maps.Keys(declared)))
		}
	}
	if set > 1 {
		return out, fault.Field(field, "More than one of touchpoint, stage and journey is given.", "Give one of them.")
	}
	set = 0
	if c := s.GetChannel(); c != "" {
		set++
		out.breakdown, out.value = byChannel, c
		if _, ok := m.Channels[c]; !ok {
			return out, undeclared(field+".channel", "channel", c, slices.Sorted(maps.Keys(m.Channels)))
		}
	}
	if t := s.GetTeam(); t != "" {
		set++
		out.breakdown, out.value = byTeam, t
		if _, ok := m.Teams[t]; !ok {
			return out, undeclared(field+".team", "team", t, slices.Sorted(maps.Keys(m.Teams)))
		}
	}
	if seg := s.GetSegment(); seg != "" {
		set++
		id, value, ok := strings.Cut(seg, "=")
		a := m.Attributes[id]
		if !ok {
			return out, fault.Field(field+".segment", fmt.Sprintf("%q is not a segment.", seg), `Write it as "attribute=value".`)
		}
		if a == nil {
			return out, undeclared(field+".segment", "attribute", id, slices.Sorted(maps.Keys(m.Attributes)))
		}
		if _, ok := a.Values[value]; !ok {
			return out, undeclared(field+".segment", "value", value, slices.Sorted(maps.Keys(a.Values)))
		}
		out.breakdown, out.value = byAttribute+id, value
	}
	if set > 1 {
		return out, fault.Field(field, "More than one of channel, team and segment is given, but each is kept beside the touchpoint alone.", "Give one of them.")
	}
	if !kept(m, out.breakdown) {
		return out, fault.Field(field, fmt.Sprintf("The map keeps no breakdown %s.", out.breakdown),
			"Add it to breakdowns in the map; history is then counted again.")
	}
	return out, nil
}

// kept reports whether cells are kept for a breakdown.
func kept(m *expmap.Map, breakdown string) bool {
	return breakdown == "" || slices.ContainsFunc(m.Breakdowns, func(b expmap.Breakdown) bool { return b.String() == breakdown })
}

func protoScope(s scope) *scorev1.Scope {
	if s == (scope{}) {
		return nil
	}
	out := &scorev1.Scope{}
	switch s.level {
	case ofJourney:
		out.Journey = s.id
	case ofStage:
		out.Stage = s.id
	case ofTouchpoint:
		out.Touchpoint = s.id
	}
	switch {
	case s.breakdown == byChannel:
		out.Channel = s.value
	case s.breakdown == byTeam:
		out.Team = s.value
	case s.breakdown != "":
		out.Segment = strings.TrimPrefix(s.breakdown, byAttribute) + "=" + s.value
	}
	return out
}

func undeclared(field, noun, id string, declared []string) error {
	hint := ""
	if near := score.Nearest(id, declared); near != "" {
		hint = fmt.Sprintf(" Did you mean %q?", near)
	}
	const most = 12
	remedy := fmt.Sprintf("Declared are %s.", strings.Join(declared[:min(most, len(declared))], ", "))
	switch {
	case len(declared) > most:
		remedy = fmt.Sprintf("Use one of the %d declared, such as %s.", len(declared), strings.Join(declared[:most], ", "))
	case len(declared) == 0:
		remedy = fmt.Sprintf("The map declares no %s; declare it there.", noun)
	}
	return fault.Field(field, fmt.Sprintf("The %s %q is not declared.%s", noun, id, hint), remedy)
}
