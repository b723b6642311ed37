package scoreservice

import (
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

// scopeOf resolves a scope: what it names must be declared, and at most one breakdown is kept beside the touchpoint.
func scopeOf(m *expmap.Map, s *scorev1.Scope, field string) (state.Scope, error) {
	out := state.Scope{Touchpoint: s.GetTouchpoint()}
	if t := s.GetTouchpoint(); t != "" && m.Touchpoints[t] == nil {
		return out, undeclared(field+".touchpoint", "touchpoint", t, slices.Sorted(maps.Keys(m.Touchpoints)))
	}
	set := 0
	if c := s.GetChannel(); c != "" {
		set++
		out.Breakdown, out.Value = byChannel, c
		if _, ok := m.Channels[c]; !ok {
			return out, undeclared(field+".channel", "channel", c, slices.Sorted(maps.Keys(m.Channels)))
		}
	}
	if t := s.GetTeam(); t != "" {
		set++
		out.Breakdown, out.Value = byTeam, t
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
		out.Breakdown, out.Value = byAttribute+id, value
	}
	if set > 1 {
		return out, fault.Field(field, "More than one of channel, team and segment is given, but each is kept beside the touchpoint alone.", "Give one of them.")
	}
	if !kept(m, out.Breakdown) {
		return out, fault.Field(field, fmt.Sprintf("The map keeps no breakdown %s.", out.Breakdown),
			"Add it to breakdowns in the map; history is then counted again.")
	}
	return out, nil
}

// kept reports whether cells are kept for a breakdown.
func kept(m *expmap.Map, breakdown string) bool {
	return breakdown == "" || slices.ContainsFunc(m.Breakdowns, func(b expmap.Breakdown) bool { return b.String() == breakdown })
}

func protoScope(s state.Scope) *scorev1.Scope {
	if s == (state.Scope{}) {
		return nil
	}
	out := &scorev1.Scope{Touchpoint: s.Touchpoint}
	switch {
	case s.Breakdown == byChannel:
		out.Channel = s.Value
	case s.Breakdown == byTeam:
		out.Team = s.Value
	case s.Breakdown != "":
		out.Segment = strings.TrimPrefix(s.Breakdown, byAttribute) + "=" + s.Value
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
