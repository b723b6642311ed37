package cli

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
)

// value writes a number in a unit as people read it. Whole counts stay whole.
func value(v float64, unit string) string {
	var s string
	switch {
	case unit == "interactions" || unit == "answers" || unit == "values" || unit == "cases":
		if v == 1 {
			unit = strings.TrimSuffix(unit, "s")
		}
		return thousands(strconv.FormatFloat(v, 'f', 0, 64)) + " " + unit
	case math.Abs(v) >= 10000:
		whole := strconv.FormatFloat(v, 'f', 1, 64)
		at := strings.IndexByte(whole, '.')
		s = thousands(whole[:at]) + whole[at:]
	default:
		s = strconv.FormatFloat(v, 'f', 2, 64)
		at := strings.IndexByte(s, '.')
		s = thousands(s[:at]) + s[at:]
	}
	switch unit {
	case "":
		return s
	case "%":
		return s + "%"
	default:
		return s + " " + unit
	}
}

// apart writes how far two values in a unit are apart: two percentages differ by percentage points.
func apart(v float64, unit string) string {
	if unit == "%" {
		unit = "percentage points"
	}
	return value(v, unit)
}

// many writes how many there are of something that takes an s: "1 record", "2,000 records".
func many(n int, of string) string {
	if n != 1 {
		of += "s"
	}
	return thousands(strconv.Itoa(n)) + " " + of
}

func optional(v *float64, unit string) string {
	if v == nil {
		return "–"
	}
	return value(*v, unit)
}

func interval(i *scorev1.Interval) string {
	if i == nil {
		return ""
	}
	return fmt.Sprintf("%.2f to %.2f", i.GetLow(), i.GetHigh())
}

// brief writes a number in a unit without needless zeros.
func brief(v float64, unit string) string {
	s := strconv.FormatFloat(v, 'f', 2, 64)
	s = strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
	if s == "-0" {
		s = "0"
	}
	switch unit {
	case "":
		return s
	case "%":
		return s + "%"
	default:
		return s + " " + unit
	}
}

// goal says what is wanted and how far away it is: "goal 20 s by 2026-12-31, 3 s ahead".
func goal(s *scorev1.Score) string {
	g := s.GetGoal()
	if g == nil {
		return ""
	}
	text := "goal " + brief(g.GetValue(), s.GetUnit())
	if g.GetBy() != "" {
		text += " by " + g.GetBy()
	}
	if g.Ahead != nil {
		switch far := brief(math.Abs(g.GetAhead()), s.GetUnit()); {
		case far == brief(0, s.GetUnit()):
			text += ", reached"
		case g.GetAhead() > 0:
			text += ", " + far + " ahead"
		default:
			text += ", " + far + " behind"
		}
	}
	if g.GetFrom() != "" {
		text += " (of " + g.GetFrom() + ")"
	}
	return text
}

// halves shows the survey part and the process part of a CX score, which are always told apart.
func halves(s *scorev1.Score) string {
	c := s.GetComposite()
	if c == nil {
		return ""
	}
	return fmt.Sprintf("survey part %s, process part %s", optional(c.Survey, ""), optional(c.Process, ""))
}

// scope names what a score is about.
func scope(s *scorev1.Scope) string {
	var parts []string
	if v := s.GetTouchpoint(); v != "" {
		parts = append(parts, v)
	}
	if v := s.GetStage(); v != "" {
		parts = append(parts, "stage "+v)
	}
	if v := s.GetJourney(); v != "" {
		parts = append(parts, "journey "+v)
	}
	if v := s.GetChannel(); v != "" {
		parts = append(parts, "channel "+v)
	}
	if v := s.GetTeam(); v != "" {
		parts = append(parts, "team "+v)
	}
	if v := s.GetSegment(); v != "" {
		parts = append(parts, v)
	}
	if len(parts) == 0 {
		return "organisation"
	}
	return strings.Join(parts, ", ")
}

func simulated(s *scorev1.Score) string {
	if s.GetSimulated() {
		return "simulated"
	}
	return ""
}

func float(v *float64) cell {
	if v == nil {
		return number("", "")
	}
	return number(strconv.FormatFloat(*v, 'f', 3, 64), strconv.FormatFloat(*v, 'g', -1, 64))
}

// scoreSheet is the table of scores, one a row.
func scoreSheet(scores []*scorev1.Score, zone *time.Location) *sheet {
	t := &sheet{head: []string{
		"score", "scope", "value", "unit", "95% interval", "low", "high", "method", "n", "se",
		"from", "to", "as of", "marks", "suppressed", "parts", "survey", "process", "goal", "goal value", "goal by", "ahead",
		"contested", "ruled out", "with all", "without all",
	}}
	for _, s := range scores {
		unit := s.GetUnit()
		v := number("–", "")
		if s.Value != nil {
			v = number(value(s.GetValue(), unit), strconv.FormatFloat(s.GetValue(), 'g', -1, 64))
		}
		var low, high *float64
		if i := s.GetInterval(); i != nil {
			low, high = &i.Low, &i.High
		}
		var wanted *float64
		if g := s.GetGoal(); g != nil {
			wanted = &g.Value
		}
		// What has a place of its own in CSV is part of another column on the screen.
		t.add(word(s.GetRef().GetScore()), word(scope(s.GetRef().GetScope())), v, hidden(word(unit)), cell{shown: interval(s.GetInterval())},
			hidden(float(low)), hidden(float(high)), hidden(word(s.GetInterval().GetMethod())), count(s.GetN()), float(s.StandardError),
			timeCell(s.GetFrom(), zone), timeCell(s.GetTo(), zone), timeCell(s.GetAsOf(), zone), cell{shown: marks(s), raw: simulated(s)}, word(s.GetSuppressed()),
			cell{shown: halves(s)}, hidden(float(half(s, true))), hidden(float(half(s, false))),
			word(goal(s)), hidden(float(wanted)), hidden(word(s.GetGoal().GetBy())), hidden(float(ahead(s))),
			hidden(count(s.GetContested().GetOpen())), hidden(count(s.GetContested().GetExcluded())), hidden(float(withAll(s))), hidden(float(withoutAll(s))))
	}
	return t.beside(scores)
}

func half(s *scorev1.Score, survey bool) *float64 {
	c := s.GetComposite()
	switch {
	case c == nil:
		return nil
	case survey:
		return c.Survey
	}
	return c.Process
}

func ahead(s *scorev1.Score) *float64 {
	if g := s.GetGoal(); g != nil {
		return g.Ahead
	}
	return nil
}

func hidden(c cell) cell {
	c.shown = ""
	return c
}
