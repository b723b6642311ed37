// Command touchstone is every service of Touchstone and the clients to work with them. Its arguments name what to run.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"
	_ "time/tzdata" // zones where the machine has none: small images

	"github.com/spf13/cobra"

	"github.com/touchstone-cx/touchstone/services/cmd/touchstone/cli"
	"github.com/touchstone-cx/touchstone/services/correlation"
	"github.com/touchstone-cx/touchstone/services/internal/host"
	"github.com/touchstone-cx/touchstone/services/survey"
	ingest "github.com/touchstone-cx/touchstone/services/touchpoint-ingest"
)

// version is stamped by the linker.
var version = "unstamped"

// units are the services, in the order in which they start. Adding one here gives it a sub-command, health and telemetry.
func units() []host.Unit {
	return []host.Unit{ingest.Unit(), correlation.Unit(), survey.Unit()}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	go func() {
		<-ctx.Done()
		stop() // a second signal ends the process at once
	}()
	root := &cobra.Command{
		Use:           "touchstone",
		Short:         "Score every customer interaction live, and prove which internal metrics customers really feel",
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       version,
	}
	root.AddCommand(standaloneCommand(), configCommand())
	clients := cli.Commands()
	root.AddCommand(clients...)
	for _, u := range units() {
		service := serviceCommand(u)
		if i := slices.IndexFunc(clients, func(c *cobra.Command) bool { return c.Name() == u.Name }); i >= 0 {
			graft(clients[i], service)
			continue
		}
		root.AddCommand(service)
	}
	if err := root.ExecuteContext(ctx); err != nil {
		var coded interface{ ExitCode() int }
		if errors.As(err, &coded) {
			if err.Error() != "" {
				fmt.Fprintln(os.Stderr, err)
			}
			os.Exit(coded.ExitCode())
		}
		fmt.Fprintln(os.Stderr, "touchstone:", err)
		os.Exit(1)
	}
}

// graft makes a client command run the service of its name when it stands alone.
func graft(client, service *cobra.Command) {
	client.RunE, client.Args = service.RunE, service.Args
	client.Long += "\n\nAlone, without any of these, it runs the service against a NATS cluster."
	service.Flags().VisitAll(client.Flags().AddFlag)
}
