package channel

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"regexp"
	"syscall"
	"time"

	"github.com/touchstone-cx/touchstone/services/survey/gate"
)

// Error says why a message was not handed over. What cannot succeed for this message is permanent; what lies with a configuration
// or an account is not: it concerns every message, and an operator can put it right.
type Error struct {
	// Reason in a sentence that names no secret, address or person.
	Reason string
	// Permanent says that trying again is of no use.
	Permanent bool
	// OptedOut says that the provider keeps the person's wish to get no messages.
	OptedOut bool
	// After is how long the other side asks to be left alone; 0 where it does not say.
	After time.Duration
	// Err is the end of the caller's context; nil for all other causes, whose texts may name addresses.
	Err error
}

func (e *Error) Error() string { return e.Reason }

func (e *Error) Unwrap() error { return e.Err }

// Permanent tells whether trying again is of no use.
func Permanent(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Permanent
}

// OptedOut tells whether the provider refused because the person wants no messages.
func OptedOut(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.OptedOut
}

// Refused is an error about this message: it is not tried again.
func Refused(reason string) *Error { return &Error{Reason: reason, Permanent: true} }

// Later is an error that is no fault of this message.
func Later(reason string) *Error { return &Error{Reason: reason} }

var idPattern = regexp.MustCompile(`^[0-9A-Za-z-]{1,64}$`)

// Check tells whether a message can be brought by a medium at all.
func Check(m *Message, medium gate.Medium) error {
	switch {
	case m.Medium != medium:
		return Refused("The message is for another medium than " + medium.String() + ".")
	case !idPattern.MatchString(m.ID): // it stands in headers and names of files
		return Refused("The message has no id of letters, digits and -.")
	case m.Link == "":
		return Refused("The message has no link.")
	}
	return nil
}

// Unreachable is the error of a connection that failed, in words that are safe to keep: what names hosts, paths and addresses is left out.
func Unreachable(ctx context.Context, whom string, err error) *Error {
	e := Later(whom + " could not be reached: " + cause(err) + ".")
	if ended := ctx.Err(); ended != nil {
		e.Err, e.Reason = ended, whom+" gave no answer in time."
		if errors.Is(ended, context.Canceled) {
			e.Reason = "It was broken off before an answer came."
		}
	}
	return e
}

func cause(err error) string {
	var (
		name      *net.DNSError
		untrusted x509.UnknownAuthorityError
		other     x509.HostnameError
		invalid   x509.CertificateInvalidError
		timeout   net.Error
	)
	switch {
	case errors.As(err, &name):
		return "its name is not known"
	case errors.As(err, &untrusted), errors.As(err, &other), errors.As(err, &invalid):
		return "its certificate is not trusted"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "it refuses connections"
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return "it gave no answer in time"
	}
	return "the connection broke"
}
