package scoreservice

import (
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
)

const (
	defaultInterval = 250 * time.Millisecond
	minInterval     = 100 * time.Millisecond
	maxInterval     = time.Minute
)

// WatchScores sends a snapshot, or after a resume what changed since, then each change. Changes are found at the moment of
// sending, so that what a slow watcher missed is conflated into the newest value.
func (s *Service) WatchScores(req *scorev1.WatchScoresRequest, stream grpc.ServerStreamingServer[scorev1.WatchScoresResponse]) error {
	ctx := stream.Context()
	every, err := intervalOf(req)
	if err != nil {
		return err
	}
	w, err := s.newWatch(ctx, req)
	if err != nil {
		return err
	}
	defer w.close()
	next, moved, err := w.first(req.GetResumeToken())
	for err == nil {
		if next != nil {
			if err := stream.Send(next); err != nil {
				return err
			}
			pause := time.NewTimer(every)
			err = wait(ctx, s.stop, pause.C)
			pause.Stop()
			if err != nil {
				return err
			}
		}
		if err := wait(ctx, s.stop, moved); err != nil {
			return err
		}
		next, moved, err = w.next()
	}
	return err
}

func intervalOf(req *scorev1.WatchScoresRequest) (time.Duration, error) {
	every := time.Duration(req.GetMinIntervalMs()) * time.Millisecond
	if every == 0 {
		return defaultInterval, nil
	}
	if every < minInterval || every > maxInterval {
		return 0, fault.Field("min_interval_ms", "The least time between two responses is not between 100 and 60,000 ms.", "Leave it out for 250 ms.")
	}
	return every, nil
}

// wait returns when c does, or with an error when the caller has gone or the service stops.
func wait[T any](ctx context.Context, stop <-chan struct{}, c <-chan T) error {
	select {
	case <-c:
		return nil
	case <-ctx.Done():
		return status.FromContextError(ctx.Err()).Err()
	case <-stop:
		return &fault.Error{Kind: fault.Unavailable, Message: "The server is stopping: resume the watch with the last token.", RetryAfter: time.Second}
	}
}
