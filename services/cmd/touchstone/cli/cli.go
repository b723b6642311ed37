// Package cli holds the commands that are clients of a running Touchstone. They speak gRPC and nothing else: no command
// opens another process's files, save for the key that standalone leaves for its owner.
package cli

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

// Commands returns all client commands, for a root command to add. Every call returns new ones that share nothing.
//
// A command's error has ready-made text for people, of one or more lines; ExitCode tells the status to exit with.
func Commands() []*cobra.Command {
	build := []func(*options) *cobra.Command{
		checkCommand, applyCommand, mapCommand, coverageCommand, importCommand, retractCommand,
		scoresCommand, watchCommand, seriesCommand, spreadCommand, explainCommand, eventCommand,
		statusCommand, verifyCommand, rebuildCommand, trimCommand, parkedCommand, refusedCommand,
		formatsCommand, rehearseCommand, tailCommand,
		aboutCommand, forgetCommand, directoryCommand,
		agentsCommand, auditCommand,
		contestCommand, disputesCommand, ruleCommand, surveyCommand,
		backupCommand, restoreCommand, keysCommand, simulateCommand,
	}
	commands := make([]*cobra.Command, 0, len(build))
	for _, b := range build {
		o := &options{}
		c := b(o)
		o.register(c)
		commands = append(commands, c)
	}
	return commands
}

// options are the flags that every command has.
type options struct {
	server       string
	key          string
	organisation string
	format       string
	data         string
}

func (o *options) register(c *cobra.Command) {
	f := c.PersistentFlags()
	f.StringVar(&o.server, "server", or(os.Getenv("TOUCHSTONE_SERVER"), "127.0.0.1:7400"), "gRPC `address` of Touchstone (environment: TOUCHSTONE_SERVER)")
	f.StringVar(&o.key, "key", "", "`key`, or @file (environment: TOUCHSTONE_KEY; else keys/admin in the data folder, where there is one)")
	f.StringVarP(&o.organisation, "organisation", "o", "", "organisation `id` (environment: TOUCHSTONE_ORGANISATION; else the only one that has a map, else default)")
	f.StringVar(&o.format, "format", "table", "output: table, json or csv")
	f.StringVar(&o.data, "data", ".data", "data `folder` of a standalone here, for its key")
}

// token finds the key to present; "" when there is none, which reading on loopback does not need.
func (o *options) token() (string, error) {
	key := or(o.key, os.Getenv("TOUCHSTONE_KEY"))
	file, isFile := strings.CutPrefix(key, "@")
	switch {
	case key != "" && !isFile:
		return strings.TrimSpace(key), nil
	case isFile:
		b, err := os.ReadFile(file)
		if err != nil {
			return "", failed("the key cannot be read: %v", err)
		}
		return strings.TrimSpace(string(b)), nil
	}
	b, err := os.ReadFile(filepath.Join(o.data, "keys", "admin"))
	if os.IsNotExist(err) {
		return "", nil
	}
	if err != nil {
		return "", failed("the key of the data folder cannot be read: %v", err)
	}
	return strings.TrimSpace(string(b)), nil
}

// action is what a command does once it is connected.
type action func(ctx context.Context, s *session, args []string) error

// rpc wraps an action: it opens the session, and makes errors readable.
func (o *options) rpc(f action) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		// From here on an error is not a matter of how the command was typed.
		c.SilenceUsage = true
		s, err := o.open(c)
		if err != nil {
			return err
		}
		defer s.close()
		return readable(f(c.Context(), s, args), o.server)
	}
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
