package expmap

import (
	"regexp"
	"slices"
	"strconv"
	"time"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
)

// Calendar says when something is open.
type Calendar struct {
	ID string
	// Zone of its hours; the organisation's where it names none.
	Zone *time.Location
	// Hours by day of the week, as time.Weekday counts them, in order.
	Hours [7][]OpenHours
	// Holidays are closed all day, as "2026-12-25".
	Holidays map[string]struct{}
	Proto    *mapv1.Calendar
}

// OpenHours are minutes of one day since midnight on the clock, From included and To not; 1440 is the next midnight.
type OpenHours struct{ From, To int }

// Open reports whether it is open at a time.
func (c *Calendar) Open(t time.Time) bool {
	t = t.In(c.Zone)
	if _, closed := c.Holidays[t.Format(dayLayout)]; closed {
		return false
	}
	minute := 60*t.Hour() + t.Minute()
	return slices.ContainsFunc(c.Hours[t.Weekday()], func(h OpenHours) bool { return h.From <= minute && minute < h.To })
}

// buildCalendar parses a calendar that was checked; of one that was not, it leaves out what cannot be read.
func buildCalendar(p *mapv1.Calendar, zone *time.Location) *Calendar {
	c := &Calendar{ID: p.GetId(), Zone: zone, Holidays: set(p.GetHolidays()), Proto: p}
	if own, err := loadZone(p.GetZone()); err == nil && p.GetZone() != "" {
		c.Zone = own
	}
	for _, h := range p.GetHours() {
		from, _ := parseClock(h.GetFrom())
		to, ok := parseClock(h.GetTo())
		for _, name := range h.GetDays() {
			if day, known := weekdays()[name]; known && ok {
				c.Hours[day] = append(c.Hours[day], OpenHours{From: from, To: to})
			}
		}
	}
	for i := range c.Hours {
		slices.SortFunc(c.Hours[i], func(a, b OpenHours) int { return a.From - b.From })
	}
	return c
}

func weekdays() map[string]time.Weekday {
	return map[string]time.Weekday{
		"mon": time.Monday, "tue": time.Tuesday, "wed": time.Wednesday, "thu": time.Thursday,
		"fri": time.Friday, "sat": time.Saturday, "sun": time.Sunday,
	}
}

const weekdayNames = "mon, tue, wed, thu, fri, sat, sun"

// parseClock reads minutes since midnight from a time such as 08:30, up to 24:00.
func parseClock(s string) (minutes int, ok bool) {
	if !regexp.MustCompile(`^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$`).MatchString(s) {
		return 0, false
	}
	h, errH := strconv.Atoi(s[:2])
	m, errM := strconv.Atoi(s[3:])
	return 60*h + m, errH == nil && errM == nil
}
