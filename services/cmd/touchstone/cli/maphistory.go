package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
)

func mapHistoryCommand(o *options) *cobra.Command {
	n := 0
	c := &cobra.Command{
		Use:   "history",
		Short: "List the versions of the map, the newest first",
		Long:  "List the versions of the map, the newest first, with the time from which each was current and what it changed.",
		Args:  cobra.NoArgs,
	}
	c.RunE = o.rpc(func(ctx context.Context, s *session, _ []string) error {
		if n < 1 {
			return failed("--last is 1 or more, not %d", n)
		}
		return s.mapHistory(ctx, n)
	})
	c.Flags().IntVar(&n, "last", 20, "how many versions (`number`)")
	return c
}

// revision is one version and what it changed.
type revision struct {
	Version   uint64          `json:"version"`
	AppliedAt string          `json:"applied_at"`
	Summary   string          `json:"summary"`
	Changes   []expmap.Change `json:"changes"`
}

func (s *session) mapHistory(ctx context.Context, n int) error {
	v, err := s.version(ctx, 0)
	if err != nil {
		return err
	}
	zone := s.zone(ctx)
	t := &sheet{head: []string{"version", "applied", "changes"}}
	revisions := []revision{}
	for v != nil && len(revisions) < n {
		before, err := s.before(ctx, v)
		if err != nil {
			return err
		}
		r := revision{Version: v.GetVersion(), AppliedAt: rawTime(v.GetAppliedAt()), Changes: []expmap.Change{}}
		switch {
		case v.GetVersion() == 1:
			r.Summary = "the first: " + size(v.GetMap())
		case before == nil:
			r.Summary = fmt.Sprintf("version %d is not kept", v.GetVersion()-1)
		default:
			r.Changes = append(r.Changes, expmap.Diff(before.GetMap(), v.GetMap())...)
			r.Summary = expmap.Summary(r.Changes)
		}
		revisions = append(revisions, r)
		t.add(count(r.Version), timeCell(v.GetAppliedAt(), zone), word(r.Summary))
		v = before
	}
	if s.format == "json" {
		return plainJSON(s.out, revisions)
	}
	return s.emit(t, nil)
}

// size says how much a map declares.
func size(m *mapv1.Map) string {
	var parts []string
	for _, p := range []struct {
		n    int
		noun string
	}{{len(m.GetTouchpoints()), "touchpoint"}, {len(m.GetMetrics()), "metric"}, {len(m.GetQuestions()), "question"}} {
		if p.n != 1 {
			p.noun += "s"
		}
		parts = append(parts, fmt.Sprintf("%d %s", p.n, p.noun))
	}
	return strings.Join(parts, ", ")
}

// before returns the version that another one replaced; nil for the first, and where it is not kept.
func (s *session) before(ctx context.Context, v *mapv1.MapVersion) (*mapv1.MapVersion, error) {
	if v.GetVersion() <= 1 {
		return nil, nil
	}
	old, err := s.version(ctx, v.GetVersion()-1)
	if status.Code(err) == codes.NotFound {
		return nil, nil
	}
	return old, err
}
