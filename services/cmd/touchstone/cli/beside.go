package cli

import (
	"fmt"
	"strings"

	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
)

// gap shows what a gap lies between, because it does not stand for the experience: "experienced 3.5, expected 4".
func gap(s *scorev1.Score) string {
	g := s.GetGap()
	if g == nil {
		return ""
	}
	was, from := "experienced", "expected"
	switch id := s.GetRef().GetScore(); {
	case strings.HasSuffix(id, ".gap_felt"):
		was, from = "felt", "counted"
	case strings.HasSuffix(id, ".gap_last"):
		from = "the time before"
	case strings.HasSuffix(id, ".gap_history"):
		from = "before on average"
	}
	return fmt.Sprintf("%s %s, %s %s", was, brief(g.GetExperienced(), ""), from, brief(g.GetBaseline(), s.GetUnit()))
}

// pending says how many cases are too young to be in the value: "3 pending (42.86% of all)".
func pending(s *scorev1.Score) string {
	p := s.GetPending()
	switch {
	case p == nil:
		return ""
	case p.GetN() == 0:
		return "none pending"
	}
	return fmt.Sprintf("%s pending (%s of all)", thousands(fmt.Sprint(p.GetN())), brief(100*p.GetShare(), "%"))
}

// beside adds what only some scores have: both sides of a gap, and what is pending.
func (t *sheet) beside(scores []*scorev1.Score) *sheet {
	t.head = append(t.head, "gap", "experienced", "baseline", "pending", "pending n", "pending share")
	for i, s := range scores {
		var experienced, baseline, share *float64
		n := number("", "")
		if g := s.GetGap(); g != nil {
			experienced, baseline = &g.Experienced, &g.Baseline
		}
		if p := s.GetPending(); p != nil {
			n, share = count(p.GetN()), &p.Share
		}
		t.rows[i] = append(t.rows[i], cell{shown: gap(s)}, hidden(float(experienced)), hidden(float(baseline)),
			cell{shown: pending(s)}, hidden(n), hidden(float(share)))
	}
	return t
}
