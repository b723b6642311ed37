package ingest

import (
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/touchstone-cx/touchstone/services/internal/fault"
)

// limiter holds each source to a rate, so that one that runs wild does not take all others' turn.
type limiter struct {
	perSecond int // facts; 0 means no limit
	clock     func() time.Time

	mu      sync.Mutex
	sources map[string]*rate.Limiter
}

// limitedSources bounds what is remembered; past it every source begins anew, with a full second in hand.
const limitedSources = 4096

func newLimiter(perSecond int, clock func() time.Time) *limiter {
	return &limiter{perSecond: perSecond, clock: clock, sources: map[string]*rate.Limiter{}}
}

// take lets n facts of a source pass, or says when they may.
func (l *limiter) take(organisation, source string, n int) error {
	if l.perSecond <= 0 {
		return nil
	}
	key := organisation + "." + source
	l.mu.Lock()
	r := l.sources[key]
	if r == nil {
		if len(l.sources) == limitedSources {
			clear(l.sources)
		}
		r = rate.NewLimiter(rate.Limit(l.perSecond), max(l.perSecond, 1000))
		l.sources[key] = r
	}
	l.mu.Unlock()
	now := l.clock()
	hold := r.ReserveN(now, n)
	wait := hold.DelayFrom(now)
	if wait == 0 {
		return nil
	}
	hold.CancelAt(now)
	e := fault.New(fault.Exhausted, "source %s sends more than its %d facts a second: send again later", source, l.perSecond)
	e.RetryAfter = wait
	return e
}
