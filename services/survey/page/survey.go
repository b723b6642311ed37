package page

// Survey is what is asked, ready to be shown. It never changes once a Store has handed it out.
type Survey struct {
	// Organisation's display name.
	Organisation string
	// Languages as BCP 47 tags, the default first; at least one.
	Languages []string
	// Questions in order. Up to OneByOne of them are asked one a screen, more on one page.
	Questions []Question
	// Notes say who reads the answers and how long they are kept, by language; the foot of every page. Where one is missing the
	// interface says that the answers go to the organisation.
	Notes map[string]string
	// Published says what earlier answers changed, by language, the newest one. A language that is missing says nothing.
	Published map[string]string
	// AskConsent asks on the last page whether one may get in touch and, where there is a text, quote it.
	AskConsent bool
	// Brand colours; the zero value takes the default's.
	Brand Brand
}

// OneByOne is the most questions that are asked one a screen.
const OneByOne = 3

// Question is one question.
type Question struct {
	// ID as the map has it: a-z, 0-9, - and _.
	ID string
	// Kind says how it is asked.
	Kind Kind
	// Min and Max are the ends of its scale.
	Min, Max int32
	// Choices are the values of the declared choices in order; empty where the kind has none.
	Choices []int32
	// Wordings by language. A language that is missing shows the survey's first.
	Wordings map[string]Wording
	// When tells by the answers before it whether it is asked; nil always asks.
	When func(Answers) bool
	// Needs are the questions that When reads; nil with When set means all before it. On one page a question is never with those
	// that it needs.
	Needs []string
}

// Wording is a question in one language.
type Wording struct {
	// Text of the question.
	Text string
	// Low and High say what the ends of the scale mean.
	Low, High string
	// Choices are called so, in the order of Question.Choices.
	Choices []string
	// Topic is the heading of neighbouring questions on one page; empty for none.
	Topic string
}

// Kind is how a question is asked, by the names that the map's YAML has.
type Kind string

// The kinds of questions.
const (
	NPS         Kind = "nps"         // 0 to 10
	ENPS        Kind = "enps"        // 0 to 10
	CSAT        Kind = "csat"        // points
	CES1        Kind = "ces1"        // points 1 to 5
	CES2        Kind = "ces2"        // points 1 to 7
	Rating      Kind = "rating"      // points
	Expectation Kind = "expectation" // points
	Importance  Kind = "importance"  // points
	YesNo       Kind = "yes_no"      // 1 or 0
	Comparison  Kind = "comparison"  // 1 better, 0 the same, -1 worse
	Emotion     Kind = "emotion"     // one of the choices
	Choice      Kind = "choice"      // one of the choices
	Reason      Kind = "reason"      // one of the choices
	Multiple    Kind = "multiple"    // any of the choices
	Ranking     Kind = "ranking"     // all choices in order
	Perceived   Kind = "perceived"   // a whole number of the scale
	Text        Kind = "text"        // words
)

// Kinds returns every kind.
func Kinds() []Kind {
	return []Kind{NPS, ENPS, CSAT, CES1, CES2, Rating, Expectation, Importance, YesNo, Comparison, Emotion, Choice, Reason, Multiple, Ranking, Perceived, Text}
}

// input is how a question is filled in.
type input int

const (
	points   input = iota // one of a row of numbers
	list                  // one of a list of words
	boxes                 // any of a list of words
	ranks                 // a place for each of a list of words
	number                // a number that is typed
	comments              // a text that is typed
)

// mostPoints is the most points of a scale that are shown as a row; a longer one is typed.
const mostPoints = 21

// input returns how a question is filled in. A scale whose points have names is a list of them.
func (q *Question) input() input {
	switch q.Kind {
	case Multiple:
		return boxes
	case Ranking:
		return ranks
	case Perceived:
		return number
	case Text:
		return comments
	case YesNo, Comparison, Emotion, Choice, Reason:
		return list
	}
	switch {
	case len(q.Choices) > 0:
		return list
	case int64(q.Max)-int64(q.Min) >= mostPoints:
		return number
	}
	return points
}

// values returns the values of a list in the order in which it is shown.
func (q *Question) values() []int32 {
	switch {
	case len(q.Choices) > 0:
		return q.Choices
	case q.Kind == YesNo:
		return []int32{1, 0}
	case q.Kind == Comparison:
		return []int32{1, 0, -1}
	}
	return nil
}

// wording returns a question's words in a language, else in the survey's first.
func (s *Survey) wording(q *Question, language string) Wording {
	if w, ok := q.Wordings[language]; ok {
		return w
	}
	return q.Wordings[s.Languages[0]]
}
