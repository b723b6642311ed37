package expmap

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
)

const (
	// A stored map must fit one message of the bus.
	maxMapBytes = 900 << 10
	// How often a map is written again when others write at the same time and no version was expected.
	applyAttempts = 20
	// What a caller may wait after the bus did not answer.
	busRetry = time.Second
)

// stored is the newest version the stream holds of one organisation.
type stored struct {
	version *mapv1.MapVersion // nil: none
	seq     uint64
}

// Check says what is wrong with a map, history included, and what applying it would do: the current version (0: none) and
// why history would be counted again. It changes nothing. Errors are Unavailable.
func (r *Registry) Check(ctx context.Context, p *mapv1.Map) (problems []*mapv1.Problem, current uint64, recounts []string, err error) {
	m, problems := Compile(p, 0)
	if !validOrganisation(p.GetOrganisation()) {
		return problems, 0, nil, nil
	}
	head, err := r.head(ctx, p.GetOrganisation())
	if err != nil || head.version == nil {
		return problems, 0, nil, err
	}
	current = head.version.GetVersion()
	if m == nil {
		return problems, current, nil, nil
	}
	problems, err = r.contradictions(ctx, head, m)
	if err != nil || len(problems) > 0 {
		return problems, current, nil, err
	}
	old, err := build(head.version.GetMap(), current)
	if err != nil {
		return nil, current, nil, fault.Wrap(fault.Internal, err, "the current map cannot be read")
	}
	return nil, current, Recounts(old, m), nil
}

// Apply makes m the organisation's current map and returns its version. changed is false when it equals the current one,
// whatever was expected: a repeated call does no harm. When it returns, Current returns this version or a later one; the
// subscribers may not yet have been called.
//
// expect is the version it replaces, 0 for the first; nil replaces whatever is there. Errors: Invalid with a violation for
// each problem; Conflict when the current version is not the expected one; Unavailable when the bus does not answer.
func (r *Registry) Apply(ctx context.Context, p *mapv1.Map, expect *uint64) (version uint64, changed bool, err error) {
	m, problems := Compile(p, 0)
	if len(problems) > 0 {
		return 0, false, invalid(problems)
	}
	if size := proto.Size(p); size > maxMapBytes {
		return 0, false, fault.Field("map", fmt.Sprintf("The map takes %d bytes and may take %d.", size, maxMapBytes), "Declare less, or shorten the texts.")
	}
	for range applyAttempts {
		head, err := r.head(ctx, m.Organisation)
		if err != nil {
			return 0, false, err
		}
		if head.version != nil && proto.Equal(head.version.GetMap(), m.Proto) {
			return head.version.GetVersion(), false, r.settled(ctx, head.seq)
		}
		if current := head.version.GetVersion(); expect != nil && *expect != current {
			return 0, false, conflict(m.Organisation, *expect, current)
		}
		problems, err := r.contradictions(ctx, head, m)
		if err != nil {
			return 0, false, err
		}
		if len(problems) > 0 {
			return 0, false, invalid(problems)
		}
		version = head.version.GetVersion() + 1
		seq, err := r.write(ctx, &mapv1.MapVersion{Version: version, AppliedAt: timestamppb.Now(), Map: m.Proto}, head.seq)
		if isWrongSequence(err) {
			continue // another writer came between: read again, and judge by what is there now
		}
		if err != nil {
			return 0, false, unavailable(err)
		}
		return version, true, r.settled(ctx, seq)
	}
	return 0, false, fault.New(fault.Conflict, "The map of %s is being written by others: read it again and retry.", m.Organisation)
}

// write appends a version after the organisation's message headSeq, or fails when that is no longer its last.
func (r *Registry) write(ctx context.Context, mv *mapv1.MapVersion, headSeq uint64) (uint64, error) {
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(mv)
	if err != nil {
		return 0, fmt.Errorf("encode the map: %w", err)
	}
	ack, err := r.js.Publish(ctx, subjectPrefix+mv.GetMap().GetOrganisation(), data,
		jetstream.WithExpectStream(streamName), jetstream.WithExpectLastSequencePerSubject(headSeq))
	if err != nil {
		return 0, err
	}
	return ack.Sequence, nil
}

// settled waits until this registry has taken in what was written.
func (r *Registry) settled(ctx context.Context, seq uint64) error {
	if err := r.reached(ctx, seq); err != nil {
		return unavailable(fmt.Errorf("wait for the map to become current: %w", err))
	}
	return nil
}

// contradictions compares m with the current version, and with all before it when m declares a metric, question or
// linked metric that the current one does not: a thing that was removed may not come back as another.
func (r *Registry) contradictions(ctx context.Context, head stored, m *Map) ([]*mapv1.Problem, error) {
	if head.version == nil {
		return nil, nil
	}
	old, err := build(head.version.GetMap(), head.version.GetVersion())
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "the current map cannot be read")
	}
	problems := Incompatible(old, m)
	if len(problems) > 0 || !addsMeasures(old, m) && !addsSurveys(old, m) {
		return problems, nil
	}
	err = r.walk(ctx, m.Organisation, head.seq-1, func(mv *mapv1.MapVersion) (bool, error) {
		past, err := build(mv.GetMap(), mv.GetVersion())
		if err != nil {
			return false, fault.Wrap(fault.Internal, err, "version %d of the map cannot be read", mv.GetVersion())
		}
		problems = Incompatible(past, m)
		return len(problems) == 0, nil
	})
	return problems, err
}

