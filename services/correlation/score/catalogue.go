package score

import (
	"fmt"
	"slices"
	"strings"

	"github.com/touchstone-cx/touchstone/services/correlation/cell"
)

// Spec is what a map declares, as far as scores need it.
type Spec struct {
	Metrics, Questions []Measure
	Outcomes           []string
	ServiceLevels      []ServiceLevel
	Ratios             []Ratio
	CxScores           []CxScore
	// Experience is true when any touchpoint asks about success, effort and emotion.
	Experience bool
	Minimums   Minimums
}

// Catalogue holds every score of one version of a map. It is immutable and safe for concurrent use.
type Catalogue struct {
	byID  map[string]*Definition
	list  []*Definition // by Order
	heads map[string]Measure
	spec  Spec
}

// NewCatalogue defines the scores of a map.
func NewCatalogue(spec Spec) *Catalogue {
	c := &Catalogue{byID: map[string]*Definition{}, heads: map[string]Measure{}, spec: spec}
	c.add(&Definition{
		ID: "interactions.count", Unit: "interactions", Sentence: "The number of interactions, whatever their outcome.",
		OfInteractions: true, Headline: true, Order: "0", Compute: interactions,
	})
	for _, o := range spec.Outcomes {
		c.add(&Definition{
			ID: "outcome." + o + ".share", Unit: "%", Sentence: outcomeSentence(o), OfInteractions: true, Order: "1" + o,
			Better:  betterOutcome(o, spec.ServiceLevels),
			Compute: func(s *cell.Sample) Result { return outcomeShare(o, s) },
		})
	}
	for _, l := range spec.ServiceLevels {
		l = l.among(spec.Outcomes)
		c.add(&Definition{
			ID: l.ID, Measure: l.Metric.ID, Distribution: true, Unit: "%", Sentence: l.sentence(), OfInteractions: true, Headline: true, Order: "2" + l.ID,
			Better: 1, Compute: l.compute,
		})
	}
	for _, r := range spec.Ratios {
		c.add(r.define())
	}
	for _, m := range slices.Concat(spec.Metrics, spec.Questions) {
		c.heads[m.ID] = m
		for i, st := range slices.Concat(Statistics(), Shares(m)) {
			if st.Lacks(m) == "" {
				c.add(define(m, st, i, spec.Minimums.of(m)))
			}
		}
		for _, d := range compared(m, spec.Minimums.of(m)) {
			c.add(d)
		}
	}
	for _, x := range spec.CxScores {
		if c.byID[x.ID] == nil {
			c.add(c.cx(x))
		}
	}
	if spec.Experience && c.byID[ExperienceIndex] == nil { // a map may have a score of that name
		if d := c.experience(); d != nil {
			c.add(d)
		}
	}
	slices.SortFunc(c.list, func(a, b *Definition) int { return strings.Compare(a.Order, b.Order) })
	return c
}

func define(m Measure, st Statistic, i int, minimum int64) *Definition {
	group := "3"
	if m.isQuestion() {
		group = "4"
	}
	return &Definition{
		ID: m.ID + "." + st.Name, Measure: m.ID, Distribution: st.Distribution, Unit: st.Unit(m), Sentence: st.Sentence(m) + m.worth(), Headline: st.Name == headline(m),
		Order:   fmt.Sprintf("%s%s.%03d", group, m.ID, i),
		Better:  st.better(m),
		Minimum: minimum, Employees: m.ofEmployees(), answers: m.isQuestion(),
		Compute: least(minimum, func(s *cell.Sample) Result { return st.Compute(m, s) }),
	}
}

// compared defines the scores of a measure that need more than its own values: shares by a limit, gaps.
func compared(m Measure, minimum int64) []*Definition {
	var out []*Definition
	if m.Limit != nil {
		out = limited(m)
	}
	if m.Compared != nil {
		for i, g := range m.Compared.Gaps {
			out = append(out, gap(m, g, i, minimum))
		}
	}
	return out
}

func (c *Catalogue) add(d *Definition) {
	if n, compute := len(d.Beside), d.Compute; n > 0 {
		d.Compute = func(s *cell.Sample) Result {
			if len(s.Beside) != n {
				return suppressed("unknown: not all that it is made of is at hand")
			}
			return compute(s)
		}
	}
	c.byID[d.ID] = d
	c.list = append(c.list, d)
}

// All returns every definition, by Order. The slice must not be changed.
func (c *Catalogue) All() []*Definition { return c.list }

// Lookup returns the definition of an id; nil when there is none.
func (c *Catalogue) Lookup(id string) *Definition { return c.byID[id] }
