// Package foldtest is the conformance kit of fold.Stores: every implementation calls Exercise in its test.
package foldtest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/touchstone-cx/touchstone/services/internal/fold"
)

// Exercise checks one implementation. open opens the same place each time it is called; what was committed before Close
// must be there after the next open.
func Exercise(t *testing.T, open func(t *testing.T) fold.Stores) {
	at := func(n uint64) fold.Position {
		return fold.Position{Created: time.Unix(1700000000, 42).UTC(), Sequence: n, Digest: [16]byte{byte(n)}}
	}
	store := func(t *testing.T, s fold.Stores, name string) fold.Store {
		t.Helper()
		st, err := s.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		return st
	}
	commit := func(t *testing.T, st fold.Store, from, to fold.Position, sets map[string]string, deletes ...string) error {
		t.Helper()
		w := fold.Write{Expect: from, Position: to}
		for k, v := range sets {
			w.Set([]byte(k), []byte(v))
		}
		for _, k := range deletes {
			w.Delete([]byte(k))
		}
		return st.Commit(&w)
	}
	scan := func(t *testing.T, st fold.Store, prefix string) []string {
		t.Helper()
		var got []string
		if err := st.Scan([]byte(prefix), func(k, v []byte) error {
			got = append(got, string(k)+"="+string(v))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return got
	}
	must := func(t *testing.T, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}

	t.Run("a new store is empty", func(t *testing.T) {
		s := open(t)
		defer s.Close()
		st := store(t, s, "new")
		p, err := st.Position()
		must(t, err)
		if !p.IsZero() {
			t.Fatalf("position %+v", p)
		}
		if v, err := st.Get([]byte("x")); v != nil || err != nil {
			t.Fatalf("got %q, %v", v, err)
		}
	})
	t.Run("a commit is kept with its position", func(t *testing.T) {
		s := open(t)
		st := store(t, s, "kept")
		must(t, commit(t, st, fold.Position{}, at(3), map[string]string{"b": "2", "a": "1", "c": ""}))
		must(t, commit(t, st, at(3), at(4), map[string]string{"a": "9"}, "b"))
		must(t, s.Sync())
		must(t, s.Close())
		s = open(t)
		defer s.Close()
		st = store(t, s, "kept")
		if got := scan(t, st, ""); !slices.Equal(got, []string{"a=9", "c="}) {
			t.Fatalf("got %q", got)
		}
		p, err := st.Position()
		must(t, err)
		if !p.Equal(at(4)) {
			t.Fatalf("position %+v", p)
		}
		if v, err := st.Get([]byte("c")); v == nil || len(v) != 0 || err != nil {
			t.Fatalf("an empty value is a value: got %v, %v", v, err)
		}
	})
	t.Run("another owner is fenced and nothing of its write is kept", func(t *testing.T) {
		s := open(t)
		defer s.Close()
		st := store(t, s, "fenced")
		must(t, commit(t, st, fold.Position{}, at(1), map[string]string{"a": "1"}))
		for _, wrong := range []fold.Position{{}, at(2), {Created: at(1).Created, Sequence: 1}, {Created: time.Unix(1, 0), Sequence: 1, Digest: at(1).Digest}} {
			if err := commit(t, st, wrong, at(5), map[string]string{"a": "bad", "z": "bad"}, "a"); !errors.Is(err, fold.ErrFenced) {
				t.Fatalf("got %v", err)
			}
		}
		if got := scan(t, st, ""); !slices.Equal(got, []string{"a=1"}) {
			t.Fatalf("got %q", got)
		}
		must(t, commit(t, st, at(1), at(2), nil))
	})
	t.Run("stores do not see one another", func(t *testing.T) {
		s := open(t)
		defer s.Close()
		a, ab := store(t, s, "side"), store(t, s, "side-2")
		must(t, commit(t, a, fold.Position{}, at(1), map[string]string{"k": "a"}))
		must(t, commit(t, ab, fold.Position{}, at(7), map[string]string{"k": "ab"}))
		names, err := s.Names()
		must(t, err)
		if !slices.Contains(names, "side") || !slices.Contains(names, "side-2") || !slices.IsSorted(names) {
			t.Fatalf("names %q", names)
		}
		must(t, a.Drop())
		if p, err := a.Position(); err != nil || !p.IsZero() {
			t.Fatalf("dropped store has position %+v, %v", p, err)
		}
		if got := scan(t, a, ""); got != nil {
			t.Fatalf("dropped store holds %q", got)
		}
		if got := scan(t, ab, ""); !slices.Equal(got, []string{"k=ab"}) {
			t.Fatalf("dropping its neighbour left %q", got)
		}
		must(t, commit(t, a, fold.Position{}, at(1), map[string]string{"k": "again"}))
	})
	t.Run("a copy holds the same, in place of what was there, and goes its own way", func(t *testing.T) {
		s := open(t)
		a, b := store(t, s, "origin"), store(t, s, "copy")
		must(t, commit(t, a, fold.Position{}, at(4), map[string]string{"k": "a", "": "empty key", "z\xff": ""}))
		must(t, commit(t, b, fold.Position{}, at(9), map[string]string{"k": "old", "left": "over"}))
		must(t, commit(t, store(t, s, "origin-2"), fold.Position{}, at(2), map[string]string{"other": "x"}))
		must(t, s.Copy("copy", "origin"))
		want := []string{"=empty key", "k=a", "z\xff="}
		if got := scan(t, b, ""); !slices.Equal(got, want) {
			t.Fatalf("got %q", got)
		}
		if p, err := b.Position(); err != nil || !p.Equal(at(4)) {
			t.Fatalf("position %+v, %v", p, err)
		}
		must(t, commit(t, b, at(4), at(5), map[string]string{"k": "b"}, ""))
		if got := scan(t, a, ""); !slices.Equal(got, want) {
			t.Fatalf("writing the copy left %q in its origin", got)
		}
		must(t, a.Drop())
		must(t, s.Sync())
		must(t, s.Close())
		s = open(t)
		defer s.Close()
		if got := scan(t, store(t, s, "copy"), ""); !slices.Equal(got, []string{"k=b", "z\xff="}) {
			t.Fatalf("got %q", got)
		}
		must(t, s.Copy("copy", "nowhere"))
		if p, err := store(t, s, "copy").Position(); err != nil || !p.IsZero() {
			t.Fatalf("a copy of nothing has position %+v, %v", p, err)
		}
		if err := s.Copy("copy", "copy"); err == nil {
			t.Fatal("a store was copied onto itself")
		}
	})
	t.Run("scan keeps to the prefix and its order", func(t *testing.T) {
		s := open(t)
		defer s.Close()
		st := store(t, s, "order")
		must(t, commit(t, st, fold.Position{}, at(1), map[string]string{"a": "", "b\x00": "", "b": "", "b\xff": "", "b\xff\xff": "", "c": "", "\xff": "", "\xff\xff": ""}))
		if got := scan(t, st, "b"); !slices.Equal(got, []string{"b=", "b\x00=", "b\xff=", "b\xff\xff="}) {
			t.Fatalf("got %q", got)
		}
		if got := scan(t, st, "\xff"); !slices.Equal(got, []string{"\xff=", "\xff\xff="}) {
			t.Fatalf("got %q", got)
		}
		stop := errors.New("stop")
		if err := st.Scan(nil, func(_, _ []byte) error { return stop }); !errors.Is(err, stop) {
			t.Fatalf("got %v", err)
		}
	})
	t.Run("a large write is one write", func(t *testing.T) {
		s := open(t)
		defer s.Close()
		st := store(t, s, "large")
		w := fold.Write{Position: at(1)}
		for i := range 20000 {
			w.Set(fmt.Appendf(nil, "%06d", i), bytes.Repeat([]byte{byte(i)}, 300))
		}
		must(t, st.Commit(&w))
		n := 0
		must(t, st.Scan(nil, func(k, v []byte) error {
			if string(k) != fmt.Sprintf("%06d", n) || len(v) != 300 || v[0] != byte(n) {
				return fmt.Errorf("key %q", k)
			}
			n++
			return nil
		}))
		if n != 20000 {
			t.Fatalf("%d keys", n)
		}
	})
	t.Run("it agrees with a plain map", func(t *testing.T) {
		run := 0
		rapid.Check(t, func(rt *rapid.T) {
			run++
			s := open(t)
			defer func() { _ = s.Close() }()
			name := fmt.Sprintf("model-%d-%d", run, time.Now().UnixNano())
			st := store(t, s, name)
			model, pos := map[string]string{}, fold.Position{}
			for step := range rapid.IntRange(1, 12).Draw(rt, "steps") {
				w := fold.Write{Expect: pos, Position: at(uint64(step + 1))}
				key := rapid.StringMatching(`[ab]{1,3}`)
				seen := map[string]bool{}
				for range rapid.IntRange(0, 4).Draw(rt, "changes") {
					k := key.Draw(rt, "key")
					if seen[k] {
						continue
					}
					seen[k] = true
					if rapid.Bool().Draw(rt, "delete") {
						w.Delete([]byte(k))
						delete(model, k)
					} else {
						v := rapid.StringN(0, 4, 8).Draw(rt, "value")
						w.Set([]byte(k), []byte(v))
						model[k] = v
					}
				}
				if err := st.Commit(&w); err != nil {
					rt.Fatal(err)
				}
				pos = w.Position
				var want []string
				for k, v := range model {
					want = append(want, k+"="+v)
				}
				slices.SortFunc(want, func(a, b string) int {
					ka, _, _ := bytes.Cut([]byte(a), []byte("="))
					kb, _, _ := bytes.Cut([]byte(b), []byte("="))
					return bytes.Compare(ka, kb)
				})
				if got := scan(t, st, ""); !slices.Equal(got, want) {
					rt.Fatalf("got %q, want %q", got, want)
				}
			}
			if err := st.Drop(); err != nil {
				rt.Fatal(err)
			}
		})
	})
}
