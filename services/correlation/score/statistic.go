package score

import "github.com/touchstone-cx/touchstone/services/correlation/cell"

// Statistic is one way to reduce a measure's values to a number.
type Statistic struct {
	// Name is the last part of the score's id.
	Name string
	// Lacks says why a measure has not got it, as the end of "… has no X: "; empty when it has.
	Lacks func(Measure) string
	// Unit of its value.
	Unit func(Measure) string
	// Sentence says what is computed.
	Sentence func(Measure) string
	// Distribution is true when it needs more than the sums.
	Distribution bool
	// Compute computes it.
	Compute func(Measure, *cell.Sample) Result

	// Better says which way it is better; nil goes by its name.
	Better func(Measure) int
}

func (s Statistic) better(m Measure) int {
	if s.Better != nil {
		return s.Better(m)
	}
	return better(m, s.Name)
}

// Statistics returns every statistic of a metric or question, in the order in which they are listed. The shares of single
// answers ("share.<v>") come from Shares: their names depend on the scale.
func Statistics() []Statistic {
	return []Statistic{
		{"nps", onlyNPS, points, npsSentence, true, nps, nil},
		{"nps_adjusted", onlyNPS, points, npsAdjustedSentence, true, npsAdjusted, nil},
		{"top2", onlyTop2, percent, top2Sentence, true, top2, nil},
		{"net_top", onlyFacet, points, netTopSentence, true, netTop, nil},
		{"net", onlyFeelings, points, netSentence, true, netEmotion, nil},
		{"negative", onlyText, percent, negativeSentence, true, negative, nil},
		{"mean", onlyOrdered, Measure.unit, meanSentence, false, mean, nil},
		{"median", onlyPoints, Measure.unit, percentileSentence("median", 50), true, percentile(50), nil},
		{"p10", onlyMetric, Measure.unit, percentileSentence("10th percentile", 10), true, percentile(10), nil},
		{"p90", onlyMetric, Measure.unit, percentileSentence("90th percentile", 90), true, percentile(90), nil},
		{"p95", onlyMetric, Measure.unit, percentileSentence("95th percentile", 95), true, percentile(95), nil},
		{"bad", onlyFloored, percent, badSentence, true, bad, nil},
		{"sd", onlyOrdered, Measure.unit, sdSentence, false, sd, nil},
		{"spread", onlyMetric, Measure.unit, spreadSentence, true, spread, nil},
		{"sum", onlyMetric, Measure.unit, sumSentence, false, sum, nil},
		{"count", always, Measure.cases, countSentence, false, count, nil},
	}
}

func always(Measure) string { return "" }

const noOrder = "the values of its choices only name them and have no order"

func onlyOrdered(m Measure) string {
	if m.isNominal() {
		return noOrder
	}
	return ""
}

func onlyMetric(m Measure) string {
	if m.isQuestion() {
		return "it is kept for metrics only"
	}
	return ""
}

func points(Measure) string { return "points" }

func percent(Measure) string { return "%" }

// headline names the statistic that stands for a measure. No one share stands for a choice: the number of answers does.
func headline(m Measure) string {
	switch m.Kind {
	case NPS, ENPS:
		return "nps"
	case CSAT:
		return "top2"
	case YesNo, Mark:
		return "share.1"
	case Emotion:
		if onlyFeelings(m) == "" {
			return "net"
		}
		return "count"
	case Choice, Reason:
		return "count"
	default:
		return "mean"
	}
}
