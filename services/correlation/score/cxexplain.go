package score

import (
	"fmt"
	"strings"
)

// explain puts a CX score into words: the whole from its halves, each half from its terms, each term from its value.
func (x cx) explain(made *Composed) Explanation {
	ws, wp := x.shares(made)
	var e Explanation
	switch s, p := made.Survey.Value, made.Process.Value; {
	case s != nil && p != nil:
		e.Formula = fmt.Sprintf("%s × %s + %s × %s", decimal(ws), decimal(*s), decimal(wp), decimal(*p))
	case s != nil:
		e.Formula = decimal(*s) + ", the survey part alone"
	case p != nil:
		e.Formula = decimal(*p) + ", the process part alone"
	}
	for _, h := range []struct {
		name   string
		survey bool
		Half
	}{{"survey part", true, made.Survey}, {"process part", false, made.Process}} {
		if !h.belongs {
			continue
		}
		if h.Value != nil {
			e.Quantities = append(e.Quantities, Quantity{h.name + " = " + sumOf(made.Terms, h.survey), decimal(*h.Value)})
		}
		e.Quantities = append(e.Quantities, Quantity{"share of the " + h.name + "'s weight that is known", decimal(h.Coverage)}, Quantity{"cases in the " + h.name, whole(h.N)})
	}
	for i, t := range made.Terms {
		at := ""
		if t.Touchpoint != "" {
			at = " of " + t.Touchpoint
			if i == 0 || made.Terms[i-1].Touchpoint != t.Touchpoint {
				e.Quantities = append(e.Quantities, Quantity{"importance" + at, decimal(t.importance)}, Quantity{"interactions" + at, whole(t.interactions)})
			}
		}
		e.Quantities = append(e.Quantities, Quantity{"weight of " + t.Score + at, decimal(t.Weight)})
		if t.Points != nil {
			e.Quantities = append(e.Quantities, Quantity{
				fmt.Sprintf("points of %s%s = 100 × (%s − %s) ÷ (%s − %s), from 0 to 100", t.Score, at, decimal(*t.Value), decimal(t.worst), decimal(t.best), decimal(t.worst)),
				decimal(*t.Points),
			})
		}
	}
	return e
}

// fewTerms is how many terms a sum is written out with.
const fewTerms = 8

// sumOf writes a half as its weighted mean.
func sumOf(terms []Term, survey bool) string {
	var top, bottom []string
	for _, t := range terms {
		if t.Survey == survey && t.Points != nil {
			top = append(top, decimal(t.Weight)+" × "+decimal(*t.Points))
			bottom = append(bottom, decimal(t.Weight))
		}
	}
	if len(top) > fewTerms {
		return "Σ weight × points ÷ Σ weight, of what is known"
	}
	return "(" + strings.Join(top, " + ") + ") ÷ (" + strings.Join(bottom, " + ") + ")"
}
