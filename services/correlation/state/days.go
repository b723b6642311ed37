package state

import "time"

// DayOf returns the number of the day, from 1970-01-01, on which a time falls in zone.
func DayOf(t time.Time, zone *time.Location) int64 { return dayOf(t, zone) }

// Days returns the span of the days from from until before to.
func Days(from, to int64, zone *time.Location) Span {
	s := Span{To: dayStart(to, zone), Pieces: []Piece{{Day, from, to}}}
	if from > firstDay {
		s.From = dayStart(from, zone)
	}
	return s
}
