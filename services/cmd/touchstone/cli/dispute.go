package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
)

func contestCommand(o *options) *cobra.Command {
	var reason, as, interaction string
	c := &cobra.Command{
		Use:   "contest KIND/SOURCE/ID --as ROLE --reason WHY",
		Short: "Contest a fact, so that another person rules whether it counts",
		Long: `Contest an interaction, an answer or an observation as a role that answers for its touchpoint: its functional or operational
owner, the owner of a step, or the programme's. It goes on to count until another person rules on it; meanwhile each score it
is in says so, with the value that it would have without it. A settled dispute is opened again the same way.

The reason is kept for as long as the log: say it without naming the customer. A key of the role owner says who contests.`,
		Example: `  touchstone contest -o telecom interaction/demo/call-1 --as care_floor_manager --reason "the line was down for a test"
  touchstone contest -o telecom answer/survey/a-17 --interaction demo/call-1 --as head_of_care --reason "meant for the shop"`,
		Args: cobra.ExactArgs(1),
	}
	c.RunE = o.rpc(func(ctx context.Context, s *session, args []string) error {
		org, err := s.org(ctx)
		if err != nil {
			return err
		}
		parts := strings.SplitN(args[0], "/", 3)
		if len(parts) != 3 {
			return failed("name the fact as KIND/SOURCE/ID, such as interaction/demo/call-1, not %q", args[0])
		}
		kind, err := kindOf(parts[0])
		if err != nil || kind == 0 {
			return failed("a fact is an interaction, an answer or an observation, not %q", parts[0])
		}
		if as == "" || reason == "" {
			return failed("say as which role with --as and why with --reason, without naming the customer")
		}
		r, err := s.disputes().ContestFact(ctx, &scorev1.ContestFactRequest{
			Organisation: org, Kind: kind, Source: parts[1], Id: parts[2], Interaction: interactionOf(interaction), Reason: reason, Owner: as,
		})
		if err != nil {
			return err
		}
		return s.disputed(ctx, r.GetDispute(), "contested: it counts until another person rules on it with touchstone rule %s", r.GetDispute().GetId())
	})
	c.Flags().StringVar(&as, "as", "", "`role` of the map that contests it")
	c.Flags().StringVar(&reason, "reason", "", "why, in a sentence (`text` that does not name the customer)")
	c.Flags().StringVar(&interaction, "interaction", "", "of an answer: the `id` of the interaction it is about, or source/id")
	return c
}

func ruleCommand(o *options) *cobra.Command {
	var reason string
	c := &cobra.Command{
		Use:   "rule ID counted|excluded --reason WHY",
		Short: "Rule whether a contested fact counts",
		Long: `Rule on a dispute that somebody else raised. Counted, the fact counts as any other; excluded, it is left out of every score,
and the scores that it would be in say so with both values.`,
		Example: `  touchstone rule -o telecom 5d41402abc4b2a76b9719d911017c592 excluded --reason "the test is in the log of changes"`,
		Args:    cobra.ExactArgs(2),
	}
	c.RunE = o.rpc(func(ctx context.Context, s *session, args []string) error {
		org, err := s.org(ctx)
		if err != nil {
			return err
		}
		ruling, ok := map[string]factv1.Ruling{"counted": factv1.Ruling_RULING_COUNTED, "excluded": factv1.Ruling_RULING_EXCLUDED}[args[1]]
		if !ok {
			return failed("a ruling is counted or excluded, not %q", args[1])
		}
		if reason == "" {
			return failed("say why with --reason, without naming the customer")
		}
		if len(args[0]) != 32 || strings.Trim(args[0], "0123456789abcdef") != "" {
			return failed("a dispute is named by the 32 digits that touchstone disputes lists, not %q", args[0])
		}
		r, err := s.disputes().RuleDispute(ctx, &scorev1.RuleDisputeRequest{Organisation: org, Id: args[0], Ruling: ruling, Reason: reason})
		if err != nil {
			return err
		}
		return s.disputed(ctx, r.GetDispute(), "ruled: %s", map[bool]string{true: "it is left out of every score", false: "it counts"}[ruling == factv1.Ruling_RULING_EXCLUDED])
	})
	c.Flags().StringVar(&reason, "reason", "", "why, in a sentence (`text` that does not name the customer)")
	return c
}

