package host

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"buf.build/go/protovalidate"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/touchstone-cx/touchstone/services/internal/fault"
)

// mapping is what each kind of error is at each edge: the one place.
type mapping struct {
	code   codes.Code
	http   int
	reason string
}

func mapped(k fault.Kind) mapping {
	switch k {
	case fault.Invalid:
		return mapping{codes.InvalidArgument, http.StatusBadRequest, "INVALID"}
	case fault.NotFound:
		return mapping{codes.NotFound, http.StatusNotFound, "NOT_FOUND"}
	case fault.Conflict:
		return mapping{codes.Aborted, http.StatusConflict, "CONFLICT"}
	case fault.Unavailable:
		return mapping{codes.Unavailable, http.StatusServiceUnavailable, "UNAVAILABLE"}
	case fault.Exhausted:
		return mapping{codes.ResourceExhausted, http.StatusTooManyRequests, "EXHAUSTED"}
	case fault.Unauthenticated:
		return mapping{codes.Unauthenticated, http.StatusUnauthorized, "UNAUTHENTICATED"}
	case fault.Denied:
		return mapping{codes.PermissionDenied, http.StatusForbidden, "DENIED"}
	case fault.Precondition:
		return mapping{codes.FailedPrecondition, http.StatusPreconditionFailed, "PRECONDITION"}
	default:
		return mapping{codes.Internal, http.StatusInternalServerError, "INTERNAL"}
	}
}

// Status maps an error to gRPC's, with details of google.rpc. internal is true for defects of ours, whose text the caller
// does not see and the log must have.
func Status(err error) (s *status.Status, internal bool) {
	var f *fault.Error
	if !errors.As(err, &f) {
		switch {
		case errors.Is(err, context.Canceled):
			return status.New(codes.Canceled, "the caller went away"), false
		case errors.Is(err, context.DeadlineExceeded):
			return status.New(codes.DeadlineExceeded, "the deadline passed before the answer was ready"), false
		}
		if st, ok := status.FromError(err); ok && st.Code() != codes.Unknown {
			return st, false
		}
		f = &fault.Error{Kind: fault.Internal}
	}
	m := mapped(f.Kind)
	text := f.Message
	if m.code == codes.Internal {
		text, internal = "something went wrong inside; the log says what", true
	}
	s = status.New(m.code, text)
	details := []protoadapt.MessageV1{&errdetails.ErrorInfo{Reason: m.reason, Domain: "touchstone"}}
	if len(f.Violations) > 0 {
		b := &errdetails.BadRequest{}
		for _, v := range f.Violations {
			d := v.Message
			if v.Remedy != "" {
				d += " — " + v.Remedy
			}
			b.FieldViolations = append(b.FieldViolations, &errdetails.BadRequest_FieldViolation{Field: v.Field, Description: d})
		}
		details = append(details, b)
	}
	if f.Kind == fault.Unavailable || f.Kind == fault.Exhausted {
		details = append(details, &errdetails.RetryInfo{RetryDelay: durationpb.New(retryAfter(f))})
	}
	if with, derr := s.WithDetails(details...); derr == nil {
		s = with
	}
	return s, internal
}

func retryAfter(f *fault.Error) time.Duration {
	if f.RetryAfter > 0 {
		return f.RetryAfter
	}
	return time.Second
}

// WriteError answers an HTTP request with a problem (RFC 9457).
func WriteError(w http.ResponseWriter, err error) (internal bool) {
	var f *fault.Error
	if !errors.As(err, &f) {
		f = &fault.Error{Kind: fault.Internal}
	}
	m := mapped(f.Kind)
	detail := f.Message
	if f.Kind == fault.Internal {
		detail, internal = "something went wrong inside; the log says what", true
	}
	if f.Kind == fault.Unavailable || f.Kind == fault.Exhausted {
		w.Header().Set("Retry-After", strconv.Itoa(int((retryAfter(f)+time.Second-1)/time.Second)))
	}
	if f.Kind == fault.Unauthenticated {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	p := Problem{Status: m.http, Reason: m.reason, Detail: detail}
	for _, v := range f.Violations {
		p.Violations = append(p.Violations, ProblemViolation(v))
	}
	WriteProblem(w, p)
	return internal
}

// Validation turns protovalidate's error into a fault.
func Validation(err error) error {
	if err == nil {
		return nil
	}
	var v *protovalidate.ValidationError
	if !errors.As(err, &v) {
		return err
	}
	f := &fault.Error{Kind: fault.Invalid}
	for _, x := range v.Violations {
		field := protovalidate.FieldPathString(x.Proto.GetField())
		f.Violations = append(f.Violations, fault.Violation{Field: field, Message: x.Proto.GetMessage()})
		if f.Message == "" {
			f.Message = field + ": " + x.Proto.GetMessage()
		}
	}
	return f
}
