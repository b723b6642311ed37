// Package memstore keeps folds in memory, for tests and throw-away recounts.
package memstore

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"sort"
	"strings"
	"sync"

	"github.com/touchstone-cx/touchstone/services/internal/fold"
)

// Stores is a set of stores in memory.
type Stores struct {
	mu     sync.Mutex
	stores map[string]*store
}

// New returns an empty set.
func New() *Stores { return &Stores{stores: map[string]*store{}} }

// Open implements fold.Stores.
func (s *Stores) Open(name string) (fold.Store, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.stores[name]
	if st == nil {
		st = &store{data: map[string][]byte{}}
		s.stores[name] = st
	}
	return st, nil
}

// Copy implements fold.Stores.
func (s *Stores) Copy(to, from string) error {
	if to == from {
		return errors.New("a store cannot be copied onto itself")
	}
	s.mu.Lock()
	src := s.stores[from]
	s.mu.Unlock()
	data, pos := map[string][]byte{}, fold.Position{}
	if src != nil {
		src.mu.Lock()
		data, pos = maps.Clone(src.data), src.pos
		src.mu.Unlock()
	}
	if _, err := s.Open(to); err != nil {
		return err
	}
	s.mu.Lock()
	dst := s.stores[to]
	s.mu.Unlock()
	dst.mu.Lock()
	defer dst.mu.Unlock()
	clear(dst.data)
	maps.Copy(dst.data, data)
	dst.pos = pos
	return nil
}

// Names implements fold.Stores.
func (s *Stores) Names() ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for n, st := range s.stores {
		st.mu.Lock()
		if len(st.data) > 0 || !st.pos.IsZero() {
			names = append(names, n)
		}
		st.mu.Unlock()
	}
	sort.Strings(names)
	return names, nil
}

// Sync implements fold.Stores; memory has nothing to sync.
func (s *Stores) Sync() error { return nil }

// Close implements fold.Stores; what was committed stays for the next user of the same Stores.
func (s *Stores) Close() error { return nil }

type store struct {
	mu   sync.Mutex
	data map[string][]byte
	pos  fold.Position
}

func (s *store) Position() (fold.Position, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pos, nil
}

func (s *store) Get(key []byte) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.data[string(key)], nil
}

func (s *store) Scan(prefix []byte, f func(key, value []byte) error) error {
	s.mu.Lock()
	var pairs []fold.Pair
	for k, v := range s.data {
		if strings.HasPrefix(k, string(prefix)) {
			pairs = append(pairs, fold.Pair{Key: []byte(k), Value: v})
		}
	}
	s.mu.Unlock()
	slices.SortFunc(pairs, func(a, b fold.Pair) int { return bytes.Compare(a.Key, b.Key) })
	for _, p := range pairs {
		if err := f(p.Key, p.Value); err != nil {
			return err
		}
	}
	return nil
}

func (s *store) Commit(w *fold.Write) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.pos.Equal(w.Expect) {
		return fold.ErrFenced
	}
	for _, k := range w.Deletes {
		delete(s.data, string(k))
	}
	for _, p := range w.Sets {
		s.data[string(p.Key)] = bytes.Clone(p.Value)
		if p.Value == nil {
			s.data[string(p.Key)] = []byte{}
		}
	}
	s.pos = w.Position
	return nil
}

func (s *store) Drop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.data)
	s.pos = fold.Position{}
	return nil
}
