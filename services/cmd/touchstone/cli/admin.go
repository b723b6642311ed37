package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	adminv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/admin/v1"
)

// facts about one thing: name and value, one a row.
func pairs(rows ...[]cell) *sheet {
	return &sheet{head: []string{"what", "value"}, rows: rows}
}

func pair(name string, c cell) []cell { return []cell{word(name), c} }

func statusCommand(o *options) *cobra.Command {
	var wait time.Duration
	c := &cobra.Command{
		Use:   "status",
		Short: "Show how far facts are counted",
		Args:  cobra.NoArgs,
	}
	c.RunE = o.rpc(func(ctx context.Context, s *session, _ []string) error {
		st, err := s.status(ctx, wait)
		if err != nil {
			return err
		}
		return s.emit(pairs(
			pair("facts", count(st.GetFacts())), pair("cells", count(st.GetCells())),
			pair("position", count(st.GetPosition())), pair("end of the stream", count(st.GetStreamLast())),
			pair("still to count", count(st.GetStreamLast()-min(st.GetPosition(), st.GetStreamLast()))), pair("generation", count(st.GetGeneration())),
			pair("duplicates", count(st.GetDuplicates())), pair("corrections", count(st.GetCorrections())), pair("stale", count(st.GetStale())),
			pair("conflicts", count(st.GetConflicts())), pair("retracted", count(st.GetRetracted())), pair("parked", count(st.GetParked())),
			pair("not countable by the map", count(st.GetUncounted())),
			pair("sealed before", sealedCell(st.GetSealedBefore().AsTime(), st.GetSealedBefore() != nil)), pair("a recount begins at", baseCell(st.GetBase())),
		), []proto.Message{st})
	})
	c.Flags().DurationVar(&wait, "wait", 0, "wait so long for Touchstone to be ready")
	return c
}

// baseCell tells from where facts are counted again: a base that holds what came before, else the stream's beginning.
func baseCell(base uint64) cell {
	if base == 0 {
		return cell{shown: "the beginning", raw: "0"}
	}
	return cell{shown: "the base of message " + count(base).shown, raw: count(base).raw}
}

// status asks until it is answered or the wait is over.
func (s *session) status(ctx context.Context, wait time.Duration) (*adminv1.GetStatusResponse, error) {
	until := time.Now().Add(wait)
	for {
		try, cancel := context.WithTimeout(ctx, 5*time.Second)
		st, err := s.admin.GetStatus(try, &adminv1.GetStatusRequest{})
		cancel()
		code := status.Code(err)
		if err == nil || code != codes.Unavailable && code != codes.DeadlineExceeded && code != codes.Unimplemented || time.Now().After(until) {
			return st, err
		}
		s.conn.ResetConnectBackoff() // a service that is starting is worth asking again at once
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func verifyCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "verify",
		Short: "Count all facts again and compare with the live state",
		Long:  "Count all facts again from the stream, beside the live state, and compare both at one position. Exits with 2 when they differ.",
		Args:  cobra.NoArgs,
		RunE: o.rpc(func(ctx context.Context, s *session, _ []string) error {
			v, err := s.admin.Verify(unhurried(ctx), &adminv1.VerifyRequest{})
			if err != nil {
				return err
			}
			verdict := "equal"
			if !v.GetEqual() {
				verdict = "DIFFERENT"
			}
			t := pairs(pair("live state and recount", word(verdict)), pair("position", count(v.GetPosition())), pair("facts", count(v.GetFacts())),
				pair("cells", count(v.GetCells())), pair("live", word(v.GetLiveHash())), pair("recount", word(v.GetRecountHash())))
			for _, d := range v.GetDifferences() {
				t.add(word("difference"), word(d))
			}
			if err := s.emit(t, []proto.Message{v}); err != nil {
				return err
			}
			if !v.GetEqual() {
				return inPart("the live state differs from the recount: touchstone rebuild replaces it")
			}
			return nil
		}),
	}
}

func rebuildCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "rebuild",
		Short: "Count all facts again and replace the live state",
		Args:  cobra.NoArgs,
		RunE: o.rpc(func(ctx context.Context, s *session, _ []string) error {
			r, err := s.admin.Rebuild(unhurried(ctx), &adminv1.RebuildRequest{})
			if err != nil {
				return err
			}
			return s.emit(pairs(pair("generation", count(r.GetGeneration())), pair("facts", count(r.GetFacts()))), []proto.Message{r})
		}),
	}
}
