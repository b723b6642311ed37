package score

import (
	"fmt"
	"math"
	"strings"
)

// CxScore is a CX score as a map declares it.
type CxScore struct {
	ID    string
	Parts []CxPart
	// SurveyWeight weighs the survey part against the process part; 0 means 0.5.
	SurveyWeight float64
}

// CxPart is one score of it.
type CxPart struct {
	Score               string
	Weight, Worst, Best float64
}

// enough is the share of its weight from which on a CX score has a value.
const enough = 0.6

type cx struct {
	parts        []Part
	surveyWeight float64
}

// cx defines a CX score of the scores that there are so far. Answers of employees are shown under other rules than CX
// scores, so that they take no part.
func (c *Catalogue) cx(x CxScore) *Definition {
	made := cx{surveyWeight: x.SurveyWeight}
	if made.surveyWeight == 0 {
		made.surveyWeight = 0.5
	}
	var names, left []string
	for _, p := range x.Parts {
		d := c.byID[p.Score]
		if d == nil || d.Composite != nil || d.Employees {
			left = append(left, p.Score)
			continue
		}
		made.parts = append(made.parts, Part{Score: d, Weight: p.Weight, Worst: p.Worst, Best: p.Best, Survey: d.answers})
		names = append(names, fmt.Sprintf("%s (weight %s, %s is worth 0 and %s is worth 100)", p.Score, decimal(p.Weight), decimal(p.Worst), decimal(p.Best)))
	}
	s := fmt.Sprintf("The CX score: points from 0 to 100 of %s, weighted within the survey part (questions) and the process part (all others). "+
		"Both parts known, it is %s × survey part + %s × process part. Touchpoints weigh by importance × share of interactions in the time, "+
		"by importance alone where there are no interactions. What is not known leaves its weight to the rest of its part; under 60%% of the weight there is no value. "+
		"The interval takes the parts' standard errors as independent: SE² = Σ (weight in the whole × 100 × SE ÷ |best − worst|)².",
		strings.Join(names, ", "), decimal(made.surveyWeight), decimal(1-made.surveyWeight))
	if len(left) > 0 {
		s += fmt.Sprintf(" Left out, because it takes no such score: %s.", strings.Join(left, ", "))
	}
	return &Definition{
		ID: x.ID, Unit: "points", Sentence: s, Headline: true, Order: "00" + x.ID, Better: 1, Compute: ofParts,
		Composite: &Composite{Parts: made.parts, Compute: made.compute},
	}
}

// compute weighs places by importance × interactions, and parts within a place by their weights among those of their half
// that belong there.
func (x cx) compute(places []Place) Result {
	made := &Composed{Terms: x.terms(places)}
	made.Survey, made.Process = half(made.Terms, true), half(made.Terms, false)
	r := Result{N: made.Survey.N + made.Process.N, Composed: made}
	r.explain = func() Explanation { return x.explain(made) }
	s, p := made.Survey, made.Process
	covered := s.Coverage
	switch {
	case !s.belongs && !p.belongs:
		r.Suppressed = "nothing that it is made of is measured or asked here"
		if len(places) > 0 {
			r.Suppressed = "not yet: nothing of its weight is known"
		}
		return r
	case s.belongs && p.belongs:
		covered = x.surveyWeight*s.Coverage + (1-x.surveyWeight)*p.Coverage
	case p.belongs:
		covered = p.Coverage
	}
	if covered < enough-1e-9 {
		r.Suppressed = fmt.Sprintf("not yet: %d%% of its weight is known", int(math.Floor(100*covered+1e-9)))
		return r
	}
	ws, wp := x.shares(made)
	v := 0.0
	if s.Value != nil {
		v += ws * *s.Value
	}
	if p.Value != nil {
		v += wp * *p.Value
	}
	v = min(100, max(0, v)) // where rounding would leave it
	r.Value = &v
	if se := errorOf(made, ws, wp); se != nil {
		r.SE = se
		r.Interval = &Interval{Low: max(0, v-z95**se), High: min(100, v+z95**se), Method: "wald"}
	}
	return r
}

