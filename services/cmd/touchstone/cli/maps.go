package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
)

// largestMap bounds what is read from a file named by hand.
const largestMap = 8 << 20

func readFile(name string, largest int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, failed("%v", err)
	}
	data, err := io.ReadAll(io.LimitReader(f, largest+1))
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, failed("%s cannot be read: %v", name, err)
	}
	if int64(len(data)) > largest {
		return nil, failed("%s is larger than %d MiB", name, largest>>20)
	}
	return data, nil
}

// located is "file:line: field: message — remedy", as compilers write it.
func located(problems []expmap.Located) string {
	lines := make([]string, len(problems))
	for i, p := range problems {
		lines[i] = place(p.File, p.Line, p.Field, p.Message, p.Remedy)
	}
	return strings.Join(lines, "\n")
}

func place(file string, line int, field, message, remedy string) string {
	var b strings.Builder
	b.WriteString(file)
	if line > 0 {
		fmt.Fprintf(&b, ":%d", line)
	}
	b.WriteString(": ")
	if field != "" {
		b.WriteString(field + ": ")
	}
	b.WriteString(message)
	if remedy != "" {
		b.WriteString(" — " + remedy)
	}
	return clean(b.String())
}

// mapCommand is the parent of what looks at maps and begins new ones.
func mapCommand(o *options) *cobra.Command {
	c := &cobra.Command{Use: "map", Short: "Begin, compare and look at experience maps"}
	c.AddCommand(newMapCommand(o), showMapCommand(o), diffMapsCommand(o), mapHistoryCommand(o))
	return c
}

func checkCommand(o *options) *cobra.Command {
	offline := false
	c := &cobra.Command{
		Use:   "check FILE",
		Short: "Check an experience map",
		Long: `Check an experience map: every problem as file:line: field: message — remedy. With a running Touchstone it also tells
what applying the map would do. It changes nothing. Exits with 2 when there are problems.

What the map leaves open is no problem: touchstone coverage FILE lists it.`,
		Args: cobra.ExactArgs(1),
	}
	online := o.rpc(func(ctx context.Context, s *session, args []string) error {
		data, m, err := readMap(args[0])
		if err != nil {
			return err
		}
		answer, err := s.maps.CheckMap(ctx, &mapv1.CheckMapRequest{Map: m})
		if status.Code(err) == codes.Unavailable {
			return s.say(s.out, "%s is in order (%d touchpoints); no Touchstone at %s to compare it with\n%s", args[0], len(m.GetTouchpoints()), s.server, expmap.Cover(m).Headline())
		}
		if err != nil {
			return err
		}
		if p := answer.GetProblems(); len(p) > 0 {
			return inPart("%s", located(expmap.Locate(args[0], data, p)))
		}
		return s.checked(args[0], m, answer)
	})
	c.RunE = func(c *cobra.Command, args []string) error {
		if !offline {
			return online(c, args)
		}
		c.SilenceUsage = true
		_, m, err := readMap(args[0])
		if err == nil {
			_, err = fmt.Fprintf(c.OutOrStdout(), "%s is in order (%d touchpoints)\n%s\n", args[0], len(m.GetTouchpoints()), expmap.Cover(m).Headline())
		}
		return err
	}
	c.Flags().BoolVar(&offline, "offline", false, "do not ask a running Touchstone")
	return c
}

// readMap reads and compiles a map. Its error lists every problem.
func readMap(name string) ([]byte, *mapv1.Map, error) {
	data, err := readFile(name, largestMap)
	if err != nil {
		return nil, nil, err
	}
	m, problems := expmap.CheckYAML(name, data)
	if len(problems) > 0 {
		return nil, nil, inPart("%s", located(problems))
	}
	return data, m.Proto, nil
}

func (s *session) checked(name string, m *mapv1.Map, answer *mapv1.CheckMapResponse) error {
	if s.format == "json" {
		b, err := oneJSON(answer)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(s.out, "%s\n", b)
		return err
	}
	now := "would be the first version"
	if v := answer.GetCurrentVersion(); v > 0 {
		now = fmt.Sprintf("would follow version %d", v)
	}
	if _, err := fmt.Fprintf(s.out, "%s is in order: %d touchpoints for organisation %s; it %s\n", name, len(m.GetTouchpoints()), m.GetOrganisation(), now); err != nil {
		return err
	}
	for _, why := range answer.GetRecounts() {
		if _, err := fmt.Fprintf(s.out, "history would be counted again: %s\n", clean(why)); err != nil {
			return err
		}
	}
	return s.say(s.out, "%s", expmap.Cover(m).Headline())
}

func applyCommand(o *options) *cobra.Command {
	var expect uint64
	c := &cobra.Command{
		Use:   "apply FILE",
		Short: "Make an experience map current",
		Long: `Make an experience map current. Every version is kept. With --expect it is refused unless the current version is
that one, so that two people never overwrite one another; 0 expects that there is none.`,
		Args: cobra.ExactArgs(1),
	}
	c.RunE = o.rpc(func(ctx context.Context, s *session, args []string) error {
		data, m, err := readMap(args[0])
		if err != nil {
			return err
		}
		if s.organisation != "" && s.organisation != m.GetOrganisation() {
			return failed("the map is of organisation %s, not %s", m.GetOrganisation(), s.organisation)
		}
		req := &mapv1.ApplyMapRequest{Map: m}
		if c.Flags().Changed("expect") {
			req.Expect = &expect
		}
		// A changed counting part may have to be counted again from the stream.
		answer, err := s.maps.ApplyMap(unhurried(ctx), req)
		if problems := mapProblems(err); len(problems) > 0 {
			return inPart("%s", located(expmap.Locate(args[0], data, problems)))
		}
		if err != nil {
			return err
		}
		if s.format != "table" {
			t := &sheet{head: []string{"organisation", "version", "changed"}}
			t.add(word(m.GetOrganisation()), count(answer.GetVersion()), word(fmt.Sprint(answer.GetChanged())))
			return s.emit(t, messages([]*mapv1.ApplyMapResponse{answer}))
		}
		if !answer.GetChanged() {
			return s.say(s.out, "%s: nothing changed, version %d stays", m.GetOrganisation(), answer.GetVersion())
		}
		return s.say(s.out, "%s: version %d is current", m.GetOrganisation(), answer.GetVersion())
	})
	c.Flags().Uint64Var(&expect, "expect", 0, "the `version` it must replace")
	return c
}

// mapProblems reads field violations that name places in a map.
func mapProblems(err error) []*mapv1.Problem {
	st, ok := status.FromError(err)
	if err == nil || !ok || st.Code() != codes.InvalidArgument {
		return nil
	}
	var out []*mapv1.Problem
	for _, d := range st.Details() {
		if bad, ok := d.(*errdetails.BadRequest); ok {
			for _, v := range bad.GetFieldViolations() {
				out = append(out, &mapv1.Problem{Field: strings.TrimPrefix(v.GetField(), "map."), Message: v.GetDescription(), Remedy: v.GetLocalizedMessage().GetMessage()})
			}
		}
	}
	return out
}
