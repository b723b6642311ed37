package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	surveyv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/survey/v1"
)

func surveyCommand(o *options) *cobra.Command {
	c := &cobra.Command{
		Use:   "survey",
		Short: "See and steer surveys: who is asked, why not, what is to be done",
		Long: `Surveys are part of the map: apply one whose state is active, and its people are asked. These commands show what was decided
and why, ask one person, stop all sending at once, and list the bad answers on which something is to be done.`,
	}
	c.AddCommand(
		surveyList(o), surveyWhy(o), surveyDecide(o), surveyInvite(o), surveyPrefer(o), surveyStop(o, true), surveyStop(o, false),
		surveyRelease(o), surveyAudience(o),
		surveyTodo(o), surveyDone(o), surveyHealth(o),
	)
	return c
}

func (s *session) surveys() surveyv1.SurveyServiceClient {
	return surveyv1.NewSurveyServiceClient(s.conn)
}

func surveyList(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the surveys of the map with what became of them, and how sending stands", Example: "  touchstone survey list -o telecom", Args: cobra.NoArgs,
		RunE: o.rpc(func(ctx context.Context, s *session, _ []string) error {
			org, err := s.org(ctx)
			if err != nil {
				return err
			}
			r, err := s.surveys().ListSurveys(ctx, &surveyv1.ListSurveysRequest{Organisation: org})
			if err != nil {
				return err
			}
			if len(r.GetSurveys()) == 0 && s.format == "table" {
				return s.say(s.err, "the map of %s has no surveys", org)
			}
			t := &sheet{head: []string{"survey", "name", "state", "waiting", "sent", "completed", "held because"}}
			for _, x := range r.GetSurveys() {
				t.add(word(x.GetSurvey().GetId()), word(x.GetSurvey().GetName()), word(or(short(x.GetSurvey().GetState().String(), "SURVEY_STATE_"), "draft")),
					count(x.GetQueued()), count(x.GetSent()), count(x.GetCompleted()), word(x.GetHeld()))
			}
			if err := s.emit(t, messages(r.GetSurveys())); err != nil || s.format != "table" {
				return err
			}
			send, err := s.surveys().GetSending(ctx, &surveyv1.GetSendingRequest{Organisation: org})
			if err != nil {
				return err
			}
			return s.sending(send)
		}),
	}
}

// sending tells how sending stands.
func (s *session) sending(r *surveyv1.GetSendingResponse) error {
	where := "messages are sent"
	switch {
	case r.GetStopped() != "":
		where = "nothing is sent: " + r.GetStopped()
	case !r.GetOn():
		where = "messages go to the outbox folder"
	}
	for _, wave := range r.GetHeldWaves() {
		if err := s.say(s.out, "the wave %s waits for a look at its first invitations: touchstone survey release %s", wave, wave); err != nil {
			return err
		}
	}
	return s.say(s.out, "%s; %d wait, %d of at most %d left today", where, r.GetQueued(), r.GetToday(), r.GetDailyCap())
}

// short is the name of an enum's value as people write it; empty for the unspecified.
func short(name, prefix string) string {
	if name = strings.TrimPrefix(name, prefix); name == "UNSPECIFIED" {
		return ""
	}
	return strings.ReplaceAll(strings.ToLower(name), "_", "-")
}

func decisionSheet(all []*surveyv1.Decision, zone *time.Location) *sheet {
	t := &sheet{head: []string{"decided", "survey", "touchpoint", "state", "gate", "due", "channel", "why", "invitation"}}
	for _, d := range all {
		t.add(timeCell(d.GetDecidedAt(), zone), word(d.GetSurvey()), word(d.GetTouchpoint()), word(short(d.GetState().String(), "INVITATION_STATE_")), word(short(d.GetGate().String(), "GATE_")),
			timeCell(d.GetDueAt(), zone), word(short(d.GetChannel().String(), "SURVEY_CHANNEL_")), word(d.GetReason()), word(d.GetInvitation()))
	}
	return t
}

