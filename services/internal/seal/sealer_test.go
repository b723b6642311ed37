package seal_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/touchstone-cx/touchstone/services/internal/seal"
)

func openSealer(t testing.TB, keys, data string) *seal.Sealer {
	t.Helper()
	s, err := seal.OpenSealer(keys, data)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

var customer = [seal.Size]byte{1, 2, 3}

func TestTextRoundTrip(t *testing.T) {
	s := openSealer(t, t.TempDir(), t.TempDir())
	rapid.Check(t, func(rt *rapid.T) {
		plain := rapid.SliceOfN(rapid.Byte(), 0, 400).Draw(rt, "text")
		c := [seal.Size]byte(rapid.SliceOfN(rapid.Byte(), seal.Size, seal.Size).Draw(rt, "customer"))
		sealed, err := s.Text("acme", c, plain)
		if err != nil {
			rt.Fatal(err)
		}
		if len(plain) > 8 && bytes.Contains(sealed, plain) {
			rt.Fatal("the text is in the clear")
		}
		if got, err := s.OpenText("acme", c, sealed); err != nil || !bytes.Equal(got, plain) {
			rt.Fatalf("%q %v", got, err)
		}
		// Nobody else's key opens it, nor does anything open what was changed.
		if _, err := s.OpenText("other", c, sealed); err == nil {
			rt.Fatal("another organisation's customer opens it")
		}
		sealed[rapid.IntRange(0, len(sealed)-1).Draw(rt, "at")] ^= 1
		if _, err := s.OpenText("acme", c, sealed); err == nil {
			rt.Fatal("a changed text opens")
		}
		if _, err := s.OpenText("acme", c, sealed[:min(len(sealed), 5)]); err == nil {
			rt.Fatal("a cut text opens")
		}
	})
}

func TestContactRoundTrip(t *testing.T) {
	keys := t.TempDir()
	s := openSealer(t, keys, t.TempDir())
	rapid.Check(t, func(rt *rapid.T) {
		plain := rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(rt, "contact")
		sealed, err := s.Contact(plain)
		if err != nil {
			rt.Fatal(err)
		}
		if got, err := seal.OpenContact(keys, sealed); err != nil || !bytes.Equal(got, plain) {
			rt.Fatalf("%q %v", got, err)
		}
		again, err := s.Contact(plain)
		if err != nil || bytes.Equal(again, sealed) {
			rt.Fatal("equal contacts can be told", err)
		}
		sealed[rapid.IntRange(0, len(sealed)-1).Draw(rt, "at")] ^= 1
		if _, err := seal.OpenContact(keys, sealed); err == nil {
			rt.Fatal("a changed contact opens")
		}
		if _, err := seal.OpenContact(keys, sealed[:len(sealed)/3]); err == nil {
			rt.Fatal("a cut contact opens")
		}
	})
	if _, err := seal.OpenContact(t.TempDir(), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without the private key: %v", err)
	}
}

// What forgetting deletes is the key: no copy of a text can be read from then on, whoever writes later.
func TestForgetting(t *testing.T) {
	keys, data := t.TempDir(), t.TempDir()
	other := [seal.Size]byte{9}
	var sealed, kept []byte
	t.Run("forget", func(t *testing.T) {
		s := openSealer(t, keys, data)
		var err error
		if sealed, err = s.Text("acme", customer, []byte("a secret")); err != nil {
			t.Fatal(err)
		}
		if kept, err = s.Text("acme", other, []byte("another's")); err != nil {
			t.Fatal(err)
		}
		if err := s.Forget("acme", customer); err != nil {
			t.Fatal(err)
		}
		if _, err := s.OpenText("acme", customer, sealed); !errors.Is(err, seal.ErrForgotten) {
			t.Errorf("forgotten: %v", err)
		}
		if err := s.Forget("acme", customer); err != nil {
			t.Errorf("forgetting twice: %v", err)
		}
	})
	s := openSealer(t, keys, data)
	if _, err := s.OpenText("acme", customer, sealed); !errors.Is(err, seal.ErrForgotten) {
		t.Errorf("forgotten, after a restart: %v", err)
	}
	if got, err := s.OpenText("acme", other, kept); err != nil || string(got) != "another's" {
		t.Errorf("another customer's text: %q %v", got, err)
	}
	// The customer comes back: with a new key, which opens nothing of before.
	fresh, err := s.Text("acme", customer, []byte("new"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.OpenText("acme", customer, sealed); err == nil {
		t.Error("a forgotten text opens with the new key")
	}
	if got, err := s.OpenText("acme", customer, fresh); err != nil || string(got) != "new" {
		t.Errorf("new text: %q %v", got, err)
	}
}

// More customers than are kept at hand, and a restart: every key is found again.
func TestKeysSurviveReopening(t *testing.T) {
	keys, data := t.TempDir(), t.TempDir()
	const many = 5000
	sealed := make([][]byte, many)
	id := func(i int) (c [seal.Size]byte) { copy(c[:], fmt.Sprint(i)); return c }
	t.Run("seal", func(t *testing.T) {
		s := openSealer(t, keys, data)
		for i := range sealed {
			var err error
			if sealed[i], err = s.Text("acme", id(i), []byte(fmt.Sprint("text ", i))); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Sync(); err != nil {
			t.Fatal(err)
		}
	})
	s := openSealer(t, keys, data)
	for i := range sealed {
		if got, err := s.OpenText("acme", id(i), sealed[i]); err != nil || string(got) != fmt.Sprint("text ", i) {
			t.Fatalf("text %d: %q %v", i, got, err)
		}
	}
}

// Two writers that meet a new customer at once agree on one key.
func TestOneKeyForACustomer(t *testing.T) {
	s := openSealer(t, t.TempDir(), t.TempDir())
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 50 {
				c := [seal.Size]byte{byte(j)}
				sealed, err := s.Text("acme", c, []byte{byte(i)})
				if err == nil {
					err = s.Sync()
				}
				if err != nil {
					t.Error(err)
					return
				}
				if got, err := s.OpenText("acme", c, sealed); err != nil || got[0] != byte(i) {
					t.Errorf("%v %v", got, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// The store of keys without the key file opens nothing.
func TestKeysAreWrapped(t *testing.T) {
	keys, data := t.TempDir(), t.TempDir()
	var sealed []byte
	t.Run("seal", func(t *testing.T) {
		s := openSealer(t, keys, data)
		var err error
		if sealed, err = s.Text("acme", customer, []byte("a secret")); err != nil {
			t.Fatal(err)
		}
	})
	if err := os.Remove(filepath.Join(keys, "customer-keys")); err != nil {
		t.Fatal(err)
	}
	s := openSealer(t, keys, data)
	if _, err := s.OpenText("acme", customer, sealed); err == nil || errors.Is(err, seal.ErrForgotten) {
		t.Errorf("with another wrapping key: %v", err)
	}
	if _, err := s.Text("acme", customer, []byte("x")); err == nil {
		t.Error("a text was sealed with a key that cannot be read")
	}
}

// The public key can be made again from the private one: contacts sealed before and after open alike.
func TestLostPublicKey(t *testing.T) {
	keys := t.TempDir()
	before, err := openSealer(t, keys, t.TempDir()).Contact([]byte("before"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(keys, "survey.pub")); err != nil {
		t.Fatal(err)
	}
	after, err := openSealer(t, keys, t.TempDir()).Contact([]byte("after"))
	if err != nil {
		t.Fatal(err)
	}
	for want, sealed := range map[string][]byte{"before": before, "after": after} {
		if got, err := seal.OpenContact(keys, sealed); err != nil || string(got) != want {
			t.Errorf("%s: %q %v", want, got, err)
		}
	}
}

// Ingest needs the public key only: where the survey service runs elsewhere its private key is not there.
func TestPublicKeyAlone(t *testing.T) {
	survey, ingest := t.TempDir(), t.TempDir()
	openSealer(t, survey, t.TempDir())
	pub, err := os.ReadFile(filepath.Join(survey, "survey.pub"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(ingest, "survey.pub"), pub, 0o600); err != nil {
		t.Fatal(err)
	}
	sealed, err := openSealer(t, ingest, t.TempDir()).Contact([]byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := seal.OpenContact(survey, sealed); err != nil || string(got) != "x" {
		t.Errorf("%q %v", got, err)
	}
	if _, err := os.Stat(filepath.Join(ingest, "survey")); !errors.Is(err, os.ErrNotExist) {
		t.Error("ingest made a private key of its own")
	}
}

// The folder of keys is made where it is missing.
func TestOpenInAMissingFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "not", "yet")
	openSealer(t, dir, t.TempDir())
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v %v", info, err)
	}
}

// A copy of the live folder must not hold the key of a customer who was forgotten, however long ago it was written.
func TestForgottenKeyIsInNoFile(t *testing.T) {
	for _, age := range []string{"just made", "in a table", "in a log and other keys came after it"} {
		t.Run(age, func(t *testing.T) {
			keys, data := t.TempDir(), t.TempDir()
			s := openSealer(t, keys, data)
			others := func(from int) {
				for i := range 40 {
					if _, err := s.Text("acme", [seal.Size]byte{9, byte(i), byte(from)}, []byte("x")); err != nil {
						t.Fatal(err)
					}
				}
			}
			others(1)
			if err := s.Sync(); err != nil {
				t.Fatal(err)
			}
			sealed, err := s.Text("acme", customer, []byte("a text"))
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Sync(); err != nil {
				t.Fatal(err)
			}
			id := sha256.Sum256(append([]byte("acme\x00"), customer[:]...))
			_, wrapped, found := bytes.Cut(blocksOf(t, data), id[:])
			if !found || len(wrapped) < 61 {
				t.Fatal("nothing was written for a new key")
			}
			wrapped = bytes.Clone(wrapped[1:61]) // after its length
			switch age {
			case "in a table":
				for range 2 { // the log becomes a table, and is removed before the store is closed again
					if err := s.Close(); err != nil {
						t.Fatal(err)
					}
					s = openSealer(t, keys, data)
				}
			case "in a log and other keys came after it":
				others(2)
			}
			if !holds(blocksOf(t, data), wrapped) {
				t.Fatal("the key is in no file before it is forgotten")
			}
			if err := s.Forget("acme", customer); err != nil {
				t.Fatal(err)
			}
			if holds(blocksOf(t, data), wrapped) {
				t.Error("the forgotten key is still in a file of the store")
			}
			if _, err := s.OpenText("acme", customer, sealed); !errors.Is(err, seal.ErrForgotten) {
				t.Error(err)
			}
			// The others' keys stay.
			text, err := s.Text("acme", [seal.Size]byte{9, 0, 1}, []byte("x"))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := s.OpenText("acme", [seal.Size]byte{9, 0, 1}, text); err != nil || string(got) != "x" {
				t.Error(got, err)
			}
		})
	}
}

// holds reports whether any 12 bytes of a key are among others, which may be compressed.
func holds(all, key []byte) bool {
	for i := range len(key) - 11 {
		if bytes.Contains(all, key[i:i+12]) {
			return true
		}
	}
	return false
}

// blocksOf reads all files of a folder, in the order of their names.
func blocksOf(t *testing.T, dir string) []byte {
	t.Helper()
	var all []byte
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if errors.Is(err, os.ErrNotExist) {
			return nil // the store removes its old files meanwhile
		}
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		all = append(all, b...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
