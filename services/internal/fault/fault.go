// Package fault is the error of Touchstone: few kinds, mapped once at the edge to gRPC, HTTP and the fate of a message.
package fault

import (
	"errors"
	"fmt"
	"time"
)

// Kind says what a caller can do about an error.
type Kind int

const (
	// Internal is a defect of ours: callers see no text; a message is retried, then parked.
	Internal Kind = iota
	// Invalid input: the caller must change it; a message is parked.
	Invalid
	// NotFound names something that does not exist; a message is parked.
	NotFound
	// Conflict with another writer: read again and retry.
	Conflict
	// Unavailable for now: retry after RetryAfter.
	Unavailable
	// Exhausted is back-pressure, an Unavailable that the caller brought about: retry after RetryAfter.
	Exhausted
	// Unauthenticated: no key, or a wrong one.
	Unauthenticated
	// Denied: the key does not allow it.
	Denied
	// Precondition: the state of the system forbids it until the operator changes it.
	Precondition
)

// Violation names one field and what is wrong with it.
type Violation struct {
	Field   string // path from the request ("ref.score")
	Message string // what is wrong, a sentence
	Remedy  string // what to do, a sentence
}

// Error is an error with a kind. Message is shown to callers unless Kind is Internal.
type Error struct {
	Kind       Kind
	Message    string
	Violations []Violation
	RetryAfter time.Duration
	Err        error // cause; never shown to callers
}

func (e *Error) Error() string {
	if e.Err != nil {
		if e.Message == "" {
			return e.Err.Error()
		}
		return e.Message + ": " + e.Err.Error()
	}
	return e.Message
}

func (e *Error) Unwrap() error { return e.Err }

// New returns an error of a kind.
func New(k Kind, format string, args ...any) *Error {
	return &Error{Kind: k, Message: fmt.Sprintf(format, args...)}
}

// Wrap gives err a kind and a message for callers.
func Wrap(k Kind, err error, format string, args ...any) *Error {
	return &Error{Kind: k, Message: fmt.Sprintf(format, args...), Err: err}
}

// Field returns an Invalid error about one field.
func Field(field, message, remedy string) *Error {
	return &Error{Kind: Invalid, Message: field + ": " + message, Violations: []Violation{{field, message, remedy}}}
}

// KindOf returns the kind of the first *Error in err's chain, Internal if there is none.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}
