package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	"github.com/touchstone-cx/touchstone/services/internal/expmap"
)

func showMapCommand(o *options) *cobra.Command {
	c := &cobra.Command{
		Use:   "show [VERSION]",
		Short: "Write the map as YAML",
		Long: `Write the current map, or a version of it, as YAML that can be edited and applied. Comments are not kept with a map. With
--format json it is the message of the contract.`,
		Example: "  touchstone map show > map.yaml",
		Args:    cobra.MaximumNArgs(1),
	}
	c.RunE = o.rpc(func(ctx context.Context, s *session, args []string) error {
		var version uint64
		if len(args) == 1 {
			var ok bool
			if version, ok = versionOf(args[0]); !ok {
				return failed("%q is not a version: touchstone map history lists them", args[0])
			}
		}
		if s.format == "csv" {
			return failed("a map has no form as csv: leave --format out for YAML, or use json")
		}
		v, err := s.version(ctx, version)
		if err != nil {
			return err
		}
		if s.format == "json" {
			return writeJSON(s.out, []proto.Message{v})
		}
		data, err := expmap.WriteYAML(v.GetMap())
		if err != nil {
			return failed("version %d cannot be written as YAML: %v", v.GetVersion(), err)
		}
		_, err = fmt.Fprintf(s.out, "# Version %d of the map of %s, applied at %s.\n%s", v.GetVersion(), v.GetMap().GetOrganisation(), rawTime(v.GetAppliedAt()), data)
		return err
	})
	return c
}
