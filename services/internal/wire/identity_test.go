package wire

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
)

type tuple struct {
	org   string
	kind  factv1.Kind
	parts [4][]byte // source, id, about source, about id
}

func (x tuple) bytes() []byte {
	return appendIdentity(nil, x.org, x.kind, x.parts[0], x.parts[1], x.parts[2], x.parts[3])
}

func (x tuple) equal(y tuple) bool {
	same := x.org == y.org && x.kind == y.kind
	for i := range x.parts {
		same = same && bytes.Equal(x.parts[i], y.parts[i])
	}
	return same
}

// Lengths about the borders of their encoding, and few letters, so that what is cut differently meets.
var anyPart = rapid.Custom(func(rt *rapid.T) []byte {
	n := rapid.OneOf(rapid.IntRange(0, 4), rapid.SampledFrom([]int{126, 127, 128, 129, 255, 256, 257, 512})).Draw(rt, "length")
	return bytes.Repeat([]byte{rapid.SampledFrom([]byte{0, 1, 'a', 0x80}).Draw(rt, "byte")}, n)
})

var anyTuple = rapid.Custom(func(rt *rapid.T) tuple {
	x := tuple{org: string(anyPart.Draw(rt, "org")), kind: factv1.Kind(rapid.IntRange(0, 3).Draw(rt, "kind"))}
	for i := range x.parts {
		x.parts[i] = anyPart.Draw(rt, "part")
	}
	return x
})

// Facts that differ in any part of their identity never give the same bytes to hash.
func TestIdentityIsInjective(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		x, y := anyTuple.Draw(rt, "x"), anyTuple.Draw(rt, "y")
		if !x.equal(y) && bytes.Equal(x.bytes(), y.bytes()) {
			rt.Fatalf("%v and %v give the same bytes", x, y)
		}
		// A letter that moves from one part to its neighbour makes another tuple.
		for i := range 3 {
			if n := len(x.parts[i]); n > 0 {
				z := x
				z.parts[i], z.parts[i+1] = x.parts[i][:n-1], append([]byte{x.parts[i][n-1]}, x.parts[i+1]...)
				if bytes.Equal(x.bytes(), z.bytes()) {
					rt.Fatalf("%v and %v give the same bytes", x, z)
				}
			}
		}
	})
}

// A length of 256 does not read as one of 0.
func TestIdentityOfLongParts(t *testing.T) {
	long := bytes.Repeat([]byte{0}, 256)
	x, y := tuple{parts: [4][]byte{long, nil, nil, nil}}, tuple{parts: [4][]byte{nil, long, nil, nil}}
	if bytes.Equal(x.bytes(), y.bytes()) {
		t.Error("parts of 256 bytes collide")
	}
}

// Ledgers hold identities for ever: these values never change.
func TestIdentityStaysWhatItIs(t *testing.T) {
	for _, c := range []struct {
		org            string
		kind           factv1.Kind
		source, id     string
		aboutS, aboutI string
		hi, lo         uint64
	}{
		{"default", 1, "acd", "call-1", "", "", 0xb7b7ffadbe151bcd, 0x9b25ae1f6aa4ea9c},
		{"acme", 2, "survey", "r1/recommend", "acd", "call-1", 0x7243aa5fc94f2b4a, 0x541c550c6cd552a1},
		{"acme", 2, "survey", "r1/recommend", "", "", 0xfe6f6ff459d3a825, 0xba6cca1a970701b0},
		{"acme", 3, "wfm", "2026-03-29T15:00/north", "", "", 0x7411bb844d63f02b, 0x9e390c1eb1f06cb3},
	} {
		hi, lo := Identity(c.org, c.kind, []byte(c.source), []byte(c.id), []byte(c.aboutS), []byte(c.aboutI))
		if hi != c.hi || lo != c.lo {
			t.Errorf("{%q, %d, %q, %q, %q, %q, %#x, %#x},", c.org, c.kind, c.source, c.id, c.aboutS, c.aboutI, hi, lo)
		}
	}
}
