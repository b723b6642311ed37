package directory

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	directoryv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/directory/v1"
)

// Days are written as 2026-12-31, so that their order is that of their spelling.
const dayLayout = "2006-01-02"

const weekdayNames = "mon, tue, wed, thu, fri, sat, sun"

// weekday is the name of a day of the week.
func weekday(d time.Weekday) string { return strings.ToLower(d.String()[:3]) }

// minutes reads a time of day such as 08:30, up to 24:00, as minutes since midnight on the clock.
func minutes(s string) (n int, ok bool) {
	if s == "24:00" {
		return 24 * 60, true
	}
	t, err := time.Parse("15:04", s)
	if err != nil || len(s) != len("15:04") {
		return 0, false
	}
	return 60*t.Hour() + t.Minute(), true
}

// zoneOf loads a zone; that of the organisation where none is named or it cannot be loaded.
func zoneOf(name string, organisation *time.Location) *time.Location {
	if name == "" {
		return organisation
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return organisation
	}
	return zone
}

// within reports whether a holder is in the hours in which they can be reached; always where they have none.
func within(h *directoryv1.Holder, organisation *time.Location, at time.Time) bool {
	if len(h.GetHours()) == 0 {
		return true
	}
	t := at.In(zoneOf(h.GetZone(), organisation))
	day, minute := weekday(t.Weekday()), 60*t.Hour()+t.Minute()
	return slices.ContainsFunc(h.GetHours(), func(x *directoryv1.Hours) bool {
		from, okFrom := minutes(x.GetFrom())
		to, okTo := minutes(x.GetTo())
		return okFrom && okTo && from <= minute && minute < to && slices.Contains(x.GetDays(), day)
	})
}

// hours checks the hours of a holder.
func (c *checker) hours(at string, all []*directoryv1.Hours) {
	type span struct{ from, to, i int }
	taken := map[string][]span{}
	for i, h := range all {
		at := at + "[" + strconv.Itoa(i) + "]"
		from, okFrom := c.clock(at+".from", h.GetFrom())
		to, okTo := c.clock(at+".to", h.GetTo())
		ok := okFrom && okTo
		if ok && from >= to {
			c.add(at+".to", fmt.Sprintf("These hours end at %s, not after they begin at %s.", h.GetTo(), h.GetFrom()),
				"Correct the times; hours over midnight are written as two: up to 24:00, and from 00:00 on the next day.")
			ok = false
		}
		if len(h.GetDays()) == 0 {
			c.add(at+".days", "These hours are of no day.", "Name their days: "+weekdayNames+".")
		}
		for k, day := range h.GetDays() {
			at := at + ".days[" + strconv.Itoa(k) + "]"
			switch {
			case !slices.Contains(strings.Split(weekdayNames, ", "), day):
				c.add(at, fmt.Sprintf("There is no day %q.", day), "Use "+weekdayNames+".")
			case slices.Contains(h.GetDays()[:k], day):
				c.add(at, fmt.Sprintf("The day %s is named twice.", day), "Name each day once.")
			case ok:
				for _, other := range taken[day] {
					if from < other.to && other.from < to {
						c.add(at, fmt.Sprintf("On %s these hours overlap those of hours[%d].", day, other.i), "Join the two, or correct their times.")
						break
					}
				}
				taken[day] = append(taken[day], span{from, to, i})
			}
		}
	}
}

func (c *checker) clock(at, s string) (n int, ok bool) {
	if n, ok = minutes(s); !ok {
		c.add(at, fmt.Sprintf("%q is no time of day.", s), "Write hours and minutes, such as 08:30.")
	}
	return n, ok
}
