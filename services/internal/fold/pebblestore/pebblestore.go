// Package pebblestore keeps folds in an embedded Pebble database: the default store.
package pebblestore

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"regexp"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/sstable"

	"github.com/touchstone-cx/touchstone/services/internal/fold"
)

// Stores is one Pebble database that holds stores by name. Keys are name, a zero byte, then "p" for the position or "k"
// and the fold's own key.
type Stores struct {
	db *pebble.DB

	mu   sync.Mutex
	open map[string]*store
}

// Open opens or creates the database in a folder. Only one process can have it open.
func Open(dir string) (*Stores, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	opts := &pebble.Options{
		MemTableSize:                64 << 20,
		MemTableStopWritesThreshold: 4,
		L0CompactionThreshold:       4,
		L0StopWritesThreshold:       24,
		MaxOpenFiles:                1000,
		Logger:                      quiet{},
	}
	// Values of some size are written once and not again with every compaction of their keys: a quarter less is written, and the
	// fold takes a tenth less of the machine.
	opts.FormatMajorVersion = pebble.FormatValueSeparation
	opts.Experimental.ValueSeparationPolicy = func() pebble.ValueSeparationPolicy {
		return pebble.ValueSeparationPolicy{Enabled: true, MinimumSize: 256, MaxBlobReferenceDepth: 10, RewriteMinimumAge: 5 * time.Minute, TargetGarbageRatio: 0.3}
	}
	opts.Cache = pebble.NewCache(64 << 20)
	defer opts.Cache.Unref()
	for i := range opts.Levels {
		opts.Levels[i].BlockSize = 16 << 10
		opts.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
		// Chunks and cells are packed already; compressing them costs more than the bytes it saves.
		opts.Levels[i].Compression = func() *sstable.CompressionProfile { return sstable.NoCompression }
	}
	db, err := pebble.Open(dir, opts)
	if err != nil {
		return nil, fmt.Errorf("opening the store in %s (is another process using it?): %w", dir, err)
	}
	return &Stores{db: db, open: map[string]*store{}}, nil
}

var nameRule = regexp.MustCompile(`^[a-z0-9-]+$`)

// Open implements fold.Stores.
func (s *Stores) Open(name string) (fold.Store, error) {
	if !nameRule.MatchString(name) {
		return nil, fmt.Errorf("store name %q: only a-z 0-9 and - are allowed", name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if st := s.open[name]; st != nil {
		return st, nil
	}
	st := &store{db: s.db, pos: append([]byte(name), 0, 'p'), keys: append([]byte(name), 0, 'k')}
	s.open[name] = st
	return st, nil
}

// copyBytes is how much Copy writes at once.
const copyBytes = 4 << 20

// Copy implements fold.Stores.
func (s *Stores) Copy(to, from string) error {
	if to == from {
		return errors.New("a store cannot be copied onto itself")
	}
	dst, err := s.Open(to)
	if err != nil {
		return err
	}
	if err := dst.Drop(); err != nil {
		return err
	}
	if !nameRule.MatchString(from) {
		return fmt.Errorf("store name %q: only a-z 0-9 and - are allowed", from)
	}
	lower := append([]byte(from), 0)
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: fold.PrefixEnd(lower)})
	if err != nil {
		return err
	}
	b := s.db.NewBatch()
	defer func() { _ = b.Close() }()
	key := append([]byte(to), 0)
	head := len(key)
	// In this order the position, under "p", comes last: what is cut off has none.
	for ok := it.First(); ok && err == nil; ok = it.Next() {
		var v []byte
		if v, err = it.ValueAndErr(); err != nil {
			break
		}
		key = append(key[:head], it.Key()[len(lower):]...)
		if err = b.Set(key, v, nil); err == nil && b.Len() >= copyBytes {
			err = b.Commit(pebble.NoSync)
			b.Reset()
		}
	}
	if err = errors.Join(err, it.Close()); err != nil {
		return err
	}
	return b.Commit(pebble.NoSync)
}

// Names implements fold.Stores.
func (s *Stores) Names() ([]string, error) {
	it, err := s.db.NewIter(nil)
	if err != nil {
		return nil, err
	}
	var names []string
	for ok := it.First(); ok; {
		name, _, found := bytes.Cut(it.Key(), []byte{0})
		if !found {
			_ = it.Close()
			return nil, fmt.Errorf("the store holds a key without a name: %q", it.Key())
		}
		names = append(names, string(name))
		ok = it.SeekGE(append(bytes.Clone(name), 1))
	}
	return names, it.Close()
}

// Sync implements fold.Stores.
func (s *Stores) Sync() error { return s.db.LogData(nil, pebble.Sync) }

// Close implements fold.Stores.
func (s *Stores) Close() error {
	return errors.Join(s.db.LogData(nil, pebble.Sync), s.db.Close())
}

// Size returns the bytes on disk.
func (s *Stores) Size() uint64 { return s.db.Metrics().DiskSpaceUsage() }

type store struct {
	db   *pebble.DB
	pos  []byte // key of the position
	keys []byte // prefix of keys

	mu  sync.Mutex // one commit at a time
	buf []byte
}

func (s *store) Position() (p fold.Position, err error) {
	v, err := s.get(s.pos)
	if err != nil {
		return p, err
	}
	return p, p.UnmarshalBinary(v)
}

func (s *store) Get(key []byte) ([]byte, error) {
	return s.get(append(bytes.Clone(s.keys), key...))
}

func (s *store) get(key []byte) ([]byte, error) {
	v, closer, err := s.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	out := append(make([]byte, 0, len(v)), v...)
	return out, closer.Close()
}

func (s *store) Scan(prefix []byte, f func(key, value []byte) error) error {
	lower := append(bytes.Clone(s.keys), prefix...)
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: fold.PrefixEnd(lower)})
	if err != nil {
		return err
	}
	for ok := it.First(); ok; ok = it.Next() {
		v, err := it.ValueAndErr()
		if err == nil {
			err = f(it.Key()[len(s.keys):], v)
		}
		if err != nil {
			_ = it.Close()
			return err
		}
	}
	return it.Close()
}

func (s *store) Commit(w *fold.Write) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, err := s.Position()
	if err != nil {
		return err
	}
	if !now.Equal(w.Expect) {
		return fold.ErrFenced
	}
	b := s.db.NewBatch()
	defer b.Close()
	for _, k := range w.Deletes {
		s.buf = append(append(s.buf[:0], s.keys...), k...)
		if err := b.Delete(s.buf, nil); err != nil {
			return err
		}
	}
	for _, p := range w.Sets {
		op := b.SetDeferred(len(s.keys)+len(p.Key), len(p.Value))
		copy(op.Key, s.keys)
		copy(op.Key[len(s.keys):], p.Key)
		copy(op.Value, p.Value)
		if err := op.Finish(); err != nil {
			return err
		}
	}
	pos, err := w.Position.MarshalBinary()
	if err != nil {
		return err
	}
	if err := b.Set(s.pos, pos, nil); err != nil {
		return err
	}
	// Not synced: the stream holds the truth, and the position tells where to go on from after a power cut.
	return b.Commit(pebble.NoSync)
}

func (s *store) Drop() error {
	name := s.pos[:len(s.pos)-1]
	return s.db.DeleteRange(name, fold.PrefixEnd(name), pebble.Sync)
}

// quiet drops Pebble's own event log: what matters comes back as errors.
type quiet struct{}

func (quiet) Infof(string, ...any)  {}
func (quiet) Errorf(string, ...any) {}
func (quiet) Fatalf(format string, args ...any) {
	panic(fmt.Sprintf("store: "+format, args...))
}
