package state

import (
	"fmt"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
)

// Perceived says that a question asks how much of a metric the customer felt. Each answer about an interaction that carries
// the metric counts, beside itself, what was felt less what was counted, and what was counted, in the metric's values. Both
// come and go with the answer, whose interaction gives it its context.
type Perceived struct {
	Question, Metric string
	Factor           int64 // values of the metric in one point
	// Gap and Counted are the ids of the two measures.
	Gap, Counted string
}

// String tells two apart that give different cells.
func (p *Perceived) String() string { return fmt.Sprintf("%s %s %d", p.Question, p.Metric, p.Factor) }

// felt is a Perceived by symbols.
type felt struct {
	metric, gap, counted uint32
	factor               int64
}

// newFelt returns what is perceived by the symbol of the question; nil where nothing is.
func (s *State) newFelt(c *Counting) map[uint32]felt {
	if len(c.Perceived) == 0 {
		return nil
	}
	out := make(map[uint32]felt, len(c.Perceived))
	sym := func(id string) uint32 { return s.symbols.of([]byte(id)) }
	for _, p := range c.Perceived {
		out[sym(p.Question)] = felt{metric: sym(p.Metric), gap: sym(p.Gap), counted: sym(p.Counted), factor: p.Factor}
	}
	return out
}

// of returns what was counted of the metric in the interaction that an answer is about; false where nothing was.
func (f felt) of(interaction *entry) (int64, bool) {
	if f.metric == 0 || interaction == nil || !interaction.has(flagContent) || interaction.kind != factv1.Kind_KIND_INTERACTION {
		return 0, false
	}
	for _, m := range interaction.metrics {
		if m.measure == f.metric {
			return m.v, true
		}
	}
	return 0, false
}

// perceive adds to an answer's amounts what the customer felt of a metric.
func (s *State) perceive(o *org, a, interaction *entry, k int64) {
	f := o.felt[a.question]
	if counted, is := f.of(interaction); is {
		s.amount(o, f.gap, a.value*f.factor-counted, k)
		s.amount(o, f.counted, counted, k)
	}
}

// perceivedValues adds to a fact of an answer what it bears of them.
func (v *View) perceivedValues(f *Fact, a, interaction *entry) {
	x := v.org.felt[a.question]
	if counted, is := x.of(interaction); is {
		f.Values[v.s.symbols.name(x.gap)], f.Values[v.s.symbols.name(x.counted)] = a.value*x.factor-counted, counted
	}
}
