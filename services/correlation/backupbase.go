package correlation

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"

	"github.com/nats-io/nats.go/jetstream"

	adminv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/admin/v1"
	"github.com/touchstone-cx/touchstone/services/internal/bus"
	"github.com/touchstone-cx/touchstone/services/internal/fault"
	"github.com/touchstone-cx/touchstone/services/internal/fold"
)

// A backup of a trimmed stream has the base before its facts, as messages of a stream of this name, which is none: a version
// that does not know bases refuses it instead of restoring half of it. The first says the base's position: its sequence, and as
// data the digest of that message. The others hold pairs of the base's store: length and bytes of key and value, one after another.
const (
	backupBase     = "base"
	backupPosition = "position"
	backupPairs    = "pairs"
)

// mostRecord bounds a record of a backup: a pair of the store is a few kilobytes, a delta of a flood some megabytes.
const mostRecord = 256 << 20

// backupBase writes the base, if there is one, and returns its position.
func (a *admin) backupBase(ctx context.Context, w *backupWriter) (position uint64, err error) {
	name, at, err := a.gens.base()
	if err != nil || name == "" {
		return 0, err
	}
	record := func(subject string, data []byte) error {
		w.messages++
		return w.record(&adminv1.BackupRecord{Message: &adminv1.BackupMessage{Stream: backupBase, Subject: subject, Sequence: at.Sequence, Data: data}})
	}
	if err := record(backupPosition, at.Digest[:]); err != nil {
		return 0, err
	}
	st, err := a.gens.stores.Open(name)
	if err != nil {
		return 0, err
	}
	var pairs []byte
	if err := st.Scan(nil, func(k, v []byte) error {
		pairs = append(binary.AppendUvarint(pairs, uint64(len(k))), k...)
		pairs = append(binary.AppendUvarint(pairs, uint64(len(v))), v...)
		if len(pairs) < backupPiece {
			return ctx.Err()
		}
		err := record(backupPairs, pairs)
		pairs = pairs[:0]
		return errors.Join(err, ctx.Err())
	}); err != nil {
		return 0, err
	}
	if len(pairs) > 0 {
		err = record(backupPairs, pairs)
	}
	return at.Sequence, err
}

// baseRestorer puts a base back.
type baseRestorer struct {
	admin *admin
	at    fold.Position // its sequence and digest; zero while none was begun
	store fold.Store
	done  bool
}

// take takes in one record of the base.
func (b *baseRestorer) take(m *adminv1.BackupMessage) error {
	damaged := func() error {
		return fault.New(fault.Invalid, "the base in the backup is damaged: start again with an empty instance")
	}
	switch m.GetSubject() {
	case backupPosition:
		if b.store != nil || m.GetSequence() == 0 || len(m.GetData()) != len(b.at.Digest) {
			return damaged()
		}
		b.at.Sequence = m.GetSequence()
		copy(b.at.Digest[:], m.GetData())
		var err error
		if b.store, err = b.admin.gens.stores.Open(baseName(b.at.Sequence)); err != nil {
			return err
		}
		return b.store.Drop()
	case backupPairs:
		if b.store == nil || b.done {
			return damaged()
		}
		w := fold.Write{} // without a position: the base is whole when it has one
		for data := m.GetData(); len(data) > 0; {
			var pair [2][]byte
			for i := range pair {
				n, k := binary.Uvarint(data)
				if k <= 0 || n > uint64(len(data)-k) {
					return damaged()
				}
				pair[i], data = data[k:k+int(n)], data[k+int(n):]
			}
			w.Set(pair[0], bytes.Clone(pair[1]))
		}
		return b.store.Commit(&w)
	default:
		return damaged()
	}
}

// finish makes the base, if there was one, that of this instance, once all of it is there and before the first fact: the
// stream of facts goes on after its position, so that every fact keeps the place by which the ledger knows it.
func (b *baseRestorer) finish(ctx context.Context, maps map[string]string) error {
	if b.store == nil || b.done {
		return nil
	}
	b.done = true
	s, err := b.admin.bus.JS().Stream(ctx, bus.StreamFact)
	if err == nil {
		err = s.Purge(ctx, jetstream.WithPurgeSequence(b.at.Sequence+1))
	}
	var info *jetstream.StreamInfo
	if err == nil {
		info, err = s.Info(ctx)
	}
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "the stream of facts could not be made to begin after the base")
	}
	if info.State.Msgs != 0 || info.State.LastSeq != b.at.Sequence {
		return fault.New(fault.Precondition, "the stream of facts ends at %d and not where the base does: restore into a new instance, with its own --data", info.State.LastSeq)
	}
	b.at.Created = info.Created.UTC()
	if err := b.store.Commit(&fold.Write{Position: b.at}); err != nil {
		return err
	}
	if err := b.admin.gens.markBase(b.at.Sequence); err != nil {
		return err
	}
	// Cells can only be read by those who know the map.
	for org, version := range maps {
		if err := b.admin.awaitMap(ctx, org, version); err != nil {
			return err
		}
	}
	_, err = b.admin.gens.rebuild(ctx, "a base was restored")
	return err
}
