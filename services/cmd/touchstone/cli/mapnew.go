package cli

import (
	"embed"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/template"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"
	"gopkg.in/yaml.v3"

	"github.com/touchstone-cx/touchstone/services/internal/expmap"
)

// The library holds one map an industry to begin from. Each is a template over Organisation and Name, so that its comments
// are written with it; to add one, add its file.
//
//go:embed library/*.yaml
var library embed.FS

// newMapCommand is the command map new. It asks no service.
func newMapCommand(o *options) *cobra.Command {
	n := &newMap{}
	c := &cobra.Command{
		Use:   "new",
		Short: "Write an experience map to begin from",
		Long: `Write an experience map to begin from: the touchpoints, owner roles, metrics, questions and suggested pairings of an
industry, in its own terms, with comments. Without --from it lists the industries. It needs no running Touchstone.

The map goes to the standard output, or to a file that does not exist yet.`,
		Example: `  touchstone map new
  touchstone map new --from retail -o my-shop --name "My shop" --output map.yaml`,
		Args: cobra.NoArgs,
	}
	c.RunE = func(c *cobra.Command, _ []string) error {
		c.SilenceUsage = true
		if n.from == "" {
			for _, flag := range []string{"name", "output"} {
				if c.Flags().Changed(flag) {
					return failed("--%s needs --from: name an industry (%s)", flag, list(industries()))
				}
			}
			return listLibrary(o, c.OutOrStdout())
		}
		return n.write(or(o.organisation, environment("TOUCHSTONE_ORGANISATION")), c.OutOrStdout())
	}
	c.Flags().StringVar(&n.from, "from", "", "`industry`: "+strings.Join(industries(), ", "))
	c.Flags().StringVar(&n.name, "name", "", "display `name` of the organisation (else its id)")
	c.Flags().StringVar(&n.output, "output", "", "`file` to write; it must not exist (else the standard output)")
	return c
}

// newMap is what map new was asked for.
type newMap struct{ from, name, output string }

func (n *newMap) write(organisation string, out io.Writer) error {
	organisation = or(organisation, n.from)
	text, m, err := begin(n.from, organisation, or(n.name, organisation))
	if err != nil {
		return err
	}
	if n.output == "" {
		_, err := out.Write(text)
		return err
	}
	if err := createFile(n.output, text); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s is written: %d touchpoints, %d questions and %d suggested pairings for organisation %s; edit it, then touchstone apply %s\n",
		n.output, len(m.Proto.GetTouchpoints()), len(m.Proto.GetQuestions()), len(m.Proto.GetPairings()), organisation, n.output)
	return err
}

// begin fills the template of an industry. Its problems can only be those of the two values, and name their line.
func begin(from, organisation, name string) ([]byte, *expmap.Map, error) {
	known := industries()
	if !slices.Contains(known, from) {
		return nil, nil, failed("--from: there is no industry %q.%s Use one of %s", from, expmap.DidYouMean(from, set(known)), list(known))
	}
	source, err := library.ReadFile("library/" + from + ".yaml")
	if err != nil {
		return nil, nil, failed("%v", err)
	}
	t, err := template.New(from).Funcs(template.FuncMap{"yaml": scalar}).Parse(string(source))
	if err != nil {
		return nil, nil, failed("%v", err)
	}
	var text strings.Builder
	if err := t.Execute(&text, struct{ Organisation, Name string }{organisation, name}); err != nil {
		return nil, nil, failed("%v", err)
	}
	m, problems := expmap.CheckYAML(from+".yaml", []byte(text.String()))
	if len(problems) > 0 {
		return nil, nil, failed("%s", located(problems))
	}
	return []byte(text.String()), m, nil
}

// scalar writes a text as one YAML value, in quotes where it would else be read as something other.
func scalar(s string) (string, error) {
	b, err := yaml.Marshal(s)
	return strings.TrimSuffix(string(b), "\n"), err
}

// industries are the library's names, in the order of their spelling.
func industries() []string {
	// The folder is part of the binary: that it cannot be read would have failed the build.
	entries, _ := library.ReadDir("library")
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = strings.TrimSuffix(e.Name(), ".yaml")
	}
	return names
}

func set(names []string) map[string]struct{} {
	out := make(map[string]struct{}, len(names))
	for _, n := range names {
		out[n] = struct{}{}
	}
	return out
}

// listLibrary tells what there is to begin from; as JSON, the maps themselves.
func listLibrary(o *options, out io.Writer) error {
	if !slices.Contains([]string{"table", "json", "csv"}, o.format) {
		return failed("--format is table, json or csv, not %q", o.format)
	}
	t := &sheet{head: []string{"from", "touchpoints", "stages", "metrics", "questions", "pairings"}}
	var maps []proto.Message
	for _, from := range industries() {
		_, m, err := begin(from, from, from)
		if err != nil {
			return err
		}
		p := m.Proto
		t.add(word(from), count(len(p.GetTouchpoints())), count(len(p.GetStages())), count(len(p.GetMetrics())),
			count(len(p.GetQuestions())), count(len(p.GetPairings())))
		maps = append(maps, p)
	}
	return (&session{options: o, out: out}).emit(t, maps)
}

// createFile writes a new file, whole or not at all.
func createFile(name string, data []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, os.ErrExist) {
		return failed("%s exists: name another file with --output, or move it away", name)
	}
	if err != nil {
		return failed("%v", err)
	}
	_, err = f.Write(data)
	if err := errors.Join(err, f.Close()); err != nil {
		return failed("%s cannot be written: %v", name, errors.Join(err, os.Remove(name)))
	}
	return nil
}
