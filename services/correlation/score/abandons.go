package score

import (
	"fmt"
	"slices"
	"strings"
)

// Abandons is how a service level counts interactions that the customer gave up: the six published formulas. A is answered,
// Ab abandoned, T the threshold and s the limit of a short abandon. Outcomes left in another way join the denominator of each.
type Abandons int

const (
	// ByOutcomes is no formula: the outcomes of success, and those in the denominator, are all there is.
	ByOutcomes Abandons = iota
	// WithinSucceed is (A within T + Ab within T) / (A + Ab).
	WithinSucceed
	// LeftOut is A within T / A.
	LeftOut
	// Fail is A within T / (A + Ab).
	Fail
	// WithinLeftOut is A within T / (A + Ab − Ab within T).
	WithinLeftOut
	// ShortSucceed is (A within T + Ab before s) / (A + Ab).
	ShortSucceed
	// ShortLeftOut is A within T / (A + Ab − Ab before s).
	ShortLeftOut
)

func (a Abandons) short() bool { return a == ShortSucceed || a == ShortLeftOut }

// role is what an outcome is to a service level.
type role int

const (
	answered role = iota
	abandoned
	otherwise // in the denominator alone
	uncounted
	open // no outcome is known yet
	roles
)

func (l ServiceLevel) role(outcome string) role {
	switch {
	case outcome == "":
		return open
	case slices.Contains(l.Outcomes, outcome):
		return answered
	case l.Abandons == ByOutcomes && (len(l.Of) == 0 || slices.Contains(l.Of, outcome)):
		return otherwise
	case l.Abandons == ByOutcomes:
		return uncounted
	case slices.Contains(l.Abandoned, outcome):
		return abandoned
	case slices.Contains(l.LeftOther, outcome):
		return otherwise
	default:
		return uncounted
	}
}

// rules returns what decides the fate of interactions of a role; of those without outcome, any of several may.
func (l ServiceLevel) rules(of role) []rule {
	switch of {
	case answered:
		limit, atMost := l.limitOf(l.Threshold, l.AtMost)
		return []rule{{within: succeeds, beyond: fails, limit: limit, atMost: atMost}}
	case abandoned:
		return []rule{l.whenAbandoned()}
	case otherwise:
		return []rule{fixed(fails)}
	case open:
		return l.whenOpen()
	default:
		return []rule{fixed(leftOut)}
	}
}

func (l ServiceLevel) whenAbandoned() rule {
	early := rule{beyond: fails}
	if l.Abandons.short() {
		if l.Short == 0 {
			return fixed(fails) // none is short
		}
		early.limit, early.atMost = l.limitOf(l.Short, false)
	} else {
		early.limit, early.atMost = l.limitOf(l.Threshold, l.AtMost)
	}
	switch l.Abandons {
	case WithinSucceed, ShortSucceed:
		early.within = succeeds
	case WithinLeftOut, ShortLeftOut:
		early.within = leftOut
	case LeftOut:
		return fixed(leftOut)
	default:
		return fixed(fails)
	}
	return early
}

// whenOpen lists how an interaction without outcome may yet count. Without a formula it is offered like every other, and
// has no part in a share of named outcomes.
func (l ServiceLevel) whenOpen() []rule {
	if l.Abandons == ByOutcomes {
		if len(l.Of) > 0 {
			return l.rules(uncounted)
		}
		return slices.Concat(l.rules(answered), l.rules(otherwise))
	}
	all := slices.Concat(l.rules(answered), l.rules(abandoned))
	if len(l.LeftOther) > 0 {
		all = append(all, l.rules(otherwise)...)
	}
	if l.others {
		all = append(all, l.rules(uncounted)...)
	}
	return all
}

// formula writes the arithmetic of a value that is known, with the terms of the published formula.
func (l ServiceLevel) formula(c counted) string {
	hits, n := c.all.least()
	if l.Abandons == ByOutcomes {
		return fmt.Sprintf("100 × %d ÷ %d", hits, n)
	}
	a, ab := c.by[answered], c.by[abandoned]
	top, bottom := []int64{a[succeeds]}, []int64{a.total()}
	if l.Abandons == WithinSucceed || l.Abandons == ShortSucceed {
		top = append(top, ab[succeeds])
	}
	if l.Abandons != LeftOut {
		bottom = append(bottom, ab.total())
	}
	if late := c.by[open]; late.total() > 0 {
		top, bottom = append(top, late[succeeds]), append(bottom, late.total())
	}
	if len(l.LeftOther) > 0 {
		bottom = append(bottom, c.by[otherwise].total())
	}
	less := ""
	if l.Abandons == WithinLeftOut || l.Abandons == ShortLeftOut {
		less = fmt.Sprintf(" − %d", ab[leftOut])
	}
	return fmt.Sprintf("100 × %s ÷ %s", bracketed(top, ""), bracketed(bottom, less))
}

func bracketed(terms []int64, less string) string {
	words := make([]string, len(terms))
	for i, n := range terms {
		words[i] = whole(n)
	}
	s := strings.Join(words, " + ") + less
	if len(terms) > 1 || less != "" {
		return "(" + s + ")"
	}
	return s
}

// parts names the numbers of a published formula.
func (l ServiceLevel) parts(c counted) []Quantity {
	if l.Abandons == ByOutcomes {
		return nil
	}
	a, ab := c.by[answered], c.by[abandoned]
	q := []Quantity{{"answered within the threshold", whole(a[succeeds])}, {"answered", whole(a.total())}, {"abandoned", whole(ab.total())}}
	switch l.Abandons {
	case WithinSucceed, WithinLeftOut:
		q = append(q, Quantity{"abandoned within the threshold", whole(ab[succeeds] + ab[leftOut])})
	case ShortSucceed, ShortLeftOut:
		q = append(q, Quantity{"short abandons", whole(ab[succeeds] + ab[leftOut])})
	}
	if len(l.LeftOther) > 0 {
		q = append(q, Quantity{"left in another way", whole(c.by[otherwise].total())})
	}
	return q
}
