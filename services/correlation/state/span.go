package state

import (
	"time"

	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
)

// Tier is the width of a bucket.
type Tier int

// Tiers, finest first. A fact counts in every tier that still holds its time.
const (
	Minute      Tier = iota // kept 48 hours
	QuarterHour             // kept 35 days
	Day                     // of the organisation's zone, kept for ever
	tiers
)

// String returns the name used in the API.
func (t Tier) String() string { return [...]string{"minute", "quarter-hour", "day"}[t] }

const (
	minuteMs  = 60_000
	quarterMs = 15 * minuteMs

	minuteKept  = 48 * time.Hour
	quarterKept = 35 * 24 * time.Hour
)

// Piece is a run of buckets of one tier, half open.
type Piece struct {
	Tier     Tier
	From, To int64
}

// Span is a stretch of time as buckets: every instant of [From, To) lies in exactly one bucket of one piece.
type Span struct {
	From, To time.Time // From is zero for all time
	Pieces   []Piece
	AsOf     time.Time // the moment of which it was resolved: what is younger than some limit is younger by it
}

// Split cuts a span at a time in zone: young is from the bucket on that holds the time, old all that lies before it. The two
// add up to the span.
func (s Span) Split(at time.Time, zone *time.Location) (old, young Span) {
	old, young = Span{From: s.From, To: s.From, AsOf: s.AsOf}, Span{From: s.To, To: s.To, AsOf: s.AsOf}
	for _, p := range s.Pieces {
		cut := min(max(bucketOf(p.Tier, at, zone), p.From), p.To)
		if p.From < cut {
			old.Pieces = append(old.Pieces, Piece{p.Tier, p.From, cut})
			old.To = bucketStart(p.Tier, cut, zone)
		}
		if cut < p.To {
			if len(young.Pieces) == 0 {
				young.From = bucketStart(p.Tier, cut, zone)
			}
			young.Pieces = append(young.Pieces, Piece{p.Tier, cut, p.To})
		}
	}
	return old, young
}

// horizon returns the first bucket that a tier holds as of now.
func horizon(t Tier, now time.Time) int64 {
	switch t {
	case Minute:
		return floorDiv(now.Add(-minuteKept).UnixMilli(), minuteMs)
	case QuarterHour:
		return floorDiv(now.Add(-quarterKept).UnixMilli(), quarterMs)
	default:
		return firstDay
	}
}

const firstDay = -1 << 30 // before any day

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// dayOf returns the number of the day (days since 1970-01-01) on which t falls in zone.
func dayOf(t time.Time, zone *time.Location) int64 {
	y, m, d := t.In(zone).Date()
	return floorDiv(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix(), 86400)
}

// dayStart returns when a day begins in zone.
func dayStart(day int64, zone *time.Location) time.Time {
	u := time.Unix(day*86400, 0).UTC()
	return time.Date(u.Year(), u.Month(), u.Day(), 0, 0, 0, 0, zone)
}

func bucketStart(t Tier, b int64, zone *time.Location) time.Time {
	switch t {
	case Minute:
		return time.UnixMilli(b * minuteMs).UTC()
	case QuarterHour:
		return time.UnixMilli(b * quarterMs).UTC()
	default:
		return dayStart(b, zone)
	}
}

// Live resolves a live window as of now. The current minute, quarter-hour or day belongs to it, so that a fact is seen at
// once: WINDOW_1H is the current minute and the 59 before, WINDOW_7D today and the six days before.
func Live(w scorev1.Window, now time.Time, zone *time.Location) Span {
	minute := floorDiv(now.UnixMilli(), minuteMs)
	quarter := floorDiv(now.UnixMilli(), quarterMs)
	today := dayOf(now, zone)
	span := func(t Tier, from, to int64) Span {
		return Span{bucketStart(t, from, zone), bucketStart(t, to, zone), []Piece{{t, from, to}}, now}
	}
	switch w {
	case scorev1.Window_WINDOW_5M:
		return span(Minute, minute-4, minute+1)
	case scorev1.Window_WINDOW_1H:
		s := Span{From: bucketStart(Minute, minute-59, zone), To: bucketStart(Minute, minute+1, zone), AsOf: now}
		s.Pieces = pieces(s.From, s.To, now, zone)
		return s
	case scorev1.Window_WINDOW_24H:
		return span(QuarterHour, quarter-95, quarter+1)
	case scorev1.Window_WINDOW_7D:
		return span(Day, today-6, today+1)
	case scorev1.Window_WINDOW_13W:
		return span(Day, today-90, today+1)
	case scorev1.Window_WINDOW_ALL:
		return Span{To: dayStart(today+1, zone), Pieces: []Piece{{Day, firstDay, today + 1}}, AsOf: now}
	default:
		return span(Day, today-27, today+1)
	}
}

// Between resolves a stretch given by its ends. Each end is snapped outwards to a bucket of the finest tier that still
// holds it: a minute within 48 hours, a quarter-hour within 35 days, else a day of the zone.
func Between(from, to, now time.Time, zone *time.Location) (Span, error) {
	if !from.Before(to) {
		return Span{}, fault.Field("to", "the end is not after the start", "give from before to; to itself is not included")
	}
	if from.Year() < 1900 || to.Year() > 2300 {
		return Span{}, fault.Field("from", "the years must lie between 1900 and 2300", "give a time in that range")
	}
	s := Span{From: snap(from, now, zone, false), To: snap(to, now, zone, true), AsOf: now}
	s.Pieces = pieces(s.From, s.To, now, zone)
	return s, nil
}

