package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
)

// named is the flags that tell where and when of one score.
type named struct {
	period
	touchpoint, stage, journey string
	channel, team, segment     string
}

func (f *named) register(c *cobra.Command) {
	c.Flags().StringVar(&f.touchpoint, "touchpoint", "", "touchpoint (`id`); without, the whole organisation")
	c.Flags().StringVar(&f.stage, "stage", "", "stage (`id`) instead of a touchpoint")
	c.Flags().StringVar(&f.journey, "journey", "", "journey (`id`) instead of a touchpoint")
	c.Flags().StringVar(&f.channel, "channel", "", "channel (`id`)")
	c.Flags().StringVar(&f.team, "team", "", "team (`id`), with the teams below it")
	c.Flags().StringVar(&f.segment, "segment", "", "segment (`attribute=value`)")
	c.Flags().StringVar(&f.window, "window", "", windowNames+" (without, 28d)")
	c.Flags().StringVar(&f.from, "from", "", "start, inclusive (`time`)")
	c.Flags().StringVar(&f.to, "to", "", "end, exclusive (`time`)")
}

func (f *named) ref(ctx context.Context, s *session, score string) (*scorev1.ScoreRef, error) {
	org, err := s.org(ctx)
	if err != nil {
		return nil, err
	}
	w, from, to, err := f.resolve(ctx, s)
	if err != nil {
		return nil, err
	}
	return &scorev1.ScoreRef{
		Organisation: org, Score: score, Window: w, From: from, To: to,
		Scope: &scorev1.Scope{
			Touchpoint: f.touchpoint, Stage: f.stage, Journey: f.journey, Channel: f.channel, Team: f.team, Segment: f.segment,
		},
	}, nil
}

var steps = map[string]scorev1.Step{
	"": scorev1.Step_STEP_UNSPECIFIED, "minute": scorev1.Step_STEP_MINUTE, "quarter-hour": scorev1.Step_STEP_QUARTER_HOUR,
	"hour": scorev1.Step_STEP_HOUR, "day": scorev1.Step_STEP_DAY, "week": scorev1.Step_STEP_WEEK,
}

func seriesCommand(o *options) *cobra.Command {
	f := &named{}
	var step string
	c := &cobra.Command{
		Use:     "series SCORE",
		Short:   "Show one score over time",
		Example: "  touchstone series wait.mean -o telecom --touchpoint help_line --window 7d --step day",
		Args:    cobra.ExactArgs(1),
		RunE: o.rpc(func(ctx context.Context, s *session, args []string) error {
			ref, err := f.ref(ctx, s, args[0])
			if err != nil {
				return err
			}
			by, ok := steps[step]
			if !ok {
				return failed("--step is minute, quarter-hour, hour, day or week, not %q", step)
			}
			series, err := s.scores.GetSeries(ctx, &scorev1.GetSeriesRequest{Ref: ref, Step: by})
			if err != nil {
				return err
			}
			if err := s.emit(scoreSheet(series.GetScores(), s.zone(ctx)), messages(series.GetScores())); err != nil {
				return err
			}
			to := s.err // beside what other programs read
			if s.format == "table" {
				to = s.out
			}
			for _, line := range seams(args[0], series.GetSeams()) {
				if _, err := fmt.Fprintln(to, clean(line)); err != nil {
					return err
				}
			}
			return nil
		}),
	}
	f.register(c)
	c.Flags().StringVar(&step, "step", "", "minute, quarter-hour, hour, day or week (without, by the length of the window)")
	return c
}

func explainCommand(o *options) *cobra.Command {
	f := &named{}
	var cells bool
	c := &cobra.Command{
		Use:     "explain SCORE…",
		Short:   "Show the arithmetic of scores down to their cells",
		Example: "  touchstone explain recommend.nps -o airport --from 2017-01-01 --to 2018-01-01",
		Args:    cobra.MinimumNArgs(1),
		RunE: o.rpc(func(ctx context.Context, s *session, args []string) error {
			var all []proto.Message
			for _, score := range args {
				ref, err := f.ref(ctx, s, score)
				if err != nil {
					return err
				}
				e, err := s.scores.ExplainScore(ctx, &scorev1.ExplainScoreRequest{Ref: ref})
				if err != nil {
					return err
				}
				all = append(all, e)
				if s.format == "table" {
					if err := s.explain(ctx, e, cells); err != nil {
						return err
					}
				}
			}
			switch s.format {
			case "json":
				return writeJSON(s.out, all)
			case "csv":
				return explainSheet(all).writeCSV(s.out)
			}
			return nil
		}),
	}
	f.register(c)
	c.Flags().BoolVar(&cells, "cells", false, "list every cell, not only the first")
	return c
}
