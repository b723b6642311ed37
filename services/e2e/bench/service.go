package main

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
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	adminv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/admin/v1"
	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/internal/rawgrpc"
)

// service is one `touchstone standalone`, driven from outside: flags, gRPC, the admin listener, signals.
type service struct {
	bin, dir string // dir holds its data and log

	organisation string // of its map

	cmd    *exec.Cmd
	began  time.Time
	exited chan struct{}
	grpc   string
	admin  string // URL
	conn   *grpc.ClientConn
	scores scorev1.ScoreServiceClient
	ops    adminv1.AdminServiceClient
}

// startService starts a new instance with a map.
func startService(ctx context.Context, bin, dir string, m *mapv1.Map) (*service, error) {
	s := &service{bin: bin, dir: dir, organisation: m.GetOrganisation()}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, s.discard())
	}
	if _, err := mapv1.NewMapServiceClient(s.conn).ApplyMap(ctx, &mapv1.ApplyMapRequest{Map: m}); err != nil {
		return nil, errors.Join(err, s.discard())
	}
	return s, nil
}

func (s *service) data() string { return filepath.Join(s.dir, "data") }

// start runs the binary until it is ready.
func (s *service) start(ctx context.Context) error {
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	const anyPort = "127.0.0.1:0"
	s.cmd = child(exec.Command(s.bin, "standalone", "--data", s.data(), "--grpc", anyPort, "--http", anyPort, "--admin", anyPort, "--nats", anyPort))
	s.cmd.Stderr = log
	for _, e := range os.Environ() {
		// What is meant for a Touchstone of one's own is not meant for this one; GOGC is the default that users have.
		if !strings.HasPrefix(e, "TOUCHSTONE_") && !strings.HasPrefix(e, "GOGC=") && !strings.HasPrefix(e, "GOMEMLIMIT=") {
			s.cmd.Env = append(s.cmd.Env, e)
		}
	}
	s.cmd.Env = append(s.cmd.Env, "TOUCHSTONE_SURVEY_PAGES="+anyPort)
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	s.began = time.Now()
	if err := s.cmd.Start(); err != nil {
		return fmt.Errorf("%w (make build makes bin/touchstone)", err)
	}
	s.exited = make(chan struct{})
	announced := make(chan error, 1)
	go func() {
		defer close(s.exited)
		announced <- s.listen(out)
		io.Copy(io.Discard, out)
		s.cmd.Wait()
	}()
	select {
	case err = <-announced:
	case <-ctx.Done():
		err = ctx.Err()
	case <-time.After(2 * time.Minute):
		err = errors.New("no addresses were announced in two minutes")
	}
	if err == nil {
		err = s.connect()
	}
	if err == nil {
		err = s.awaitReady(ctx)
	}
	if err != nil {
		err = fmt.Errorf("touchstone did not start: %w\n%s", err, s.logTail())
	}
	return err
}

// listen reads the addresses that the service announces.
func (s *service) listen(out io.Reader) error {
	s.grpc, s.admin = "", ""
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		switch {
		case len(f) > 1 && f[0] == "gRPC":
			s.grpc = f[1]
		case len(f) > 1 && f[0] == "admin":
			s.admin = strings.TrimSuffix(f[1], "/metrics")
		}
		if s.grpc != "" && s.admin != "" {
			return nil
		}
	}
	return errors.Join(errors.New("it ended before it announced its addresses"), lines.Err())
}

// bearer is the admin key of an instance.
type bearer string

func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(b)}, nil
}

func (bearer) RequireTransportSecurity() bool { return false }

func (s *service) connect() error {
	key, err := os.ReadFile(filepath.Join(s.data(), "keys", "admin"))
	if err != nil {
		return err
	}
	if s.conn, err = s.dial(bearer(strings.TrimSpace(string(key)))); err != nil {
		return err
	}
	s.scores, s.ops = scorev1.NewScoreServiceClient(s.conn), adminv1.NewAdminServiceClient(s.conn)
	return nil
}

func (s *service) dial(key bearer) (*grpc.ClientConn, error) {
	opts := []grpc.DialOption{
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(rawgrpc.Codec()), grpc.MaxCallRecvMsgSize(64<<20)),
		grpc.WithWriteBufferSize(256 << 10), grpc.WithReadBufferSize(64 << 10),
	}
	if key != "" {
		opts = append(opts, grpc.WithPerRPCCredentials(key))
	}
	return grpc.NewClient("passthrough:///"+s.grpc, opts...)
}

