package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	adminv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/admin/v1"
)

func trimCommand(o *options) *cobra.Command {
	req := &adminv1.TrimHistoryRequest{}
	c := &cobra.Command{
		Use:   "trim",
		Short: "Seal old history and let its facts go",
		Long: "Seal what happened before a day, in every organisation, and let its facts go. Scores keep what was counted, and nothing can change it any " +
			"more: older facts and corrections are refused as sealed. Without a day it goes by the configured retention, as it does by itself from " +
			"the first of each month. A call that was cut off is completed by the same call.",
		Args: cobra.NoArgs,
		RunE: o.rpc(func(ctx context.Context, s *session, _ []string) error {
			if s.organisation != "" {
				return failed("history is sealed in every organisation at once: leave out -o")
			}
			r, err := s.admin.TrimHistory(unhurried(ctx), req)
			if err != nil {
				return err
			}
			let, begins := "facts let go", "the stream begins at"
			if req.GetDryRun() {
				let, begins = "facts to let go", "the stream would begin at"
			}
			return s.emit(pairs(pair("sealed before", sealedCell(r.GetSealedBefore().AsTime(), r.GetSealedBefore() != nil)), pair(let, count(r.GetFacts())),
				pair(begins, count(r.GetFirstSequence())), pair("messages", count(r.GetMessages()))), []proto.Message{r})
		}),
	}
	c.Flags().StringVar(&req.Before, "before", "", "seal what happened before this `day`, as 2024-10-01, at least a month ago")
	c.Flags().BoolVar(&req.DryRun, "dry-run", false, "only say what would be done")
	return c
}

// sealedCell shows a time before which history is sealed.
func sealedCell(t time.Time, any bool) cell {
	if !any {
		return word("nothing")
	}
	return cell{shown: t.UTC().Format("2006-01-02 15:04 UTC"), raw: t.UTC().Format(time.RFC3339)}
}
