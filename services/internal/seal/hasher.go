// Package seal keeps persons out of everything that is stored: customers become keyed hashes, contact blocks are sealed
// for the survey service alone, free text is sealed by a key of its customer.
package seal

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// Size is the length of a keyed hash in bytes.
const Size = 16

// Kinds of identifier, so that a contact id never hashes like a customer id.
const (
	Customer = 'c'
	Contact  = 'l'
	Response = 'r'
	Text     = 't'
	Agent    = 'a'
	InCall   = 'i' // an agent within one call
)

// AgentHashed precedes the hash of an agent's name, in hexadecimal digits, in a fact that the service makes itself of what it
// has stored by that hash.
const AgentHashed = "agent-hash:"

// Hasher turns identifiers into keyed hashes: the first 16 bytes of HMAC-SHA256 over organisation, kind and identifier.
// Without the key nobody can try identifiers against hashes.
type Hasher struct {
	version uint32
	pool    sync.Pool // of *mac
	key     []byte
}

type mac struct {
	h   hash.Hash
	buf []byte
	sum []byte
}

// NewHasher returns a hasher for a key of at least 32 bytes.
func NewHasher(key []byte, version uint32) (*Hasher, error) {
	if len(key) < 32 {
		return nil, errors.New("the key of customer hashes must have at least 32 bytes")
	}
	return &Hasher{version: version, key: key}, nil
}

// OpenHasher reads the key in keyDir, making it at the first start.
func OpenHasher(keyDir string) (*Hasher, error) {
	key, err := secret(filepath.Join(keyDir, "customer-hash"))
	if err != nil {
		return nil, err
	}
	return NewHasher(key, 1)
}

// ReadHasher is OpenHasher for those who only look for what others have hashed: it makes no key. Where there is none, which
// nothing can have been hashed by, the error is os.ErrNotExist.
func ReadHasher(keyDir string) (*Hasher, error) {
	file := filepath.Join(keyDir, "customer-hash")
	if _, err := os.Stat(file); err != nil {
		return nil, err
	}
	return OpenHasher(keyDir)
}

// KeyVersion returns the version of the key, kept beside each hash.
func (h *Hasher) KeyVersion() uint32 { return h.version }

// Hash puts the hash of an identifier into dst.
func (h *Hasher) Hash(dst *[Size]byte, organisation string, kind byte, id []byte) {
	m, ok := h.pool.Get().(*mac)
	if !ok {
		m = &mac{h: hmac.New(sha256.New, h.key)}
	}
	m.h.Reset()
	m.buf = append(append(append(append(m.buf[:0], organisation...), 0, kind), 0), id...)
	m.h.Write(m.buf)
	m.sum = m.h.Sum(m.sum[:0])
	copy(dst[:], m.sum)
	h.pool.Put(m)
}

// OpenSecret reads 32 random bytes from a file of keyDir, making them at the first use.
func OpenSecret(keyDir, name string) ([]byte, error) { return secret(filepath.Join(keyDir, name)) }

// secret reads 32 random bytes from a file, making them at the first use. The file is its owner's alone.
func secret(file string) ([]byte, error) {
	b, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		key := make([]byte, 32)
		rand.Read(key)
		return key, writeSynced(file, []byte(hex.EncodeToString(key)+"\n"))
	}
	if err != nil {
		return nil, err
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(b)))
	if err != nil || len(key) != 32 {
		return nil, fmt.Errorf("%s does not hold 64 hexadecimal digits: put back the key that was there; with another one no customer is recognised again", file)
	}
	return key, nil
}

// writeSynced writes a file of its owner alone so that it is whole or not there after a power cut.
func writeSynced(file string, b []byte) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	tmp := file + ".new"
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	err = errors.Join(err, f.Chmod(0o600), f.Sync(), f.Close()) // a file that a crash left may have another mode
	if err != nil {
		return err
	}
	if err := os.Rename(tmp, file); err != nil {
		return err
	}
	d, err := os.Open(filepath.Dir(file))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
