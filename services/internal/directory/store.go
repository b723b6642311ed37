// Package directory keeps and reads who holds which role of an organisation, and how to reach them. It names people, so it
// lies apart from the map: in a stream of its own, under a role of its own, and only as it is now.
package directory

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	directoryv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/directory/v1"
	"github.com/touchstone-cx/touchstone/services/internal/bus"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
)

const (
	// A stored directory must fit one message of the bus.
	maxBytes = 900 << 10
	// How often a directory is written again when others write at the same time and no version was expected.
	putAttempts = 20
	// What a caller may wait after the bus did not answer.
	busRetry = time.Second
)

// Store reads and writes directories in the stream TS_DIRECTORY. It keeps nothing itself: a directory is asked for when
// somebody is to be reached, not per fact, and so every answer is as new as the stream, in every process.
type Store struct{ js jetstream.JetStream }

// NewStore returns a store on a bus whose streams exist.
func NewStore(js jetstream.JetStream) *Store { return &Store{js: js} }

// stored is the newest version that the stream holds of one organisation: an empty one where none was put.
type stored struct {
	// The answer to GetDirectory, without what depends on the day, is also the form in which it is kept.
	*directoryv1.GetDirectoryResponse
	seq uint64
}

// Current returns an organisation's directory with its version; version 0 and no directory where none was put. Errors are
// Unavailable, or Internal.
func (s *Store) Current(ctx context.Context, org string) (*directoryv1.GetDirectoryResponse, error) {
	head, err := s.head(ctx, org)
	return head.GetDirectoryResponse, err
}

// Put makes d, which was checked against m, the organisation's directory and returns its version. changed is false when it
// equals the current one, whatever was expected: a repeated call does no harm.
//
// expect is the version it replaces, 0 for the first; nil replaces whatever is there. Errors: Invalid with a violation for
// each problem; Conflict when the current version is not the expected one; Unavailable when the bus does not answer.
func (s *Store) Put(ctx context.Context, d *directoryv1.Directory, m *expmap.Map, now time.Time, expect *uint64) (version uint64, changed bool, err error) {
	if problems := Check(d, m); len(problems) > 0 {
		return 0, false, invalid(problems)
	}
	org := d.GetOrganisation()
	if size := proto.Size(d); size > maxBytes {
		return 0, false, fault.Field("directory", fmt.Sprintf("The directory takes %d bytes and may take %d.", size, maxBytes), "Leave out who holds nothing any more.")
	}
	for range putAttempts {
		head, err := s.head(ctx, org)
		if err != nil {
			return 0, false, err
		}
		if head.GetVersion() > 0 && proto.Equal(head.GetDirectory(), d) {
			return head.GetVersion(), false, nil
		}
		if current := head.GetVersion(); expect != nil && *expect != current {
			return 0, false, fault.New(fault.Conflict, "Version %d of the directory of %s was expected, but %d is current: read it again, make the change on it, and put it with that version expected.", *expect, org, current)
		}
		version = head.GetVersion() + 1
		err = s.write(ctx, org, head.seq, &directoryv1.GetDirectoryResponse{Directory: d, Version: version, PutAt: timestamppb.New(now)})
		if isWrongSequence(err) {
			continue // another writer came between: read again, and judge by what is there now
		}
		if err != nil {
			return 0, false, unavailable(err)
		}
		return version, true, nil
	}
	return 0, false, fault.New(fault.Conflict, "The directory of %s is being written by others: read it again and retry.", org)
}

// write appends a version after the organisation's message headSeq, or fails when that is no longer its last.
func (s *Store) write(ctx context.Context, org string, headSeq uint64, v *directoryv1.GetDirectoryResponse) error {
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode the directory: %w", err)
	}
	_, err = s.js.Publish(ctx, bus.DirectorySubject(org), data,
		jetstream.WithExpectStream(bus.StreamDirectory), jetstream.WithExpectLastSequencePerSubject(headSeq))
	return err
}

func (s *Store) head(ctx context.Context, org string) (stored, error) {
	none := stored{GetDirectoryResponse: &directoryv1.GetDirectoryResponse{}}
	if !idRule.MatchString(org) {
		return none, nil // and never a subject that matches more than one
	}
	stream, err := s.js.Stream(ctx, bus.StreamDirectory)
	if err != nil {
		return none, unavailable(err)
	}
	msg, err := stream.GetLastMsgForSubject(ctx, bus.DirectorySubject(org))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return none, nil
	}
	if err != nil {
		return none, unavailable(err)
	}
	v := new(directoryv1.GetDirectoryResponse)
	if err := proto.Unmarshal(msg.Data, v); err != nil {
		return none, fault.Wrap(fault.Internal, err, "message %d of %s cannot be read", msg.Sequence, bus.StreamDirectory)
	}
	return stored{GetDirectoryResponse: v, seq: msg.Sequence}, nil
}

func isWrongSequence(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && (api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence ||
		api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant)
}

// mostViolations bounds an answer: a file of the wrong columns has a problem a row.
const mostViolations = 100

func invalid(problems []fault.Violation) error {
	e := fault.New(fault.Invalid, "The directory has %d problems; the first: %s", len(problems), problems[0].Message)
	if len(problems) == 1 {
		e.Message = problems[0].Message
	}
	e.Violations = problems[:min(len(problems), mostViolations)]
	return e
}

func unavailable(err error) error {
	e := fault.Wrap(fault.Unavailable, err, "The directory does not answer: try again.")
	e.RetryAfter = busRetry
	return e
}
