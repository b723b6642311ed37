package score

import (
	"fmt"
	"math"
	"strings"

	"github.com/touchstone-cx/touchstone/services/correlation/cell"
)

// ServiceLevel is a share of interactions that stayed within a threshold.
type ServiceLevel struct {
	ID string
	// Metric compared with the threshold.
	Metric Measure
	// Threshold in the metric's unit.
	Threshold float64
	// AtMost is true when a value exactly at the threshold is within it.
	AtMost bool
	// Outcomes that count as success when within.
	Outcomes []string
	// Of are the outcomes in the denominator; empty means every interaction offered.
	Of []string
}

func (l ServiceLevel) sentence() string {
	edge, of := "below", "of all interactions offered"
	if l.AtMost {
		edge = "at most"
	}
	if len(l.Of) > 0 {
		of = "of those that ended " + strings.Join(l.Of, " or ")
	}
	return fmt.Sprintf("The share of interactions that ended %s with %s %s %s %s, %s, with Wilson's interval.",
		strings.Join(l.Outcomes, " or "), l.Metric.ID, edge, decimal(l.Threshold), l.Metric.unit(), of)
}

// compute counts as within only what certainly is. Interactions that may or may not be within are those whose outcome can
// count but that lack the metric or lie in a bin cut by the threshold (none for whole units up to 300), and those in the
// denominator without an outcome that are not certainly beyond the threshold. While there are any, the value is not known:
// it is suppressed, with the limits between which it lies. An interaction whose outcome cannot count needs no metric.
func (l ServiceLevel) compute(s *cell.Sample) Result {
	limit, atMost := l.limit()
	bins := l.Metric.bins(s)
	n := int64(0)
	if len(l.Of) == 0 {
		n = s.Offered()
	}
	for _, o := range l.Of {
		n += s.Interactions[o]
	}
	if n <= 0 {
		return suppressed("no interactions")
	}
	split := func(outcome string) (within, cut, missing int64) {
		missing = s.Interactions[outcome]
		if m := s.Measure[outcome]; m != nil {
			within, cut = m.Hist.Within(bins, limit, atMost)
			missing -= m.N
		}
		return within, cut, max(0, missing)
	}
	var hits, unmeasured, cuts, open int64
	for _, o := range l.Outcomes {
		within, cut, missing := split(o)
		hits, cuts, unmeasured = hits+within, cuts+cut, unmeasured+missing
	}
	if len(l.Of) == 0 {
		within, cut, missing := split("")
		open = within + cut + missing
	}
	unknown := unmeasured + cuts + open
	var r Result
	if unknown > 0 {
		r = Result{N: n, Suppressed: l.unknown(hits, n, unmeasured, cuts, open)}
	} else {
		r = proportion(hits, n)
	}
	if certain := n - unknown; certain >= 0 {
		r.Coverage = ptr(float64(certain) / float64(n))
	}
	r.explain = func() Explanation {
		f := fmt.Sprintf("100 × %d ÷ %d", hits, n)
		if unknown > 0 {
			f = fmt.Sprintf("between 100 × %d ÷ %d and 100 × %d ÷ %d", hits, n, hits+unknown, n)
		}
		return Explanation{Formula: f, Quantities: []Quantity{
			{"within", whole(hits)}, {"n", whole(n)}, {"without " + l.Metric.ID, whole(unmeasured)}, {"in the bin the threshold cuts", whole(cuts)}, {"without outcome", whole(open)},
		}}
	}
	return r
}

// limit returns the threshold in the metric's resolution. A threshold between two values includes the lower of them.
func (l ServiceLevel) limit() (limit int64, atMost bool) {
	t := l.Threshold * float64(l.Metric.Resolution)
	if t == math.Trunc(t) {
		return int64(t), l.AtMost
	}
	return int64(math.Floor(t)), true
}

func (l ServiceLevel) unknown(hits, n, unmeasured, cuts, open int64) string {
	var why []string
	if unmeasured > 0 {
		why = append(why, fmt.Sprintf("%d without %s", unmeasured, l.Metric.ID))
	}
	if cuts > 0 {
		why = append(why, fmt.Sprintf("%d in the bin that the threshold cuts", cuts))
	}
	if open > 0 {
		why = append(why, fmt.Sprintf("%d without outcome", open))
	}
	return fmt.Sprintf("unknown: %s of %d; between %.2f%% and %.2f%%", strings.Join(why, ", "), n,
		100*float64(hits)/float64(n), 100*float64(min(n, hits+unmeasured+cuts+open))/float64(n))
}
