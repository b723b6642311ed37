package fold_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/touchstone-cx/touchstone/services/internal/fold"
)

// FuzzPosition holds the encoding of positions to one meaning: bytes are refused, or are exactly those of what they read as.
func FuzzPosition(f *testing.F) {
	for _, p := range []fold.Position{
		{}, {Created: time.Unix(0, 1).UTC(), Sequence: 1}, {Created: time.Unix(1e9, 5).UTC(), Sequence: 1<<64 - 1, Digest: [16]byte{1, 2, 3}}, {Sequence: 7},
	} {
		b, err := p.MarshalBinary()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add(make([]byte, 31))
	f.Add(make([]byte, 32))
	f.Add(bytes.Repeat([]byte{0xff}, 33))
	f.Fuzz(func(t *testing.T, b []byte) {
		p := fold.Position{Sequence: 99}
		if err := p.UnmarshalBinary(b); err != nil {
			if len(b) == 0 || len(b) == 32 {
				t.Fatalf("%x: %v", b, err)
			}
			return
		}
		again, err := p.MarshalBinary()
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%x reads as %+v, which is %x; %v", b, p, again, err)
		}
		var q fold.Position
		if err := q.UnmarshalBinary(again); err != nil || !q.Equal(p) {
			t.Fatalf("%+v and %+v: %v", p, q, err)
		}
	})
}
