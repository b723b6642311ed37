package fold

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// Store is what a fold keeps between two lives: an ordered map of bytes and the position up to which it is true. Both
// change in one atomic write. A Store belongs to one fold; see Stores for several side by side.
//
// Every implementation passes foldtest.Exercise.
type Store interface {
	// Position returns the position of the last commit; the zero Position when there was none.
	Position() (Position, error)
	// Get returns the value of a key, nil when it has none. The caller may keep it and must not change it.
	Get(key []byte) ([]byte, error)
	// Scan calls f for each key that begins with prefix, ascending. Key and value are valid only during the call. An
	// error of f ends the scan and is returned. Keys committed meanwhile may or may not be seen.
	Scan(prefix []byte, f func(key, value []byte) error) error
	// Commit makes all of w true at once, or nothing of it. ErrFenced when the last committed position is not w.Expect:
	// then somebody else wrote, or the store was replaced by an older copy.
	Commit(w *Write) error
	// Drop removes every key and the position.
	Drop() error
}

// Stores opens stores side by side in one place: generations, recounts.
type Stores interface {
	// Open returns the store of a name (a-z 0-9 -), empty when it is new.
	Open(name string) (Store, error)
	// Copy makes the store to hold what from holds, keys and position, in place of what it held. It is not atomic: to must not
	// be in use, and has no position until all else is in it, so that one that was cut off is known.
	Copy(to, from string) error
	// Names lists the stores that hold anything, sorted.
	Names() ([]string, error)
	// Sync makes all commits durable against a power cut.
	Sync() error
	// Close ends the use of every store opened.
	Close() error
}

// ErrFenced says that a store's position is not the one last written by this fold.
var ErrFenced = errors.New("fold: the store was written by another owner, or replaced by an older copy")

// Write is one atomic write.
type Write struct {
	Expect   Position // position of the last commit
	Position Position // position after this one
	Sets     []Pair
	Deletes  [][]byte
}

// Pair is a key and its value.
type Pair struct{ Key, Value []byte }

// Set adds a key and its value, which must not change until the commit.
func (w *Write) Set(key, value []byte) { w.Sets = append(w.Sets, Pair{key, value}) }

// Delete adds a key to remove.
func (w *Write) Delete(key []byte) { w.Deletes = append(w.Deletes, key) }

// Reset empties w, keeping its room.
func (w *Write) Reset() {
	clear(w.Sets)
	clear(w.Deletes)
	w.Sets, w.Deletes = w.Sets[:0], w.Deletes[:0]
}

// Position is a place in a stream, and enough of the stream to know it again: a stream that was restored, or lost its
// tail, has another creation time or another message at that sequence.
type Position struct {
	Created  time.Time // creation of the stream, UTC
	Sequence uint64    // last sequence applied
	Digest   [16]byte  // first 16 bytes of the SHA-256 of that message
}

// IsZero reports whether nothing was applied.
func (p Position) IsZero() bool { return p.Sequence == 0 && p.Created.IsZero() }

// Equal reports whether both are the same place of the same stream.
func (p Position) Equal(o Position) bool {
	return p.Sequence == o.Sequence && p.Digest == o.Digest && p.Created.Equal(o.Created)
}

const positionLen = 8 + 8 + 16

// MarshalBinary encodes p in 32 bytes; the zero Position in none.
func (p Position) MarshalBinary() ([]byte, error) {
	if p.IsZero() {
		return nil, nil
	}
	b := make([]byte, 0, positionLen)
	b = binary.BigEndian.AppendUint64(b, uint64(p.Created.UnixNano()))
	b = binary.BigEndian.AppendUint64(b, p.Sequence)
	return append(b, p.Digest[:]...), nil
}

// UnmarshalBinary decodes what MarshalBinary encoded.
func (p *Position) UnmarshalBinary(b []byte) error {
	if len(b) == 0 {
		*p = Position{}
		return nil
	}
	if len(b) != positionLen {
		return fmt.Errorf("fold: a position has %d bytes, not %d", positionLen, len(b))
	}
	p.Created = time.Unix(0, int64(binary.BigEndian.Uint64(b))).UTC()
	p.Sequence = binary.BigEndian.Uint64(b[8:])
	copy(p.Digest[:], b[16:])
	return nil
}

// PrefixEnd returns the first key after all keys that begin with prefix, nil when there is none.
func PrefixEnd(prefix []byte) []byte {
	end := bytes.Clone(prefix)
	for i := len(end) - 1; i >= 0; i-- {
		end[i]++
		if end[i] != 0 {
			return end[:i+1]
		}
	}
	return nil
}
