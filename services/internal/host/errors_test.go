package host_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"buf.build/go/protovalidate"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	adminv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/admin/v1"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
	"github.com/touchstone-cx/touchstone/services/internal/host"
)

// code is an error's gRPC code as the contract writes it.
func code(err error) string {
	names := map[codes.Code]string{
		codes.OK: "OK", codes.InvalidArgument: "INVALID_ARGUMENT", codes.NotFound: "NOT_FOUND", codes.Aborted: "ABORTED", codes.Unavailable: "UNAVAILABLE",
		codes.ResourceExhausted: "RESOURCE_EXHAUSTED", codes.Unauthenticated: "UNAUTHENTICATED", codes.PermissionDenied: "PERMISSION_DENIED",
		codes.FailedPrecondition: "FAILED_PRECONDITION", codes.Internal: "INTERNAL", codes.Canceled: "CANCELLED", codes.DeadlineExceeded: "DEADLINE_EXCEEDED",
		codes.Unimplemented: "UNIMPLEMENTED",
	}
	return names[status.Code(err)]
}

func detail[T any](err error) (d T, ok bool) {
	for _, x := range status.Convert(err).Details() {
		if d, ok = x.(T); ok {
			return d, true
		}
	}
	return d, false
}

var faults = []struct {
	kind  fault.Kind
	code  string
	http  int
	retry bool
}{
	{fault.Invalid, "INVALID_ARGUMENT", 400, false},
	{fault.NotFound, "NOT_FOUND", 404, false},
	{fault.Conflict, "ABORTED", 409, false},
	{fault.Unavailable, "UNAVAILABLE", 503, true},
	{fault.Exhausted, "RESOURCE_EXHAUSTED", 429, true},
	{fault.Unauthenticated, "UNAUTHENTICATED", 401, false},
	{fault.Denied, "PERMISSION_DENIED", 403, false},
	{fault.Precondition, "FAILED_PRECONDITION", 412, false},
	{fault.Internal, "INTERNAL", 500, false},
}

// Each kind of fault has one code of gRPC and one of HTTP; callers see its message and never its cause.
func TestFaultsAtTheEdges(t *testing.T) {
	for _, c := range faults {
		f := fault.Wrap(c.kind, errors.New("the secret cause"), "what happened")
		f.RetryAfter = 1500 * time.Millisecond
		err := fmt.Errorf("wrapped: %w", f)

		s, internal := host.Status(err)
		if code(s.Err()) != c.code || internal != (c.kind == fault.Internal) {
			t.Errorf("%v: %s, internal %v", c.kind, code(s.Err()), internal)
		}
		info, ok := detail[*errdetails.ErrorInfo](s.Err())
		if !ok || info.GetDomain() != "touchstone" || info.GetReason() == "" {
			t.Errorf("%s: error info %v", c.code, info)
		}
		retry, ok := detail[*errdetails.RetryInfo](s.Err())
		if ok != c.retry || ok && retry.GetRetryDelay().AsDuration() != f.RetryAfter {
			t.Errorf("%s: retry info %v", c.code, retry)
		}

		w := httptest.NewRecorder()
		if host.WriteError(w, err) != internal || w.Code != c.http {
			t.Errorf("%s: HTTP %d", c.code, w.Code)
		}
		var problem struct{ Title, Detail, Reason string }
		if err := json.Unmarshal(w.Body.Bytes(), &problem); err != nil || problem.Title == "" || problem.Reason != info.GetReason() {
			t.Errorf("%s: %s %v", c.code, w.Body, err)
		}
		if got := w.Header().Get("Content-Type"); got != "application/problem+json" {
			t.Errorf("%s: %s", c.code, got)
		}
		if after := w.Header().Get("Retry-After"); (after == "2") != c.retry {
			t.Errorf("%s: Retry-After %q", c.code, after)
		}
		if challenge := w.Header().Get("WWW-Authenticate"); (challenge != "") != (c.http == 401) {
			t.Errorf("%s: WWW-Authenticate %q", c.code, challenge)
		}
		for _, text := range []string{s.Message(), w.Body.String()} {
			if strings.Contains(text, "secret") || strings.Contains(text, "what happened") == internal {
				t.Errorf("%s says %q", c.code, text)
			}
		}
	}
}

func TestOtherErrors(t *testing.T) {
	for _, c := range []struct {
		err      error
		code     string
		internal bool
	}{
		{errors.New("canary"), "INTERNAL", true},
		{fmt.Errorf("canary: %w", context.Canceled), "CANCELLED", false},
		{fmt.Errorf("canary: %w", context.DeadlineExceeded), "DEADLINE_EXCEEDED", false},
		{status.Error(codes.Unimplemented, "not here"), "UNIMPLEMENTED", false},
		{status.Error(codes.Unknown, "canary"), "INTERNAL", true},
	} {
		s, internal := host.Status(c.err)
		if code(s.Err()) != c.code || internal != c.internal || strings.Contains(s.Message(), "canary") {
			t.Errorf("%v: %v, internal %v", c.err, s, internal)
		}
	}
	w := httptest.NewRecorder()
	if !host.WriteError(w, errors.New("canary")) || w.Code != 500 || strings.Contains(w.Body.String(), "canary") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// Violations name each field, what is wrong and what to do, at both edges.
func TestViolations(t *testing.T) {
	err := fault.Field("ref.score", "there is no such score", "see `touchstone scores`")
	s, _ := host.Status(err)
	bad, ok := detail[*errdetails.BadRequest](s.Err())
	if !ok || len(bad.GetFieldViolations()) != 1 || bad.GetFieldViolations()[0].GetField() != "ref.score" ||
		!strings.Contains(bad.GetFieldViolations()[0].GetDescription(), "see `touchstone scores`") {
		t.Errorf("%v", bad)
	}
	w := httptest.NewRecorder()
	host.WriteError(w, err)
	var problem struct {
		Violations []struct{ Field, Message, Remedy string }
	}
	if err := json.Unmarshal(w.Body.Bytes(), &problem); err != nil || len(problem.Violations) != 1 || problem.Violations[0].Field != "ref.score" || problem.Violations[0].Remedy == "" {
		t.Errorf("%s %v", w.Body, err)
	}
}

func TestValidationIsAFault(t *testing.T) {
	v, err := protovalidate.New()
	if err != nil {
		t.Fatal(err)
	}
	err = host.Validation(v.Validate(&adminv1.CreateKeyRequest{Source: "NOT ONE"}))
	var f *fault.Error
	if !errors.As(err, &f) || f.Kind != fault.Invalid || len(f.Violations) != 2 || f.Violations[0].Field != "role" || f.Violations[1].Field != "source" || f.Message == "" {
		t.Errorf("%#v", err)
	}
	if host.Validation(nil) != nil {
		t.Error("no error became one")
	}
}