// shares returns the weights of the two halves in the whole.
func (x cx) shares(made *Composed) (survey, process float64) {
	switch {
	case made.Process.Value == nil:
		return 1, 0
	case made.Survey.Value == nil:
		return 0, 1
	}
	return x.surveyWeight, 1 - x.surveyWeight
}

// terms returns every part of every place that has weight.
func (x cx) terms(places []Place) []Term {
	weights := placeWeights(places)
	// Of each half: the weight of the places where any of it belongs.
	var of [2]float64
	inPlace := make([][2]float64, len(places))
	for i, pl := range places {
		for k, p := range x.parts {
			if pl.Results[k] != nil {
				inPlace[i][side(p.Survey)] += p.Weight
			}
		}
		for h := range of {
			if inPlace[i][h] > 0 {
				of[h] += weights[i]
			}
		}
	}
	var out []Term
	for i, pl := range places {
		for k, p := range x.parts {
			r, h := pl.Results[k], side(p.Survey)
			if r == nil || weights[i] == 0 {
				continue
			}
			t := Term{
				Touchpoint: pl.Touchpoint, Score: p.Score.ID, Weight: weights[i] / of[h] * p.Weight / inPlace[i][h], Survey: p.Survey,
				worst: p.Worst, best: p.Best, measure: p.Score.Measure, importance: importance(pl), interactions: pl.Interactions,
			}
			if r.Value != nil {
				t.Value, t.Points, t.N = r.Value, ptr(p.points(*r.Value)), r.N
				if r.SE != nil {
					t.se = ptr(100 * *r.SE / math.Abs(p.Best-p.Worst))
				}
			}
			out = append(out, t)
		}
	}
	return out
}

func side(survey bool) int {
	if survey {
		return 1
	}
	return 0
}

func importance(p Place) float64 {
	if p.Importance > 0 {
		return p.Importance
	}
	return 1
}

// placeWeights are importance × interactions; without any interaction importance alone, back-stage places left out.
func placeWeights(places []Place) []float64 {
	var total int64
	for _, p := range places {
		total += p.Interactions
	}
	w := make([]float64, len(places))
	for i, p := range places {
		switch {
		case total > 0:
			w[i] = importance(p) * float64(p.Interactions) / float64(total)
		case !p.BackStage:
			w[i] = importance(p)
		}
	}
	return w
}

// half adds up the known terms of one half.
func half(terms []Term, survey bool) Half {
	var h Half
	var sum float64
	type cases struct{ touchpoint, measure string }
	seen := map[cases]int64{}
	for _, t := range terms {
		if t.Survey != survey {
			continue
		}
		h.belongs = true
		if t.Points == nil {
			continue
		}
		h.Coverage += t.Weight
		sum += t.Weight * *t.Points
		k := cases{t.Touchpoint, t.measure}
		h.N += max(0, t.N-seen[k])
		seen[k] = max(seen[k], t.N)
	}
	if h.Coverage > 0 {
		h.Value = ptr(min(100, max(0, sum/h.Coverage)))
		h.Coverage = min(1, h.Coverage)
	}
	return h
}

// errorOf propagates the standard errors of the known terms as if they were independent; nil where one has none. That a
// value beyond worst or best moves nothing is left out of account, which makes it too wide rather than too narrow.
func errorOf(made *Composed, ws, wp float64) *float64 {
	var sum float64
	for _, t := range made.Terms {
		if t.Points == nil {
			continue
		}
		if t.se == nil {
			return nil
		}
		w := wp * t.Weight / made.Process.Coverage
		if t.Survey {
			w = ws * t.Weight / made.Survey.Coverage
		}
		sum += w * w * *t.se * *t.se
	}
	return ptr(math.Sqrt(sum))
}
