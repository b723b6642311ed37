package score

import (
	"slices"

	"github.com/touchstone-cx/touchstone/services/correlation/cell"
)

// Composite says how a score is made of other scores.
type Composite struct {
	// Parts are the scores it is made of.
	Parts []Part
	// Pooled is true when the parts are taken over all its touchpoints together, false when at each of them.
	Pooled bool
	// Compute returns the score of the parts' results. It changes none of them and is safe to call concurrently.
	Compute func([]Place) Result
}

// Part is one score of a composite.
type Part struct {
	Score *Definition
	// Weight within its half, above 0.
	Weight float64
	// Worst and Best are the values worth 0 and 100 points.
	Worst, Best float64
	// Survey is true for the survey part, false for the process part.
	Survey bool
}

// Place is a touchpoint with what is known there; for pooled composites all touchpoints at once.
type Place struct {
	Touchpoint string
	// Importance above 0; 0 means 1.
	Importance float64
	// BackStage is true where customers never come: it takes part by its interactions alone.
	BackStage bool
	// Interactions in the window.
	Interactions int64
	// Results of the composite's parts, one each; nil where the part's measure does not belong.
	Results []*Result
}

// Composed is what a CX score came out of.
type Composed struct {
	Survey, Process Half
	// Terms are by touchpoint, then in the order of the map. Those without weight are left out.
	Terms []Term
}

// Half is the survey part or the process part of a CX score.
type Half struct {
	// Value from 0 to 100; nil when nothing of it is known.
	Value *float64
	// Coverage is the share of its weight that is known, 0 to 1.
	Coverage float64
	// N is the number of cases known; cases of one measure at one touchpoint count once.
	N int64
	// belongs is true when any score of it belongs to the scope.
	belongs bool
}

// Term is one score of one touchpoint in a CX score.
type Term struct {
	Touchpoint, Score string
	// Value in its unit, and its points from 0 to 100; nil when it is suppressed.
	Value, Points *float64
	// Weight in its half; all weights of a half add up to 1.
	Weight float64
	N      int64
	Survey bool

	se           *float64 // in points
	worst, best  float64
	measure      string
	importance   float64
	interactions int64
}

// ofParts stands in for Compute where a composite is asked for a sample.
func ofParts(*cell.Sample) Result { return suppressed("it is made of other scores") }

// points places a value between worst (0) and best (100).
func (p Part) points(v float64) float64 {
	return min(100, max(0, 100*(v-p.Worst)/(p.Best-p.Worst)))
}

// Measures returns the measures of the parts, each once, in their order; "" stands for interactions alone.
func (c *Composite) Measures() []string {
	var out []string
	for _, p := range c.Parts {
		for _, measure := range p.Score.Measures() {
			if !slices.Contains(out, measure) {
				out = append(out, measure)
			}
		}
	}
	return out
}
