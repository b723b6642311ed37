package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
)

// selection is the flags that choose scores.
type selection struct {
	period
	touchpoints, scores []string
	stage, journey      string
	channel, team       string
	byStage, byJourney  bool
	byChannel, byTeam   bool
}

func (f *selection) register(c *cobra.Command, closed bool) {
	c.Flags().StringSliceVar(&f.touchpoints, "touchpoint", nil, "only these touchpoints (`id`, repeatable)")
	c.Flags().StringSliceVar(&f.scores, "score", nil, "only these scores: an id or a `pattern` such as 'wait.*' (repeatable; without, one headline score per measure)")
	c.Flags().StringVar(&f.stage, "stage", "", "only this stage (`id`)")
	c.Flags().StringVar(&f.journey, "journey", "", "only this journey (`id`)")
	c.Flags().StringVar(&f.channel, "channel", "", "only this channel (`id`)")
	c.Flags().StringVar(&f.team, "team", "", "only this team (`id`), with the teams below it")
	c.Flags().BoolVar(&f.byStage, "by-stage", false, "also each stage")
	c.Flags().BoolVar(&f.byJourney, "by-journey", false, "also each journey")
	c.Flags().BoolVar(&f.byChannel, "by-channel", false, "also each channel")
	c.Flags().BoolVar(&f.byTeam, "by-team", false, "also each team and each unit of teams")
	c.Flags().StringVar(&f.window, "window", "", windowNames+" (without, 28d)")
	if closed {
		c.Flags().StringVar(&f.from, "from", "", "start, inclusive (`time`)")
		c.Flags().StringVar(&f.to, "to", "", "end, exclusive (`time`)")
	}
}

func (f *selection) filter(ctx context.Context, s *session) (*scorev1.Filter, error) {
	org, err := s.org(ctx)
	if err != nil {
		return nil, err
	}
	w, from, to, err := f.resolve(ctx, s)
	if err != nil {
		return nil, err
	}
	if err := f.declared(ctx, s); err != nil {
		return nil, err
	}
	return &scorev1.Filter{
		Organisation: org, Touchpoints: f.touchpoints, Scores: f.scores, Window: w, From: from, To: to,
		ByStage: f.byStage || f.stage != "", ByJourney: f.byJourney || f.journey != "",
		ByChannel: f.byChannel || f.channel != "", ByTeam: f.byTeam || f.team != "",
		NoOrganisation: len(f.touchpoints) > 0 || f.grouped(),
	}, nil
}

// declared makes sure that what is asked for by itself exists: a list would be silent about what does not.
func (f *selection) declared(ctx context.Context, s *session) error {
	if f.stage == "" && f.journey == "" && f.channel == "" && f.team == "" {
		return nil
	}
	m, err := s.theMap(ctx)
	if err != nil {
		return err
	}
	for _, x := range []struct {
		noun, id string
		ids      []string
	}{
		{"stage", f.stage, ids(m.GetStages())},
		{"journey", f.journey, ids(m.GetJourneys())},
		{"channel", f.channel, ids(m.GetChannels())},
		{"team", f.team, ids(m.GetTeams())},
	} {
		if x.id != "" && len(x.ids) > 0 && !contains(x.ids, x.id) {
			return failed("the map of %s has no %s %q; it has %s", m.GetOrganisation(), x.noun, x.id, list(x.ids))
		}
	}
	return nil
}

func ids[T interface{ GetId() string }](all []T) []string {
	out := make([]string, len(all))
	for i, x := range all {
		out[i] = x.GetId()
	}
	return out
}

// grouped reports whether one stage or one journey is asked for.
func (f *selection) grouped() bool { return f.stage != "" || f.journey != "" }

// wants tells whether a score is of the stage, journey, channel and team asked for; the service's filter has only all or
// none of them.
func (f *selection) wants(s *scorev1.Score) bool {
	scope := s.GetRef().GetScope()
	about := !f.grouped() || len(f.touchpoints) > 0 && scope.GetTouchpoint() != "" ||
		f.stage != "" && scope.GetStage() == f.stage || f.journey != "" && scope.GetJourney() == f.journey
	if f.channel == "" && f.team == "" {
		return about
	}
	return about && (f.channel != "" && scope.GetChannel() == f.channel || f.team != "" && scope.GetTeam() == f.team)
}

func scoresCommand(o *options) *cobra.Command {
	f := &selection{}
	c := &cobra.Command{
		Use:   "scores",
		Short: "Show scores with their intervals",
		Long: `Show scores: value, 95% interval, number of cases, and the bounds of time actually used.
Without --score one headline score per measure is shown. What contains simulated facts is marked.`,
		Example: `  touchstone scores -o airport --from 2017-01-01 --to 2018-01-01 --score 'recommend.*'
  touchstone scores -o telecom --window 24h --touchpoint help_line --by-team
  touchstone scores -o telecom --stage get_help`,
		Args: cobra.NoArgs,
		RunE: o.rpc(func(ctx context.Context, s *session, _ []string) error { return f.show(ctx, s) }),
	}
	f.register(c, true)
	return c
}

func (f *selection) show(ctx context.Context, s *session) error {
	filter, err := f.filter(ctx, s)
	if err != nil {
		return err
	}
	var scores []*scorev1.Score
	for token := ""; ; {
		page, err := s.scores.ListScores(ctx, &scorev1.ListScoresRequest{Filter: filter, PageSize: 1000, PageToken: token})
		if err != nil {
			return err
		}
		for _, score := range page.GetScores() {
			if f.wants(score) {
				scores = append(scores, score)
			}
		}
		if token = page.GetNextPageToken(); token == "" {
			break
		}
	}
	if err := s.emit(scoreSheet(scores, s.zone(ctx)), messages(scores)); err != nil {
		return err
	}
	if len(scores) == 0 {
		fmt.Fprintln(s.err, f.nothing(ctx, s, filter))
	}
	return nil
}

// nothing says why there is nothing to show, and where there would be something.
func (f *selection) nothing(ctx context.Context, s *session, filter *scorev1.Filter) string {
	what := "no scores"
	if len(f.scores) > 0 {
		what = "no scores like " + strings.Join(f.scores, ", ")
	}
	if filter.GetFrom() == nil && filter.GetTo() == nil {
		what += " in the window " + windowName(filter.GetWindow())
	} else {
		what += " in this time"
	}
	all, err := s.scores.GetScore(ctx, &scorev1.GetScoreRequest{Ref: &scorev1.ScoreRef{
		Organisation: filter.GetOrganisation(), Score: "interactions.count", Window: scorev1.Window_WINDOW_ALL,
	}})
	if err != nil || all.GetScore().GetNewestFactAt() == nil {
		return what + " for " + filter.GetOrganisation()
	}
	return what + " for " + filter.GetOrganisation() + "; its newest fact is of " + shortTime(all.GetScore().GetNewestFactAt(), s.zone(ctx)) + " — try --window all"
}

func messages[T proto.Message](list []T) []proto.Message {
	out := make([]proto.Message, len(list))
	for i, m := range list {
		out[i] = m
	}
	return out
}

// say writes a line of prose, which only the table format has room for.
func (s *session) say(w io.Writer, format string, args ...any) error {
	if s.format != "table" {
		return nil
	}
	_, err := fmt.Fprintf(w, format+"\n", args...)
	return err
}
