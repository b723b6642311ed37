package expmap

import (
	"fmt"
	"time"
)

// Days are written as 2026-12-31, so that their order is that of their spelling.
const dayLayout = "2006-01-02"

// parseDay reads a day of the calendar, as midnight in a zone.
func parseDay(s string, zone *time.Location) (time.Time, error) {
	// Checked without a zone: midnight need not exist everywhere.
	if _, err := time.Parse(dayLayout, s); err != nil {
		return time.Time{}, fmt.Errorf("%q is no day of the calendar", s)
	}
	return time.ParseInLocation(dayLayout, s, zone)
}

const dayRemedy = "Write a day that exists as year-month-day, such as 2026-12-31."

// day checks that a day exists.
func (c *checker) day(at, s string) bool {
	if _, err := parseDay(s, time.UTC); err != nil {
		c.add(at, sentence("the day "+err.Error()), dayRemedy)
		return false
	}
	return true
}
