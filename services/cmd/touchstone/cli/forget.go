package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
)

// forgetPatience is how long all recorded facts may be looked through. What is not done by then a repeated call completes.
const forgetPatience = time.Hour

func forgetCommand(o *options) *cobra.Command {
	var reason string
	var yes bool
	c := &cobra.Command{
		Use:   "forget CUSTOMER --reason WHY",
		Short: "Take a customer out of all scores, and make their texts unreadable",
		Long: `Take every fact about a customer out of all scores, as if it had never been, and delete the key by which their notes and
comments can be read: nobody reads them any more, in old copies and backups either. This cannot be undone. CUSTOMER is the
id by which publishers name them; where sources name them differently, forget each name.

What remains is a keyed hash beside what was measured, counted nowhere. A source that sends a fact again finds it taken
back; facts that it sends later under new ids are new. A backup from before brings facts back without their texts: after
restoring one, forget again. A forgetting that was cut off is completed by the same command.`,
		Example: `  touchstone forget -o telecom 4915112345 --reason "erasure request 4711"`,
		Args:    cobra.ExactArgs(1),
	}
	c.RunE = o.rpc(func(ctx context.Context, s *session, args []string) error {
		org, err := s.org(ctx)
		if err != nil {
			return err
		}
		if reason == "" {
			return failed("say why with --reason, such as the number of their request; it is kept, so it must not name them")
		}
		if !yes && !s.confirm(fmt.Sprintf("forget this customer in %s for ever?", org)) {
			return failed("nothing was forgotten")
		}
		ctx, cancel := context.WithTimeout(ctx, forgetPatience)
		defer cancel()
		r, err := ingestv1.NewPersonServiceClient(s.conn).ForgetCustomer(ctx, &ingestv1.ForgetCustomerRequest{Organisation: org, CustomerId: args[0], Reason: reason})
		if err != nil {
			return err
		}
		if s.format != "table" {
			t := &sheet{head: []string{"facts", "key deleted", "position", "done at"}}
			t.add(count(r.GetFacts()), word(fmt.Sprint(r.GetKeyDeleted())), count(r.GetPosition()), word(rawTime(r.GetDoneAt())))
			return s.emit(t, []proto.Message{r})
		}
		switch {
		case r.GetFacts() == 0 && !r.GetKeyDeleted():
			return s.say(s.out, "nothing of this customer counts in %s: they are forgotten already, or it is not the id by which publishers name them", org)
		case !r.GetKeyDeleted():
			return s.say(s.out, "%s facts are taken back; there were no texts", thousands(fmt.Sprint(r.GetFacts())))
		default:
			return s.say(s.out, "%s facts are taken back, and what the customer wrote can be read by nobody any more", thousands(fmt.Sprint(r.GetFacts())))
		}
	})
	c.Flags().StringVar(&reason, "reason", "", "why, for the log (`text` that does not name the customer)")
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return c
}
