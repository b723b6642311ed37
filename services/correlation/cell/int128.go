package cell

import (
	"math"
	"math/big"
	"math/bits"
)

// Int128 is a signed 128-bit integer in two's complement. The zero value is 0. Addition wraps at 2^127, which 2^33 facts
// of the largest square (2^94) reach first: sums here never do.
type Int128 struct {
	Hi int64
	Lo uint64
}

// Int returns v as an Int128.
func Int(v int64) Int128 { return Int128{Hi: v >> 63, Lo: uint64(v)} }

// Square returns v·v.
func Square(v int64) Int128 {
	u := uint64(v)
	if v < 0 {
		u = -u
	}
	hi, lo := bits.Mul64(u, u)
	return Int128{Hi: int64(hi), Lo: lo}
}

// Add returns a + b.
func (a Int128) Add(b Int128) Int128 {
	lo, c := bits.Add64(a.Lo, b.Lo, 0)
	return Int128{Hi: a.Hi + b.Hi + int64(c), Lo: lo}
}

// Sub returns a − b.
func (a Int128) Sub(b Int128) Int128 {
	lo, c := bits.Sub64(a.Lo, b.Lo, 0)
	return Int128{Hi: a.Hi - b.Hi - int64(c), Lo: lo}
}

// IsZero reports whether a is 0.
func (a Int128) IsZero() bool { return a.Hi == 0 && a.Lo == 0 }

// Big returns a as a big.Int.
func (a Int128) Big() *big.Int {
	b := big.NewInt(a.Hi)
	b.Lsh(b, 64)
	return b.Add(b, new(big.Int).SetUint64(a.Lo))
}

// Float returns the nearest float64 of a, within one unit in the last place.
func (a Int128) Float() float64 {
	if a.Hi == int64(a.Lo)>>63 {
		return float64(int64(a.Lo))
	}
	if a.Hi < 0 {
		n := Int128{}.Sub(a)
		return -(math.Ldexp(float64(uint64(n.Hi)), 64) + float64(n.Lo))
	}
	return math.Ldexp(float64(a.Hi), 64) + float64(a.Lo)
}

// String returns a in decimal.
func (a Int128) String() string { return a.Big().String() }