func disputesCommand(o *options) *cobra.Command {
	var open bool
	var touchpoint string
	c := &cobra.Command{
		Use:     "disputes",
		Short:   "List contested facts and what was ruled on them, newest first",
		Example: "  touchstone disputes -o telecom --open",
		Args:    cobra.NoArgs,
	}
	c.RunE = o.rpc(func(ctx context.Context, s *session, _ []string) error {
		org, err := s.org(ctx)
		if err != nil {
			return err
		}
		var all []*scorev1.Dispute
		for token := ""; ; {
			page, err := s.disputes().ListDisputes(ctx, &scorev1.ListDisputesRequest{Organisation: org, Open: open, Touchpoint: touchpoint, PageToken: token})
			if err != nil {
				return err
			}
			all = append(all, page.GetDisputes()...)
			if token = page.GetNextPageToken(); token == "" {
				break
			}
		}
		if len(all) == 0 && s.format == "table" {
			return s.say(s.err, "nothing is contested in %s", org)
		}
		return s.emit(disputeSheet(all, s.zone(ctx)), messages(all))
	})
	c.Flags().BoolVar(&open, "open", false, "only those without a ruling")
	c.Flags().StringVar(&touchpoint, "touchpoint", "", "only those at this touchpoint (`id`)")
	return c
}

func (s *session) disputes() scorev1.DisputeServiceClient {
	return scorev1.NewDisputeServiceClient(s.conn)
}

// disputed tells of one dispute: what became of it, and what it moves.
func (s *session) disputed(ctx context.Context, d *scorev1.Dispute, format string, args ...any) error {
	if s.format != "table" {
		return s.emit(disputeSheet([]*scorev1.Dispute{d}, s.zone(ctx)), []proto.Message{d})
	}
	if err := s.say(s.out, format, args...); err != nil {
		return err
	}
	return effects(d.GetEffects()).write(s.out)
}

func effects(all []*scorev1.Effect) *sheet {
	t := &sheet{head: []string{"  score", "scope", "without it", "", "with it", "n without", "n with"}}
	for _, f := range all {
		b, a := f.GetBefore(), f.GetAfter()
		t.add(word("  "+a.GetRef().GetScore()), word(scope(a.GetRef().GetScope())), number(optional(b.Value, b.GetUnit()), ""), word("→"),
			number(optional(a.Value, a.GetUnit()), ""), count(b.GetN()), count(a.GetN()))
	}
	return t
}

func disputeSheet(all []*scorev1.Dispute, zone *time.Location) *sheet {
	t := &sheet{head: []string{"id", "ruling", "fact", "about", "touchpoint", "at", "contested by", "on", "reason", "ruled on", "ruling reason"}}
	on := func(ms int64) cell {
		if ms == 0 {
			return word("")
		}
		at := time.UnixMilli(ms)
		return cell{shown: at.In(zone).Format(time.DateOnly), raw: at.UTC().Format(time.RFC3339)}
	}
	for _, d := range all {
		x, about := d.GetSaid(), ""
		if x.GetAboutId() != "" {
			about = x.GetAboutSource() + "/" + x.GetAboutId()
		}
		t.add(word(d.GetId()), word(rulingName(x.GetRuling())), word(kindName(x.GetKind())+"/"+x.GetSource()+"/"+x.GetId()), word(about), word(d.GetTouchpoint()), timeCell(d.GetAt(), zone),
			word(x.GetOwner()), on(x.GetRaisedAtMs()), word(x.GetReason()), on(x.GetRuledAtMs()), word(x.GetRulingReason()))
	}
	return t
}

func rulingName(r factv1.Ruling) string {
	switch r {
	case factv1.Ruling_RULING_COUNTED:
		return "counted"
	case factv1.Ruling_RULING_EXCLUDED:
		return "excluded"
	}
	return "open"
}

// marks is what people must know of a score beside its value.
func marks(s *scorev1.Score) string {
	parts := []string{}
	if m := simulated(s); m != "" {
		parts = append(parts, m)
	}
	c := s.GetContested()
	if c.GetOpen() > 0 {
		parts = append(parts, fmt.Sprintf("%d contested", c.GetOpen()))
	}
	if c.GetExcluded() > 0 {
		parts = append(parts, fmt.Sprintf("%d ruled out", c.GetExcluded()))
	}
	if c != nil && (c.WithAll != nil || c.WithoutAll != nil) {
		parts = append(parts, fmt.Sprintf("%s with all, %s without", optional(c.WithAll, s.GetUnit()), optional(c.WithoutAll, s.GetUnit())))
	}
	return strings.Join(parts, ", ")
}

func withAll(s *scorev1.Score) *float64 {
	if c := s.GetContested(); c != nil {
		return c.WithAll
	}
	return nil
}

func withoutAll(s *scorev1.Score) *float64 {
	if c := s.GetContested(); c != nil {
		return c.WithoutAll
	}
	return nil
}
