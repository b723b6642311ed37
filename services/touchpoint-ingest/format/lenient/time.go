package lenient

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// Time reads ISO 8601 and the like with or without a zone, times as English-speaking people are shown them, and seconds,
// milliseconds or finer units since 1970. It refuses what is no time of a record, before 1990 or after 2200: an unset one, a
// mistake of units.
func Time[S ~string](s S, zone *time.Location) (time.Time, bool) {
	if t := instant(string(s), zone); t.Year() >= 1990 && t.Year() <= 2200 {
		return t.UTC(), true
	}
	return time.Time{}, false
}

// Happened reads the time of what may not have happened: that is zero, and written as nothing or as the first instant of 1970.
func Happened[S ~string](s S, zone *time.Location) (time.Time, bool) {
	if t := instant(string(s), zone); s == "" || t.Year() < 1971 && !t.IsZero() {
		return time.Time{}, true
	}
	return Time(s, zone)
}

// instant is zero where it is none.
func instant(s string, zone *time.Location) time.Time {
	if f, ok := Number(s); ok {
		for f >= 1e11 && f < 1e20 {
			f /= 1000
		}
		if f < 0 || f >= 1e11 {
			return time.Time{}
		}
		return time.UnixMicro(int64(math.Round(f * 1e6))).UTC()
	}
	iso := strings.ToUpper(s)
	if utc, ok := strings.CutSuffix(iso, " UTC"); ok {
		iso = utc + "Z"
	}
	iso = strings.Replace(iso, " ", "T", 1)
	for _, layout := range []string{
		"2006-1-2T15:4:5Z07:00", "2006-1-2T15:4:5Z0700", "2006-1-2T15:4:5Z07", "2006-1-2T15:4:5 Z0700", "2006-1-2T15:4:5", "2006-1-2T15:4",
	} {
		if t, err := time.ParseInLocation(layout, iso, zone); err == nil {
			return t
		}
	}
	for _, layout := range []string{
		"Mon, 2 Jan, 2006 at 3:04 PM", "2 Jan, 2006 3:04 PM", "Mon, 2 Jan 2006 15:04:05 Z0700", "Jan 2, 2006 3:04 PM",
	} {
		if t, err := time.ParseInLocation(layout, s, zone); err == nil {
			return t
		}
	}
	return time.Time{}
}

// Epoch reads seconds, milliseconds or microseconds since 1970; zero where it is none, or before 2000. Fractions are cut off.
func Epoch(s string) time.Time {
	s, _, _ = strings.Cut(s, ".")
	n, err := strconv.ParseInt(s, 10, 64)
	switch {
	case err != nil || n < 946684800 || n > 1e17:
		return time.Time{}
	case n >= 1e14:
		return time.UnixMicro(n).UTC()
	case n >= 1e11:
		return time.UnixMilli(n).UTC()
	}
	return time.Unix(n, 0).UTC()
}