func surveyWhy(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "why CUSTOMER", Short: "Tell every decision about asking one customer, newest first", Example: "  touchstone survey why -o telecom c-4711", Args: cobra.ExactArgs(1),
		RunE: o.rpc(func(ctx context.Context, s *session, args []string) error {
			org, err := s.org(ctx)
			if err != nil {
				return err
			}
			r, err := s.surveys().ExplainCustomer(ctx, &surveyv1.ExplainCustomerRequest{Organisation: org, CustomerId: args[0]})
			if err != nil {
				return err
			}
			if s.format != "table" {
				return s.emit(decisionSheet(r.GetDecisions(), s.zone(ctx)), []proto.Message{r})
			}
			switch {
			case r.GetOptedOut():
				err = s.say(s.out, "they asked not to be asked")
			case r.GetFreeAt() != nil:
				err = s.say(s.out, "the clocks over all surveys let them be asked again from %s", shortTime(r.GetFreeAt(), s.zone(ctx)))
			case len(r.GetDecisions()) == 0:
				return s.say(s.out, "nothing was decided about them yet")
			}
			if err != nil {
				return err
			}
			return decisionSheet(r.GetDecisions(), s.zone(ctx)).write(s.out)
		}),
	}
}

func surveyDecide(o *options) *cobra.Command {
	var x factv1.Interaction
	var customer, email, phone string
	c := &cobra.Command{
		Use: "decide [SURVEY]", Short: "Say what would be decided now about asking one customer; nothing changes",
		Example: "  touchstone survey decide help -o telecom --customer c-4711 --touchpoint call --email someone@example.com", Args: cobra.MaximumNArgs(1),
	}
	c.RunE = o.rpc(func(ctx context.Context, s *session, args []string) error {
		org, err := s.org(ctx)
		if err != nil {
			return err
		}
		req := &surveyv1.DecideRequest{Organisation: org, CustomerId: customer}
		if len(args) > 0 {
			req.Survey = args[0]
		}
		if (email != "" || phone != "" || x.GetOutcome() != "") && x.GetTouchpoint() == "" {
			return failed("name with --touchpoint where the interaction would be")
		}
		if x.GetTouchpoint() != "" {
			x.Contact, x.OccurredAt, req.Interaction = contactOf(email, phone), timestamppb.Now(), &x
		}
		r, err := s.surveys().Decide(ctx, req)
		if err != nil {
			return err
		}
		if len(r.GetDecisions()) == 0 && s.format == "table" {
			return s.say(s.out, "no active survey asks after this")
		}
		return s.emit(decisionSheet(r.GetDecisions(), s.zone(ctx)), messages(r.GetDecisions()))
	})
	c.Flags().StringVar(&customer, "customer", "", "the customer (`id`)")
	c.Flags().StringVar(&x.Touchpoint, "touchpoint", "", "as if an interaction happened now at this touchpoint (`id`)")
	c.Flags().StringVar(&x.Outcome, "outcome", "", "that ended so (`id`)")
	c.Flags().StringVar(&email, "email", "", "with this `address` to reach them")
	c.Flags().StringVar(&phone, "phone", "", "with this `number` to reach them")
	return c
}

func contactOf(email, phone string) *factv1.Contact {
	if email == "" && phone == "" {
		return nil
	}
	return &factv1.Contact{Email: email, Phone: phone}
}

func surveyInvite(o *options) *cobra.Command {
	var email, phone, interaction string
	c := &cobra.Command{
		Use: "invite SURVEY CUSTOMER", Short: "Ask one customer now, past the sample and through every other gate",
		Example: "  touchstone survey invite help c-4711 -o telecom --email someone@example.com", Args: cobra.ExactArgs(2),
	}
	c.RunE = o.rpc(func(ctx context.Context, s *session, args []string) error {
		org, err := s.org(ctx)
		if err != nil {
			return err
		}
		req := &surveyv1.InviteRequest{Organisation: org, Survey: args[0], CustomerId: args[1], Contact: contactOf(email, phone)}
		if interaction != "" {
			req.Interaction = interactionOf(interaction)
		}
		r, err := s.surveys().Invite(ctx, req)
		if err != nil {
			return err
		}
		if err := s.emit(decisionSheet([]*surveyv1.Decision{r.GetDecision()}, s.zone(ctx)), []proto.Message{r}); err != nil || r.GetLink() == "" || s.format != "table" {
			return err
		}
		return s.say(s.out, "%s", r.GetLink())
	})
	c.Flags().StringVar(&email, "email", "", "`address` to reach them")
	c.Flags().StringVar(&phone, "phone", "", "`number` to reach them")
	c.Flags().StringVar(&interaction, "interaction", "", "the interaction asked about, as `source/id`")
	return c
}

