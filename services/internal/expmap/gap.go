package expmap

import (
	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
)

// What a question's answers are compared with is counted beside them, as measures of their own: the gap, experience less
// expectation, and what was expected, both at the answer whose gap it is. As sums the two add up to the experience.

// HistoryResolution is the number of values in one point of gaps from running history: a mean has fractions.
const HistoryResolution = 1000

// GapMeasure and ExpectedMeasure name the two measures of a question and a baseline ("wait_ok_gap_stated").
func GapMeasure(question string, b mapv1.Baseline) string {
	return question + "_gap_" + baselineName(b)
}

// ExpectedMeasure names what was expected.
func ExpectedMeasure(question string, b mapv1.Baseline) string {
	return question + "_expected_" + baselineName(b)
}

// GapResolution is the number of values in one point of both measures.
func GapResolution(b mapv1.Baseline) int64 {
	if b == mapv1.Baseline_BASELINE_HISTORY {
		return HistoryResolution
	}
	return 1
}

// FeltGapMeasure and CountedMeasure name the two measures of a question of kind perceived, in the resolution of the metric that
// it perceives: what was felt less what was counted, and what was counted, at answers whose interaction carries the metric.
func FeltGapMeasure(question string) string { return question + "_gap_felt" }

// CountedMeasure names what was counted.
func CountedMeasure(question string) string { return question + "_counted" }

func baselineName(b mapv1.Baseline) string {
	switch b {
	case mapv1.Baseline_BASELINE_STATED:
		return "stated"
	case mapv1.Baseline_BASELINE_LAST:
		return "last"
	default:
		return "history"
	}
}
