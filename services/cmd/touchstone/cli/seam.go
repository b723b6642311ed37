package cli

import (
	"fmt"

	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
)

// seams says what a definition replaced or was replaced by: "replaced wait on 2026-07-01; ...".
func seams(of string, all []*scorev1.SeriesSeam) []string {
	var out []string
	for _, x := range all {
		older, newer := x.GetOlder(), x.GetNewer()
		said := "was replaced by"
		if x.GetOtherIsOlder() {
			said = "replaced"
		}
		figure := func(s *scorev1.Score) string {
			return s.GetRef().GetScore() + " " + or(suppressed(s), brief(s.GetValue(), s.GetUnit()))
		}
		out = append(out, fmt.Sprintf("%s %s %s on %s; both measured until %s: %s, %s",
			of, said, x.GetOther().GetScore(), x.GetSince(), x.GetBesideUntil(), figure(older), figure(newer)))
	}
	return out
}
