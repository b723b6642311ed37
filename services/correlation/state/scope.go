package state

import "strings"

// Scope narrows what is summed: touchpoints, and at most one breakdown. The zero Scope is the organisation. Whatever it is
// made of, the sum is the one over its cells, each taken once: a parent equals the sum of its parts.
type Scope struct {
	// Touchpoint is one; empty means Touchpoints.
	Touchpoint string
	// Touchpoints are some, none of them twice. Nil means all there are, and an empty list none.
	Touchpoints []string
	// Breakdown is "", "channel", "team", "attribute:<id>" or ByAgent.
	Breakdown string
	// Value of the breakdown.
	Value string
	// Parts are values of the breakdown instead of the one, each on its days. No value is on any day in two of them.
	Parts []Part
}

// Part is one value of a breakdown on the days of the organisation's zone from From until before To, which are numbered
// from 1970-01-01.
type Part struct {
	Value    string
	From, To int64
}

// FirstDay and LastDay bound a Part that holds since ever or for ever.
const (
	FirstDay int64 = firstDay
	LastDay  int64 = -firstDay
)

// Epoch rises when a cell in the scope changes. For all touchpoints it is the organisation's.
func (v *View) Epoch(sc Scope) uint64 {
	if v.org == nil {
		return 0
	}
	if sc.Touchpoint == "" && sc.Touchpoints == nil {
		return v.org.epoch
	}
	// Epochs are numbered through the whole state: a part that changes gets one above those of all others.
	var e uint64
	v.each(&sc, Span{}, func(r row) { e = max(e, r.sr.epoch) })
	return e
}

// row is a series in a scope.
type row struct {
	t      *touchpoint
	sr     *series
	value  string  // of the breakdown
	pieces []Piece // of the span, where the scope has the value
}

// each calls f for the series that make up a scope. A value that the scope has at two times comes twice.
func (v *View) each(sc *Scope, span Span, f func(row)) {
	if v.org == nil {
		return
	}
	if sc.Parts == nil {
		v.eachOf(sc, sc.Value, span.Pieces, f)
		return
	}
	for _, p := range sc.Parts {
		v.eachOf(sc, p.Value, v.within(p, span.Pieces), f)
	}
}

func (v *View) eachOf(sc *Scope, value string, pieces []Piece, f func(row)) {
	breakdown, name := breakdownOf(Scope{Breakdown: sc.Breakdown, Value: value})
	sym, ok := v.s.symbols.byName[name]
	if !ok {
		return
	}
	k := uint64(breakdown)<<32 | uint64(sym)
	call := func(t *touchpoint) {
		if t == nil {
			return
		}
		if sr := t.series[k]; sr != nil {
			f(row{t, sr, value, pieces})
		}
	}
	switch {
	case sc.Touchpoint != "":
		call(v.touchpoint(sc.Touchpoint))
	case sc.Touchpoints != nil:
		for _, t := range sc.Touchpoints {
			call(v.touchpoint(t))
		}
	default:
		for _, t := range v.org.touchpoints {
			call(t)
		}
	}
}

// touchpoint returns what is kept of a touchpoint; nil when that is nothing.
func (v *View) touchpoint(name string) *touchpoint {
	if sym, ok := v.s.symbols.byName[name]; ok {
		return v.org.touchpoints[sym]
	}
	return nil
}

func breakdownOf(sc Scope) (int, string) {
	switch {
	case sc.Breakdown == "channel":
		return byChannel, sc.Value
	case sc.Breakdown == "team":
		return byTeam, sc.Value
	case sc.Breakdown == ByAgent:
		return byAttribute, agentMark + sc.Value
	case strings.HasPrefix(sc.Breakdown, "attribute:"):
		return byAttribute, strings.TrimPrefix(sc.Breakdown, "attribute:") + "=" + sc.Value
	default:
		return byTouchpoint, ""
	}
}

// within returns the buckets of pieces that lie on a part's days. A bucket that a midnight cuts, as none does in the zones
// of today, belongs to the day on which it begins, so that every bucket is on one side of a day.
func (v *View) within(part Part, pieces []Piece) []Piece {
	if part.From <= FirstDay && part.To >= LastDay {
		return pieces
	}
	out := make([]Piece, 0, len(pieces))
	for _, p := range pieces {
		if part.From > FirstDay {
			p.From = max(p.From, v.firstOf(p.Tier, part.From))
		}
		if part.To < LastDay {
			p.To = min(p.To, v.firstOf(p.Tier, part.To))
		}
		if p.From < p.To {
			out = append(out, p)
		}
	}
	return out
}

// firstOf returns the first bucket that begins on a day or later.
func (v *View) firstOf(t Tier, day int64) int64 {
	switch t {
	case Minute:
		return -floorDiv(-dayStart(day, v.org.counting.Zone).UnixMilli(), minuteMs)
	case QuarterHour:
		return -floorDiv(-dayStart(day, v.org.counting.Zone).UnixMilli(), quarterMs)
	default:
		return day
	}
}
