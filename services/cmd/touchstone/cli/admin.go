package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	adminv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/admin/v1"
	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
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
		), []proto.Message{st})
	})
	c.Flags().DurationVar(&wait, "wait", 0, "wait so long for Touchstone to be ready")
	return c
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

func keysCommand(o *options) *cobra.Command {
	c := &cobra.Command{Use: "keys", Short: "Create, list and revoke keys"}
	var source string
	roles := map[string]adminv1.KeyRole{"reader": adminv1.KeyRole_KEY_ROLE_READER, "source": adminv1.KeyRole_KEY_ROLE_SOURCE, "admin": adminv1.KeyRole_KEY_ROLE_ADMIN}
	create := &cobra.Command{
		Use:   "create ROLE",
		Short: "Create a key: reader, source or admin",
		Long: `Create a key and print it once: only its hash is kept. A reader reads one organisation; a source publishes as one source of
one organisation; an admin does everything, in one organisation with -o, else in all.`,
		Example: "  touchstone keys create source --source genesys -o telecom",
		Args:    cobra.ExactArgs(1),
	}
	create.RunE = o.rpc(func(ctx context.Context, s *session, args []string) error {
		role, ok := roles[args[0]]
		if !ok {
			return failed("a role is reader, source or admin, not %q", args[0])
		}
		if role == adminv1.KeyRole_KEY_ROLE_SOURCE && source == "" {
			return failed("a source key needs --source, the id it publishes as")
		}
		org := or(s.organisation, environment("TOUCHSTONE_ORGANISATION"))
		if org == "" && role != adminv1.KeyRole_KEY_ROLE_ADMIN {
			var err error
			if org, err = s.org(ctx); err != nil {
				return err
			}
		}
		k, err := s.admin.CreateKey(ctx, &adminv1.CreateKeyRequest{Role: role, Organisation: org, Source: source})
		if err != nil {
			return err
		}
		if err := s.say(s.err, "key %s, %s of %s; it is shown this once:", k.GetKey().GetId(), args[0], or(k.GetKey().GetOrganisation(), "all organisations")); err != nil {
			return err
		}
		if s.format == "table" {
			_, err = fmt.Fprintln(s.out, k.GetToken())
			return err
		}
		t := keySheet([]*adminv1.Key{k.GetKey()})
		t.head = append(t.head, "token")
		t.rows[0] = append(t.rows[0], word(k.GetToken()))
		return s.emit(t, []proto.Message{k})
	})
	create.Flags().StringVar(&source, "source", "", "source the key publishes as (`id`)")
	c.AddCommand(create, &cobra.Command{
		Use: "list", Short: "List keys, without their secrets", Args: cobra.NoArgs,
		RunE: o.rpc(func(ctx context.Context, s *session, _ []string) error {
			k, err := s.admin.ListKeys(ctx, &adminv1.ListKeysRequest{})
			if err != nil {
				return err
			}
			return s.emit(keySheet(k.GetKeys()), messages(k.GetKeys()))
		}),
	}, &cobra.Command{
		Use: "revoke ID", Short: "End a key at once", Args: cobra.ExactArgs(1),
		RunE: o.rpc(func(ctx context.Context, s *session, args []string) error {
			if _, err := s.admin.RevokeKey(ctx, &adminv1.RevokeKeyRequest{Id: args[0]}); err != nil {
				return err
			}
			return s.say(s.out, "key %s is revoked", args[0])
		}),
	})
	return c
}

func keySheet(keys []*adminv1.Key) *sheet {
	t := &sheet{head: []string{"id", "role", "organisation", "source", "created at"}}
	for _, k := range keys {
		t.add(word(k.GetId()), word(strings.ToLower(strings.TrimPrefix(k.GetRole().String(), "KEY_ROLE_"))), word(or(k.GetOrganisation(), "all")), word(k.GetSource()), timeCell(k.GetCreatedAt(), time.UTC))
	}
	return t
}
