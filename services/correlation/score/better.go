package score

import "slices"

// better says which way a statistic of a measure is better: 1 higher, −1 lower, 0 not told. Of questions higher is better,
// except for the effort asked in CES 1, for ranks and for what is felt of a metric; a Mark is neither; of metrics the map tells. Less spread is always better, and
// fewer bad experiences are.
func better(m Measure, statistic string) int {
	up := m.Better
	if m.isQuestion() {
		switch m.Kind {
		case CES1, Rank:
			up = -1
		case Mark:
			up = 0
		case Perceived: // as the metric
		default:
			up = 1
		}
	}
	switch statistic {
	case "sd", "spread", "bad", "negative":
		return -1
	case "count":
		if m.isQuestion() {
			return 1
		}
		return 0
	case "top2", "nps", "nps_adjusted", "net", "net_top":
		return 1
	}
	if m.isNominal() {
		return 0
	}
	return up
}

// betterShare is which way the share of one answer is better: that of a good answer higher, that of a bad one lower.
func betterShare(m Measure, v int64) int {
	if m.isNominal() {
		switch m.option(v).Feeling {
		case Positive:
			return 1
		case Negative:
			return -1
		}
		return 0
	}
	up := better(m, "mean")
	switch twice := 2 * v; {
	case twice > m.Min+m.Max:
		return up
	case twice < m.Min+m.Max:
		return -up
	}
	return 0
}

// betterOutcome goes by the service levels: what counts as success in one is better, what is given up in one is worse.
func betterOutcome(outcome string, levels []ServiceLevel) int {
	good := slices.ContainsFunc(levels, func(l ServiceLevel) bool { return slices.Contains(l.Outcomes, outcome) })
	bad := slices.ContainsFunc(levels, func(l ServiceLevel) bool { return slices.Contains(l.Abandoned, outcome) })
	switch {
	case good && !bad:
		return 1
	case bad && !good:
		return -1
	}
	return 0
}
