// Package e2e tests Touchstone from outside: the real binary, its public API and its command line, on real files.
//
// Tests that only speak the API also run against a Touchstone that somebody else started: set TOUCHSTONE_URL to where it
// takes events (http://host:7401), TOUCHSTONE_SERVER to its gRPC address and TOUCHSTONE_KEY to an admin key.
package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"

	adminv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/admin/v1"
	"github.com/touchstone-cx/touchstone/services/e2e/instance"
)

var binary string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "touchstone-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if binary, err = instance.Build(context.Background(), dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// syncBuffer keeps what a process wrote.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *syncBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *syncBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// stopped returns an instance that is not started. Its log is shown when the test fails.
func stopped(t *testing.T, dir string, env ...string) (*instance.Instance, *syncBuffer) {
	t.Helper()
	l := &syncBuffer{}
	i, err := instance.New(instance.Options{Binary: binary, Dir: dir, Env: env, Stderr: l})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := i.Close(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			text := l.String()
			t.Logf("the end of its log:\n%s", text[max(0, len(text)-4000):])
		}
	})
	return i, l
}

// started returns an instance that is ready.
func started(t *testing.T, env ...string) *instance.Instance {
	t.Helper()
	i, _ := stopped(t, filepath.Join(t.TempDir(), "data"), env...)
	begin(t, i)
	return i
}

func begin(t *testing.T, i *instance.Instance) {
	t.Helper()
	if err := i.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := i.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// target is what a test of the API alone speaks to.
type target struct {
	instance.Clients
	events string // URL
	key    string
	cli    func(args ...string) instance.Result
	own    *instance.Instance // nil when somebody else runs it
}

func aim(t *testing.T) target {
	t.Helper()
	url, server, key := os.Getenv("TOUCHSTONE_URL"), os.Getenv("TOUCHSTONE_SERVER"), os.Getenv("TOUCHSTONE_KEY")
	if url != "" {
		c, err := instance.Dial(server, key)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { closeConn(t, c) })
		return target{instance.NewClients(c), url + "/v1/events", key, func(args ...string) instance.Result {
			return command(t, nil, append(args, "--server", server, "--key", key)...)
		}, nil}
	}
	i := started(t)
	key, err := i.Key()
	if err != nil {
		t.Fatal(err)
	}
	return target{i.Clients(), "http://" + i.At().HTTP + "/v1/events", key, func(args ...string) instance.Result { return command(t, i, args...) }, i}
}

func closeConn(t *testing.T, c *grpc.ClientConn) {
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// command runs a client command, against an instance or as its own flags say.
func command(t *testing.T, i *instance.Instance, args ...string) instance.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	if i == nil {
		var err error
		if i, err = instance.New(instance.Options{Binary: binary}); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = i.Close() }()
	}
	r, err := i.CLI(ctx, args...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// settled waits until every fact of the stream is counted.
func settled(t *testing.T, admin adminv1.AdminServiceClient) *adminv1.GetStatusResponse {
	t.Helper()
	for until := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		st, err := admin.GetStatus(t.Context(), &adminv1.GetStatusRequest{})
		if err == nil && st.GetPosition() >= st.GetStreamLast() {
			return st
		}
		if time.Now().After(until) {
			t.Fatalf("not all facts were counted in time: %v, %v", st, err)
		}
	}
}

// verified runs verify and returns what it found, which must be equal.
func verified(t *testing.T, admin adminv1.AdminServiceClient) *adminv1.VerifyResponse {
	t.Helper()
	settled(t, admin)
	v, err := admin.Verify(t.Context(), &adminv1.VerifyRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if !v.GetEqual() {
		t.Fatalf("verify finds a difference: %v", v)
	}
	return v
}

// root is the top of the repository.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// cannot ends a test that the machine does not allow: in CI it fails, elsewhere it says so.
func cannot(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf(format, args...)
	}
	t.Logf("NOT TESTED: "+format, args...)
}
