package score

import "github.com/touchstone-cx/touchstone/services/correlation/cell"

// fate is what an interaction does to a share; a set of several while it cannot be told.
type fate uint8

const (
	succeeds fate = 1 << iota // in both parts
	fails                     // in the denominator alone
	leftOut                   // in neither
	fates
)

func (f fate) certain() bool { return f&(f-1) == 0 }

// rule decides a fate by the metric.
type rule struct {
	within, beyond fate
	limit          int64 // in the metric's resolution
	atMost         bool  // the limit itself is within
}

// fixed decides without the metric.
func fixed(f fate) rule { return rule{within: f, beyond: f} }

// of returns the fate of a value that lies between lo and hi.
func (r rule) of(lo, hi int64) fate {
	switch {
	case hi < r.limit || r.atMost && hi == r.limit:
		return r.within
	case lo > r.limit || !r.atMost && lo == r.limit:
		return r.beyond
	default:
		return r.within | r.beyond
	}
}

// anyOf returns what the rules allow together, whatever the metric is.
func anyOf(rules []rule) (f fate) {
	for _, r := range rules {
		f |= r.within | r.beyond
	}
	return f
}

// tally counts interactions by their fate.
type tally [fates]int64

func (t tally) total() (n int64) {
	for _, k := range t {
		n += k
	}
	return n
}

// possible is the largest denominator.
func (t tally) possible() (n int64) {
	for f, k := range t {
		if fate(f)&^leftOut != 0 {
			n += k
		}
	}
	return n
}

// mayBeEmpty reports whether nothing need be in the denominator.
func (t tally) mayBeEmpty() bool {
	for f, k := range t {
		if k != 0 && fate(f)&leftOut == 0 {
			return false
		}
	}
	return true
}

// least returns the parts of the smallest share. A share of at most 1 rises with each success and falls with each failure,
// so that every interaction fails if it can, is else left out if it can, and else succeeds: what the others do is no
// matter. Only where that leaves out all of them, the smallest share is that of a single success.
func (t tally) least() (hits, n int64) {
	if hits, n = t.parts(fails, leftOut, succeeds); n == 0 {
		return 1, 1
	}
	return hits, n
}

// most returns the parts of the largest share, by the same reasoning.
func (t tally) most() (hits, n int64) {
	if hits, n = t.parts(succeeds, leftOut, fails); n == 0 {
		return 0, 1
	}
	return hits, n
}

// parts returns numerator and denominator when each interaction has the first of the fates that it may have.
func (t tally) parts(first, second, third fate) (hits, n int64) {
	for f, k := range t {
		for _, want := range [...]fate{first, second, third} {
			if fate(f)&want == 0 {
				continue
			}
			if want != leftOut {
				n += k
			}
			if want == succeeds {
				hits += k
			}
			break
		}
	}
	return hits, n
}

// counted is what a service level makes of a sample.
type counted struct {
	all tally
	by  [roles]tally
	// Interactions of uncertain fate, by what is not known of them: the metric, where in its bin it lies, the outcome.
	unmeasured, cut, open int64
}

func (l ServiceLevel) count(s *cell.Sample) (c counted) {
	bins := l.Metric.bins(s)
	for outcome, n := range s.Interactions {
		role := l.role(outcome)
		rules := l.rules(role)
		put := func(f fate, k int64, unknown *int64) {
			c.all[f] += k
			c.by[role][f] += k
			if role == open {
				unknown = &c.open
			}
			if !f.certain() {
				*unknown += k
			}
		}
		free := anyOf(rules)
		if m := s.Measure[outcome]; m != nil && !free.certain() {
			n = max(0, n-m.N)
			m.Hist.Each(func(bin int32, k int64) {
				lo, hi := bins.Bounds(bin)
				var f fate
				for _, r := range rules {
					f |= r.of(lo, hi)
				}
				put(f, k, &c.cut)
			})
		}
		put(free, n, &c.unmeasured)
	}
	return c
}
