package cli

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	directoryv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/directory/v1"
)

// directoryCommand is the parent of what reads and replaces the directory.
func directoryCommand(o *options) *cobra.Command {
	c := &cobra.Command{
		Use: "directory", Short: "Who holds which role of the map, and how to reach them",
		Long: `Who holds which role of the map, and how to reach them. It is kept apart from the map, because it names people: reading
it needs a key of the role directory (touchstone keys create directory) or admin, replacing it one of the role admin. Only
the newest version is kept.`,
	}
	c.AddCommand(showDirectoryCommand(o), putDirectoryCommand(o), whoCommand(o))
	return c
}

func (s *session) directory() directoryv1.DirectoryServiceClient {
	return directoryv1.NewDirectoryServiceClient(s.conn)
}

func showDirectoryCommand(o *options) *cobra.Command {
	c := &cobra.Command{
		Use: "show", Short: "Write the directory as YAML", Args: cobra.NoArgs,
		Long: `Write the directory as YAML that can be edited and put, beginning with the roles of the map that nobody holds today. With
--format csv it is the table that put reads, with --format json the message of the contract.`,
		Example: "  touchstone directory show > directory.yaml",
	}
	c.RunE = o.rpc(func(ctx context.Context, s *session, _ []string) error {
		org, err := s.org(ctx)
		if err != nil {
			return err
		}
		v, err := s.directory().GetDirectory(ctx, &directoryv1.GetDirectoryRequest{Organisation: org})
		if err != nil {
			return err
		}
		if s.format == "json" {
			return writeJSON(s.out, []proto.Message{v})
		}
		if v.GetVersion() == 0 {
			return failed("%s has no directory: put one with touchstone directory put FILE", org)
		}
		if s.format == "csv" {
			return directorySheet(v.GetDirectory()).writeCSV(s.out)
		}
		data, err := writeMessageYAML(v.GetDirectory())
		if err != nil {
			return failed("version %d cannot be written as YAML: %v", v.GetVersion(), err)
		}
		head := fmt.Sprintf("# Version %d of the directory of %s, put at %s.\n", v.GetVersion(), org, rawTime(v.GetPutAt()))
		if u := v.GetUnheld(); len(u) > 0 {
			head += "# Nobody holds today: " + strings.Join(u, ", ") + ".\n"
		}
		_, err = fmt.Fprintf(s.out, "%s%s", head, data)
		return err
	})
	return c
}

func putDirectoryCommand(o *options) *cobra.Command {
	var expect uint64
	c := &cobra.Command{
		Use:   "put FILE",
		Short: "Replace the directory by a .yaml or .csv file",
		Long: `Replace the whole directory by a file. Every problem is told as file:line: field: message — remedy, and nothing changes.
With --expect it is refused unless the current version is that one; 0 expects that there is none.

A .yaml file has the fields of touchstone.directory.v1.Directory:

  organisation: telecom
  holders:
    - id: ana
      name: Ana Berger
      zone: Europe/Berlin                 # the organisation's where left out
      hours:                              # always where left out
        - {days: [mon, tue, wed, thu, fri], from: "08:00", to: "18:30"}
      ways:                               # in the order in which to try them
        - {kind: phone, address: "+49301234567"}
        - {kind: email, address: ana@example.org}
  holdings:
    - {role: care_lead, holder: ana, from: 2026-07-01, order: 1, deputy: ben}

A .csv file has a header of any of these columns, in any order, and a row for each holding:

` + directoryColumns,
		Example: "  touchstone directory put people.csv -o telecom --expect 4",
		Args:    cobra.ExactArgs(1),
	}
	c.RunE = o.rpc(func(ctx context.Context, s *session, args []string) error {
		f, err := readDirectory(args[0])
		if err != nil {
			return err
		}
		if f.d.GetOrganisation() == "" {
			if f.d.Organisation, err = s.org(ctx); err != nil {
				return err
			}
		}
		if s.organisation != "" && s.organisation != f.d.GetOrganisation() {
			return failed("the directory is of organisation %s, not %s", f.d.GetOrganisation(), s.organisation)
		}
		req := &directoryv1.PutDirectoryRequest{Directory: f.d}
		if c.Flags().Changed("expect") {
			req.Expect = &expect
		}
		answer, err := s.directory().PutDirectory(ctx, req)
		if lines := f.located(err); len(lines) > 0 {
			return inPart("%s", strings.Join(lines, "\n"))
		}
		if err != nil {
			return err
		}
		if s.format != "table" {
			t := &sheet{head: []string{"organisation", "version", "changed"}}
			t.add(word(f.d.GetOrganisation()), count(answer.GetVersion()), word(fmt.Sprint(answer.GetChanged())))
			return s.emit(t, messages([]*directoryv1.PutDirectoryResponse{answer}))
		}
		if !answer.GetChanged() {
			return s.say(s.out, "%s: nothing changed, version %d of the directory stays", f.d.GetOrganisation(), answer.GetVersion())
		}
		return s.say(s.out, "%s: version %d of the directory is current: %d people and groups, %d holdings", f.d.GetOrganisation(), answer.GetVersion(), len(f.d.GetHolders()), len(f.d.GetHoldings()))
	})
	c.Flags().Uint64Var(&expect, "expect", 0, "the `version` it must replace")
	return c
}