func surveyPrefer(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "prefer CUSTOMER in|out", Short: "Record that a customer wants, or no longer wants, to be asked", Example: "  touchstone survey prefer c-4711 out -o telecom", Args: cobra.ExactArgs(2),
		RunE: o.rpc(func(ctx context.Context, s *session, args []string) error {
			want, ok := map[string]surveyv1.Preference{"in": surveyv1.Preference_PREFERENCE_OPTED_IN, "out": surveyv1.Preference_PREFERENCE_OPTED_OUT}[args[1]]
			if !ok {
				return failed("a customer is asked (in) or not (out), not %q", args[1])
			}
			org, err := s.org(ctx)
			if err != nil {
				return err
			}
			if _, err := s.surveys().SetPreference(ctx, &surveyv1.SetPreferenceRequest{Organisation: org, CustomerId: args[0], Preference: want}); err != nil {
				return err
			}
			return s.say(s.out, "recorded: %s", map[string]string{"in": "they may be asked", "out": "they are not asked any more"}[args[1]])
		}),
	}
}

func surveyStop(o *options, stop bool) *cobra.Command {
	c := &cobra.Command{Use: "resume", Short: "Let sending go on", Args: cobra.NoArgs}
	if stop {
		c.Use, c.Short = "stop", "Stop all sending at once; what is due waits"
	}
	c.RunE = o.rpc(func(ctx context.Context, s *session, _ []string) error {
		org, err := s.org(ctx)
		if err != nil {
			return err
		}
		r, err := s.surveys().SetSending(ctx, &surveyv1.SetSendingRequest{Organisation: org, Stop: stop})
		if err != nil {
			return err
		}
		if s.format != "table" {
			return s.emit(&sheet{head: []string{"stopped"}, rows: [][]cell{{word(r.GetSending().GetStopped())}}}, []proto.Message{r.GetSending()})
		}
		return s.sending(r.GetSending())
	})
	return c
}

func surveyTodo(o *options) *cobra.Command {
	var owner string
	var done bool
	c := &cobra.Command{
		Use: "todo", Short: "List bad answers on which something is to be done, by due time", Example: "  touchstone survey todo -o telecom --owner care_shift_lead", Args: cobra.NoArgs,
	}
	c.RunE = o.rpc(func(ctx context.Context, s *session, _ []string) error {
		org, err := s.org(ctx)
		if err != nil {
			return err
		}
		var all []*surveyv1.Todo
		for token := ""; ; {
			page, err := s.surveys().ListTodo(ctx, &surveyv1.ListTodoRequest{Organisation: org, Owner: owner, Done: done, PageSize: 1000, PageToken: token})
			if err != nil {
				return err
			}
			all = append(all, page.GetTodo()...)
			if token = page.GetNextPageToken(); token == "" {
				break
			}
		}
		if len(all) == 0 && s.format == "table" {
			return s.say(s.err, "nothing is to be done in %s", org)
		}
		return s.emit(todoSheet(all, s.zone(ctx)), messages(all))
	})
	c.Flags().StringVar(&owner, "owner", "", "only of this `role`")
	c.Flags().BoolVar(&done, "done", false, "also what was done")
	return c
}

