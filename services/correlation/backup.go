package correlation

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protodelim"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	adminv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/admin/v1"
	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	"github.com/touchstone-cx/touchstone/services/internal/bus"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
	"github.com/touchstone-cx/touchstone/services/internal/wire"
)

// backed lists the streams in a backup, in the order of restoring: maps before the facts checked against them. Everything
// else can be derived from these, but for keys, which never are in a backup.
func backed() []string {
	return []string{bus.StreamMap, bus.StreamDirectory, bus.StreamSealed, bus.StreamFact, bus.StreamNative, bus.StreamSurvey, bus.StreamParked}
}

const backupPiece = 128 << 10

// Backup implements the RPC. It is a copy of each stream up to where it ended when its turn came, without stopping anybody.
func (a *admin) Backup(_ *adminv1.BackupRequest, out grpc.ServerStreamingServer[adminv1.BackupResponse]) error {
	ctx := out.Context()
	w := &backupWriter{out: out, sum: sha256.New()}
	if err := w.record(&adminv1.BackupRecord{Header: &adminv1.BackupHeader{Format: 1, TakenAt: timestamppb.Now()}}); err != nil {
		return err
	}
	// Base and stream belong together: nobody trims meanwhile.
	a.retention.one.Lock()
	defer a.retention.one.Unlock()
	for _, name := range backed() {
		from := uint64(1)
		if name == bus.StreamFact {
			base, err := a.backupBase(ctx, w)
			if err != nil {
				return err
			}
			from = base + 1
		}
		if err := a.backupStream(ctx, w, name, from); err != nil {
			return err
		}
	}
	trailer := &adminv1.BackupTrailer{Messages: w.messages, Sha256: w.sum.Sum(nil)}
	if err := w.record(&adminv1.BackupRecord{Trailer: trailer}); err != nil {
		return err
	}
	return w.flush()
}

// backupStream writes the messages of a stream from a sequence on.
func (a *admin) backupStream(ctx context.Context, w *backupWriter, name string, from uint64) error {
	s, err := a.bus.JS().Stream(ctx, name)
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "stream %s cannot be read now", name)
	}
	st := s.CachedInfo().State
	if st.Msgs == 0 || st.LastSeq < from {
		return nil
	}
	cons, err := s.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: from})
	if err != nil {
		return err
	}
	it, err := cons.Messages(jetstream.PullMaxBytes(8 << 20))
	if err != nil {
		return err
	}
	defer it.Stop()
	for {
		m, err := it.Next(jetstream.NextContext(ctx))
		if err != nil {
			return fault.Wrap(fault.Unavailable, err, "stream %s cannot be read now", name)
		}
		meta, err := m.Metadata()
		if err != nil {
			return err
		}
		w.messages++
		err = w.record(&adminv1.BackupRecord{Message: &adminv1.BackupMessage{Stream: name, Subject: m.Subject(), Sequence: meta.Sequence.Stream, Data: m.Data()}})
		if err != nil || meta.Sequence.Stream >= st.LastSeq {
			return err
		}
	}
}

type backupWriter struct {
	out      grpc.ServerStreamingServer[adminv1.BackupResponse]
	sum      hash.Hash
	buf      bytes.Buffer
	messages uint64
}

func (w *backupWriter) record(r *adminv1.BackupRecord) error {
	at := w.buf.Len()
	if _, err := protodelim.MarshalTo(&w.buf, r); err != nil {
		return err
	}
	w.sum.Write(w.buf.Bytes()[at:])
	if w.buf.Len() < backupPiece {
		return nil
	}
	return w.flush()
}

func (w *backupWriter) flush() error {
	for w.buf.Len() > 0 {
		if err := w.out.Send(&adminv1.BackupResponse{Data: bytes.Clone(w.buf.Next(backupPiece))}); err != nil {
			return err
		}
	}
	return nil
}

