package simulate

import (
	"math"
	"strings"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
)

// question is one question and what its answers depend on.
type question struct {
	id       string
	kind     mapv1.QuestionKind
	min, max int64
	about    aspect
}

// aspect is the part of an experience that a question asks about.
type aspect int

const (
	overall aspect = iota
	waiting
	people
	solving
	timing
)

var aspects = []struct {
	part  string
	about aspect
}{
	{"wait", waiting},
	{"knew", people},
	{"agent", people},
	{"staff", people},
	{"friend", people},
	{"resolv", solving},
	{"solved", solving},
	{"punctual", timing},
	{"on_time", timing},
}

func questionOf(q *expmap.Question) question {
	out := question{id: q.ID, kind: q.Kind, min: q.Min, max: q.Max}
	for _, a := range aspects {
		if strings.Contains(q.ID, a.part) {
			out.about = a.about
			break
		}
	}
	return out
}

// experience is what an answer depends on: how much worse than usual each part was, in standard deviations.
type experience struct {
	wait, transfers, rest, delay float64
	unresolved                   float64 // 0 or 1
	mood                         float64 // the customer's own
}

// answer draws a value on the question's scale.
func (q *question) answer(c chance, e experience) int64 {
	var good float64
	switch q.about {
	case waiting:
		good = 0.6 - 1.1*e.wait
	case people:
		good = 1.0 - 0.8*e.transfers - 0.7*e.unresolved
	case solving:
		good = 1.4 - 2.6*e.unresolved - 0.6*e.transfers
	case timing:
		good = 0.9 - 1.0*e.delay
	default:
		good = 0.9 - 0.45*e.wait - 0.5*e.transfers - 1.1*e.unresolved - 0.35*e.rest - 0.25*e.delay
	}
	good += 0.35*e.mood + 0.6*c.NormFloat64()
	share := 1 / (1 + math.Exp(-1.3*good))
	if q.kind == mapv1.QuestionKind_QUESTION_KIND_YES_NO {
		if c.yes(share) {
			return q.max
		}
		return q.min
	}
	if q.kind == mapv1.QuestionKind_QUESTION_KIND_CES1 {
		share = 1 - share // less effort is better
	}
	if q.kind == mapv1.QuestionKind_QUESTION_KIND_PERCEIVED {
		share = (1 - share) * (1 - share) / 2 // short where all is well, and seldom as long as the scale goes
	}
	return q.min + int64(math.Round(share*float64(q.max-q.min)))
}
