package state

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	"github.com/touchstone-cx/touchstone/services/correlation/cell"
	"github.com/touchstone-cx/touchstone/services/internal/fold"
	"github.com/touchstone-cx/touchstone/services/internal/fold/memstore"
)

// A store may be damaged in any of its values. Whoever reads one says so, or reads something: nothing panics, and nothing
// asks for much memory.

const mostMemory = 64 << 20

// stored is what a state of a few hundred facts leaves in its store, key by key.
func stored(t interface{ Fatal(...any) }) (pairs []fold.Pair, at fold.Position) {
	r := rand.New(rand.NewPCG(7, 7))
	l := beginBy(t, comparingAndFollowing)
	for range 20 {
		for range 20 {
			f := random(r, 60)
			l.apply(f, visit(r, 200), opinion(r, 100))
			if r.IntN(8) == 0 {
				l.apply(disputed(f, r.Uint64N(4), "a", pick(r, factv1.Ruling_RULING_UNSPECIFIED, factv1.Ruling_RULING_EXCLUDED), "b"))
			}
		}
		l.flush()
	}
	l.seq++
	if err := l.s.Apply(fold.Message{Sequence: l.seq, Subject: "ts.fact.acme.0", Data: sealMessage(t, now.Add(-10*day).UnixMilli())}); err != nil {
		t.Fatal(err)
	}
	l.flush()
	if err := l.st.Scan(nil, func(k, v []byte) error {
		pairs = append(pairs, fold.Pair{Key: bytes.Clone(k), Value: bytes.Clone(v)})
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	at, err := l.st.Position()
	if err != nil {
		t.Fatal(err)
	}
	return pairs, at
}

// of returns the values whose keys begin with a letter.
func of(pairs []fold.Pair, letter byte) (out [][]byte) {
	for _, p := range pairs {
		if p.Key[0] == letter {
			out = append(out, p.Value)
		}
	}
	return out
}

// moments prints what outcomes hold, in order, leaving out what is zero.
func moments(outs []outcome) string {
	s := ""
	for i := range outs {
		o := &outs[i]
		head := fmt.Sprintf("\n%d: %d %d", o.sym, o.n, o.simulated)
		some := o.n != 0 || o.simulated != 0
		for j := range o.measures {
			if m := &o.measures[j]; !m.IsZero() {
				head += fmt.Sprintf(" [%d %x]", m.sym, m.canonical(nil))
				some = true
			}
		}
		if some {
			s += head
		}
	}
	return s
}

// FuzzBlock decodes any bytes as the cells of a bucket: damaged for every reader alike, or the same again when encoded again.
func FuzzBlock(f *testing.F) {
	b := &block{live: true}
	for sym := range uint32(3) {
		o := b.outcome(sym)
		o.n, o.simulated = int64(sym)*100, 1
		m := o.measure(7)
		for i := range int64(sym) * 40 {
			m.Add(i*i-5, int32(i), 1)
		}
		m.ObservedN, m.ObservedSum = 3, cell.Square(1<<46)
	}
	f.Add(b.encode(nil))
	f.Add([]byte{})
	f.Add([]byte{1, 2, 2, 1, 7, 2, 2, 2, 2, 2, 0})
	f.Add([]byte{1, 2, 2, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, b []byte) {
		outs, err := decodeBlock(b)
		resting := &block{enc: b}
		n := 0
		if eachErr := resting.each(7, func(uint32, int64, int64, *cell.Moments) { n++ }); (eachErr == nil) != (err == nil) {
			t.Fatalf("decoding: %v; reading: %v", err, eachErr)
		}
		if err != nil {
			return
		}
		if n != len(outs) {
			t.Fatalf("%d outcomes read, %d decoded", n, len(outs))
		}
		want := moments(outs)
		again, err := decodeBlock((&block{live: true, outs: outs}).encode(nil))
		if err != nil || moments(again) != want {
			t.Fatalf("got %s\nwant %s\n%v", moments(again), want, err)
		}
	})
}

// FuzzEntry decodes any bytes as a fact of the ledger.
func FuzzEntry(f *testing.F) {
	pairs, _ := stored(f)
	for _, chunk := range of(pairs, keyLedger) {
		n, k := binary.Uvarint(chunk)
		sizes := []uint64{}
		for range n {
			size, m := binary.Uvarint(chunk[k:])
			sizes, k = append(sizes, size), k+m
		}
		for _, size := range sizes {
			f.Add(chunk[k : k+int(size)])
			k += int(size)
		}
	}
	f.Add([]byte{})
	f.Add(make([]byte, 34))
	f.Add(append(bytes.Repeat([]byte{1}, 34), 0xff, 0xff))
	f.Fuzz(func(t *testing.T, b []byte) {
		e := entry{attributes: []uint32{9}, metrics: []value{{1, 2}}, answers: []uint64{3}} // of the entry read before
		if e.decode(b) != nil {
			return
		}
		once := e.append(nil)
		var again entry
		if err := again.decode(once); err != nil {
			t.Fatalf("%x encoded again: %v", b, err)
		}
		if twice := again.append(nil); !bytes.Equal(once, twice) {
			t.Fatalf("%x\n%x", once, twice)
		}
		if hi, lo := identityOf(b); hi != e.hi || lo != e.lo {
			t.Fatal("another identity")
		}
	})
}

// FuzzSymbols loads two stored names under any keys: refused, or each name has the number it was stored under.
func FuzzSymbols(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1}, []byte("help"), []byte{0, 0, 0, 2}, []byte("voice"))
	f.Add([]byte{0, 0, 0, 0}, []byte(""), []byte{0, 0, 0, 3}, []byte("x"))
	f.Add([]byte{1}, []byte{0xff}, []byte{}, []byte{})
	f.Fuzz(func(t *testing.T, k1, v1, k2, v2 []byte) {
		st, err := memstore.New().Open("x")
		if err != nil {
			t.Fatal(err)
		}
		w := fold.Write{Position: fold.Position{Sequence: 1}}
		w.Set(append([]byte{keySymbol}, k1...), v1)
		w.Set(append([]byte{keySymbol}, k2...), v2)
		if err := st.Commit(&w); err != nil {
			t.Fatal(err)
		}
		var s symbols
		if s.load(st) != nil {
			return
		}
		for _, p := range []fold.Pair{{Key: k1, Value: v1}, {Key: k2, Value: v2}} {
			if bytes.Equal(k1, k2) {
				p.Value = v2
			}
			n := binary.BigEndian.Uint32(p.Key)
			if !s.has(n) || s.name(n) != string(p.Value) || s.of(p.Value) != n {
				t.Fatalf("%q was stored as %d and is %d", p.Value, n, s.of(p.Value))
			}
		}
	})
}

