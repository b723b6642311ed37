package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	adminv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/admin/v1"
)

func keysCommand(o *options) *cobra.Command {
	c := &cobra.Command{Use: "keys", Short: "Create, list and revoke keys"}
	var source, agent string
	var leads []string
	roles := map[string]adminv1.KeyRole{"reader": adminv1.KeyRole_KEY_ROLE_READER, "source": adminv1.KeyRole_KEY_ROLE_SOURCE, "admin": adminv1.KeyRole_KEY_ROLE_ADMIN, "directory": adminv1.KeyRole_KEY_ROLE_DIRECTORY, "owner": adminv1.KeyRole_KEY_ROLE_OWNER, "test": adminv1.KeyRole_KEY_ROLE_TEST, "agent": adminv1.KeyRole_KEY_ROLE_AGENT}
	create := &cobra.Command{
		Use:   "create ROLE",
		Short: "Create a key: reader, owner, source, test, directory, agent or admin",
		Long: `Create a key and print it once: only its hash is kept. A reader reads one organisation; a source publishes as one source of
one organisation; a test publishes like a source, and what it sends is checked, answered and traced as from any other, and
then dropped: it is counted nowhere, though answered as recorded. An owner reads, contests facts and rules on what others
contested: give each person a key of their own. A directory reads, and knows who holds which role; an agent reads, and reads the
scores of the agent that it is or of what was handled in the teams that its holder leads, where the map keeps them; an admin does
everything but that, in one organisation with -o, else in all.`,
		Example: `  touchstone keys create source --source genesys -o telecom
  touchstone keys create agent --leads north,south -o telecom`,
		Args: cobra.ExactArgs(1),
	}
	create.RunE = o.rpc(func(ctx context.Context, s *session, args []string) error {
		role, ok := roles[args[0]]
		if !ok {
			return failed("a role is reader, owner, source, test, directory, agent or admin, not %q", args[0])
		}
		if (args[0] == "source" || args[0] == "test") && source == "" {
			return failed("a %s key needs --source, the id it publishes as", args[0])
		}
		if args[0] == "agent" && agent == "" && len(leads) == 0 {
			return failed("an agent key needs --agent, the id of the agent that reads their own scores, or --leads, the teams whose agents' scores it reads")
		}
		org := or(s.organisation, environment("TOUCHSTONE_ORGANISATION"))
		if org == "" && role != adminv1.KeyRole_KEY_ROLE_ADMIN {
			var err error
			if org, err = s.org(ctx); err != nil {
				return err
			}
		}
		k, err := s.admin.CreateKey(ctx, &adminv1.CreateKeyRequest{Role: role, Organisation: org, Source: source, Agent: agent, Leads: leads})
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
	create.Flags().StringVar(&agent, "agent", "", "agent whose own scores the key reads (`id` of the source)")
	create.Flags().StringSliceVar(&leads, "leads", nil, "teams whose agents' scores the key reads (`id`, repeatable)")
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
	t := &sheet{head: []string{"id", "role", "organisation", "source", "reads", "created at"}}
	for _, k := range keys {
		t.add(word(k.GetId()), word(strings.ToLower(strings.TrimPrefix(k.GetRole().String(), "KEY_ROLE_"))), word(or(k.GetOrganisation(), "all")), word(k.GetSource()), word(whom(k)), timeCell(k.GetCreatedAt(), time.UTC))
	}
	return t
}

// whom says whose scores a key of the role agent reads.
func whom(k *adminv1.Key) string {
	var out []string
	if len(k.GetAgent()) > 0 {
		out = append(out, "their own")
	}
	if len(k.GetLeads()) > 0 {
		out = append(out, "team "+strings.Join(k.GetLeads(), ", "))
	}
	return strings.Join(out, "; ")
}
