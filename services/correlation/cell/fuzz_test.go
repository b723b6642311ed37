package cell

import (
	"bytes"
	"maps"
	"runtime"
	"slices"
	"testing"
)

func counts(h *Hist) map[int32]int64 {
	m := map[int32]int64{}
	h.Each(func(bin int32, n int64) { m[bin] = n })
	return m
}

// FuzzHist holds the decoder of histograms to a plain map: what it takes it takes whole, to the same counts however they
// are encoded again and whatever they are added to; what is damaged is said so, and nothing panics.
func FuzzHist(f *testing.F) {
	for _, bins := range [][]int32{{}, {0}, {1, 2, 3}, {-700, 0, 700}, {-4095, 4095}} {
		for _, n := range []int64{1, -1, 127, 128, -129, 1 << 33, -1 << 62} {
			var h Hist
			for _, b := range bins {
				h.Add(b, n)
			}
			f.Add(h.Append(nil))
		}
	}
	for _, n := range []int64{1, 300, 1 << 40} { // enough bins for each kind of run
		var h Hist
		for b := range int32(200) {
			h.Add(b-20, n)
		}
		f.Add(h.Append(nil))
	}
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Add(append(new(Hist).Append(nil), "what follows"...))
	f.Fuzz(func(t *testing.T, b []byte) {
		given := bytes.Clone(b)
		var h Hist
		rest, ok := h.AddEncoded(b)
		after, passed := (*Hist)(nil).AddEncoded(b)
		if ok != passed || ok && len(rest) != len(after) {
			t.Fatalf("passing by: %v with %d bytes left; decoding: %v with %d", passed, len(after), ok, len(rest))
		}
		if !ok {
			return
		}
		if !bytes.HasSuffix(b, rest) {
			t.Fatalf("%x is not the end of %x", rest, b)
		}
		want := counts(&h)
		var again Hist
		if left, ok := again.AddEncoded(h.Append(nil)); !ok || len(left) > 0 || !maps.Equal(counts(&again), want) {
			t.Fatalf("%v, encoded again %v, %d bytes left", want, counts(&again), len(left))
		}
		// Added to others it gives the sum, decoded or as it is; what was added can be taken back.
		var sum Hist
		var adder Adder
		sum.Add(3, 5)
		sum.Add(-900, -7)
		adder.Add(&Moments{Hist: sum}, true)
		if _, ok := sum.AddEncoded(b); !ok {
			t.Fatal("taken into an empty histogram, refused into another")
		}
		adder.Add(&Moments{Hist: h}, true)
		added := adder.Take().Hist
		if left := adder.Take(); !left.IsZero() {
			t.Fatalf("an adder that was emptied holds %v", counts(&left.Hist))
		}
		plain := maps.Clone(want)
		for bin, n := range map[int32]int64{3: 5, -900: -7} {
			if plain[bin] += n; plain[bin] == 0 {
				delete(plain, bin)
			}
		}
		if !maps.Equal(counts(&sum), plain) || !maps.Equal(counts(&added), plain) {
			t.Fatalf("decoded %v, added %v, want %v", counts(&sum), counts(&added), plain)
		}
		for bin, n := range plain {
			sum.Add(bin, -n)
		}
		if sum.Len() != 0 {
			t.Fatalf("%v is left", counts(&sum))
		}
		if !slices.IsSortedFunc(h.Counts(), func(a, b BinCount) int { return int(a.Bin - b.Bin) }) {
			t.Fatalf("not in order: %v", h.Counts())
		}
		if !bytes.Equal(b, given) {
			t.Fatal("the encoded bytes were changed")
		}
	})
}

// A few damaged bytes do not ask for much memory.
func TestDamagedHistogramsStaySmall(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for form := range byte(4) {
		for _, size := range [][]byte{{0xff, 0x7f}, {0xff, 0xff, 0x7f}, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}} {
			b := append(bytes.Clone(size), 0, 2, 2, 2)
			b[0] = b[0]&^3 | form
			var h Hist
			h.AddEncoded(b)
		}
	}
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 1<<20 {
		t.Errorf("%d bytes allocated", used)
	}
}