// awaitReady waits for /readyz.
func (s *service) awaitReady(ctx context.Context) error {
	for ctx.Err() == nil {
		if res, err := http.Get(s.admin + "/readyz"); err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-s.exited:
			return errors.New("it ended")
		case <-time.After(5 * time.Millisecond):
		}
	}
	return ctx.Err()
}

// stop ends the service in order.
func (s *service) stop() error { return s.end(syscall.SIGTERM) }

// kill ends it as a crash does.
func (s *service) kill() error { return s.end(syscall.SIGKILL) }

func (s *service) end(sig syscall.Signal) error {
	if s.conn != nil {
		s.conn.Close()
		s.conn = nil
	}
	if s.cmd == nil || s.cmd.Process == nil {
		return nil
	}
	s.cmd.Process.Signal(sig)
	select {
	case <-s.exited:
		return nil
	case <-time.After(time.Minute):
		s.cmd.Process.Kill()
		<-s.exited
		return fmt.Errorf("touchstone did not stop in a minute\n%s", s.logTail())
	}
}

// discard ends the service and removes its data.
func (s *service) discard() error { return errors.Join(s.kill(), os.RemoveAll(s.dir)) }

func (s *service) logTail() string {
	b, err := os.ReadFile(filepath.Join(s.dir, "log"))
	if err != nil {
		return ""
	}
	return string(b[max(0, len(b)-4000):])
}

// folded waits until everything that was acknowledged is counted.
func (s *service) folded(ctx context.Context) (*adminv1.GetStatusResponse, error) {
	for {
		st, err := s.ops.GetStatus(ctx, &adminv1.GetStatusRequest{})
		if err != nil {
			return nil, err
		}
		if st.GetPosition() >= st.GetStreamLast() {
			return st, nil
		}
		time.Sleep(time.Millisecond)
	}
}

func ref(touchpoint, score string, w scorev1.Window) *scorev1.ScoreRef {
	r := &scorev1.ScoreRef{Organisation: organisation, Score: score, Window: w}
	if touchpoint != "" {
		r.Scope = &scorev1.Scope{Touchpoint: touchpoint}
	}
	return r
}

func (s *service) score(ctx context.Context, touchpoint, id string, w scorev1.Window) (*scorev1.Score, error) {
	named := ref(touchpoint, id, w)
	named.Organisation = s.organisation
	r, err := s.scores.GetScore(ctx, &scorev1.GetScoreRequest{Ref: named})
	return r.GetScore(), err
}

func (s *service) explain(ctx context.Context, touchpoint, id string, w scorev1.Window) (*scorev1.ExplainScoreResponse, error) {
	return s.scores.ExplainScore(ctx, &scorev1.ExplainScoreRequest{Ref: ref(touchpoint, id, w)})
}

func (s *service) usage() (usage, error) { return processUsage(s.cmd.Process.Pid) }

func (s *service) resident() (int64, error) { return residentBytes(s.cmd.Process.Pid) }

// heap returns the bytes of live objects after a collection.
func (s *service) heap() (int64, error) {
	res, err := http.Get(s.admin + "/debug/pprof/heap?gc=1&debug=1")
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var n int64
		if _, err := fmt.Sscanf(lines.Text(), "# HeapAlloc = %d", &n); err == nil {
			return n, nil
		}
	}
	return 0, errors.Join(errors.New("the heap's profile tells no HeapAlloc"), lines.Err())
}

// metric returns the sum of a metric over its labels.
func (s *service) metric(name string) (float64, error) {
	res, err := http.Get(s.admin + "/metrics")
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	total, found := 0.0, false
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) < 2 || f[0] != name && !strings.HasPrefix(f[0], name+"{") {
			continue
		}
		var v float64
		if _, err := fmt.Sscan(f[len(f)-1], &v); err != nil {
			return 0, err
		}
		total, found = total+v, true
	}
	if !found {
		return 0, fmt.Errorf("there is no metric %s", name)
	}
	return total, lines.Err()
}

// profile saves a CPU profile of a measurement of a given length, if profiles are wanted; a failure is only told.
func (b *bench) profile(s *service, name string, length time.Duration) {
	if b.profiles == "" {
		return
	}
	file := filepath.Join(b.profiles, name+".pprof")
	err := func() error {
		res, err := http.Get(fmt.Sprintf("%s/debug/pprof/profile?seconds=%d", s.admin, int(length.Seconds()*0.8)))
		if err != nil {
			return err
		}
		defer res.Body.Close()
		f, err := os.Create(file)
		if err != nil {
			return err
		}
		_, err = io.Copy(f, res.Body)
		return errors.Join(err, f.Close())
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, "no profile:", err)
	}
}
