package ledger

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/zeebo/xxh3"
	"pgregory.net/rapid"

	"github.com/touchstone-cx/touchstone/services/internal/fold"
	"github.com/touchstone-cx/touchstone/services/internal/fold/memstore"
)

func entry(id string, payload []byte) (hi, lo uint64, e []byte) {
	h := xxh3.Hash128([]byte(id))
	e = binary.BigEndian.AppendUint64(nil, h.Hi)
	e = binary.BigEndian.AppendUint64(e, h.Lo)
	return h.Hi, h.Lo, append(e, payload...)
}

// The ledger agrees with a plain map over any mix of appends, replacements, flushes and reloads.
func TestAgainstMap(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		stores := memstore.New()
		st, err := stores.Open("x")
		if err != nil {
			rt.Fatal(err)
		}
		l := New(st, []byte("l"))
		model, order := map[string]string{}, []string{}
		var w fold.Write
		flush := func() {
			w.Reset()
			l.Flush(&w)
			w.Expect, err = st.Position()
			if err != nil {
				rt.Fatal(err)
			}
			w.Position = fold.Position{Sequence: w.Expect.Sequence + 1}
			if err := st.Commit(&w); err != nil {
				rt.Fatal(err)
			}
		}
		for range rapid.IntRange(1, 300).Draw(rt, "steps") {
			id := fmt.Sprint(rapid.IntRange(0, 200).Draw(rt, "id"))
			payload := rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(rt, "payload")
			hi, lo, e := entry(id, payload)
			n, _, found, err := l.Find(hi, lo)
			if err != nil {
				rt.Fatal(err)
			}
			if _, known := model[id]; known != found {
				rt.Fatalf("found %v, want %v", found, known)
			}
			if found {
				err = l.Replace(n, e)
			} else {
				order = append(order, id)
				_, err = l.Append(hi, lo, e)
			}
			if err != nil {
				rt.Fatal(err)
			}
			model[id] = string(e)
			switch rapid.IntRange(0, 20).Draw(rt, "then") {
			case 0:
				flush()
			case 1:
				flush()
				l = New(st, []byte("l"))
				if err := l.Load(nil); err != nil {
					rt.Fatal(err)
				}
			}
		}
		if l.Len() != uint64(len(order)) {
			rt.Fatalf("%d entries, want %d", l.Len(), len(order))
		}
		for i, id := range order {
			got, err := l.Read(uint64(i))
			if err != nil || string(got) != model[id] {
				rt.Fatalf("entry %d: %x, %v", i, got, err)
			}
		}
	})
}

func TestIndexGrows(t *testing.T) {
	var x index
	const n = 200000
	for i := range uint64(n) {
		h := xxh3.Hash128(binary.BigEndian.AppendUint64(nil, i))
		x.insert(h.Hi, h.Lo, i)
	}
	for i := range uint64(n) {
		h := xxh3.Hash128(binary.BigEndian.AppendUint64(nil, i))
		found := false
		for p := x.probe(h.Hi, h.Lo); !found; {
			k, ok := p.next()
			if !ok {
				t.Fatalf("%d is lost", i)
			}
			found = k == i
		}
	}
	if perFact := float64(x.bytes()) / n; perFact > 22 {
		t.Fatalf("%.1f bytes a fact", perFact)
	}
}

func BenchmarkAppend(b *testing.B) {
	st, err := memstore.New().Open("x")
	if err != nil {
		b.Fatal(err)
	}
	l := New(st, []byte("l"))
	e := make([]byte, 90)
	for i := range b.N {
		h := xxh3.Hash128(binary.BigEndian.AppendUint64(nil, uint64(i)))
		if _, _, found, err := l.Find(h.Hi, h.Lo); found || err != nil {
			b.Fatal(err)
		}
		if _, err := l.Append(h.Hi, h.Lo, e); err != nil {
			b.Fatal(err)
		}
		if i%10000 == 0 {
			var w fold.Write
			l.Flush(&w)
			w.Expect, _ = st.Position()
			w.Position = fold.Position{Sequence: uint64(i) + 1}
			if err := st.Commit(&w); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte{1, 2, 'a', 'b'})
	f.Add([]byte{64})
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := decode(0, b)
		if err != nil {
			return
		}
		again, err := decode(0, c.encode())
		if err != nil || len(again.ends) != len(c.ends) {
			t.Fatalf("%v", err)
		}
	})
}

// What is removed is found no more, also after a restart; every other entry keeps its number.
func TestRemove(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		st, err := memstore.New().Open("x")
		if err != nil {
			rt.Fatal(err)
		}
		l := New(st, []byte("l"))
		flush := func() {
			var w fold.Write
			l.Flush(&w)
			if w.Expect, err = st.Position(); err != nil {
				rt.Fatal(err)
			}
			w.Position = fold.Position{Sequence: w.Expect.Sequence + 1}
			if err := st.Commit(&w); err != nil {
				rt.Fatal(err)
			}
		}
		reload := func() {
			flush()
			l = New(st, []byte("l"))
			if err := l.Load(nil); err != nil {
				rt.Fatal(err)
			}
		}
		var model []string
		gone := map[uint64]bool{}
		for round := range rapid.IntRange(1, 4).Draw(rt, "rounds") {
			for range rapid.IntRange(0, 200).Draw(rt, "new") {
				id := fmt.Sprint(len(model))
				hi, lo, e := entry(id, rapid.SliceOfN(rapid.Byte(), 0, 9).Draw(rt, "payload"))
				if n, err := l.Append(hi, lo, e); err != nil || n != uint64(len(model)) {
					rt.Fatalf("number %d, %v", n, err)
				}
				model = append(model, string(e))
			}
			if rapid.Bool().Draw(rt, "restart before") {
				reload()
			}
			from, to := rapid.Uint64Range(0, 400).Draw(rt, "from"), rapid.Uint64Range(0, 800).Draw(rt, "to")
			odd := rapid.Bool().Draw(rt, "odd ones only")
			if err := l.Remove(func(n uint64) bool {
				out := n >= from && n < to && (!odd || n%2 == 1)
				gone[n] = gone[n] || out
				return out
			}); err != nil {
				rt.Fatal(err)
			}
			if rapid.Bool().Draw(rt, "restart after") {
				reload()
			}
			if l.Len() != uint64(len(model)) {
				rt.Fatalf("round %d: %d entries, want %d", round, l.Len(), len(model))
			}
			var seen uint64
			if err := l.Each(func(n uint64, e []byte) error {
				if gone[n] || string(e) != model[n] {
					rt.Fatalf("entry %d is %x", n, e)
				}
				seen++
				return nil
			}); err != nil {
				rt.Fatal(err)
			}
			for n := range uint64(len(model)) {
				hi, lo, _ := entry(fmt.Sprint(n), nil)
				k, e, found, err := l.Find(hi, lo)
				if err != nil || found == gone[n] || found && (k != n || string(e) != model[n]) {
					rt.Fatalf("entry %d: found %v at %d, %v", n, found, k, err)
				}
				if !gone[n] {
					seen--
				}
			}
			if seen != 0 {
				rt.Fatal("not every entry was shown")
			}
		}
	})
}
