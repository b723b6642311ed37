package simulate

import (
	"math"
	"strings"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
)

// shape is how a metric's values are spread.
type shape int

const (
	skewed   shape = iota // lognormal about a median
	even                  // normal about a mean
	counting              // a smallest number plus a Poisson number
)

// measure is how the values of one metric come about. Values are in the metric's unit.
type measure struct {
	id         string
	resolution int64
	shape      shape
	middle     float64
	spread     float64 // sigma of the logarithm, standard deviation, or mean of the Poisson number
	low, high  float64
	carried    float64 // share of interactions that carry it
	worse      float64 // +1 where a high value is bad for the customer, -1 where a low one is, 0 where it is neither
}

// known is what call centres' metrics look like. The first entry that a metric's id contains is taken.
var known = []struct {
	part string
	measure
}{
	{"response", measure{shape: skewed, middle: 45, spread: 0.6, high: 7200}},
	{"reply_time", measure{shape: skewed, middle: 7, spread: 0.8, high: 240}},
	{"replies", measure{shape: counting, middle: 1, spread: 0.8, high: 20}},
	{"page_load", measure{shape: skewed, middle: 1.6, spread: 0.5, high: 60}},
	{"steps", measure{shape: counting, middle: 4, spread: 2, high: 40}},
	{"setup", measure{shape: skewed, middle: 20, spread: 0.6, high: 720}},
	{"repair", measure{shape: skewed, middle: 18, spread: 0.7, high: 720}},
	{"arrival_delay", measure{shape: even, middle: 8, spread: 25, low: -120, high: 600}},
	{"delay", measure{shape: even, middle: 0.2, spread: 3, low: -48, high: 240}},
	{"speed", measure{shape: skewed, middle: 85, spread: 0.5, high: 2000}},
	{"drops", measure{shape: counting, middle: 0, spread: 0.3, high: 20}},
	{"available", measure{shape: skewed, middle: 60, spread: 0.6, high: 3600}},
	{"qa", measure{shape: even, middle: 82, spread: 8, high: 100, carried: 0.05}},
	{"value", measure{shape: skewed, middle: 35, spread: 0.6, high: 5000, carried: 0.7}},
	{"credit", measure{shape: skewed, middle: 12, spread: 0.6, high: 1000, carried: 0.15}},
}

func measureOf(m *expmap.Metric) measure {
	out := measure{shape: skewed, middle: 20, spread: 0.5, high: 10000}
	if u := m.Proto.GetUnit(); u != "s" && u != "min" && u != "h" {
		out = measure{shape: counting, middle: 1, spread: 1, high: 1000}
	}
	for _, k := range known {
		if strings.Contains(m.ID, k.part) {
			out = k.measure
			break
		}
	}
	out.id, out.resolution = m.ID, m.Resolution
	if out.carried == 0 {
		out.carried = 1
	}
	switch m.Better {
	case mapv1.Better_BETTER_LOWER:
		out.worse = 1
	case mapv1.Better_BETTER_HIGHER:
		out.worse = -1
	}
	return out
}

// draw returns a value, and how many standard deviations it is worse for the customer than usual. trouble moves all that is
// measured on one interaction together.
func (m *measure) draw(c chance, trouble float64) (v, bad float64) {
	z := c.NormFloat64()*0.9 + trouble*0.45*m.worse
	switch m.shape {
	case even:
		v = m.middle + m.spread*z
	case counting:
		v = m.middle + float64(c.poisson(m.spread*math.Exp(0.3*z)))
		z = (v - m.middle - m.spread) / math.Sqrt(m.spread)
	default:
		v = m.middle * math.Exp(m.spread*z)
	}
	return min(max(v, m.low), m.high), z * m.worse
}

// whole is v in the metric's resolution.
func (m *measure) whole(v float64) int64 { return int64(math.Round(v * float64(m.resolution))) }
