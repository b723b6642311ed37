package expmap

import (
	"fmt"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
)

func (c *checker) calendar(at string, p *mapv1.Calendar) {
	c.zone(at+".zone", p.GetZone(), innerZoneRemedy)
	if len(p.GetHours()) == 0 {
		c.add(at+".hours", fmt.Sprintf("The calendar %q has no hours: it would be closed for ever.", p.GetId()), "Give the hours of a week, or delete the calendar for what is always open.")
	}
	days := map[string][]span{}
	for i, h := range p.GetHours() {
		c.hours(fmt.Sprintf("%s.hours[%d]", at, i), i, h, days)
	}
	c.once(at+".holidays", "holiday", p.GetHolidays())
	for i, d := range p.GetHolidays() {
		c.day(fmt.Sprintf("%s.holidays[%d]", at, i), d)
	}
}

// span is a stretch of one day that the i-th hours take.
type span struct{ from, to, i int }

// hours checks opening hours and adds them to those of their days.
func (c *checker) hours(at string, i int, h *mapv1.OpenHours, days map[string][]span) {
	const remedy = "Write hours and minutes, such as 08:30."
	from, okFrom := parseClock(h.GetFrom())
	to, okTo := parseClock(h.GetTo())
	if !okFrom {
		c.add(at+".from", fmt.Sprintf("%q is no time of day.", h.GetFrom()), remedy)
	}
	if !okTo {
		c.add(at+".to", fmt.Sprintf("%q is no time of day.", h.GetTo()), remedy)
	}
	ok := okFrom && okTo
	if ok && from >= to {
		c.add(at+".to", fmt.Sprintf("It closes at %s, not after it opens at %s.", h.GetTo(), h.GetFrom()),
			"Correct the times; hours over midnight are written as two: up to 24:00, and from 00:00 on the next day.")
		ok = false
	}
	c.once(at+".days", "day", h.GetDays())
	listed := map[string]bool{}
	for k, name := range h.GetDays() {
		field := fmt.Sprintf("%s.days[%d]", at, k)
		if _, known := weekdays()[name]; !known {
			c.add(field, fmt.Sprintf("There is no day %q.%s", name, didYouMean(name, keys(weekdays()))), "Use "+weekdayNames+".")
			continue
		}
		if !ok || listed[name] {
			continue
		}
		listed[name] = true
		for _, other := range days[name] {
			if from < other.to && other.from < to {
				c.add(field, fmt.Sprintf("On %s these hours overlap those of hours[%d].", name, other.i), "Join the two, or correct their times.")
				break
			}
		}
		days[name] = append(days[name], span{from, to, i})
	}
}
