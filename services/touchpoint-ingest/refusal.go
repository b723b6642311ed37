package ingest

import (
	"errors"
	"time"

	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
	"github.com/touchstone-cx/touchstone/services/internal/wire"
)

type refusal = *ingestv1.Refusal

// again is after how long a batch may be sent again that failed for a reason of ours.
const again = time.Second

// refusalOf is what a publisher may know of an error, and when to send again; 0 when that would not help.
func refusalOf(err error) (refusal, time.Duration) {
	r := &ingestv1.Refusal{Reason: ingestv1.Reason_REASON_UNAVAILABLE, Message: "something went wrong inside; the log says what", Remedy: "send the batch again; doubles are found"}
	var f *fault.Error
	if !errors.As(err, &f) || f.Kind == fault.Internal {
		return r, again
	}
	r.Message = f.Message
	if len(f.Violations) > 0 {
		r.Field, r.Message, r.Remedy = f.Violations[0].Field, f.Violations[0].Message, f.Violations[0].Remedy
	}
	retry := again
	switch f.Kind {
	case fault.Exhausted:
		r.Reason = ingestv1.Reason_REASON_RATE
		if errors.Is(err, errNoSpace) {
			r.Reason = ingestv1.Reason_REASON_NO_SPACE
		}
	case fault.Unavailable:
	case fault.Denied, fault.Unauthenticated:
		r.Reason, r.Remedy, retry = ingestv1.Reason_REASON_FORBIDDEN, "use a key of this organisation and source", 0
	case fault.NotFound:
		r.Reason, r.Remedy, retry = ingestv1.Reason_REASON_NOT_IN_MAP, "apply a map", 0
	default:
		r.Reason, retry = ingestv1.Reason_REASON_INVALID, 0
		var lim *wire.LimitError
		switch {
		case errors.As(err, &lim):
			r.Reason = ingestv1.Reason_REASON_TOO_LARGE
		case errors.Is(err, wire.ErrMalformed):
			r.Reason, r.Remedy = ingestv1.Reason_REASON_MALFORMED, "send a PublishRequest as touchstone/ingest/v1/ingest.proto describes it"
		}
	}
	if f.RetryAfter > 0 {
		retry = f.RetryAfter
	}
	return r, retry
}
