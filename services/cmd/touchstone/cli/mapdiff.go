package cli

import (
	"context"
	"strconv"

	"github.com/spf13/cobra"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
)

func diffMapsCommand(o *options) *cobra.Command {
	c := &cobra.Command{
		Use:   "diff FILE|VERSION [VERSION]",
		Short: "Say what differs between two maps",
		Long: `Say what differs between two maps, thing by thing. Of a file it tells what applying it would change, against the current
version or the one named. Of one version it tells what has changed since; of two, what changed from the first to the second.
A change of the counting part has history counted again; any other acts at once. What customers read makes a question: another
wording starts a new series.`,
		Example: `  touchstone map diff map.yaml
  touchstone map diff map.yaml 7
  touchstone map diff 7 8`,
		Args: cobra.RangeArgs(1, 2),
	}
	c.RunE = o.rpc(func(ctx context.Context, s *session, args []string) error {
		old, new, err := s.twoMaps(ctx, args)
		if err != nil {
			return err
		}
		return s.changes(expmap.Diff(old, new))
	})
	return c
}

// twoMaps returns what to compare, the older first. A number is a version, anything else a file.
func (s *session) twoMaps(ctx context.Context, args []string) (old, new *mapv1.Map, err error) {
	first, isVersion := versionOf(args[0])
	var second uint64 // the current one
	if len(args) == 2 {
		var ok bool
		if second, ok = versionOf(args[1]); !ok {
			return nil, nil, failed("%q is not a version: compare a file with a version, or two versions", args[1])
		}
	}
	if !isVersion {
		data, err := readFile(args[0], largestMap)
		if err != nil {
			return nil, nil, err
		}
		// Its meaning need not be in order: a map may be compared before it is finished.
		new, problems := expmap.ReadYAML(args[0], data)
		if len(problems) > 0 {
			return nil, nil, inPart("%s", located(problems))
		}
		s.organisation = or(s.organisation, new.GetOrganisation())
		v, err := s.version(ctx, second)
		return v.GetMap(), new, err
	}
	a, err := s.version(ctx, first)
	if err != nil {
		return nil, nil, err
	}
	b, err := s.version(ctx, second)
	return a.GetMap(), b.GetMap(), err
}

// versionOf reads the number of a version; the first is 1.
func versionOf(s string) (uint64, bool) {
	v, err := strconv.ParseUint(s, 10, 64)
	return v, err == nil && v > 0
}

// version reads a version of the organisation's map, the current one for 0.
func (s *session) version(ctx context.Context, v uint64) (*mapv1.MapVersion, error) {
	org, err := s.org(ctx)
	if err != nil {
		return nil, err
	}
	answer, err := s.maps.GetMap(ctx, &mapv1.GetMapRequest{Organisation: org, Version: v})
	return answer.GetVersion(), err
}

func (s *session) changes(all []expmap.Change) error {
	switch s.format {
	case "json":
		if all == nil {
			all = []expmap.Change{}
		}
		return plainJSON(s.out, all)
	case "csv":
		t := &sheet{head: []string{"change", "thing", "field", "from", "to", "counting", "path", "note"}}
		for _, c := range all {
			t.add(word(c.Kind), word(c.Thing), word(c.Field), word(c.From), word(c.To), word(strconv.FormatBool(c.Counting)), word(c.Path), word(c.Note))
		}
		return t.writeCSV(s.out)
	}
	if len(all) == 0 {
		return s.say(s.out, "no difference")
	}
	for _, c := range all {
		if err := s.say(s.out, "%s", clean(c.String())); err != nil {
			return err
		}
	}
	return nil
}