func snap(t, now time.Time, zone *time.Location, up bool) time.Time {
	tier := Day
	switch ms := t.UnixMilli(); {
	case floorDiv(ms, minuteMs) >= horizon(Minute, now)+1:
		tier = Minute
	case floorDiv(ms, quarterMs) >= horizon(QuarterHour, now)+1:
		tier = QuarterHour
	}
	b := bucketOf(tier, t, zone)
	s := bucketStart(tier, b, zone)
	if up && s.Before(t) {
		s = bucketStart(tier, b+1, zone)
	}
	return s
}

func bucketOf(t Tier, at time.Time, zone *time.Location) int64 {
	switch t {
	case Minute:
		return floorDiv(at.UnixMilli(), minuteMs)
	case QuarterHour:
		return floorDiv(at.UnixMilli(), quarterMs)
	default:
		return dayOf(at, zone)
	}
}

// pieces covers [from, to), whose ends are snapped, with the widest buckets that fit: whole days in the middle, then
// quarter-hours, then minutes at the ends.
func pieces(from, to, now time.Time, zone *time.Location) []Piece {
	firstDay := dayOf(from, zone)
	if dayStart(firstDay, zone).Before(from) {
		firstDay++
	}
	lastDay := dayOf(to, zone) // exclusive
	if firstDay >= lastDay {
		return within(from.UnixMilli(), to.UnixMilli())
	}
	var out []Piece
	if s := dayStart(firstDay, zone); from.Before(s) {
		out = append(out, within(from.UnixMilli(), s.UnixMilli())...)
	}
	out = append(out, Piece{Day, firstDay, lastDay})
	if e := dayStart(lastDay, zone); e.Before(to) {
		out = append(out, within(e.UnixMilli(), to.UnixMilli())...)
	}
	return out
}

func within(from, to int64) []Piece {
	q0, q1 := -floorDiv(-from, quarterMs), floorDiv(to, quarterMs)
	if q0 >= q1 {
		return []Piece{{Minute, floorDiv(from, minuteMs), -floorDiv(-to, minuteMs)}}
	}
	var out []Piece
	if m := q0 * quarterMs; from < m {
		out = append(out, Piece{Minute, from / minuteMs, m / minuteMs})
	}
	out = append(out, Piece{QuarterHour, q0, q1})
	if m := q1 * quarterMs; m < to {
		out = append(out, Piece{Minute, m / minuteMs, -floorDiv(-to, minuteMs)})
	}
	return out
}

// maxSteps bounds a series.
const maxSteps = 2000

// Steps cuts a span into equal steps, oldest first. STEP_UNSPECIFIED chooses: minutes up to 3 hours, quarter-hours up to 2
// days, days up to 26 weeks, else weeks.
func Steps(step scorev1.Step, span Span, now time.Time, zone *time.Location) ([]Span, error) {
	if span.From.IsZero() {
		return nil, fault.Field("ref.from", "a series over all time has no start", "give from and to, or a live window")
	}
	if step == scorev1.Step_STEP_UNSPECIFIED {
		switch d := span.To.Sub(span.From); {
		case d <= 3*time.Hour && span.From.After(now.Add(-minuteKept)):
			step = scorev1.Step_STEP_MINUTE
		case d <= 48*time.Hour && span.From.After(now.Add(-quarterKept)):
			step = scorev1.Step_STEP_QUARTER_HOUR
		case d <= 26*7*24*time.Hour:
			step = scorev1.Step_STEP_DAY
		default:
			step = scorev1.Step_STEP_WEEK
		}
	}
	var next func(time.Time) time.Time
	start := span.From
	switch step {
	case scorev1.Step_STEP_MINUTE:
		if floorDiv(start.UnixMilli(), minuteMs) < horizon(Minute, now) {
			return nil, fault.Field("step", "minutes are kept for 48 hours", "ask for quarter-hours, or begin later")
		}
		next = func(t time.Time) time.Time { return t.Add(time.Minute) }
	case scorev1.Step_STEP_QUARTER_HOUR, scorev1.Step_STEP_HOUR:
		if floorDiv(start.UnixMilli(), quarterMs) < horizon(QuarterHour, now) {
			return nil, fault.Field("step", "quarter-hours are kept for 35 days", "ask for days, or begin later")
		}
		width := 15 * time.Minute
		if step == scorev1.Step_STEP_HOUR {
			width = time.Hour
		}
		start = start.Truncate(width)
		next = func(t time.Time) time.Time { return t.Add(width) }
	case scorev1.Step_STEP_DAY:
		start = dayStart(dayOf(start, zone), zone)
		next = func(t time.Time) time.Time { return dayStart(dayOf(t, zone)+1, zone) }
	default:
		day := dayOf(start, zone)
		monday := day - ((day+3)%7+7)%7 // 1970-01-01 was a Thursday
		start = dayStart(monday, zone)
		next = func(t time.Time) time.Time { return dayStart(dayOf(t, zone)+7, zone) }
	}
	var out []Span
	for at := start; at.Before(span.To); {
		end := next(at)
		if len(out) == maxSteps {
			return nil, fault.Field("step", "more than 2,000 steps", "choose a longer step or a shorter stretch")
		}
		s := Span{From: at, To: end, AsOf: now}
		if step >= scorev1.Step_STEP_DAY {
			s.Pieces = []Piece{{Day, dayOf(at, zone), dayOf(end, zone)}}
		} else {
			s.Pieces = within(at.UnixMilli(), end.UnixMilli())
		}
		out = append(out, s)
		at = end
	}
	return out, nil
}
