package state

import (
	"encoding/binary"
	"fmt"

	"github.com/touchstone-cx/touchstone/services/internal/fold"
)

// symbols numbers the ids that cells and ledger entries refer to. Numbers follow the order of arrival, so nothing that
// must not depend on it (hashes, listings) may use them. Number 0 is the empty string.
type symbols struct {
	byName map[string]uint32
	names  []string
	fresh  int // names from here on are not in the store yet
}

func newSymbols() symbols {
	return symbols{byName: map[string]uint32{"": 0}, names: []string{""}, fresh: 1}
}

// of returns the number of a name, giving it one if it has none.
func (s *symbols) of(name []byte) uint32 {
	if n, ok := s.byName[string(name)]; ok {
		return n
	}
	str := string(name)
	n := uint32(len(s.names))
	s.byName[str] = n
	s.names = append(s.names, str)
	return n
}

func (s *symbols) name(n uint32) string { return s.names[n] }

// has reports whether a number was given.
func (s *symbols) has(n uint32) bool { return int(n) < len(s.names) }

func (s *symbols) flush(w *fold.Write) {
	for ; s.fresh < len(s.names); s.fresh++ {
		w.Set(binary.BigEndian.AppendUint32([]byte{keySymbol}, uint32(s.fresh)), []byte(s.names[s.fresh]))
	}
}

func (s *symbols) load(st fold.Store) error {
	*s = newSymbols()
	err := st.Scan([]byte{keySymbol}, func(k, v []byte) error {
		n := uint32(len(s.names))
		if len(k) != 5 || binary.BigEndian.Uint32(k[1:]) != n || s.of(v) != n {
			return fmt.Errorf("symbol %d is out of order or has the name of another: the store is damaged; rebuild it", n)
		}
		return nil
	})
	s.fresh = len(s.names)
	return err
}
