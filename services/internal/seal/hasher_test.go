package seal_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/touchstone-cx/touchstone/services/internal/seal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func openHasher(t testing.TB, dir string) *seal.Hasher {
	t.Helper()
	h, err := seal.OpenHasher(dir)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func hash(h *seal.Hasher, org string, kind byte, id string) [seal.Size]byte {
	var out [seal.Size]byte
	h.Hash(&out, org, kind, []byte(id))
	return out
}

func TestHashesSurviveReopening(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	first, again := openHasher(t, dir), openHasher(t, dir)
	if hash(first, "acme", seal.Customer, "c1") != hash(again, "acme", seal.Customer, "c1") {
		t.Error("a customer is not recognised again")
	}
	if first.KeyVersion() != again.KeyVersion() || first.KeyVersion() == 0 {
		t.Error("key version", first.KeyVersion(), again.KeyVersion())
	}
	if hash(first, "acme", seal.Customer, "c1") == hash(openHasher(t, t.TempDir()), "acme", seal.Customer, "c1") {
		t.Error("another key gives the same hash")
	}
}

// Hashes differ as soon as organisation, kind or identifier do, also where a letter moves from one to the other.
func TestHashesDoNotMeet(t *testing.T) {
	h := openHasher(t, t.TempDir())
	org := rapid.StringMatching(`[a-z][a-z0-9_-]{0,5}`)
	kind := rapid.SampledFrom([]byte{seal.Customer, seal.Contact, seal.Response, seal.Text, seal.Agent, seal.InCall})
	id := rapid.StringN(0, 6, 20)
	rapid.Check(t, func(rt *rapid.T) {
		o1, k1, i1 := org.Draw(rt, "org"), kind.Draw(rt, "kind"), id.Draw(rt, "id")
		o2, k2, i2 := org.Draw(rt, "org"), kind.Draw(rt, "kind"), id.Draw(rt, "id")
		if same := o1 == o2 && k1 == k2 && i1 == i2; same != (hash(h, o1, k1, i1) == hash(h, o2, k2, i2)) {
			rt.Fatalf("%q %c %q and %q %c %q", o1, k1, i1, o2, k2, i2)
		}
		if hash(h, o1, k1, i1) == hash(h, o1+string(k1), k1, strings.TrimPrefix(i1, string(k1))) {
			rt.Fatal("a letter moved unnoticed")
		}
	})
}

func TestHasherServesManyAtOnce(t *testing.T) {
	h := openHasher(t, t.TempDir())
	want := hash(h, "acme", seal.Customer, "c1")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 1000 {
				if hash(h, "acme", seal.Customer, "c1") != want {
					t.Error("another hash")
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestShortKey(t *testing.T) {
	if _, err := seal.NewHasher(make([]byte, 31), 1); err == nil {
		t.Error("a key of 31 bytes was taken")
	}
}

// Every file that holds a key is its owner's alone, also where one was left behind that was not.
func TestKeyFilesAreTheirOwnersAlone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "customer-hash.new"), []byte("left by a crash"), 0o644); err != nil {
		t.Fatal(err)
	}
	openHasher(t, dir)
	openSealer(t, dir, t.TempDir())
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, e.Name())
		if info.Mode() != 0o600 {
			t.Errorf("%s has mode %v", e.Name(), info.Mode())
		}
	}
	if got := strings.Join(names, " "); got != "customer-hash customer-keys survey survey.pub" {
		t.Errorf("the folder of keys holds %s", got)
	}
}

// A damaged key is an error that names the file and says what to do; it is never replaced by a new one.
func TestDamagedKeyFiles(t *testing.T) {
	for _, file := range []string{"customer-hash", "customer-keys", "survey", "survey.pub"} {
		for how, damage := range map[string]func([]byte) []byte{
			"empty":     func([]byte) []byte { return nil },
			"truncated": func(b []byte) []byte { return b[:len(b)/2] },
			"longer":    func(b []byte) []byte { return append(bytes.TrimSpace(b), 'a', 'b') },
			"zeroed":    func(b []byte) []byte { return make([]byte, len(b)) },
		} {
			t.Run(file+" "+how, func(t *testing.T) {
				dir := t.TempDir()
				openHasher(t, dir)
				s, err := seal.OpenSealer(dir, t.TempDir())
				if err != nil {
					t.Fatal(err)
				}
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				name := filepath.Join(dir, file)
				b, err := os.ReadFile(name)
				if err != nil {
					t.Fatal(err)
				}
				damaged := damage(b)
				if err := os.WriteFile(name, damaged, 0o600); err != nil {
					t.Fatal(err)
				}
				_, err = seal.OpenHasher(dir)
				if err == nil {
					s, err = seal.OpenSealer(dir, t.TempDir())
					if err == nil {
						if cerr := s.Close(); cerr != nil {
							t.Error(cerr)
						}
					}
				}
				if err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "put back") {
					t.Errorf("the error is %v", err)
				}
				if now, err := os.ReadFile(name); err != nil || !bytes.Equal(now, damaged) {
					t.Errorf("the file was changed: %v", err)
				}
			})
		}
	}
}
