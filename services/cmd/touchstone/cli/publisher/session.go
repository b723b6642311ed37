package publisher

import (
	"context"
	"errors"
	"io"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
)

// session is one open stream. responses and broken come from its own goroutine, which ends with close.
type session struct {
	stream    grpc.BidiStreamingClient[ingestv1.PublishStreamRequest, ingestv1.PublishStreamResponse]
	cancel    context.CancelFunc
	responses chan *ingestv1.PublishStreamResponse
	broken    chan error
	ended     chan struct{}
}

type connectionError struct{ err error }

func (e *connectionError) Error() string { return e.err.Error() }
func (e *connectionError) Unwrap() error { return e.err }

func (r *run) open(ctx context.Context) (*session, error) {
	ctx, cancel := context.WithCancel(ctx)
	stream, err := r.Client.PublishStream(ctx)
	if err != nil {
		cancel()
		return nil, &connectionError{err}
	}
	// Room for every answer that can be outstanding, even one a fact: were receive to wait for the loop while the loop
	// waits in send, neither side of the connection would move.
	s := &session{
		stream: stream, cancel: cancel, ended: make(chan struct{}),
		responses: make(chan *ingestv1.PublishStreamResponse, r.Window*MaxFacts), broken: make(chan error, 1),
	}
	go s.receive(ctx)
	return s, nil
}

func (s *session) receive(ctx context.Context) {
	defer close(s.ended)
	for {
		m, err := s.stream.Recv()
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = status.Error(codes.Unavailable, "the service closed the stream")
			}
			s.broken <- err
			return
		}
		select {
		case s.responses <- m:
		case <-ctx.Done():
			return
		}
	}
}

// send blocks while the connection takes no more. An io.EOF of Send means that the reason is with Recv.
func (s *session) send(m *ingestv1.PublishStreamRequest) error {
	err := s.stream.Send(m)
	if errors.Is(err, io.EOF) {
		<-s.ended
		select {
		case err = <-s.broken:
		default:
		}
	}
	return err
}

func (s *session) close() {
	s.cancel()
	<-s.ended
}

// backoff tells how long to wait before the next connection, and whether one can help at all.
func (r *run) backoff(err error) (time.Duration, bool) {
	st := status.Convert(err)
	switch st.Code() {
	case codes.Unauthenticated, codes.PermissionDenied, codes.InvalidArgument, codes.Unimplemented, codes.FailedPrecondition,
		codes.NotFound, codes.Canceled:
		return 0, false
	}
	if r.GiveUp > 0 && time.Since(r.progress) > r.GiveUp {
		return 0, false
	}
	wait := r.grow()
	for _, d := range st.Details() {
		if info, ok := d.(*errdetails.RetryInfo); ok {
			wait = max(wait, info.GetRetryDelay().AsDuration())
		}
	}
	return wait, true
}
