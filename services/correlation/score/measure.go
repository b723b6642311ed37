package score

import (
	"slices"
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
	// ENPS is NPS asked of employees.
	ENPS
	// Expectation is what was expected, on the scale of what it is about.
	Expectation
	// Importance is how important something is.
	Importance
	// Emotion is one of the declared feelings.
	Emotion
	// Choice is one of the declared choices.
	Choice
	// Perceived is how much of a metric the customer felt there was.
	Perceived
	// Reason is one of the declared choices, why another question was answered so.
	Reason
	// Comparison is worse (-1), the same (0) or better (1) than another.
	Comparison
	// Text is the sentiment of a text, in points from -100 to 100, at a resolution of 10.
	Text
	// Mark is whether a text is about a theme, or a choice was chosen: yes (1) or no (0), and neither is better.
	Mark
	// Rank is a choice's rank in the customer's order: lower is better.
	Rank
)

// Feeling says whether a choice is a good or a bad feeling.
type Feeling int

const (
	// Neutral is neither, or not declared.
	Neutral Feeling = iota
	// Positive is good.
	Positive
	// Negative is bad.
	Negative
)

// Option is one declared answer of a question.
type Option struct {
	Value   int64
	Label   string
	Feeling Feeling
}

// Facet is a part of the open experience index.
type Facet int

const (
	// NoFacet is none.
	NoFacet Facet = iota
	// Success is whether the customer got done what they came for.
	Success
	// Effort is how easy it was.
	Effort
	// Feelings is how it felt.
	Feelings
)

func (f Facet) String() string {
	switch f {
	case Success:
		return "success"
	case Effort:
		return "effort"
	case Feelings:
		return "emotion"
	default:
		return "no"
	}
}

// Measure is a metric or a question as far as its statistics need it. It is kept small: explanations take it along by value.
type Measure struct {
	ID   string
	Kind Kind
	// Unit of a metric; questions are in points.
	Unit string
	// Resolution is the number of values in one unit, 1 or more; 1 for questions, but 10 for a Text.
	Resolution int64
	// Better is 1 when higher values of a metric are better, −1 when lower ones are, 0 when the map does not tell; of a Perceived
	// question that of the metric perceived.
	Better int
	// Min and Max are the ends of a question's scale.
	Min, Max int64
	// Options are the declared answers of an Emotion, a Choice or a Reason, and what those of a Mark and a Rank stand for.
	Options []Option
	// Facet of the open experience index that a question measures.
	Facet Facet
	// Employees is true for a question that is asked of employees, as every ENPS is.
	Employees bool
	// Floor is the value in units from which an experience is a bad one, see bad; nil where there is none.
	Floor *float64
	// Compared says what answers to a question are compared with; nil for most.
	Compared *Compared
	// Limit is that of a linked metric; nil where it has none.
	Limit *Limit
}

// Compared says what answers to a question are compared with.
type Compared struct {
	// Worth says what a point of a Perceived question stands for ("60 s of wait").
	Worth string
	Gaps  []Gap
}

func (m Measure) isQuestion() bool { return m.Kind != Metric }

func (m Measure) ofEmployees() bool { return m.Kind == ENPS || m.Employees }

// isNominal reports whether the values of answers only name them.
func (m Measure) isNominal() bool { return m.Kind == Emotion || m.Kind == Choice || m.Kind == Reason }

// option returns the declared answer of a value; one without a label when there is none.
func (m Measure) option(v int64) Option {
	for _, o := range m.Options {
		if o.Value == v {
			return o
		}
	}
	return Option{Value: v}
}

// has reports whether an answer of this feeling is declared.
func (m Measure) has(f Feeling) bool {
	return slices.ContainsFunc(m.Options, func(o Option) bool { return o.Feeling == f })
}

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
