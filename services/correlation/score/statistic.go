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
}

// Statistics returns every statistic of a metric or question, in the order in which they are listed. The shares of single
// answers ("share.<v>") come from Shares: their names depend on the scale.
func Statistics() []Statistic {
	return []Statistic{
		{"nps", onlyNPS, points, npsSentence, true, nps},
		{"nps_adjusted", onlyNPS, points, npsAdjustedSentence, true, npsAdjusted},
		{"top2", onlyTop2, percent, top2Sentence, true, top2},
		{"mean", always, Measure.unit, meanSentence, false, mean},
		{"median", always, Measure.unit, percentileSentence("median", 50), true, percentile(50)},
		{"p90", onlyMetric, Measure.unit, percentileSentence("90th percentile", 90), true, percentile(90)},
		{"p95", onlyMetric, Measure.unit, percentileSentence("95th percentile", 95), true, percentile(95)},
		{"sd", always, Measure.unit, sdSentence, false, sd},
		{"sum", onlyMetric, Measure.unit, sumSentence, false, sum},
		{"count", always, Measure.cases, countSentence, false, count},
	}
}

func always(Measure) string { return "" }

func onlyMetric(m Measure) string {
	if m.isQuestion() {
		return "it is kept for metrics only"
	}
	return ""
}

func points(Measure) string { return "points" }

func percent(Measure) string { return "%" }

// headline names the statistic that stands for a measure.
func headline(m Measure) string {
	switch m.Kind {
	case NPS:
		return "nps"
	case CSAT:
		return "top2"
	case YesNo:
		return "share.1"
	default:
		return "mean"
	}
}
