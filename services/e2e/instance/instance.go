// Package instance runs the real binary for tests and fault programs: a standalone Touchstone in a folder of its own, on
// free ports, that can be killed, stopped and started again while its clients go on.
package instance

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"google.golang.org/grpc"
)

// Options says what to run.
type Options struct {
	Binary string    // of touchstone; see Build
	Dir    string    // data folder
	Env    []string  // added to the environment, "NAME=value"
	Stderr io.Writer // its log; nil for none
}

// Instance is one data folder and the process that serves it, one after another.
type Instance struct {
	opt  Options
	conn *grpc.ClientConn

	mu  sync.Mutex
	at  Addresses
	key string
	run *process
}

// Addresses are where the running process listens, host:port.
type Addresses struct{ GRPC, HTTP, Admin, NATS string }

type process struct {
	cmd       *exec.Cmd
	announced chan struct{} // closed once the addresses are known
	ended     chan struct{} // closed once the process has ended
	err       error         // of Wait; read after ended
}

const startTimeout = 90 * time.Second

// New returns an instance that does not run yet. Its connection follows the process through every restart.
func New(opt Options) (*Instance, error) {
	i := &Instance{opt: opt}
	var err error
	i.conn, err = dial(i)
	return i, err
}

// Start starts the process and returns when it has told its addresses: it serves then, and may still be counting.
func (i *Instance) Start(ctx context.Context) error {
	i.mu.Lock()
	if i.run != nil {
		i.mu.Unlock()
		return errors.New("the instance runs already")
	}
	i.mu.Unlock()
	const free = "127.0.0.1:0"
	cmd := exec.Command(i.opt.Binary, "standalone", "--data", i.opt.Dir, "--grpc", free, "--http", free, "--admin", free, "--nats", free)
	p := &process{cmd: cmd, announced: make(chan struct{}), ended: make(chan struct{})}
	p.cmd.Env = append(append(Environ(), "TOUCHSTONE_SURVEY_PAGES="+free), i.opt.Env...)
	p.cmd.Stderr = i.opt.Stderr
	// It must not outlive the one who started it, nor take a Ctrl-C meant for that one.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := p.cmd.Start(); err != nil {
		return fmt.Errorf("starting %s: %w", i.opt.Binary, err)
	}
	i.mu.Lock()
	i.run = p
	i.mu.Unlock()
	go i.follow(p, out)

	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	select {
	case <-p.announced:
		return nil
	case <-p.ended:
		i.gone(p)
		return fmt.Errorf("touchstone ended before it served: %w", errors.Join(p.err, errors.New("see its log")))
	case <-ctx.Done():
		return errors.Join(fmt.Errorf("touchstone told no addresses: %w", ctx.Err()), i.Kill())
	}
}

// follow reads what the process announces, then waits for its end.
func (i *Instance) follow(p *process, out io.Reader) {
	var at Addresses
	var once sync.Once
	for lines := bufio.NewScanner(out); lines.Scan(); {
		f := strings.Fields(lines.Text())
		if len(f) < 2 {
			continue
		}
		switch f[0] {
		case "gRPC":
			at.GRPC = f[1]
		case "events":
			at.HTTP = host(f[1])
		case "admin":
			at.Admin = host(f[1])
		case "NATS":
			at.NATS = host(f[1])
		case "keys": // the last line; a process that starts itself anew tells all again
			i.mu.Lock()
			i.at = at
			i.mu.Unlock()
			once.Do(func() { close(p.announced) })
		}
	}
	p.err = p.cmd.Wait()
	i.gone(p)
	close(p.ended)
}

// host is the host:port of a URL.
func host(url string) string {
	_, rest, _ := strings.Cut(url, "://")
	h, _, _ := strings.Cut(rest, "/")
	return h
}

// gone forgets a process that has ended.
func (i *Instance) gone(p *process) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.run == p {
		i.run, i.at = nil, Addresses{}
	}
}

// Running reports whether the process runs.
func (i *Instance) Running() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.run != nil
}

// At returns the addresses; empty ones while nothing runs.
func (i *Instance) At() Addresses {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.at
}

// Dir returns the data folder.
func (i *Instance) Dir() string { return i.opt.Dir }

// Pid returns the process id; 0 while nothing runs.
func (i *Instance) Pid() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.run == nil {
		return 0
	}
	return i.run.cmd.Process.Pid
}

// Kill ends the process as kill -9 does and returns when it is gone. Nothing to kill is no error.
func (i *Instance) Kill() error {
	_, err := i.end(syscall.SIGKILL, time.Minute)
	return err
}

// Terminate asks the process to stop, and returns its exit code once it has.
func (i *Instance) Terminate(limit time.Duration) (code int, err error) {
	return i.end(syscall.SIGTERM, limit)
}

func (i *Instance) end(sig syscall.Signal, limit time.Duration) (int, error) {
	i.mu.Lock()
	p := i.run
	i.mu.Unlock()
	if p == nil {
		return 0, nil
	}
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return 0, err
	}
	select {
	case <-p.ended:
		return p.cmd.ProcessState.ExitCode(), nil
	case <-time.After(limit):
		return 0, fmt.Errorf("touchstone did not end within %s of %s", limit, sig)
	}
}

// Ready waits until /readyz says so.
func (i *Instance) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	last := "no answer"
	for {
		if !i.Running() {
			return errors.New("touchstone ended before it was ready; see its log")
		}
		code, body, err := Get(ctx, "http://"+i.At().Admin+"/readyz")
		if err == nil && code == http.StatusOK {
			return nil
		}
		if err == nil {
			last = body
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("touchstone was not ready in time; /readyz said: %s", last)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Get fetches a URL.
func Get(ctx context.Context, url string) (code int, body string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, "", err
	}
	// No connection is kept: the process behind it may be killed, and tests look for goroutines left behind.
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), errors.Join(err, resp.Body.Close())
}

// Key returns the admin key that standalone left for its owner.
func (i *Instance) Key() (string, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.key == "" {
		b, err := os.ReadFile(filepath.Join(i.opt.Dir, "keys", "admin"))
		if err != nil {
			return "", err
		}
		i.key = strings.TrimSpace(string(b))
	}
	return i.key, nil
}

// Close kills what runs and ends the connection.
func (i *Instance) Close() error { return errors.Join(i.Kill(), i.conn.Close()) }
