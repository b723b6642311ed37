package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// What a command exits with.
const (
	ExitFailed      = 1 // nothing was done, or not all of it
	ExitInPart      = 2 // done, but not for everything: refused rows, a map with problems, verify found a difference
	ExitUnreachable = 3 // the service cannot be reached, or did not answer in time
	ExitNotAllowed  = 4 // the key is missing, wrong, or may not do this
)

// Error is the error of a command: text for people and what to exit with.
type Error struct {
	Code int
	Text string // one or more lines
	err  error
}

func (e *Error) Error() string { return e.Text }
func (e *Error) Unwrap() error { return e.err }

// ExitCode is the status to exit with.
func (e *Error) ExitCode() int { return e.Code }

// ExitCode returns the status to exit with after err: 0 for nil.
func ExitCode(err error) int {
	var e *Error
	switch {
	case err == nil:
		return 0
	case errors.As(err, &e):
		return e.Code
	}
	return ExitFailed
}

func failed(format string, args ...any) *Error {
	return &Error{Code: ExitFailed, Text: fmt.Sprintf(format, args...)}
}

func inPart(format string, args ...any) *Error {
	return &Error{Code: ExitInPart, Text: fmt.Sprintf(format, args...)}
}

// readable turns what a service answered into text that says what to do.
func readable(err error, server string) error {
	var done *Error
	if err == nil || errors.As(err, &done) {
		return err
	}
	if errors.Is(err, context.Canceled) {
		return &Error{Code: ExitFailed, Text: "stopped", err: err}
	}
	st, ok := status.FromError(err)
	if !ok {
		return &Error{Code: ExitFailed, Text: err.Error(), err: err}
	}
	e := &Error{Code: ExitFailed, Text: clean(st.Message()), err: err}
	switch st.Code() {
	case codes.Canceled:
		e.Text = "stopped"
	case codes.Unavailable:
		e.Code = ExitUnreachable
		e.Text = "Touchstone is not reachable at " + server + ": " + e.Text + " — start it with touchstone standalone, or name another with --server"
	case codes.DeadlineExceeded:
		e.Code = ExitUnreachable
		e.Text = "Touchstone at " + server + " did not answer in time"
	case codes.Unauthenticated, codes.PermissionDenied:
		e.Code = ExitNotAllowed
		e.Text += " — give a key that may do this with --key or TOUCHSTONE_KEY; standalone leaves the admin key in keys/admin of its data folder"
	case codes.Unimplemented:
		e.Text = "this service does not run at " + server + ": " + e.Text
	}
	var lines []string
	for _, d := range st.Details() {
		if bad, ok := d.(*errdetails.BadRequest); ok {
			for _, v := range bad.GetFieldViolations() {
				lines = append(lines, violation(v))
			}
		}
	}
	if len(lines) > 0 {
		e.Text = strings.Join(lines, "\n")
	}
	return e
}

// violation is "field: message — remedy". The remedy stands in the localised message where the service gives one, else it
// is part of the description.
func violation(v *errdetails.BadRequest_FieldViolation) string {
	text := clean(v.GetDescription())
	if v.GetField() != "" {
		text = clean(v.GetField()) + ": " + text
	}
	if remedy := v.GetLocalizedMessage().GetMessage(); remedy != "" && !strings.Contains(text, remedy) {
		text += " — " + clean(remedy)
	}
	return text
}

func environment(name string) string { return os.Getenv(name) }

func contains(list []string, s string) bool {
	for _, v := range list {
		if v == s {
			return true
		}
	}
	return false
}

// list is "a, b, c", shortened.
func list(items []string) string {
	const most = 10
	if len(items) > most {
		return strings.Join(items[:most], ", ") + fmt.Sprintf(" and %d more", len(items)-most)
	}
	return strings.Join(items, ", ")
}
