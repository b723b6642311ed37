package cli

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	adminv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/admin/v1"
	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
)

func refusedSheet(list []*ingestv1.RefusedFact, zone *time.Location) *sheet {
	t := &sheet{head: []string{"refused at", "source", "id", "reason", "field", "what is wrong", "what to do"}}
	for _, r := range list {
		f := r.GetRefusal()
		t.add(timeCell(r.GetRefusedAt(), zone), word(r.GetSource()), word(r.GetId()), word(strings.ToLower(strings.TrimPrefix(f.GetReason().String(), "REASON_"))),
			word(f.GetField()), word(f.GetMessage()), word(f.GetRemedy()))
	}
	return t
}

func refusedCommand(o *options) *cobra.Command {
	var limit int32
	var id string
	c := &cobra.Command{
		Use:   "refused [SOURCE]",
		Short: "List the last refusals, with what to do about them",
		Args:  cobra.MaximumNArgs(1),
	}
	c.RunE = o.rpc(func(ctx context.Context, s *session, args []string) error {
		org, err := s.org(ctx)
		if err != nil {
			return err
		}
		req := &adminv1.ListRefusedRequest{Organisation: org, Limit: limit, Id: id}
		if len(args) > 0 {
			req.Source = args[0]
		}
		list, err := s.admin.ListRefused(ctx, req)
		if err != nil {
			return err
		}
		if len(list.GetRefused()) == 0 {
			if err := s.say(s.err, "nothing was refused for %s", org); err != nil {
				return err
			}
		}
		return s.emit(refusedSheet(list.GetRefused(), s.zone(ctx)), messages(list.GetRefused()))
	})
	c.Flags().Int32Var(&limit, "limit", 0, "at most so many, 1 to 1000 (without, 50)")
	c.Flags().StringVar(&id, "id", "", "only this fact (`id`)")
	return c
}
