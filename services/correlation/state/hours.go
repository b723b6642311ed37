package state

import (
	"time"

	"github.com/touchstone-cx/touchstone/services/internal/fault"
)

// Hours divides a stretch of time by the hour that clocks in zone show: all of it, and what of it lies in each hour of the day, by
// quarter-hours, to which its ends are snapped outwards. When clocks are put back an hour comes twice a day, when they are put
// forward one does not come.
func Hours(from, to, now time.Time, zone *time.Location) (all Span, hours [24]Span, err error) {
	first, end := floorDiv(from.UnixMilli(), quarterMs), -floorDiv(-to.UnixMilli(), quarterMs)
	if from.IsZero() || first <= horizon(QuarterHour, now) {
		return all, hours, fault.Field("window", "Hours of the day are compared by quarter-hours, which are kept for 35 days.", "Use 24h, 7d or 28d, or begin later.")
	}
	end = min(end, floorDiv(now.UnixMilli(), quarterMs)+1)
	all = Span{From: bucketStart(QuarterHour, first, zone), To: bucketStart(QuarterHour, max(first, end), zone), AsOf: now}
	if first < end {
		all.Pieces = []Piece{{QuarterHour, first, end}}
	}
	for h := range hours {
		hours[h] = Span{From: all.From, To: all.To, AsOf: now}
	}
	for q := first; q < end; q++ {
		of := &hours[bucketStart(QuarterHour, q, zone).In(zone).Hour()]
		if last := len(of.Pieces) - 1; last >= 0 && of.Pieces[last].To == q {
			of.Pieces[last].To++
		} else {
			of.Pieces = append(of.Pieces, Piece{QuarterHour, q, q + 1})
		}
	}
	return all, hours, nil
}