// FuzzLoad replaces one value of a store, whichever, by any bytes, and loads: what loads can be read to its end.
func FuzzLoad(f *testing.F) {
	pairs, at := stored(f)
	seen := map[byte]int{}
	for i, p := range pairs {
		if seen[p.Key[0]]++; seen[p.Key[0]] <= 3 {
			f.Add(uint16(i), p.Value)
			f.Add(uint16(i), p.Value[:len(p.Value)/2])
			f.Add(uint16(i), append(bytes.Clone(p.Value), 0xff))
		}
		f.Add(uint16(i), []byte{})
	}
	var before, after runtime.MemStats
	f.Fuzz(func(t *testing.T, which uint16, v []byte) {
		st, err := memstore.New().Open("x")
		if err != nil {
			t.Fatal(err)
		}
		w := fold.Write{Position: at}
		for i, p := range pairs {
			if i == int(which)%len(pairs) {
				p.Value = v
			}
			w.Set(p.Key, p.Value)
		}
		if err := st.Commit(&w); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&before)
		l := &life{t: t, st: st, maps: comparingAndFollowing, s: New(comparingAndFollowing, func() time.Time { return now })}
		if l.s.Load(st) == nil {
			// A reader of damaged cells is told; it need not be the loader.
			if _, err := l.s.Digest(now); err == nil {
				l.seq = at.Sequence
				r := rand.New(rand.NewPCG(8, 8))
				for range 5 {
					l.applied(random(r, 60), visit(r, 200))
				}
			}
		}
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; used > mostMemory {
			t.Fatalf("%d bytes allocated", used)
		}
	})
}

// applied applies a fact to a state that may be damaged: an error is an answer.
func (l *life) applied(f ...*factv1.RecordedFact) {
	b, err := proto.Marshal(&factv1.RecordedBatch{Facts: f})
	if err != nil {
		l.t.Fatal(err)
	}
	l.seq++
	_ = l.s.Apply(fold.Message{Sequence: l.seq, Subject: "ts.fact.acme.0", Data: b})
}