// Restore implements the RPC. It fills an empty instance only; the folds then count from zero, since the streams are new.
func (a *admin) Restore(in grpc.ClientStreamingServer[adminv1.RestoreRequest, adminv1.RestoreResponse]) error {
	ctx := in.Context()
	for _, name := range backed() {
		s, err := a.bus.JS().Stream(ctx, name)
		if err != nil {
			return fault.Wrap(fault.Unavailable, err, "stream %s cannot be read now", name)
		}
		if n := s.CachedInfo().State.Msgs; n > 0 {
			return fault.New(fault.Precondition, "this instance is not empty: %s holds %d messages. Restore into a new one, with its own --data", name, n)
		}
	}
	r := bufio.NewReaderSize(&pieces{in: in}, 1<<20)
	maps := map[string]string{} // organisation → newest version of its map
	hashed := sha256.New()
	base := &baseRestorer{admin: a}
	resp := &adminv1.RestoreResponse{}
	for n := 0; ; n++ {
		rec := &adminv1.BackupRecord{}
		err := protodelim.UnmarshalOptions{MaxSize: mostRecord}.UnmarshalFrom(r, rec)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return fault.New(fault.Invalid, "the backup ends early, after %d messages: it is not complete. What came before it was restored; start again with an empty instance", resp.Messages)
		}
		if err != nil {
			return fault.Wrap(fault.Invalid, err, "the backup is damaged after %d messages", resp.Messages)
		}
		if n == 0 && rec.GetHeader().GetFormat() != 1 {
			return fault.New(fault.Invalid, "this is no backup of Touchstone, or one of a later format")
		}
		if t := rec.GetTrailer(); t != nil {
			if t.GetMessages() != resp.Messages || !bytes.Equal(t.GetSha256(), hashed.Sum(nil)) {
				return fault.New(fault.Invalid, "the backup is damaged: its contents do not match its own checksum. Start again with an empty instance")
			}
			if err := base.finish(ctx, maps); err != nil {
				return err
			}
			return in.SendAndClose(resp)
		}
		// Every record holds one message without maps, so encoding it again gives the bytes that were summed.
		var again bytes.Buffer
		if _, err := protodelim.MarshalTo(&again, rec); err != nil {
			return err
		}
		hashed.Write(again.Bytes())
		if m := rec.GetMessage(); m != nil && m.GetStream() == backupBase {
			if err := base.take(m); err != nil {
				return err
			}
			resp.Messages++
		} else if m != nil {
			if err := base.finish(ctx, maps); err != nil {
				return err
			}
			if err := a.restore(ctx, m, maps); err != nil {
				return err
			}
			resp.Messages++
			if m.GetStream() == bus.StreamFact {
				if err := wire.ScanBatch(m.GetData(), func(int, *wire.Recorded) error { resp.Facts++; return nil }); err != nil {
					return fault.Wrap(fault.Invalid, err, "message %d of %s is damaged", m.GetSequence(), m.GetStream())
				}
			}
		}
	}
}

// restore publishes a message again. Facts wait for the map that their organisation had, as if ingest had checked them
// against it: folds may read TS_MAP later than TS_FACT.
func (a *admin) restore(ctx context.Context, m *adminv1.BackupMessage, maps map[string]string) error {
	for _, name := range backed() {
		if name == m.GetStream() {
			ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
			defer cancel()
			msg := nats.NewMsg(m.GetSubject())
			msg.Data = m.GetData()
			switch name {
			case bus.StreamMap:
				v := &mapv1.MapVersion{}
				if err := proto.Unmarshal(m.GetData(), v); err != nil {
					return fault.Wrap(fault.Invalid, err, "message %d of %s is damaged", m.GetSequence(), name)
				}
				maps[v.GetMap().GetOrganisation()] = strconv.FormatUint(v.GetVersion(), 10)
			case bus.StreamFact:
				if version := maps[bus.FactOrganisation(m.GetSubject())]; version != "" {
					msg.Header.Set(bus.HeaderMap, version)
				}
			}
			if _, err := a.bus.JS().PublishMsg(ctx, msg, jetstream.WithExpectStream(name)); err != nil {
				return fault.Wrap(fault.Unavailable, err, "message %d of %s could not be restored", m.GetSequence(), name)
			}
			return nil
		}
	}
	return fault.New(fault.Invalid, "the backup holds a stream %q that this version does not know", m.GetStream())
}

// awaitMap waits until a restored map is known here.
func (a *admin) awaitMap(ctx context.Context, org, version string) error {
	n, err := strconv.ParseUint(version, 10, 64)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if err := a.retention.maps.Await(ctx, org, n); err != nil {
		return fault.Wrap(fault.Unavailable, err, "the map of %s was restored but is not read yet", org)
	}
	return nil
}

// pieces is the bytes of the requests as one reader.
type pieces struct {
	in   grpc.ClientStreamingServer[adminv1.RestoreRequest, adminv1.RestoreResponse]
	left []byte
}

func (p *pieces) Read(b []byte) (int, error) {
	for len(p.left) == 0 {
		r, err := p.in.Recv()
		if err != nil {
			return 0, err
		}
		p.left = r.GetData()
	}
	n := copy(b, p.left)
	p.left = p.left[n:]
	return n, nil
}
