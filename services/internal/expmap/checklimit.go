package expmap

import (
	"fmt"
	"math"
	"time"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
)

// ExactUnits is the highest limit, in whole units, up to which histograms tell exactly what lies on which side of it.
const ExactUnits = exactThreshold

// LongestOf returns how far a linked metric looks for the later interaction.
func LongestOf(l *mapv1.LinkedMetric) time.Duration {
	days := l.GetLongestDays()
	if days == 0 {
		days = longestDays
	}
	return time.Duration(days) * 24 * time.Hour
}

// linkedLimit checks the limit of a linked metric: where the scores by it are exact, and can be decided.
func (c *checker) linkedLimit(at string, l *mapv1.LinkedMetric) {
	if l.Limit == nil {
		return
	}
	at += ".limit"
	limit := l.GetLimit()
	switch l.GetKind() {
	case mapv1.LinkedKind_LINKED_KIND_CONTACT_TRANSFERS, mapv1.LinkedKind_LINKED_KIND_JOURNEY_FRICTION:
		if math.IsNaN(limit) || limit > exactThreshold || limit != math.Trunc(limit) {
			c.add(at, fmt.Sprintf("The limit %v is not a whole number up to %d, and a count is.", limit, exactThreshold), "Use a whole number, such as 1.")
		}
		return
	}
	longest := LongestOf(l).Hours()
	switch {
	case math.IsNaN(limit) || limit <= 0:
		c.add(at, fmt.Sprintf("No time is less than %v h: every case would be beyond the limit.", limit), "Give the limit in hours, such as 168 for a week, or delete it.")
	case limit > longest:
		c.add(at, fmt.Sprintf("The limit of %v h is longer than the %v days that are looked for.", limit, longest/24), fmt.Sprintf("Set longest_days to %v or more, or lower the limit.", math.Ceil(limit/24)))
	case limit > exactThreshold && limit < longest:
		c.add(at, fmt.Sprintf("Of times beyond %d h it cannot be told exactly on which side of %v h they lie.", exactThreshold, limit),
			fmt.Sprintf("Use a whole number of hours up to %d, or set longest_days to as many days as the limit has (%v), so that nothing beyond it is looked for.", exactThreshold, math.Ceil(limit/24)))
	case limit <= exactThreshold:
		c.limit(at, "limit", limit)
	}
}

// metricFloor checks the floor of a metric: it needs a direction, and a place where the share beyond it is exact.
func (c *checker) metricFloor(at string, m *mapv1.Metric) {
	if m.Floor == nil {
		return
	}
	if m.GetBetter() == mapv1.Better_BETTER_UNSPECIFIED {
		c.add(at+".floor", fmt.Sprintf("The metric %q has a floor, and nothing says on which side of it experiences are bad.", m.GetId()), "Add better: higher (bad is below the floor) or better: lower (bad is above it).")
	}
	if f := m.GetFloor(); math.IsNaN(f) || math.Abs(f) > exactThreshold || f != math.Trunc(f) {
		c.add(at+".floor", fmt.Sprintf("The floor %v is not a whole number of units up to %d, where a share is exact.", f, exactThreshold),
			"Use a whole number, or a metric read in a larger unit (minutes or hours instead of seconds).")
	}
}

// questionFloor checks the floor of a question: some answers must be bad and some not.
func (c *checker) questionFloor(at string, q *mapv1.Question) {
	if q.Floor == nil {
		return
	}
	at += ".floor"
	lo, hi, floor := q.GetScaleMin(), q.GetScaleMax(), q.GetFloor()
	lower := q.GetKind() == mapv1.QuestionKind_QUESTION_KIND_CES1
	switch q.GetKind() {
	case mapv1.QuestionKind_QUESTION_KIND_TEXT, mapv1.QuestionKind_QUESTION_KIND_MULTIPLE, mapv1.QuestionKind_QUESTION_KIND_RANKING:
		c.add(at, fmt.Sprintf("A question of kind %s has no points of a scale that could be bad.", kindName(q.GetKind())), "Delete floor.")
		return
	case mapv1.QuestionKind_QUESTION_KIND_EMOTION, mapv1.QuestionKind_QUESTION_KIND_CHOICE, mapv1.QuestionKind_QUESTION_KIND_REASON:
		c.add(at, "The values of its choices only name them: none is lower than another.", "Delete floor; the shares of single answers tell how many were bad.")
		return
	case mapv1.QuestionKind_QUESTION_KIND_PERCEIVED:
		i, known := c.metrics[q.GetPerceives()]
		if !known {
			return // said elsewhere
		}
		better := c.p.GetMetrics()[i].GetBetter()
		if better == mapv1.Better_BETTER_UNSPECIFIED {
			c.add(at, fmt.Sprintf("The question has a floor, and nothing says whether it is better to feel more or less of the metric %q.", q.GetPerceives()), "Add better to the metric, or delete floor.")
			return
		}
		lower = better == mapv1.Better_BETTER_LOWER
	}
	switch {
	case lo >= hi: // said already
	case floor < lo || floor > hi:
		c.add(at, fmt.Sprintf("The floor %d is outside the scale %d to %d.", floor, lo, hi), "Name an answer that can be given.")
	case lower && floor == lo:
		c.add(at, fmt.Sprintf("Answers from %d are all there are on the scale %d to %d: every one would be bad.", floor, lo, hi), "Name a worse answer.")
	case !lower && floor == hi:
		c.add(at, fmt.Sprintf("Answers up to %d are all there are on the scale %d to %d: every one would be bad.", floor, lo, hi), "Name a worse answer.")
	}
}
