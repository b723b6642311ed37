package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// report collects figures, one of each name a round.
type report struct {
	titles map[string]string // by measurement
	rows   []*row
}

type row struct {
	Measurement string    `json:"measurement"`
	Name        string    `json:"name"`
	Unit        string    `json:"unit"`
	Values      []float64 `json:"values"`
	Median      float64   `json:"median"`
	Goal        string    `json:"goal,omitempty"`
	Met         *bool     `json:"met,omitempty"`
	goal        goal
}

// goal is what a median should be.
type goal struct {
	limit float64
	least bool
}

func atLeast(v float64) goal { return goal{v, true} }

func atMost(v float64) goal { return goal{v, false} }

func (g goal) met(v float64) bool { return v == g.limit || v > g.limit == g.least }

func (g goal) String() string {
	if g.least {
		return "≥ " + number(g.limit)
	}
	return "≤ " + number(g.limit)
}

// title says what a measurement measures.
func (r *report) title(measurement, text string) {
	if r.titles == nil {
		r.titles = map[string]string{}
	}
	r.titles[measurement] = text
}

// add adds a figure, with the goal for its median if it has one.
func (r *report) add(measurement, name, unit string, v float64, goals ...goal) {
	x := r.find(measurement, name)
	if x == nil {
		x = &row{Measurement: measurement, Name: name, Unit: unit}
		r.rows = append(r.rows, x)
	}
	x.Values = append(x.Values, v)
	for _, g := range goals {
		x.goal = g
	}
}

// latency adds p50 and p99 of a histogram in microseconds.
func (r *report) latency(measurement, name string, h *hdrhistogram.Histogram, p50, p99 goal) {
	for _, q := range []struct {
		percent float64
		goal    goal
	}{{50, p50}, {99, p99}} {
		r.add(measurement, fmt.Sprintf("%s p%.0f", name, q.percent), "ms", float64(h.ValueAtQuantile(q.percent))/1000, q.goal)
	}
}

// ratio adds the quotients of two figures, each of the same round.
func (r *report) ratio(name string, above, below *row, g goal) {
	if above == nil || below == nil {
		return
	}
	for i := range min(len(above.Values), len(below.Values)) {
		r.add("ratios", name, "×", above.Values[i]/below.Values[i], g)
	}
}

func (r *report) find(measurement, name string) *row {
	i := slices.IndexFunc(r.rows, func(x *row) bool { return x.Measurement == measurement && x.Name == name })
	if i < 0 {
		return nil
	}
	return r.rows[i]
}

func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	if n := len(s); n%2 == 0 {
		return (s[n/2-1] + s[n/2]) / 2
	}
	return s[len(s)/2]
}

func (r *report) finish() {
	for _, x := range r.rows {
		x.Median = median(x.Values)
		if x.goal != (goal{}) {
			met := x.goal.met(x.Median)
			x.Goal, x.Met = x.goal.String(), &met
		}
	}
}

// table prints medians [least..greatest] by measurement.
func (r *report) table(w io.Writer) {
	r.finish()
	var order []string
	for _, x := range r.rows {
		if !slices.Contains(order, x.Measurement) {
			order = append(order, x.Measurement)
		}
	}
	for _, m := range order {
		fmt.Fprintf(w, "\n%s: %s\n", m, r.titles[m])
		for _, x := range r.rows {
			if x.Measurement != m {
				continue
			}
			line := fmt.Sprintf("  %-42s %12s %-10s", x.Name, number(x.Median), x.Unit)
			if len(x.Values) > 1 {
				line += fmt.Sprintf(" [%s..%s]", number(slices.Min(x.Values)), number(slices.Max(x.Values)))
			}
			if x.Met != nil {
				line = fmt.Sprintf("%-95s goal %s: %s", line, x.Goal, map[bool]string{true: "met", false: "MISSED"}[*x.Met])
			}
			fmt.Fprintln(w, strings.TrimRight(line, " "))
		}
	}
}

// lines writes the machine and each row as a line of JSON.
func (r *report) lines(w io.Writer, machine map[string]string) error {
	r.finish()
	enc := json.NewEncoder(w)
	if err := enc.Encode(map[string]any{"machine": machine}); err != nil {
		return err
	}
	for _, x := range r.rows {
		if err := enc.Encode(x); err != nil {
			return err
		}
	}
	return nil
}

// number prints three digits or all whole ones, with thousands.
func number(v float64) string {
	if v != 0 && math.Abs(v) < 100 {
		digits := 2 - int(math.Floor(math.Log10(math.Abs(v))))
		s := strconv.FormatFloat(v, 'f', max(0, min(digits, 6)), 64)
		return cmp.Or(strings.TrimSuffix(strings.TrimRight(s, "0"), "."), "0")
	}
	s := strconv.FormatFloat(math.Round(v), 'f', 0, 64)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