func addsMeasures(old, new *Map) bool {
	for id := range new.Metrics {
		if _, ok := old.Metrics[id]; !ok {
			return true
		}
	}
	for id := range new.Questions {
		if _, ok := old.Questions[id]; !ok {
			return true
		}
	}
	for id := range new.Linked {
		if old.Linked[id] == nil {
			return true
		}
	}
	was := Derived(old.Proto)
	for id := range Derived(new.Proto) {
		if _, ok := was[id]; !ok {
			return true
		}
	}
	return false
}

// head reads the newest version from the stream: what this registry holds may be a moment old.
func (r *Registry) head(ctx context.Context, org string) (stored, error) {
	msg, err := r.stream.GetLastMsgForSubject(ctx, subjectPrefix+org)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return stored{}, nil
	}
	if err != nil {
		return stored{}, unavailable(err)
	}
	mv, err := decodeVersion(msg.Data)
	if err != nil {
		return stored{}, fault.Wrap(fault.Internal, err, "the current map cannot be read")
	}
	return stored{version: mv, seq: msg.Sequence}, nil
}

// Version returns a version of an organisation's map, the current one for 0. Errors: NotFound, Unavailable.
func (r *Registry) Version(ctx context.Context, org string, version uint64) (*mapv1.MapVersion, error) {
	none := fault.New(fault.NotFound, "The organisation %q has no map.", org)
	if !validOrganisation(org) {
		return nil, none // and never a subject that matches more than one
	}
	head, err := r.head(ctx, org)
	if err != nil {
		return nil, err
	}
	if head.version == nil {
		return nil, none
	}
	current := head.version.GetVersion()
	if version == 0 || version == current {
		return head.version, nil
	}
	var found *mapv1.MapVersion
	err = r.walk(ctx, org, head.seq, func(mv *mapv1.MapVersion) (bool, error) {
		if mv.GetVersion() == version {
			found = mv
		}
		return found == nil && mv.GetVersion() < version, nil
	})
	if err == nil && found == nil {
		err = fault.New(fault.NotFound, "The map of %s has no version %d; the current one is %d.", org, version, current)
	}
	return found, err
}

// At returns a version of an organisation's map with its tables, also where the checks became stricter since; 0 means the current one.
func (r *Registry) At(ctx context.Context, org string, version uint64) (*Map, error) {
	if m := r.Current(org); m != nil && m.Version == version {
		return m, nil
	}
	mv, err := r.Version(ctx, org, version)
	if err != nil {
		return nil, err
	}
	return build(mv.GetMap(), mv.GetVersion())
}

// walk reads an organisation's versions in order, up to the message upTo, while each wants more.
func (r *Registry) walk(ctx context.Context, org string, upTo uint64, each func(*mapv1.MapVersion) (more bool, err error)) error {
	for seq := uint64(1); seq <= upTo; {
		msg, err := r.stream.GetMsg(ctx, seq, jetstream.WithGetMsgSubject(subjectPrefix+org))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return nil
		}
		if err != nil {
			return unavailable(err)
		}
		if msg.Sequence > upTo {
			return nil
		}
		mv, err := decodeVersion(msg.Data)
		if err != nil {
			return fault.Wrap(fault.Internal, err, "message %d of %s cannot be read", msg.Sequence, streamName)
		}
		if more, err := each(mv); err != nil || !more {
			return err
		}
		seq = msg.Sequence + 1
	}
	return nil
}

// validOrganisation reports whether org may be part of a subject.
func validOrganisation(org string) bool {
	return regexp.MustCompile(`^[a-z][a-z0-9_-]{0,63}$`).MatchString(org)
}

func isWrongSequence(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && (api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence ||
		api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant)
}

func invalid(problems []*mapv1.Problem) error {
	e := fault.New(fault.Invalid, "The map has %d problems; the first: %s", len(problems), problems[0].GetMessage())
	if len(problems) == 1 {
		e.Message = problems[0].GetMessage()
	}
	for _, p := range problems {
		e.Violations = append(e.Violations, fault.Violation{Field: p.GetField(), Message: p.GetMessage(), Remedy: p.GetRemedy()})
	}
	return e
}

func conflict(org string, expected, current uint64) error {
	return fault.New(fault.Conflict, "Version %d of the map of %s was expected, but %d is current: read it again, make the change on it, and apply it with that version expected.", expected, org, current)
}

func unavailable(err error) error {
	e := fault.Wrap(fault.Unavailable, err, "The map store does not answer: try again.")
	e.RetryAfter = busRetry
	return e
}
