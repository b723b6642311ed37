package cli

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
)

func agentsCommand(o *options) *cobra.Command {
	var p period
	var agent string
	sc := &scorev1.Scope{}
	c := &cobra.Command{
		Use:   "agents SCORE",
		Short: "Show a score of single agents: one's own, or of a team that one leads",
		Long: `Show a score of single agents, where the map keeps them: with a key of the role agent, one's own or those of the teams that
its holder leads. Each value is drawn towards the team's by as much as it is uncertain: "own" is the weight of the agent's
own cases. Windows are of whole days and 28 of them or more, nobody with fewer than 10 cases is shown, and agents come in the
order of their pseudonyms. Every read is kept in the audit.`,
		Example: `  touchstone agents satisfied.mean --key @my-key
  touchstone agents wait.mean --team north --window 13w --key @leader`,
		Args: cobra.ExactArgs(1),
	}
	c.RunE = o.rpc(func(ctx context.Context, s *session, args []string) error {
		org, err := s.org(ctx)
		if err != nil {
			return err
		}
		w, from, to, err := p.resolve(ctx, s)
		if err != nil {
			return err
		}
		resp, err := scorev1.NewAgentServiceClient(s.conn).GetAgentScores(ctx, &scorev1.GetAgentScoresRequest{
			Ref: &scorev1.ScoreRef{Organisation: org, Score: args[0], Scope: sc, Window: w, From: from, To: to}, Agent: agent,
		})
		if err != nil {
			return err
		}
		return s.emit(agentSheet(resp), []proto.Message{resp})
	})
	c.Flags().StringVar(&agent, "agent", "", "only this agent, by the source's `id`")
	c.Flags().StringVar(&sc.Team, "team", "", "only what was handled in this team (`id`) or below it")
	c.Flags().StringVar(&sc.Touchpoint, "touchpoint", "", "only at this touchpoint (`id`)")
	c.Flags().StringVar(&sc.Stage, "stage", "", "only in this stage (`id`)")
	c.Flags().StringVar(&sc.Journey, "journey", "", "only in this journey (`id`)")
	c.Flags().StringVar(&p.window, "window", "", "28d, 13w or all (without, 28d)")
	c.Flags().StringVar(&p.from, "from", "", "start, inclusive (`day`)")
	c.Flags().StringVar(&p.to, "to", "", "end, exclusive (`day`)")
	return c
}

// agentSheet lists agents, and below them their team.
func agentSheet(r *scorev1.GetAgentScoresResponse) *sheet {
	t := &sheet{head: []string{"agent", "team", "value", "unit", "95% interval", "low", "high", "n", "own", "suppressed"}}
	row := func(agent, team string, v *float64, unit string, i *scorev1.Interval, n int64, own *float64, why string) {
		shown, low, high, weight := number("–", ""), number("", ""), number("", ""), number("", "")
		if v != nil {
			shown = number(value(*v, unit), strconv.FormatFloat(*v, 'g', -1, 64))
		}
		if i != nil {
			low, high = float(&i.Low), float(&i.High)
		}
		if own != nil {
			weight = number(fmt.Sprintf("%.0f%%", 100**own), strconv.FormatFloat(*own, 'g', -1, 64))
		}
		t.add(word(agent), word(team), shown, hidden(word(unit)), cell{shown: interval(i)}, hidden(low), hidden(high), count(n), weight, word(why))
	}
	for _, a := range r.GetAgents() {
		var own *float64
		if a.Value != nil {
			own = &a.OwnWeight
		}
		row(a.GetAgent(), a.GetTeam(), a.Value, a.GetUnit(), a.GetInterval(), a.GetN(), own, a.GetSuppressed())
	}
	if x := r.GetTeam(); x != nil {
		row("all of them", x.GetRef().GetScope().GetTeam(), x.Value, x.GetUnit(), x.GetInterval(), x.GetN(), nil, x.GetSuppressed())
	}
	return t
}
