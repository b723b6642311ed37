package cli

import (
	"context"
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"

	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
)

// fewCells is how many cells explain lists when it is not asked for all.
const fewCells = 10

func (s *session) explain(ctx context.Context, e *scorev1.ExplainScoreResponse, every bool) error {
	zone := s.zone(ctx)
	sc := e.GetScore()
	var b strings.Builder
	fmt.Fprintf(&b, "%s of %s: %s\n", sc.GetRef().GetScore(), scope(sc.GetRef().GetScope()), or(suppressed(sc), optional(sc.Value, sc.GetUnit())))
	line := func(name, text string) {
		if text != "" {
			fmt.Fprintf(&b, "  %-12s %s\n", name, clean(text))
		}
	}
	line("definition", e.GetDefinition())
	line("formula", e.GetFormula())
	for _, q := range e.GetQuantities() {
		line("", q.GetName()+" = "+q.GetValue())
	}
	if i := sc.GetInterval(); i != nil {
		line("95% interval", interval(i)+" ("+i.GetMethod()+")")
	}
	if c := sc.GetComposite(); c != nil {
		part := func(v *float64, coverage float64, n int64) string {
			return fmt.Sprintf("%s, %.0f%% of its weight known, %s cases", optional(v, sc.GetUnit()), 100*coverage, thousands(fmt.Sprint(n)))
		}
		line("survey part", part(c.Survey, c.GetSurveyCoverage(), c.GetSurveyN()))
		line("process part", part(c.Process, c.GetProcessCoverage(), c.GetProcessN()))
	}
	line("gap", gap(sc))
	line("pending", pending(sc))
	line("goal", goal(sc))
	line("cases", thousands(fmt.Sprint(sc.GetN())))
	line("time", bounds(sc, shortTime(sc.GetFrom(), zone), shortTime(sc.GetTo(), zone)))
	line("as of", shortTime(sc.GetAsOf(), zone)+fmt.Sprintf(", position %d, map version %d", sc.GetPosition(), sc.GetMapVersion()))
	line("marks", marks(sc))
	cells := e.GetCells()
	if !every && len(cells) > fewCells {
		cells = cells[:fewCells]
	}
	if _, err := fmt.Fprint(s.out, b.String()); err != nil {
		return err
	}
	t := &sheet{head: []string{"  cell from", "tier", "score", "touchpoint", "team", "outcome", "n", "sum", "sum of squares"}}
	for _, c := range cells {
		t.add(word("  "+shortTime(c.GetFrom(), zone)), word(c.GetTier()), word(c.GetScore()), word(c.GetTouchpoint()), word(c.GetTeam()), word(c.GetOutcome()), count(c.GetN()),
			number(thousands(c.GetSum()), c.GetSum()), number(thousands(c.GetSumSquares()), c.GetSumSquares()))
	}
	if err := t.write(s.out); err != nil {
		return err
	}
	if more := e.GetMoreCells() + int64(len(e.GetCells())-len(cells)); more > 0 {
		hint := ""
		if !every {
			hint = " (--cells lists them)"
		}
		return s.say(s.out, "  and %s%s", many(int(more), "more cell"), hint)
	}
	return nil
}

func explainSheet(all []proto.Message) *sheet {
	t := &sheet{head: []string{"score", "scope", "touchpoint", "team", "outcome", "from", "tier", "n", "sum", "sum squares", "part"}}
	for _, m := range all {
		e, ok := m.(*scorev1.ExplainScoreResponse)
		if !ok {
			continue
		}
		for _, c := range e.GetCells() {
			ref := e.GetScore().GetRef()
			t.add(word(ref.GetScore()), word(scope(ref.GetScope())), word(c.GetTouchpoint()), word(c.GetTeam()), word(c.GetOutcome()), word(rawTime(c.GetFrom())),
				word(c.GetTier()), count(c.GetN()), number("", c.GetSum()), number("", c.GetSumSquares()), word(c.GetScore()))
		}
	}
	return t
}

func suppressed(s *scorev1.Score) string {
	if s.GetSuppressed() == "" {
		return ""
	}
	return "no value: " + clean(s.GetSuppressed())
}

// bounds says from when to when.
func bounds(s *scorev1.Score, from, to string) string {
	switch {
	case s.GetFrom() == nil && s.GetTo() == nil:
		return "all time"
	case s.GetFrom() == nil:
		return "until before " + to
	case s.GetTo() == nil:
		return "from " + from
	default:
		return from + " until before " + to
	}
}
