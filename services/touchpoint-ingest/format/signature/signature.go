// Package signature checks how help desks and survey tools sign their webhooks: by the HMAC-SHA256 (RFC 2104) of what they
// sent, and with its time. It is no format: what is signed, and how the digest is written, is each format's own.
package signature

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"strconv"
	"time"
)

// Tolerance is how old a signed delivery may be, and how far ahead its sender's clock.
const Tolerance = 5 * time.Minute

// Check tells whether one of the digests given is that of the signed parts, one after the other, by this key. A sender gives
// several while its key is changed.
func Check(key []byte, given [][]byte, signed ...[]byte) error {
	mac := hmac.New(sha256.New, key)
	for _, part := range signed {
		mac.Write(part)
	}
	want, fits := mac.Sum(nil), false
	for _, digest := range given {
		fits = hmac.Equal(want, digest) || fits
	}
	if !fits {
		return errors.New("it was not made with this secret")
	}
	return nil
}

// Fresh tells whether what was signed at a time may still be taken now: a delivery that was overheard is of no use later.
func Fresh(at, now time.Time) error {
	if age := now.Sub(at); age > Tolerance || age < -Tolerance {
		return errors.New("it is more than 5 minutes old, or of a clock that is wrong")
	}
	return nil
}

// FreshSeconds is Fresh for a time that is written as seconds since 1970.
func FreshSeconds(stamp string, now time.Time) error {
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil {
		return errors.New("its timestamp is no time")
	}
	return Fresh(time.Unix(seconds, 0), now)
}