func whoCommand(o *options) *cobra.Command {
	var at string
	c := &cobra.Command{
		Use:   "who ROLE",
		Short: "Whom to try for a role, in order",
		Long: `Whom to try for a role: those within their hours in the on-call order, a deputy in the place of who is not; after them those
outside their hours. Exits with 2 when nobody is within their hours.`,
		Example: "  touchstone directory who care_lead --at \"2026-12-24 20:00\"",
		Args:    cobra.ExactArgs(1),
	}
	c.RunE = o.rpc(func(ctx context.Context, s *session, args []string) error {
		org, err := s.org(ctx)
		if err != nil {
			return err
		}
		when, err := s.moment(ctx, "--at", at)
		if err != nil {
			return err
		}
		answer, err := s.directory().WhoHolds(ctx, &directoryv1.WhoHoldsRequest{Organisation: org, Role: args[0], At: when})
		if err != nil {
			return err
		}
		t := &sheet{head: []string{"holder", "name", "within hours", "deputy of", "ways"}}
		for _, r := range answer.GetReachable() {
			in := "no"
			if r.GetWithinHours() {
				in = "yes"
			}
			t.add(word(r.GetHolder().GetId()), word(r.GetHolder().GetName()), word(in), word(r.GetDeputyOf()), word(waysText(r.GetHolder().GetWays())))
		}
		if err := s.emit(t, []proto.Message{answer}); err != nil {
			return err
		}
		if why := answer.GetNobody(); why != "" {
			return inPart("%s", clean(why))
		}
		return nil
	})
	c.Flags().StringVar(&at, "at", "", "`time`, as 2026-12-24, \"2026-12-24 20:00\" or RFC 3339; now where left out")
	return c
}

func waysText(ways []*directoryv1.Way) string {
	texts := make([]string, len(ways))
	for i, w := range ways {
		texts[i] = wayName(w.GetKind()) + " " + w.GetAddress()
	}
	return strings.Join(texts, ", ")
}

func wayName(k directoryv1.WayKind) string {
	return strings.ToLower(strings.TrimPrefix(k.String(), "WAY_KIND_"))
}

// directoryFile is a directory and the lines of the file it was read from, by path.
type directoryFile struct {
	name  string
	d     *directoryv1.Directory
	lines map[string]int
}

// readDirectory reads a file by its extension. Its error lists everything that could not be understood.
func readDirectory(name string) (*directoryFile, error) {
	data, err := readFile(name, largestMap)
	if err != nil {
		return nil, err
	}
	f := &directoryFile{name: name, d: new(directoryv1.Directory), lines: map[string]int{}}
	var problems []string
	switch ext := strings.ToLower(filepath.Ext(name)); ext {
	case ".yaml", ".yml":
		f.lines, problems = readMessageYAML(name, data, f.d)
	case ".csv":
		problems = f.readCSV(data)
	default:
		return nil, failed("%s is neither .yaml nor .csv", name)
	}
	if len(problems) > 0 {
		return nil, inPart("%s", strings.Join(problems, "\n"))
	}
	return f, nil
}

// located gives the problems that the service found their places in the file; nothing for other errors.
func (f *directoryFile) located(err error) []string {
	st, ok := status.FromError(err)
	if err == nil || !ok || st.Code() != codes.InvalidArgument {
		return nil
	}
	var out []string
	for _, d := range st.Details() {
		bad, ok := d.(*errdetails.BadRequest)
		if !ok {
			continue
		}
		for _, v := range bad.GetFieldViolations() {
			path := strings.TrimPrefix(v.GetField(), "directory.")
			// The remedy is part of the description.
			out = append(out, place(f.name, f.line(path), path, v.GetDescription(), ""))
		}
	}
	return out
}

// line returns the line of a path, else of the innermost part of the file around it.
func (f *directoryFile) line(path string) int {
	for path != "" {
		if n, ok := f.lines[path]; ok {
			return n
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
	return max(1, f.lines[""])
}
