package e2e

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
)

// languages are the publishers of the page and how each is run, from the folder of all.
func languages() map[string][]string {
	return map[string][]string{
		"go":         {"go", "run", "./go"},
		"java":       {"java", "java/Publish.java"},
		"javascript": {"node", "javascript/publish.mjs"},
		"python":     {"python3", "-B", "python/publish.py"},
	}
}

// publishers runs each on a bad day: it is first told to wait, and then gets no answer to what was recorded.
func (p *publishing) publishers(t *testing.T) {
	for language, command := range languages() {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			day := badDay(t, p.own.At().HTTP, p.own.At().GRPC)
			env := append(p.env("acd"), "TOUCHSTONE_HTTP="+day.http, "TOUCHSTONE_SERVER="+day.grpc)
			out, code := runPublisher(t, command, env)
			if code != 0 || strings.Count(out, "recorded") != 2 {
				t.Errorf("it ends with %d: %s", code, out)
			}
			if n := day.asked.Load(); n != 3 {
				t.Errorf("it asked %d times, want 3: told to wait, not answered, answered", n)
			}
			// A wrong key: no patience, and the reason.
			out, code = runPublisher(t, command, append(p.env("acd"), "TOUCHSTONE_KEY=tsk_wrong_key"))
			if code == 0 || !strings.Contains(strings.ToLower(out), "key") {
				t.Errorf("with a wrong key it ends with %d: %s", code, out)
			}
		})
	}
}

func runPublisher(t *testing.T, command, env []string) (out string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, command[0], command[1:]...)
	c.Dir, c.Env = filepath.Join(root(t), "deploy/publish/snippets"), env
	for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOFLAGS"} { // go run, whose home is another
		if b, err := exec.CommandContext(ctx, "go", "env", name).Output(); err == nil {
			c.Env = append(c.Env, name+"="+strings.TrimSpace(string(b)))
		}
	}
	b, err := c.CombinedOutput()
	if c.ProcessState == nil {
		t.Fatalf("%v: %v", command, err)
	}
	return string(b), c.ProcessState.ExitCode()
}

// day stands between a publisher and the service.
type day struct {
	ingestv1.UnimplementedIngestServiceServer
	http, grpc string
	asked      atomic.Int32
	to         ingestv1.IngestServiceClient
}

// badDay asks the first to come to wait, hands on what comes second and does not say so, and lets the rest through.
func badDay(t *testing.T, httpAddress, grpcAddress string) *day {
	t.Helper()
	conn, err := grpc.NewClient(grpcAddress, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	d := &day{to: ingestv1.NewIngestServiceClient(conn)}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	ingestv1.RegisterIngestServiceServer(s, d)
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	web := httptest.NewServer(d.handler(&url.URL{Scheme: "http", Host: httpAddress}))
	d.http, d.grpc = web.URL, l.Addr().String()
	t.Cleanup(func() {
		web.Close()
		s.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
		closeConn(t, conn)
	})
	return d
}

func (d *day) handler(to *url.URL) http.Handler {
	through := &httputil.ReverseProxy{
		Transport: &http.Transport{DisableKeepAlives: true},
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(to) },
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch d.asked.Add(1) {
		case 1:
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
		case 2:
			through.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler) // the connection ends without an answer
		default:
			through.ServeHTTP(w, r)
		}
	})
}

// Publish is the same by gRPC.
func (d *day) Publish(ctx context.Context, req *ingestv1.PublishRequest) (*ingestv1.PublishResponse, error) {
	if md, ok := metadata.FromIncomingContext(ctx); ok {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", strings.Join(md.Get("authorization"), ""))
	}
	switch d.asked.Add(1) {
	case 1:
		s, err := status.New(codes.ResourceExhausted, "wait").WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(time.Second)})
		if err != nil {
			return nil, err
		}
		return nil, s.Err()
	case 2:
		if _, err := d.to.Publish(ctx, req); err != nil {
			return nil, err
		}
		return nil, status.Error(codes.Unavailable, "the answer is lost")
	default:
		return d.to.Publish(ctx, req)
	}
}
