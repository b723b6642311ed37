package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
)

func coverageCommand(o *options) *cobra.Command {
	c := &cobra.Command{
		Use:   "coverage [FILE]",
		Short: "List what an experience map leaves open",
		Long: `List what an experience map leaves open: touchpoints that are not measured, have no steps, no target or no question;
questions paired with no metric; metrics in no pairing; where the map has surveys, touchpoints and questions in none of them;
stages without touchpoints; roles that own nothing. Without FILE it
is the current map of a running Touchstone.`,
		Args: cobra.MaximumNArgs(1),
	}
	c.RunE = o.rpc(func(ctx context.Context, s *session, args []string) error {
		m, err := s.mapOr(ctx, args)
		if err != nil {
			return err
		}
		return s.coverage(expmap.Cover(m))
	})
	return c
}

// mapOr returns the map of the file that is named, else the organisation's.
func (s *session) mapOr(ctx context.Context, args []string) (*mapv1.Map, error) {
	if len(args) == 0 {
		return s.theMap(ctx)
	}
	_, m, err := readMap(args[0])
	return m, err
}

func (s *session) coverage(c *expmap.Coverage) error {
	if s.format == "json" {
		return plainJSON(s.out, c)
	}
	if err := s.say(s.out, "%s", c.Headline()); err != nil {
		return err
	}
	if line := c.SurveysLine(); line != "" {
		if err := s.say(s.out, "%s", line); err != nil {
			return err
		}
	}
	t := &sheet{head: []string{"gap", "of", "id", "name", "note"}}
	for _, g := range c.Gaps {
		t.add(word(string(g.Kind)), word(g.Thing), word(g.ID), word(g.Name), word(g.Note))
	}
	if s.format == "csv" {
		return t.writeCSV(s.out)
	}
	for _, kind := range expmap.GapKinds() {
		if n := len(c.Of(kind)); n > 0 {
			if err := s.say(s.out, "%s", tally(kind, n, c)); err != nil {
				return err
			}
		}
	}
	if len(c.Gaps) == 0 {
		return s.say(s.out, "The map leaves nothing open.")
	}
	fmt.Fprintln(s.out)
	// Notes are the same for all gaps of a kind but for reasons, which only some have: the table leaves the others out.
	for i, g := range c.Gaps {
		if g.Kind != expmap.UnpairedBecause {
			t.rows[i][4] = word("")
		}
	}
	t.head[4] = "reason"
	return t.write(s.out)
}

// tally says how many things have a gap, and what to do about it.
func tally(kind expmap.GapKind, n int, c *expmap.Coverage) string {
	for _, g := range c.Gaps {
		if g.Kind == kind {
			things := g.Thing
			if n > 1 {
				things += "s"
			}
			line := fmt.Sprintf("%d %s %s", n, things, kind)
			if kind != expmap.UnpairedBecause {
				line += " — " + g.Note
			}
			return line
		}
	}
	return ""
}

// plainJSON writes what is no message of the contract.
func plainJSON(w io.Writer, v any) error {
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	return out.Encode(v)
}
