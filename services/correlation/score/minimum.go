package score

import (
	"fmt"

	"github.com/touchstone-cx/touchstone/services/correlation/cell"
)

// Minimums are the fewest answers that scores of answers are shown with.
type Minimums struct {
	// Answers of customers; 0 and 1 mean any.
	Answers int64
	// Employees is for their answers; under FewestEmployees it is that.
	Employees int64
}

// FewestEmployees is the least minimum of employees' answers.
const FewestEmployees = 10

// of returns the fewest cases that a measure's scores are shown with; 0 where any will do.
func (m Minimums) of(x Measure) int64 {
	switch {
	case x.ofEmployees():
		return max(FewestEmployees, m.Employees)
	case x.isQuestion() && m.Answers > 1:
		return m.Answers
	}
	return 0
}

// Withheld is the result of a score with fewer cases than its minimum. It says nothing of how many there are.
func Withheld(minimum int64) Result { return suppressed(fmt.Sprintf("fewer than %d answers", minimum)) }

// Damaged is the result of a score of cells that cannot be read.
func Damaged() Result {
	return suppressed("damaged: cells of it cannot be read; count all facts again with touchstone rebuild")
}

// Shielded is the result of a score that could be shown, but would tell of a smaller group that is withheld.
func Shielded() Result {
	return suppressed("withheld: a group with fewer answers could be worked out from it")
}

// least computes only from samples with at least minimum cases.
func least(minimum int64, compute func(*cell.Sample) Result) func(*cell.Sample) Result {
	if minimum <= 1 {
		return compute
	}
	return func(s *cell.Sample) Result {
		if t := totals(s); t.N+t.ObservedN < minimum {
			return Withheld(minimum)
		}
		return compute(s)
	}
}
