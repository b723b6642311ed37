package cli

import (
	"context"
	"encoding/csv"
	"errors"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/timestamppb"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	surveyv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/survey/v1"
)

func surveyRelease(o *options) *cobra.Command {
	var end bool
	c := &cobra.Command{
		Use: "release WAVE", Short: "Let a wave go on after the look at its first invitations, or end it",
		Example: "  touchstone survey release exit/2026-12-01 -o telecom", Args: cobra.ExactArgs(1),
	}
	c.RunE = o.rpc(func(ctx context.Context, s *session, args []string) error {
		org, err := s.org(ctx)
		if err != nil {
			return err
		}
		r, err := s.surveys().ReleaseWave(ctx, &surveyv1.ReleaseWaveRequest{Organisation: org, Wave: args[0], End: end})
		if err != nil {
			return err
		}
		return s.say(s.out, "%d invitations of %s %s", r.GetInvitations(), args[0], map[bool]string{false: "go on", true: "are ended"}[end])
	})
	c.Flags().BoolVar(&end, "end", false, "end it instead")
	return c
}

func surveyAudience(o *options) *cobra.Command {
	var add bool
	audiences := map[string]mapv1.Audience{
		"customers": mapv1.Audience_AUDIENCE_CUSTOMERS, "former-customers": mapv1.Audience_AUDIENCE_FORMER_CUSTOMERS,
		"lost-prospects": mapv1.Audience_AUDIENCE_LOST_PROSPECTS, "employees": mapv1.Audience_AUDIENCE_EMPLOYEES,
	}
	names := strings.Join(slices.Sorted(maps.Keys(audiences)), ", ")
	c := &cobra.Command{
		Use: "audience AUDIENCE FILE", Short: "Put the list of people whom waves ask",
		Long: `Put the list of one audience (` + names + `) from a CSV file whose first line names its columns. The column customer_id is
needed; name, email, phone, language, zone, stage, team and since (as 2026-11-25) may be there; every other column is an attribute
of the map. What tells who somebody is, is hashed or sealed before it is stored.`,
		Example: "  touchstone survey audience lost-prospects lost.csv -o telecom", Args: cobra.ExactArgs(2),
	}
	c.RunE = o.rpc(func(ctx context.Context, s *session, args []string) error {
		audience, ok := audiences[args[0]]
		if !ok {
			return failed("an audience is one of %s, not %q", names, args[0])
		}
		org, err := s.org(ctx)
		if err != nil {
			return err
		}
		f, err := os.Open(args[1])
		if err != nil {
			return failed("the list cannot be read: %v", err)
		}
		defer func() { _ = f.Close() }()
		stream, err := s.surveys().PutAudience(ctx)
		if err != nil {
			return err
		}
		err = members(f, func(first bool, some []*surveyv1.Member) error {
			return stream.Send(&surveyv1.PutAudienceRequest{Organisation: org, Audience: audience, Replace: first && !add, Members: some})
		})
		if err != nil && !errors.Is(err, io.EOF) { // the stream's own reason comes with its end
			return err
		}
		r, err := stream.CloseAndRecv()
		if err != nil {
			return err
		}
		return s.say(s.out, "%d people are in the audience %s", r.GetMembers(), args[0])
	})
	c.Flags().BoolVar(&add, "add", false, "add to the list that is there instead of replacing it")
	return c
}

// mostMembers is how many people are put at once.
const mostMembers = 500

// members reads people from a CSV file, some at a time.
func members(from io.Reader, put func(first bool, some []*surveyv1.Member) error) error {
	rows := csv.NewReader(from)
	head, err := rows.Read()
	if err != nil {
		return failed("the list has no head: %v", err)
	}
	head[0] = strings.TrimPrefix(head[0], "\ufeff")
	if !slices.Contains(head, "customer_id") {
		return failed("the list has no column customer_id: its head is %s", list(head))
	}
	var some []*surveyv1.Member
	for first := true; ; {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			if len(some) == 0 && !first {
				return nil
			}
			return put(first, some)
		}
		if err != nil {
			return failed("the list cannot be read: %v", err)
		}
		m := &surveyv1.Member{Contact: &factv1.Contact{}, Attributes: map[string]string{}}
		line, _ := rows.FieldPos(0)
		for i, v := range row {
			switch c := m.GetContact(); head[i] {
			case "customer_id":
				m.CustomerId = v
			case "name":
				c.Name = v
			case "email":
				c.Email = v
			case "phone":
				c.Phone = v
			case "language":
				c.Language = v
			case "zone":
				c.Zone = v
			case "stage":
				m.Stage = v
			case "team":
				m.Team = v
			case "since":
				if v == "" {
					continue
				}
				at, err := time.Parse(time.DateOnly, v)
				if err != nil {
					return failed("line %d: since is %q, not a day as 2026-11-25", line, v)
				}
				m.Since = timestamppb.New(at)
			default:
				if v != "" {
					m.Attributes[head[i]] = v
				}
			}
		}
		if m.GetCustomerId() == "" {
			return failed("line %d names no customer_id", line)
		}
		if some = append(some, m); len(some) == mostMembers {
			if err := put(first, some); err != nil {
				return err
			}
			first, some = false, nil
		}
	}
}
