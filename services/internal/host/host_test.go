package host_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/metric"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	adminv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/admin/v1"
	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	"github.com/touchstone-cx/touchstone/services/internal/host"
)

// diary notes what happened in which order.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) note(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, fmt.Sprintf(format, args...))
}

func (d *diary) String() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.Join(d.lines, ", ")
}

// noted is a unit that notes each step of its life.
func (d *diary) noted(name string) host.Unit {
	return unit(name, func(_ context.Context, env *host.Env) error {
		d.note("start %s", name)
		env.OnStop("first", func(context.Context) error { d.note("%s first", name); return nil })
		env.OnStop("second", func(context.Context) error { d.note("%s second", name); return nil })
		return nil
	})
}

func get(t testing.TB, url string) (int, string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: within}
	resp, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// TwoConcurrentInstances is how we know that there are no globals: two hosts with two units each, on buses of their own.
func TestTwoConcurrentInstances(t *testing.T) {
	type instance struct {
		*running
		name string
	}
	var all []instance
	for _, name := range []string{"one", "two"} {
		web := unit("web", func(_ context.Context, env *host.Env) error {
			c, err := env.Metrics.Int64Counter("test_visits", metric.WithDescription("visits of "+name))
			if err != nil {
				return err
			}
			env.HTTP.HandleFunc("GET /name", func(w http.ResponseWriter, r *http.Request) {
				c.Add(r.Context(), 1)
				fmt.Fprint(w, name)
			})
			return nil
		})
		maps := unit("maps", func(_ context.Context, env *host.Env) error {
			mapv1.RegisterMapServiceServer(env.GRPC, &fake{})
			return os.WriteFile(filepath.Join(env.DataDir, "name"), []byte(name), 0o600)
		})
		all = append(all, instance{run(t, nil, web, maps), name})
	}
	for i, x := range all {
		for range i + 1 {
			if code, body := get(t, "http://"+x.at.HTTP+"/name"); code != 200 || body != x.name {
				t.Errorf("%s answers %d %s", x.name, code, body)
			}
		}
		if _, err := mapv1.NewMapServiceClient(x.conn).GetMap(background(t), &mapv1.GetMapRequest{}); err != nil {
			t.Errorf("%s: %v", x.name, err)
		}
		if _, body := get(t, "http://"+x.at.Admin+"/metrics"); !strings.Contains(body, fmt.Sprintf("test_visits_total %d", i+1)) {
			t.Errorf("%s: the metrics do not count its own %d visits", x.name, i+1)
		}
	}
	// A key of one opens nothing at the other.
	key := all[0].key(adminv1.KeyRole_KEY_ROLE_ADMIN, "", "")
	if _, err := mapv1.NewMapServiceClient(all[1].conn).GetMap(key, &mapv1.GetMapRequest{}); code(err) != "UNAUTHENTICATED" {
		t.Errorf("a key of the other instance: %v", err)
	}
	if err := all[0].stop(); err != nil {
		t.Error(err)
	}
	if code, _ := get(t, "http://"+all[1].at.HTTP+"/name"); code != 200 {
		t.Error("stopping one has stopped the other")
	}
	if err := all[1].stop(); err != nil {
		t.Error(err)
	}
}

