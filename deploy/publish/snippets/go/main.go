// Command go publishes two calls to Touchstone by gRPC. Needs the contract's module (proto) and grpc.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	conn, err := grpc.NewClient(os.Getenv("TOUCHSTONE_SERVER"), grpc.WithTransportCredentials(insecure.NewCredentials())) // loopback; elsewhere TLS
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+os.Getenv("TOUCHSTONE_KEY"))

	calls := []*factv1.Fact{call("go-1", "help_line", time.Now()), call("go-2", "help_line", time.Now())}
	results, err := publish(ctx, ingestv1.NewIngestServiceClient(conn), calls)
	if err != nil {
		return err
	}
	for i, r := range results {
		if why := r.GetRefusal(); why != nil {
			err = fmt.Errorf("%s was refused: %s: %s %s", calls[i].GetId(), why.GetField(), why.GetMessage(), why.GetRemedy())
			continue
		}
		fmt.Println(calls[i].GetId(), "recorded")
	}
	return err
}

func call(id, touchpoint string, at time.Time) *factv1.Fact {
	return &factv1.Fact{Id: id, Content: &factv1.Fact_Interaction{Interaction: &factv1.Interaction{
		Touchpoint: touchpoint, OccurredAt: timestamppb.New(at),
	}}}
}

// publish publishes at most 1,000 facts and returns one result for each. It sends the same again until it is answered for good:
// what was recorded before counts once.
func publish(ctx context.Context, client ingestv1.IngestServiceClient, facts []*factv1.Fact) ([]*ingestv1.FactResult, error) {
	for pause := 500 * time.Millisecond; ; pause = min(2*pause, 30*time.Second) {
		once, cancel := context.WithTimeout(ctx, 30*time.Second)
		answer, err := client.Publish(once, &ingestv1.PublishRequest{Facts: facts})
		cancel()
		switch status.Code(err) {
		case codes.OK:
			return answer.GetResults(), nil
		case codes.ResourceExhausted, codes.Unavailable, codes.DeadlineExceeded, codes.Aborted, codes.Internal, codes.Unknown:
			pause = max(pause, retryAfter(err))
		default: // a wrong key, too many facts
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(pause):
		}
	}
}

// retryAfter is how long the service asks to wait.
func retryAfter(err error) time.Duration {
	for _, d := range status.Convert(err).Details() {
		if info, ok := d.(*errdetails.RetryInfo); ok {
			return info.GetRetryDelay().AsDuration()
		}
	}
	return 0
}
