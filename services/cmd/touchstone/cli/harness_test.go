package cli_test

import (
	"bytes"
	"context"
	"net"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"

	"github.com/touchstone-cx/touchstone/services/cmd/touchstone/cli"
)

// command runs a command line, with what is typed to it, and returns what it prints and fails with.
func command(ctx context.Context, typed string, args ...string) (out, stderr string, err error) {
	root := &cobra.Command{Use: "touchstone", SilenceErrors: true}
	root.AddCommand(cli.Commands()...)
	var stdout, errors bytes.Buffer
	root.SetOut(&stdout)
	root.SetErr(&errors)
	root.SetIn(strings.NewReader(typed))
	root.SetArgs(args)
	err = root.ExecuteContext(ctx)
	return stdout.String(), errors.String(), err
}

// server is a Touchstone of a test, and whoever calls it.
type server struct{ address, data string }

// serve starts a server with what register puts on it. It stops with the test.
func serve(t *testing.T, register func(grpc.ServiceRegistrar), options ...grpc.ServerOption) server {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer(options...)
	register(s)
	served := make(chan error, 1)
	go func() { served <- s.Serve(listener) }()
	t.Cleanup(func() {
		s.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return server{listener.Addr().String(), t.TempDir()}
}

// command is command against this server. Its address goes after the command and before the command's own flags, so that a
// test can name another.
func (s server) command(ctx context.Context, typed string, args ...string) (out, stderr string, err error) {
	return command(ctx, typed, append([]string{args[0], "--server", s.address, "--data", s.data}, args[1:]...)...)
}
