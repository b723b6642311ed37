package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

const inNamespace = "TOUCHSTONE_FAULT_ALONE"

// alone runs this command again in a mount namespace of its own and reports that it has: whatever is mounted there ends
// with its last process, however that ends, and the loop device with it.
func alone(ctx context.Context) (done bool, err error) {
	if os.Getenv(inNamespace) != "" || os.Geteuid() != 0 {
		return false, nil
	}
	self, err := os.Executable()
	if err != nil {
		return true, err
	}
	c := exec.CommandContext(ctx, self, os.Args[1:]...)
	c.Env = append(os.Environ(), inNamespace+"=1")
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	c.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGTERM}
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
	if err := c.Run(); err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			os.Exit(exit.ExitCode()) // it has said why
		}
		return true, fmt.Errorf("running in a mount namespace: %w", err)
	}
	return true, nil
}
