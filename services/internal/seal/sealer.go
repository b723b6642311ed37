package seal

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hpke"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
)

// Sealer seals what persons wrote and how they can be reached.
//
// A text's key belongs to its customer: forgetting the customer deletes the key, and with it every copy of every text, in
// streams and backups too. Keys lie in a store of their own, wrapped by a key file, and are never part of a backup. A text
// without a customer is sealed by the key of the organisation's unknown customer, which forgetting nobody deletes.
type Sealer struct {
	public hpke.PublicKey
	wrap   cipher.AEAD
	dir    string

	using sync.RWMutex // held for writing while the store is opened anew
	db    *pebble.DB   // nil when it is closed, or could not be opened again

	made, synced atomic.Uint64 // keys made, and how many of them are on disk

	mu   sync.Mutex
	keys map[string]cipher.AEAD // a few thousand recent ones
}

const (
	contactInfo = "touchstone contact 1"
	recentKeys  = 4096
)

// ErrForgotten says that a text's key was deleted: its customer was forgotten.
var ErrForgotten = errors.New("the customer was forgotten: the text cannot be read any more")

// OpenSealer opens the keys in keyDir and the store of customer keys in dataDir, making them at the first start.
func OpenSealer(keyDir, dataDir string) (*Sealer, error) {
	public, err := surveyKey(keyDir)
	if err != nil {
		return nil, err
	}
	wrapKey, err := secret(filepath.Join(keyDir, "customer-keys"))
	if err != nil {
		return nil, err
	}
	wrap, err := newAEAD(wrapKey)
	if err != nil {
		return nil, err
	}
	s := &Sealer{public: public, wrap: wrap, dir: filepath.Join(dataDir, "customer-keys"), keys: map[string]cipher.AEAD{}}
	if err := s.open(); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Sealer) open() error {
	db, err := pebble.Open(s.dir, &pebble.Options{Logger: quiet{}, MemTableSize: 4 << 20})
	if err != nil {
		return fmt.Errorf("opening the store of customer keys: %w", err)
	}
	s.db = db
	return nil
}

// surveyKey returns the survey service's public key. In one process the private key lies beside it, and has the last word.
func surveyKey(keyDir string) (hpke.PublicKey, error) {
	privateFile, publicFile := filepath.Join(keyDir, "survey"), filepath.Join(keyDir, "survey.pub")
	private, err := surveyPrivateKey(privateFile)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	b, err := os.ReadFile(publicFile)
	switch {
	case err == nil:
		if private != nil && !bytes.Equal(b, private.PublicKey().Bytes()) {
			return nil, fmt.Errorf("%s is not the public key of %s: put back the one of both that was changed; with another one sealed contacts cannot be opened", publicFile, privateFile)
		}
		public, err := kem().NewPublicKey(b)
		if err != nil {
			return nil, fmt.Errorf("%s does not hold the survey service's public key: put back the one that was there: %w", publicFile, err)
		}
		return public, nil
	case !errors.Is(err, os.ErrNotExist):
		return nil, err
	case private == nil:
		if private, err = kem().GenerateKey(); err != nil {
			return nil, err
		}
		if b, err = private.Bytes(); err != nil {
			return nil, err
		}
		// The private key first: a public key whose private key was lost would seal for nobody.
		if err := writeSynced(privateFile, b); err != nil {
			return nil, err
		}
	}
	public := private.PublicKey()
	return public, writeSynced(publicFile, public.Bytes())
}

func surveyPrivateKey(file string) (hpke.PrivateKey, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	private, err := kem().NewPrivateKey(b)
	if err != nil {
		return nil, fmt.Errorf("%s does not hold the survey service's private key: put back the one that was there; with another one sealed contacts cannot be opened: %w", file, err)
	}
	return private, nil
}

func kem() hpke.KEM { return hpke.DHKEM(ecdh.X25519()) }

// Contact seals a contact block for the survey service.
func (s *Sealer) Contact(plain []byte) ([]byte, error) {
	return hpke.Seal(s.public, hpke.HKDFSHA256(), hpke.AES256GCM(), []byte(contactInfo), plain)
}

// OpenContact opens a contact block with the survey service's private key.
func OpenContact(keyDir string, sealed []byte) ([]byte, error) {
	private, err := surveyPrivateKey(filepath.Join(keyDir, "survey"))
	if err != nil {
		return nil, err
	}
	return hpke.Open(private, hpke.HKDFSHA256(), hpke.AES256GCM(), []byte(contactInfo), sealed)
}

// Text seals a text by its customer's key. The key is durable after Sync, which must come before the text is stored.
// customer is all zero when unknown.
func (s *Sealer) Text(organisation string, customer [Size]byte, plain []byte) ([]byte, error) {
	k, err := s.key(organisation, customer, true)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, k.NonceSize())
	rand.Read(nonce)
	return k.Seal(nonce, nonce, plain, nil), nil
}

