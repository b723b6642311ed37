package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
)

var spreadBy = map[string]scorev1.By{
	"touchpoint": scorev1.By_BY_TOUCHPOINT, "channel": scorev1.By_BY_CHANNEL, "team": scorev1.By_BY_TEAM, "hour": scorev1.By_BY_HOUR,
}

func spreadCommand(o *options) *cobra.Command {
	f := &named{}
	var by string
	c := &cobra.Command{
		Use:   "spread SCORE",
		Short: "Compare a score between touchpoints, channels, teams or hours of the day",
		Long: "Compare a score between touchpoints, channels, teams or hours of the day.\n\n" +
			"Teams are those below which no other stands: a unit is the sum of its teams. Hours are those of the organisation's\n" +
			"clocks, of the last 35 days at most. Beside the groups stands how far they differ more than chance would let them.",
		Example: "  touchstone spread wait.mean -o telecom --by team --stage get_help\n" +
			"  touchstone spread sl20 -o telecom --by hour --window 7d",
		Args: cobra.ExactArgs(1),
		RunE: o.rpc(func(ctx context.Context, s *session, args []string) error {
			groups, ok := spreadBy[by]
			if !ok {
				return failed("--by is touchpoint, channel, team or hour, not %q", by)
			}
			ref, err := f.ref(ctx, s, args[0])
			if err != nil {
				return err
			}
			resp, err := s.scores.GetSpread(ctx, &scorev1.GetSpreadRequest{Ref: ref, By: groups})
			if err != nil {
				return err
			}
			if err := s.emit(spreadSheet(resp, by), []proto.Message{resp}); err != nil || s.format != "table" {
				return err
			}
			return s.say(s.out, "%s", difference(resp, by))
		}),
	}
	f.register(c)
	c.Flags().StringVar(&by, "by", "", "touchpoint, channel, team or hour")
	return c
}

// spreadSheet is the table of groups, with the score over all of them first.
func spreadSheet(r *scorev1.GetSpreadResponse, by string) *sheet {
	t := &sheet{head: []string{by, "score", "value", "unit", "95% interval", "low", "high", "n", "se", "marks", "suppressed", "between", "share real"}}
	row := func(id cell, s *scorev1.Score, marks string, between, real *float64) {
		v := number("–", "")
		if s.Value != nil {
			v = number(value(s.GetValue(), s.GetUnit()), fmt.Sprint(s.GetValue()))
		}
		var low, high *float64
		if i := s.GetInterval(); i != nil {
			low, high = &i.Low, &i.High
		}
		t.add(id, word(s.GetRef().GetScore()), v, hidden(word(s.GetUnit())), cell{shown: interval(s.GetInterval())}, hidden(float(low)), hidden(float(high)),
			count(s.GetN()), float(s.StandardError), word(marks), word(s.GetSuppressed()), hidden(float(between)), hidden(float(real)))
	}
	row(cell{shown: "all"}, r.GetAll(), simulated(r.GetAll()), r.Between, r.ShareReal)
	for _, g := range r.GetGroups() {
		mark := ""
		switch g.GetId() {
		case r.GetBest():
			mark = "best"
		case r.GetWorst():
			mark = "worst"
		}
		row(word(g.GetId()), g.GetScore(), mark, nil, nil)
	}
	return t
}

// difference says how far groups differ.
func difference(r *scorev1.GetSpreadResponse, by string) string {
	switch {
	case r.Between == nil && len(r.GetGroups()) < 2:
		return fmt.Sprintf("There are not two %ss to compare.", by)
	case r.Between == nil && r.GetAll().StandardError == nil:
		return fmt.Sprintf("How far the %ss differ more than by chance is not known: %s has no standard error.", by, r.GetAll().GetRef().GetScore())
	case r.Between == nil:
		return fmt.Sprintf("How far the %ss differ more than by chance is not known: fewer than two have a standard error.", by)
	case r.GetBetween() == 0:
		return fmt.Sprintf("The %ss differ no more than by chance.", by)
	}
	return fmt.Sprintf("Chance taken off, the %ss differ with a standard deviation of %s; %.0f%% of the variation between them is more than chance.",
		by, apart(r.GetBetween(), r.GetAll().GetUnit()), 100*r.GetShareReal())
}
