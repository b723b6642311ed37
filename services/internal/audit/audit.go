// Package audit keeps lines about who read or did what is confidential. A line is on disk before what it tells of is answered.
package audit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"

	adminv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/admin/v1"
	"github.com/touchstone-cx/touchstone/services/internal/bus"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
)

// Log is the audit: the stream TS_AUDIT.
type Log struct{ js jetstream.JetStream }

// New returns the audit of a bus whose streams exist.
func New(js jetstream.JetStream) *Log { return &Log{js} }

// writing bounds how long a caller waits for its line.
const writing = 10 * time.Second

// Write returns once the line is on disk. Where it fails, what the line tells of must not be done or answered: its error is
// Unavailable. A line has a time, an organisation and a kind, and never names a customer or an agent.
func (l *Log) Write(ctx context.Context, line *adminv1.AuditLine) error {
	if line.GetAt() == nil || line.GetOrganisation() == "" || line.GetKind() == adminv1.AuditKind_AUDIT_KIND_UNSPECIFIED {
		return fmt.Errorf("a line of the audit lacks its time, organisation or kind: %s", line.GetAbout())
	}
	b, err := proto.Marshal(line)
	if err != nil {
		return fmt.Errorf("encoding a line of the audit: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, writing)
	defer cancel()
	if _, err := l.js.Publish(ctx, bus.AuditSubject(line.GetOrganisation()), b, jetstream.WithExpectStream(bus.StreamAudit)); err != nil {
		return fault.Wrap(fault.Unavailable, err, "the audit cannot be written now, and without it nothing is answered")
	}
	return nil
}

const (
	chunk   = 1000  // messages of the stream, looked at from their oldest to their newest
	looking = 20000 // messages of the organisation, after which a page ends though it is not full
)

// List returns at most limit lines of an organisation, newest first, before a number (0: the newest); of one kind, unless it
// is unset. Before is what to go on from, also where there are fewer than limit; 0 at the end.
func (l *Log) List(ctx context.Context, organisation string, kind adminv1.AuditKind, from uint64, limit int) (lines []*adminv1.AuditLine, before uint64, err error) {
	s, err := l.js.Stream(ctx, bus.StreamAudit)
	if err != nil {
		return nil, 0, unreadable(err)
	}
	st := s.CachedInfo().State
	end := st.LastSeq + 1
	if from > 0 {
		end = min(end, from)
	}
	looked := 0
	for end > max(st.FirstSeq, 1) {
		if looked >= looking {
			return lines, end, nil
		}
		start := max(st.FirstSeq, 1, end-min(end, chunk))
		found, err := read(ctx, s, bus.AuditSubject(organisation), start, end)
		if err != nil {
			return nil, 0, err
		}
		looked += len(found)
		for _, m := range slices.Backward(found) {
			line := &adminv1.AuditLine{}
			if err := proto.Unmarshal(m.data, line); err != nil {
				return nil, 0, fmt.Errorf("line %d of the audit: %w", m.sequence, err)
			}
			if kind != adminv1.AuditKind_AUDIT_KIND_UNSPECIFIED && line.GetKind() != kind {
				continue
			}
			if len(lines) == limit { // at least one more exists
				return lines, before, nil
			}
			lines, before = append(lines, line), m.sequence
		}
		end = start
	}
	return lines, 0, nil
}

type message struct {
	sequence uint64
	data     []byte
}

// read returns the messages of a subject from start until before end, oldest first.
func read(ctx context.Context, s jetstream.Stream, subject string, start, end uint64) ([]message, error) {
	var out []message
	for start < end {
		m, err := s.GetMsg(ctx, start, jetstream.WithGetMsgSubject(subject))
		switch {
		case errors.Is(err, jetstream.ErrMsgNotFound):
			return out, nil
		case err != nil:
			return nil, unreadable(err)
		case m.Sequence >= end:
			return out, nil
		}
		out = append(out, message{m.Sequence, m.Data})
		start = m.Sequence + 1
	}
	return out, nil
}

func unreadable(err error) error {
	return fault.Wrap(fault.Unavailable, err, "the audit cannot be read now")
}
