package ledger

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/touchstone-cx/touchstone/services/internal/fold"
	"github.com/touchstone-cx/touchstone/services/internal/fold/memstore"
)

// FuzzChunk loads a ledger whose one chunk is any bytes: it is refused as damaged, or every entry is found by its identity
// and number, and the chunk written again reads the same.
func FuzzChunk(f *testing.F) {
	valid := func(entries ...[]byte) {
		c := &chunk{}
		for _, e := range entries {
			c.data = append(c.data, e...)
			c.ends = append(c.ends, uint32(len(c.data)))
		}
		f.Add(c.encode())
	}
	_, _, one := entry("a", nil)
	_, _, two := entry("b", bytes.Repeat([]byte{7}, 300))
	valid(one)
	valid(one, two)
	valid(one, one) // an identity twice
	many := [][]byte{}
	for i := range ChunkEntries {
		_, _, e := entry(string(rune('a'+i)), []byte{byte(i)})
		many = append(many, e)
	}
	valid(many...)
	f.Add([]byte{})
	f.Add([]byte{0})
	f.Add([]byte{65})
	f.Add([]byte{1, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Add([]byte{2, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		st, err := memstore.New().Open("x")
		if err != nil {
			t.Fatal(err)
		}
		key := binary.BigEndian.AppendUint64([]byte("l"), 0)
		if err := st.Commit(&fold.Write{Position: fold.Position{Sequence: 1}, Sets: []fold.Pair{{Key: key, Value: b}}}); err != nil {
			t.Fatal(err)
		}
		l := New(st, []byte("l"))
		if l.Load(nil) != nil {
			return
		}
		for n := range l.Len() {
			e, err := l.Get(n)
			if err != nil {
				t.Fatal(err)
			}
			if len(e) == 0 {
				continue // removed
			}
			hi, lo := binary.BigEndian.Uint64(e), binary.BigEndian.Uint64(e[8:])
			if at, got, found, err := l.Find(hi, lo); err != nil || !found || at == n && !bytes.Equal(got, e) {
				t.Fatalf("entry %d: found %v at %d, %v", n, found, at, err)
			}
		}
		if _, err := l.Get(l.Len()); err == nil && l.Len()%ChunkEntries != 0 {
			t.Fatal("an entry past the last")
		}
		before, err := l.Get(0)
		if err != nil {
			t.Fatal(err)
		}
		before = bytes.Clone(before)
		if err := l.Replace(0, before); err != nil {
			t.Fatal(err)
		}
		var w fold.Write
		l.Flush(&w)
		again, err := decode(0, w.Sets[0].Value)
		if err != nil || uint64(len(again.ends)) != l.Len() || !bytes.Equal(again.entry(0), before) {
			t.Fatalf("written again: %v", err)
		}
	})
}
