package instance

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"

	adminv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/admin/v1"
	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	surveyv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/survey/v1"
)

// Clients speak the public API.
type Clients struct {
	Ingest  ingestv1.IngestServiceClient
	Native  ingestv1.NativeServiceClient
	Scores  scorev1.ScoreServiceClient
	Maps    mapv1.MapServiceClient
	Admin   adminv1.AdminServiceClient
	Surveys surveyv1.SurveyServiceClient
}

// NewClients returns the clients of a connection.
func NewClients(c grpc.ClientConnInterface) Clients {
	return Clients{
		ingestv1.NewIngestServiceClient(c), ingestv1.NewNativeServiceClient(c), scorev1.NewScoreServiceClient(c), mapv1.NewMapServiceClient(c), adminv1.NewAdminServiceClient(c),
		surveyv1.NewSurveyServiceClient(c),
	}
}

// Clients returns clients with the admin key. They find the process again after each restart, whatever its ports.
func (i *Instance) Clients() Clients { return NewClients(i.conn) }

// dial makes the connection that follows the process. It never dials a port nobody announced: a retry on a free port of
// the ephemeral range can meet itself, and keep the port from the next process.
func dial(i *Instance) (*grpc.ClientConn, error) {
	return grpc.NewClient("passthrough:///touchstone",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithPerRPCCredentials(bearer(i.Key)),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(64<<20)),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 10 * time.Millisecond, Multiplier: 1.5, Jitter: 0.3, MaxDelay: 100 * time.Millisecond},
			MinConnectTimeout: 5 * time.Second,
		}),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			addr := i.At().GRPC
			if addr == "" {
				return nil, errors.New("touchstone does not run")
			}
			return new(net.Dialer).DialContext(ctx, "tcp", addr)
		}),
	)
}

// Dial connects to a Touchstone that somebody else runs.
func Dial(addr, key string) (*grpc.ClientConn, error) {
	return grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithPerRPCCredentials(bearer(func() (string, error) { return key, nil })), grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(64<<20)))
}

// bearer presents a key.
type bearer func() (string, error)

func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	key, err := b()
	if err != nil || key == "" {
		return nil, err
	}
	return map[string]string{"authorization": "Bearer " + key}, nil
}

func (bearer) RequireTransportSecurity() bool { return false }

// Result is how a command ended.
type Result struct {
	Out, Err string
	Code     int
}

// CLI runs a client command of the binary against the running process.
func (i *Instance) CLI(ctx context.Context, args ...string) (Result, error) {
	c := i.Command(ctx, args...)
	var out, errs strings.Builder
	c.Stdout, c.Stderr = &out, &errs
	err := c.Run()
	r := Result{Out: out.String(), Err: errs.String()}
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() {
		r.Code, err = exit.ExitCode(), nil
	}
	if err != nil {
		err = fmt.Errorf("touchstone %s: %w\n%s", strings.Join(args, " "), err, r.Err)
	}
	return r, err
}

// Command is a client command that the caller runs itself.
func (i *Instance) Command(ctx context.Context, args ...string) *exec.Cmd {
	args = append(args, "--server", i.At().GRPC, "--data", i.opt.Dir)
	c := exec.CommandContext(ctx, i.opt.Binary, args...)
	c.Env = Environ()
	return c
}

// Environ is the environment without what is meant for another Touchstone.
func Environ() []string {
	var out []string
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "TOUCHSTONE_") && !strings.HasPrefix(e, "OTEL_") {
			out = append(out, e)
		}
	}
	return out
}

// Build returns the binary to run: $TOUCHSTONE_BIN, else one built now into dir. It runs inside the repository.
func Build(ctx context.Context, dir string) (string, error) {
	if bin := os.Getenv("TOUCHSTONE_BIN"); bin != "" {
		_, err := os.Stat(bin)
		return bin, err
	}
	bin := dir + "/touchstone"
	c := exec.CommandContext(ctx, "go", "build", "-o", bin, "github.com/touchstone-cx/touchstone/services/cmd/touchstone")
	if out, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building touchstone: %w\n%s", err, out)
	}
	return bin, nil
}
