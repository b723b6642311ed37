package channel

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Backoff says when a message that was not handed over is tried again: after First, then after twice as long each time, and never
// longer than Most.
type Backoff struct {
	// First delay, above 0.
	First time.Duration
	// Most is the longest delay, at least First.
	Most time.Duration
	// Attempts in all, the first included; 1 or more.
	Attempts int
}

// DefaultBackoff tries for about a day and a half.
func DefaultBackoff() Backoff { return Backoff{First: time.Minute, Most: 6 * time.Hour, Attempts: 14} }

// Delay is the time between an attempt, counted from 1, and the next.
func (b Backoff) Delay(attempt int) time.Duration {
	d := b.First
	for range attempt - 1 {
		if d >= b.Most-d {
			return b.Most
		}
		d *= 2
	}
	return min(d, b.Most)
}

// Next tells whether an attempt that failed is followed by another, and after how long: never sooner than the other side asked.
func (b Backoff) Next(attempt int, err error) (time.Duration, bool) {
	if attempt >= b.Attempts || Permanent(err) {
		return 0, false
	}
	d := b.Delay(attempt)
	var e *Error
	if errors.As(err, &e) {
		d = max(d, e.After)
	}
	return d, true
}

// mostAfter is the longest that another side can put us off.
const mostAfter = 24 * time.Hour

// RetryAfter reads the header of that name (RFC 9110, section 10.2.3): seconds or a date. What is no time, or past, is 0; what is
// more than a day is a day.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	text := strings.TrimSpace(h.Get("Retry-After"))
	if at, err := http.ParseTime(text); err == nil {
		return min(max(at.Sub(now), 0), mostAfter)
	}
	seconds, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0
	}
	return time.Duration(min(seconds, uint64(mostAfter/time.Second))) * time.Second
}