func todoSheet(all []*surveyv1.Todo, zone *time.Location) *sheet {
	t := &sheet{head: []string{"due", "owner", "touchpoint", "question", "answer", "action", "done", "what was done", "id"}}
	for _, x := range all {
		t.add(timeCell(x.GetDueAt(), zone), word(x.GetOwner()), word(x.GetTouchpoint()), word(x.GetGiven().GetQuestion()), word(strings.Trim(fmt.Sprint(x.GetGiven().GetValues()), "[]")),
			word(x.GetAction()), timeCell(x.GetDoneAt(), zone), word(x.GetDone()), word(x.GetId()))
	}
	return t
}

func surveyDone(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "done ID WHAT", Short: "Record what was done about a bad answer, without naming the customer",
		Example: `  touchstone survey done 5d41402abc4b2a76b9719d911017c592:call_back "called, and credited the fee" -o telecom`, Args: cobra.ExactArgs(2),
		RunE: o.rpc(func(ctx context.Context, s *session, args []string) error {
			org, err := s.org(ctx)
			if err != nil {
				return err
			}
			r, err := s.surveys().DoneTodo(ctx, &surveyv1.DoneTodoRequest{Organisation: org, Id: args[0], Done: args[1]})
			if err != nil {
				return err
			}
			return s.emit(todoSheet([]*surveyv1.Todo{r.GetTodo()}, s.zone(ctx)), []proto.Message{r.GetTodo()})
		}),
	}
}

func surveyHealth(o *options) *cobra.Command {
	var days uint32
	c := &cobra.Command{
		Use: "health [SURVEY]", Short: "Tell how the programme does: decided, sent, answered, and where people stop",
		Long: `Rates are over what was delivered, by AAPOR's names: RR1 counts complete responses, RR2 complete and partial ones. Responses
are counted on the day (UTC) on which it was decided to ask.`,
		Example: "  touchstone survey health help -o telecom --days 90", Args: cobra.MaximumNArgs(1),
	}
	c.RunE = o.rpc(func(ctx context.Context, s *session, args []string) error {
		org, err := s.org(ctx)
		if err != nil {
			return err
		}
		req := &surveyv1.GetHealthRequest{Organisation: org, Days: days}
		if len(args) > 0 {
			req.Survey = args[0]
		}
		r, err := s.surveys().GetHealth(ctx, req)
		if err != nil {
			return err
		}
		return s.emit(healthSheet(r), []proto.Message{r})
	})
	c.Flags().Uint32Var(&days, "days", 28, "`number` of days until today")
	return c
}

func healthSheet(r *surveyv1.GetHealthResponse) *sheet {
	t := &sheet{head: []string{"what", "n", "of", "%", "95% from", "to"}}
	n := func(what string, n uint64) { t.add(word(what), count(n), word(""), word(""), word(""), word("")) }
	rate := func(what string, x *surveyv1.Rate) {
		percent := func(v float64) cell {
			if x.Value == nil {
				return word("")
			}
			return number(fmt.Sprintf("%.1f", v), fmt.Sprint(v))
		}
		t.add(word(what), count(x.GetCases()), count(x.GetOf()), percent(x.GetValue()), percent(x.GetLow()), percent(x.GetHigh()))
	}
	for _, g := range r.GetDecided() {
		if g.GetGate() == surveyv1.Gate_GATE_UNSPECIFIED {
			n("asked", g.GetN())
		} else {
			n("not asked: "+short(g.GetGate().String(), "GATE_"), g.GetN())
		}
	}
	n("sent", r.GetSent())
	n("delivered", r.GetDelivered())
	rate("RR1, complete", r.GetRr1())
	rate("RR2, complete or partial", r.GetRr2())
	rate("complete of started", r.GetCompletion())
	for _, x := range r.GetByLanguage() {
		rate("RR2 in "+x.GetName(), x.GetRate())
	}
	for _, x := range r.GetByEarlier() {
		rate("RR2 after "+x.GetName()+" invitations", x.GetRate())
	}
	for _, x := range r.GetDropOff() {
		n("stopped at "+x.GetQuestion(), x.GetN())
	}
	rate("bad answers acted on in time", r.GetAction())
	return t
}