// Sync makes every key made so far durable against a power cut: one sync for as many keys as have come together.
func (s *Sealer) Sync() error {
	made := s.made.Load()
	if made <= s.synced.Load() {
		return nil
	}
	s.using.RLock()
	defer s.using.RUnlock()
	if s.db == nil {
		return errNoStore
	}
	if err := s.db.LogData(nil, pebble.Sync); err != nil {
		return fmt.Errorf("syncing the store of customer keys: %w", err)
	}
	for {
		at := s.synced.Load()
		if at >= made || s.synced.CompareAndSwap(at, made) {
			return nil
		}
	}
}

// OpenText opens what Text sealed; ErrForgotten when the key is gone.
func (s *Sealer) OpenText(organisation string, customer [Size]byte, sealed []byte) ([]byte, error) {
	k, err := s.key(organisation, customer, false)
	if err != nil {
		return nil, err
	}
	if len(sealed) < k.NonceSize() {
		return nil, errors.New("the sealed text is damaged")
	}
	return k.Open(nil, sealed[:k.NonceSize()], sealed[k.NonceSize():], nil)
}

var errNoStore = errors.New("the store of customer keys is not open: restart the service")

// Forget deletes a customer's key, on disk and from the disk: once it returns no file of the store holds it any more, as a
// deletion alone would leave it in the log and in older tables. Texts wait meanwhile, some milliseconds. After an error, and
// after a crash in between, the key is gone for all that read it, and calling again clears the files.
func (s *Sealer) Forget(organisation string, customer [Size]byte) error {
	id := keyID(organisation, customer)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.using.Lock()
	defer s.using.Unlock()
	delete(s.keys, string(id))
	if s.db == nil {
		return errNoStore
	}
	if err := s.db.Delete(id, pebble.Sync); err != nil {
		return err
	}
	// The tables: the deletion meets what it deletes.
	if err := s.db.Compact(context.Background(), id, append(bytes.Clone(id), 0), false); err != nil {
		return err
	}
	// The log: kept to be written over, it is removed in the background of the next store that is opened, whose closing waits for it.
	for range 2 {
		db := s.db
		s.db = nil
		if err := db.Close(); err != nil {
			return err
		}
		if err := s.open(); err != nil {
			return err
		}
	}
	return nil
}

func keyID(organisation string, customer [Size]byte) []byte {
	sum := sha256.Sum256(append(append([]byte(organisation), 0), customer[:]...))
	return sum[:]
}

func (s *Sealer) key(organisation string, customer [Size]byte, create bool) (cipher.AEAD, error) {
	id := keyID(organisation, customer)
	s.mu.Lock()
	defer s.mu.Unlock()
	if k := s.keys[string(id)]; k != nil {
		return k, nil
	}
	if s.db == nil {
		return nil, errNoStore
	}
	wrapped, closer, err := s.db.Get(id)
	var raw []byte
	switch {
	case err == nil:
		if len(wrapped) < s.wrap.NonceSize() {
			return nil, errors.Join(errors.New("a customer's key is damaged"), closer.Close())
		}
		n := s.wrap.NonceSize()
		raw, err = s.wrap.Open(nil, wrapped[:n], wrapped[n:], id)
		if err = errors.Join(err, closer.Close()); err != nil {
			return nil, fmt.Errorf("a customer's key cannot be unwrapped: %w", err)
		}
	case !errors.Is(err, pebble.ErrNotFound):
		return nil, err
	case !create:
		return nil, ErrForgotten
	default:
		raw = make([]byte, 32)
		nonce := make([]byte, s.wrap.NonceSize())
		rand.Read(raw)
		rand.Read(nonce)
		if err := s.db.Set(id, s.wrap.Seal(nonce, nonce, raw, id), pebble.NoSync); err != nil {
			return nil, err
		}
		s.made.Add(1)
	}
	k, err := newAEAD(raw)
	if err != nil {
		return nil, err
	}
	if len(s.keys) >= recentKeys {
		clear(s.keys)
	}
	s.keys[string(id)] = k
	return k, nil
}

func newAEAD(key []byte) (cipher.AEAD, error) {
	b, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(b)
}

// Close ends the use of the store of keys.
func (s *Sealer) Close() error {
	s.using.Lock()
	defer s.using.Unlock()
	if s.db == nil {
		return nil
	}
	db := s.db
	s.db = nil
	return db.Close()
}

type quiet struct{}

func (quiet) Infof(string, ...any)  {}
func (quiet) Errorf(string, ...any) {}

// Fatalf ends the process: the store takes nothing any more, not even when there is space again. A panic of the caller's own
// would be recovered by the edge of its call, and the process would live on and refuse every text.
func (quiet) Fatalf(format string, args ...any) {
	text := fmt.Sprintf("store of customer keys: "+format, args...)
	go func() { panic(text) }()
	select {}
}
