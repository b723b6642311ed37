package lenient

import (
	"cmp"
	"slices"
	"time"
)

// Together returns how long any of some spans, from a time to a time, lasted: where several overlap, once. It sorts them.
func Together(spans [][2]time.Time) time.Duration {
	slices.SortFunc(spans, func(a, b [2]time.Time) int { return cmp.Or(a[0].Compare(b[0]), a[1].Compare(b[1])) })
	var sum time.Duration
	var until time.Time
	for _, span := range spans {
		from := span[0]
		if from.Before(until) {
			from = until
		}
		if span[1].After(from) {
			sum, until = sum+span[1].Sub(from), span[1]
		}
	}
	return sum
}
