package score

import (
	"fmt"

	"github.com/touchstone-cx/touchstone/services/correlation/cell"
)

// negativeFrom is the sentiment, in thousandths, from which on a text is negative: a compound score of −0.05 or less, as the
// authors of VADER set it (Hutto and Gilbert 2014).
const negativeFrom = -50

func onlyText(m Measure) string {
	if m.Kind != Text {
		return "it is for texts"
	}
	return ""
}

// onlyPoints is for metrics and what is answered by points in an order.
func onlyPoints(m Measure) string {
	if m.Kind == Text {
		return "a text's sentiment has no points that were offered"
	}
	return onlyOrdered(m)
}

func negativeSentence(m Measure) string {
	return fmt.Sprintf("The share of texts to %s that sound negative (sentiment of −5 or less on −100 to 100), with Wilson's interval.", m.ID)
}

// negative is the share of texts that sound negative. The threshold is a whole point, at which bins are cut exactly.
func negative(d Measure, s *cell.Sample) Result {
	return shareOf(d, s, func(v int64) bool { return v <= negativeFrom })
}
