package score

import (
	"strconv"

	"github.com/touchstone-cx/touchstone/services/correlation/cell"
)

// Kind declares which statistics a measure has.
type Kind int

const (
	// Metric is a process metric.
	Metric Kind = iota
	// NPS is a question on exactly 0 to 10.
	NPS
	// CSAT is a satisfaction question.
	CSAT
	// CES1 is the effort question of 2008: 1 to 5, lower is better.
	CES1
	// CES2 is the ease question of 2013: 1 to 7, higher is better.
	CES2
	// Rating is any other scale.
	Rating
	// YesNo is yes (1) or no (0).
	YesNo
)

// Measure is a metric or a question as far as its statistics need it.
type Measure struct {
	ID   string
	Kind Kind
	// Unit of a metric; questions are in points.
	Unit string
	// Resolution is the number of values in one unit, 1 or more; 1 for questions.
	Resolution int64
	// Min and Max are the ends of a question's scale.
	Min, Max int64
}

func (m Measure) isQuestion() bool { return m.Kind != Metric }

// noun names one measure for people.
func (m Measure) noun() string {
	if m.isQuestion() {
		return "question"
	}
	return "metric"
}

// cases names the measure's cases.
func (m Measure) cases() string {
	if m.isQuestion() {
		return "answers"
	}
	return "values"
}

// none is why there is no value when nothing was measured.
func (m Measure) none() string {
	if m.isQuestion() {
		return "no answers"
	}
	return "no measured values"
}

func (m Measure) unit() string {
	if m.isQuestion() {
		return "points"
	}
	return m.Unit
}

// inUnits turns a number of the measure's resolution into units.
func (m Measure) inUnits(v float64) float64 { return v / float64(m.Resolution) }

// sumName names a sum kept in the measure's resolution.
func (m Measure) sumName(what string) string {
	if m.Resolution == 1 {
		return what + " (" + m.unit() + ")"
	}
	return what + " (1/" + whole(m.Resolution) + " " + m.unit() + ")"
}

// bins returns the layout of the sample's histograms.
func (m Measure) bins(s *cell.Sample) *cell.Bins {
	if s.Bins != nil {
		return s.Bins
	}
	return cell.NewBins(m.Resolution)
}

// coverage is the share of interactions that carry one of n values; nil without interactions, and when some values belong
// to none of them.
func coverage(n int64, s *cell.Sample) *float64 {
	offered := s.Offered()
	if offered <= 0 || n < 0 || n > offered {
		return nil
	}
	return ptr(float64(n) / float64(offered))
}

func whole(v int64) string { return strconv.FormatInt(v, 10) }

func decimal(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
