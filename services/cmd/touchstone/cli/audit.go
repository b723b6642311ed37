package cli

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	adminv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/admin/v1"
)

func auditCommand(o *options) *cobra.Command {
	var kind string
	var limit int
	c := &cobra.Command{
		Use:   "audit",
		Short: "List who read or did what is confidential, newest first",
		Long: `List the audit, newest first: who read scores of agents or what is recorded about a customer, who had one forgotten, who
contested a fact, who sealed history. It names the key that called, never a customer or an agent, and is kept for 25 months.`,
		Args: cobra.NoArgs,
	}
	c.RunE = o.rpc(func(ctx context.Context, s *session, _ []string) error {
		k, err := auditKind(kind)
		if err != nil {
			return err
		}
		org, err := s.org(ctx)
		if err != nil {
			return err
		}
		var lines []*adminv1.AuditLine
		for token := ""; len(lines) < limit; {
			page, err := s.admin.ListAudit(ctx, &adminv1.ListAuditRequest{Organisation: org, Kind: k, PageSize: int32(min(1000, limit-len(lines))), PageToken: token})
			if err != nil {
				return err
			}
			lines = append(lines, page.GetLines()...)
			if token = page.GetNextPageToken(); token == "" {
				break
			}
		}
		if len(lines) == 0 {
			if err := s.say(s.err, "nothing is in the audit of %s", org); err != nil {
				return err
			}
		}
		return s.emit(auditSheet(lines, s.zone(ctx)), messages(lines))
	})
	c.Flags().StringVar(&kind, "kind", "", "only this `kind`: "+strings.Join(auditKinds(), ", "))
	c.Flags().IntVar(&limit, "limit", 100, "at most so many")
	return c
}

func auditSheet(lines []*adminv1.AuditLine, zone *time.Location) *sheet {
	t := &sheet{head: []string{"at", "kind", "key", "about"}}
	for _, l := range lines {
		t.add(timeCell(l.GetAt(), zone), word(auditName(l.GetKind())), word(l.GetKey()), word(l.GetAbout()))
	}
	return t
}

// auditName is a kind as people write it: "agent-read".
func auditName(k adminv1.AuditKind) string {
	return strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(k.String(), "AUDIT_KIND_")), "_", "-")
}

func auditKinds() []string {
	var names []string
	for n := range adminv1.AuditKind_name {
		if n != 0 {
			names = append(names, auditName(adminv1.AuditKind(n)))
		}
	}
	slices.Sort(names)
	return names
}

func auditKind(name string) (adminv1.AuditKind, error) {
	if name == "" {
		return adminv1.AuditKind_AUDIT_KIND_UNSPECIFIED, nil
	}
	for n := range adminv1.AuditKind_name {
		if n != 0 && auditName(adminv1.AuditKind(n)) == name {
			return adminv1.AuditKind(n), nil
		}
	}
	return 0, failed("--kind is %s, not %q", list(auditKinds()), name)
}