// A unit that cannot start ends the host: what runs is stopped, its ports are free again, the error names the unit.
func TestFailingStart(t *testing.T) {
	var d diary
	opt := options(t, &records{})
	ended := make(chan struct{})
	before := unit("before", func(_ context.Context, env *host.Env) error {
		env.Go("work", func(ctx context.Context) error { defer close(ended); <-ctx.Done(); return ctx.Err() })
		env.OnStop("stop", func(context.Context) error { d.note("stopped"); return nil })
		return nil
	})
	opt.Ready = func(host.Addresses) { d.note("ready") }
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	opt.GRPC = free.Addr().String()
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("it is broken")
	err = host.Run(background(t), opt, before, unit("broken", func(context.Context, *host.Env) error { return broken }), d.noted("after"))
	if !errors.Is(err, broken) || !strings.HasPrefix(err.Error(), "broken: ") {
		t.Errorf("%v", err)
	}
	if d.String() != "stopped" {
		t.Errorf("what happened: %s", &d)
	}
	select {
	case <-ended:
	default:
		t.Error("the work goes on")
	}
	again, err := net.Listen("tcp", opt.GRPC)
	if err != nil {
		t.Fatalf("the port is still taken: %v", err)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
}

// A port that is taken is said with what to do, and leaves nothing behind.
func TestTakenPort(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for what, set := range map[string]func(*host.Options){
		"gRPC":  func(o *host.Options) { o.GRPC = taken.Addr().String() },
		"HTTP":  func(o *host.Options) { o.HTTP = taken.Addr().String() },
		"admin": func(o *host.Options) { o.Admin = taken.Addr().String() },
	} {
		opt := options(t, &records{})
		set(&opt)
		err := host.Run(background(t), opt)
		if err == nil || !strings.Contains(err.Error(), what+" listener on "+taken.Addr().String()) || !strings.Contains(err.Error(), "another port") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// Work that fails stops the host with its error; the other units end as always.
func TestFailingWork(t *testing.T) {
	var d diary
	broken := errors.New("it is broken")
	begin := make(chan struct{})
	failing := unit("failing", func(_ context.Context, env *host.Env) error {
		env.Go("work", func(context.Context) error { <-begin; return broken })
		return nil
	})
	steady := unit("steady", func(_ context.Context, env *host.Env) error {
		env.Go("work", func(ctx context.Context) error { <-ctx.Done(); d.note("work ended"); return ctx.Err() })
		env.OnStop("stop", func(context.Context) error { d.note("stopped"); return nil })
		return nil
	})
	r := run(t, nil, failing, steady)
	close(begin)
	<-r.done
	if !errors.Is(r.err, broken) || !strings.Contains(r.err.Error(), "failing: work: it is broken") || d.String() != "work ended, stopped" {
		t.Errorf("%v; %s", r.err, &d)
	}
}

// Calls in flight end first, then the units' work, then what they asked for on stopping, the last added first.
func TestOrderOfStopping(t *testing.T) {
	var d diary
	inside, leave := make(chan struct{}), make(chan struct{})
	f := &fake{refused: func(ctx context.Context) error {
		close(inside)
		<-leave
		d.note("call answered")
		return nil
	}}
	worker := unit("worker", func(_ context.Context, env *host.Env) error {
		env.Go("work", func(ctx context.Context) error { <-ctx.Done(); d.note("work ended"); return nil })
		return nil
	})
	r := run(t, nil, f.unit(), worker, d.noted("a"), d.noted("b"))
	ctx := r.key(adminv1.KeyRole_KEY_ROLE_ADMIN, "", "")
	answered := make(chan error, 1)
	go func() {
		_, err := adminv1.NewAdminServiceClient(r.conn).ListRefused(ctx, &adminv1.ListRefusedRequest{})
		answered <- err
	}()
	<-inside
	r.halt()
	time.Sleep(50 * time.Millisecond) // stopping has begun, and waits for the call
	close(leave)
	<-answered
	if err := r.stop(); err != nil {
		t.Error(err)
	}
	if want := "start a, start b, call answered, work ended, b second, b first, a second, a first"; d.String() != want {
		t.Errorf("%s\nwant %s", &d, want)
	}
}

// A step that fails is told with its name and hinders no other.
func TestFailingStop(t *testing.T) {
	var d diary
	bad := unit("bad", func(_ context.Context, env *host.Env) error {
		env.OnStop("files", func(context.Context) error { return errors.New("disk on fire") })
		return nil
	})
	r := run(t, nil, d.noted("good"), bad)
	if err := r.stop(); err == nil || !strings.Contains(err.Error(), "stopping bad: files: disk on fire") {
		t.Errorf("%v", err)
	}
	if !strings.HasSuffix(d.String(), "good second, good first") {
		t.Errorf("%s", &d)
	}
}

// Each step of stopping has its time, and no more.
func TestSlowStopIsBounded(t *testing.T) {
	slow := unit("slow", func(_ context.Context, env *host.Env) error {
		env.OnStop("flush", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		return nil
	})
	r := run(t, func(o *host.Options) { o.Grace = 100 * time.Millisecond }, slow)
	begin := time.Now()
	if err := r.stop(); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	if took := time.Since(begin); took > 3*time.Second {
		t.Errorf("stopping took %v", took)
	}
}

// Not ready before every unit says so, nor once stopping has begun; gRPC health tells the same.
func TestReadiness(t *testing.T) {
	var mu sync.Mutex
	trouble := errors.New("still loading")
	loading := unit("loading", func(_ context.Context, env *host.Env) error {
		env.Health("state", func(context.Context) error { mu.Lock(); defer mu.Unlock(); return trouble })
		return nil
	})
	r := run(t, nil, loading)
	readyz := func() (code int, checks map[string]string) {
		code, body := get(t, "http://"+r.at.Admin+"/readyz")
		var told struct {
			Ready  bool
			Checks map[string]string
		}
		if err := json.Unmarshal([]byte(body), &told); err != nil || told.Ready != (code == 200) {
			t.Fatalf("%d %s %v", code, body, err)
		}
		return code, told.Checks
	}
	health := healthpb.NewHealthClient(r.conn)
	watch, err := health.Watch(background(t), &healthpb.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	expect := func(want healthpb.HealthCheckResponse_ServingStatus) {
		t.Helper()
		for {
			got, err := watch.Recv()
			if err != nil {
				t.Fatalf("%v instead of %v", err, want)
			}
			if got.GetStatus() == want {
				return
			}
		}
	}
	if code, checks := readyz(); code != 503 || checks["loading: state"] != "still loading" || checks["bus"] != "ok" {
		t.Errorf("loading: %d %v", code, checks)
	}
	expect(healthpb.HealthCheckResponse_NOT_SERVING)
	mu.Lock()
	trouble = nil
	mu.Unlock()
	if code, checks := readyz(); code != 200 || checks["loading: state"] != "ok" {
		t.Errorf("loaded: %d %v", code, checks)
	}
	expect(healthpb.HealthCheckResponse_SERVING)
	if code, _ := get(t, "http://"+r.at.Admin+"/healthz"); code != 200 {
		t.Error("not alive")
	}
	// The open watch holds the draining up: meanwhile the operator sees why.
	r.halt()
	expect(healthpb.HealthCheckResponse_NOT_SERVING)
	if code, checks := readyz(); code != 503 || checks["host"] != "stopping" {
		t.Errorf("stopping: %d %v", code, checks)
	}
	if err := r.stop(); err != nil {
		t.Error(err)
	}
}

// Each unit has a folder of its own; keys lie in one that is their owner's alone.
func TestFolders(t *testing.T) {
	dir := t.TempDir()
	var seen []string
	start := func(_ context.Context, env *host.Env) error {
		seen = append(seen, env.DataDir, env.KeyDir)
		return nil
	}
	run(t, func(o *host.Options) { o.DataDir = dir }, unit("a", start), unit("b", start))
	if want := []string{dir + "/a", dir + "/keys", dir + "/b", dir + "/keys"}; !slices.Equal(seen, want) {
		t.Errorf("%v", seen)
	}
	for _, name := range []string{"a", "b", "keys"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v %v", name, info, err)
		}
	}
}
