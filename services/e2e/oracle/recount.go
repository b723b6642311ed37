package oracle

import (
	"math"
	"slices"
	"strings"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
)

// Counted is one case that counts, in the context in which it counts.
type Counted struct {
	Case
	Interaction bool
}

// Recount joins answers with their interactions and returns every case that counts.
func (j *Journal) Recount() []Counted {
	j.mu.Lock()
	defer j.mu.Unlock()
	var out []Counted
	for k, v := range j.newest {
		if v.Retracted {
			continue
		}
		c := Counted{Case: v.Case, Interaction: k.Kind == factv1.Kind_KIND_INTERACTION}
		if k.Kind == factv1.Kind_KIND_ANSWER && k.About != "" {
			about := j.newest[Key{Kind: factv1.Kind_KIND_INTERACTION, Source: k.AboutSource, ID: k.About}]
			if about != nil && !about.Retracted {
				values := c.Values
				c.Case = about.Case
				c.Values = values
			}
		}
		if c.At != 0 && c.Touchpoint != "" {
			out = append(out, c)
		}
	}
	return out
}

// Scope narrows a tally; empty fields mean all.
type Scope struct{ Touchpoint, Channel, Team, Segment string }

// Tally is what a score of one scope and stretch of time is made of.
type Tally struct {
	Interactions           int64
	Outcomes               map[string]int64
	Values                 map[string][]int64 // by measure, ascending
	ObservedN, ObservedSum map[string]int64
}

// Count tallies the cases within [from, to), milliseconds since 1970; from 0 means all time.
func Count(cases []Counted, s Scope, from, to int64) *Tally {
	t := &Tally{Outcomes: map[string]int64{}, Values: map[string][]int64{}, ObservedN: map[string]int64{}, ObservedSum: map[string]int64{}}
	for i := range cases {
		c := &cases[i]
		if from != 0 && c.At < from || to != 0 && c.At >= to ||
			s.Touchpoint != "" && s.Touchpoint != c.Touchpoint || s.Channel != "" && s.Channel != c.Channel ||
			s.Team != "" && s.Team != c.Team || s.Segment != "" && s.Segment != c.Segment {
			continue
		}
		if c.Interaction {
			t.Interactions++
			t.Outcomes[c.Outcome]++
		}
		for _, v := range c.Values {
			if c.ObservedN > 0 {
				t.ObservedN[v.Measure] += c.ObservedN
				t.ObservedSum[v.Measure] += c.ObservedSum
				continue
			}
			t.Values[v.Measure] = append(t.Values[v.Measure], v.Amount)
		}
	}
	for _, v := range t.Values {
		slices.Sort(v)
	}
	return t
}

// Sum is the exact sum of a measure.
func (t *Tally) Sum(measure string) int64 {
	sum := t.ObservedSum[measure]
	for _, v := range t.Values[measure] {
		sum += v
	}
	return sum
}

// Number is a score as the oracle has it. Rough is by how much its value may differ: 0 where it is exact but for rounding.
type Number struct {
	N     int64
	Value float64 // NaN where there is none
	Rough float64
}

// Score computes a score. ok is false for a score the oracle does not know.
func (t *Tally) Score(id string, resolution int64, top int64) (x Number, ok bool) {
	if id == "interactions.count" {
		return Number{N: t.Interactions, Value: float64(t.Interactions)}, true
	}
	if o, found := strings.CutPrefix(id, "outcome."); found {
		o = strings.TrimSuffix(o, ".share")
		known := t.Interactions - t.Outcomes[""]
		return share(t.Outcomes[o], known), true
	}
	measure, statistic, _ := strings.Cut(id, ".")
	v := t.Values[measure]
	n := int64(len(v)) + t.ObservedN[measure]
	unit := float64(resolution)
	if statistic == "count" {
		return Number{N: n, Value: float64(n)}, true
	}
	if n == 0 {
		return Number{Value: math.NaN()}, true
	}
	switch statistic {
	case "mean":
		return Number{N: n, Value: float64(t.Sum(measure)) / float64(n) / unit}, true
	case "sd":
		if n == 1 {
			return Number{N: 1, Value: math.NaN()}, true
		}
		mean, squares := float64(t.Sum(measure))/float64(n), 0.0
		for _, x := range v {
			squares += (float64(x) - mean) * (float64(x) - mean)
		}
		return Number{N: n, Value: math.Sqrt(squares/float64(n-1)) / unit, Rough: 1e-6}, true
	case "median", "p90", "p95":
		p := map[string]int64{"median": 50, "p90": 90, "p95": 95}[statistic]
		exact := float64(v[max(1, (p*n+99)/100)-1]) / unit
		return Number{N: n, Value: exact, Rough: max(0.51, 0.011*math.Abs(exact))}, true
	case "nps", "nps_adjusted":
		var p, d int64
		for _, x := range v {
			if x >= 9 {
				p++
			} else if x <= 6 {
				d++
			}
		}
		extra := 0.0
		if statistic == "nps_adjusted" {
			extra = 3
		}
		return Number{N: n, Value: 100 * float64(p-d) / (float64(n) + extra)}, true
	case "top2":
		var hits int64
		for _, x := range v {
			if x >= top-1 {
				hits++
			}
		}
		return share(hits, n), true
	}
	return Number{}, false
}

func share(hits, n int64) Number {
	if n == 0 {
		return Number{Value: math.NaN()}
	}
	return Number{N: n, Value: 100 * float64(hits) / float64(n)}
}
