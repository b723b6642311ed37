package ingest

import (
	"bytes"
	"context"
	"errors"
	"math"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	"github.com/touchstone-cx/touchstone/services/internal/bus"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
	"github.com/touchstone-cx/touchstone/services/internal/wire"
)

// factName is the identity of a fact within its organisation.
type factName struct {
	kind                             factv1.Kind
	source, id, aboutSource, aboutID string
}

func nameOf(r *wire.Recorded) factName {
	return factName{r.Kind, string(r.Source), string(r.ID), string(r.AboutSource), string(r.AboutID)}
}

// place is where a fact lies in TS_FACT: its message, and which fact of it.
type place struct {
	sequence uint64
	index    int
}

// edition is a version of a fact with what it says; a retraction says nothing, and its digest is zero.
type edition struct {
	version uint64
	digest  [16]byte
}

// beats reports whether e holds beside other, as the ledger has it.
func (e edition) beats(other edition) bool {
	if e.version != other.version {
		return e.version > other.version
	}
	return bytes.Compare(e.digest[:], other.digest[:]) > 0
}

const highestVersion = math.MaxUint64

// highestBytes is how a recorded fact of the highest version has it in its bytes: field 3, ten bytes of number.
func highestBytes() []byte { return []byte("\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01") }

const (
	factPull      = 8 << 20 // bytes asked for at once
	factHeartbeat = 5 * time.Second
	factExpiry    = 30 * time.Second
)

// readFacts reads an organisation's facts from a sequence of TS_FACT on, or from its first where it was trimmed beyond, to where it ends at the call, and returns where that
// is. A message is only scanned when wanted says so: most can be told by a search for a few bytes. What cannot be scanned
// counts nowhere either, and is passed over.
func (r *Recorder) readFacts(ctx context.Context, org string, from uint64, wanted func(sequence uint64, data []byte) bool, each func(sequence uint64, index int, r *wire.Recorded)) (last uint64, err error) {
	unread := func(err error) error {
		return fault.Wrap(fault.Unavailable, err, "the recorded facts cannot be read now: call again later")
	}
	s, err := r.bus.JS().Stream(ctx, bus.StreamFact)
	if err != nil {
		return 0, unread(err)
	}
	last, from = s.CachedInfo().State.LastSeq, max(from, s.CachedInfo().State.FirstSeq)
	subject := "ts.fact." + org + ".*" // every partition
	end, err := s.GetLastMsgForSubject(ctx, subject)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return last, nil
	}
	if err != nil {
		return 0, unread(err)
	}
	if last = max(last, end.Sequence); end.Sequence < from {
		return last, nil
	}
	cons, err := s.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{subject}, DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: from,
	})
	if err != nil {
		return 0, unread(err)
	}
	it, err := cons.Messages(jetstream.PullMaxBytes(factPull), jetstream.PullHeartbeat(factHeartbeat), jetstream.PullExpiry(factExpiry))
	if err != nil {
		return 0, unread(err)
	}
	defer it.Stop()
	for delivered := uint64(0); ; {
		m, err := it.Next(jetstream.NextContext(ctx))
		if errors.Is(err, jetstream.ErrNoHeartbeat) && ctx.Err() == nil {
			continue // the ordered consumer makes itself anew
		}
		if err != nil {
			return 0, unread(err)
		}
		meta, err := m.Metadata()
		if err != nil {
			return 0, unread(err)
		}
		// A slow consumer loses messages silently. Made anew it counts from one, and goes on where it stood.
		if n := meta.Sequence.Consumer; n != delivered+1 && n != 1 {
			return 0, unread(errors.New("messages were lost on the way"))
		}
		delivered = meta.Sequence.Consumer
		at := meta.Sequence.Stream
		if wanted(at, m.Data()) {
			_ = wire.ScanBatch(m.Data(), func(i int, f *wire.Recorded) error { each(at, i, f); return nil })
		}
		if at >= end.Sequence {
			return last, nil
		}
	}
}

// factReader fetches single facts from TS_FACT, neighbours from one message.
type factReader struct {
	rec      *Recorder
	stream   jetstream.Stream
	sequence uint64
	data     []byte
}

func (r *Recorder) factReader() *factReader { return &factReader{rec: r} }

// fact returns a fact by its place; nil when it is no longer in the stream.
func (g *factReader) fact(ctx context.Context, at place) (f *factv1.RecordedFact, err error) {
	if g.stream == nil {
		if g.stream, err = g.rec.bus.JS().Stream(ctx, bus.StreamFact); err != nil {
			return nil, fault.Wrap(fault.Unavailable, err, "the recorded facts cannot be read now: call again later")
		}
	}
	if g.sequence != at.sequence {
		m, err := g.stream.GetMsg(ctx, at.sequence)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return nil, nil
		}
		if err != nil {
			return nil, fault.Wrap(fault.Unavailable, err, "the recorded facts cannot be read now: call again later")
		}
		g.sequence, g.data = at.sequence, m.Data
	}
	found := errors.New("found")
	err = wire.ScanBatch(g.data, func(i int, r *wire.Recorded) error {
		if i < at.index {
			return nil
		}
		f = new(factv1.RecordedFact)
		if err := proto.Unmarshal(r.Raw, f); err != nil {
			return err
		}
		if i := f.GetInteraction(); i != nil {
			i.Agent = nil // what a customer met is theirs, and who handled it is not
		}
		return found
	})
	if !errors.Is(err, found) {
		return nil, fault.Wrap(fault.Internal, err, "fact %d of message %d cannot be read again", at.index, at.sequence)
	}
	return f, nil
}
