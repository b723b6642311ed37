// Package lenient is what native formats have in common: it reads what systems, their plugins and their administrators write,
// whatever type it has, however it is put together and in part damaged, and makes ids of it that a fact may have.
package lenient

import (
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
)

// Text is a short text of JSON, whether it was written as a text, a number or a truth value; of anything else it stays empty.
type Text string

// UnmarshalJSON implements json.Unmarshaler.
func (t *Text) UnmarshalJSON(b []byte) error {
	switch b[0] {
	case '"':
		var s string
		err := json.Unmarshal(b, &s)
		*t = Text(strings.TrimSpace(s))
		return err
	case '{', '[', 'n':
	default:
		*t = Text(b)
	}
	return nil
}

// Loose is a value that may have another shape or be missing: nothing that is counted hangs on it.
type Loose[T any] struct{ Is T }

// UnmarshalJSON implements json.Unmarshaler.
func (l *Loose[T]) UnmarshalJSON(b []byte) error {
	_ = json.Unmarshal(b, &l.Is)
	return nil
}

// Decode reads what it can of a JSON text: what has another type than it should have stays empty. It fails where it is no JSON.
func Decode(raw []byte, v any) error {
	err := json.Unmarshal(raw, v)
	if _, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return nil
	}
	return err
}

// Number reads a number as people write it: no infinity and no hexadecimal one.
func Number[S ~string](s S) (float64, bool) {
	if strings.Trim(string(s), "0123456789.+-eE") != "" {
		return 0, false
	}
	f, err := strconv.ParseFloat(string(s), 64)
	return f, err == nil
}

// Duration reads a number of units; one that no clock measured stays too long, or too negative, to be plausible.
func Duration(s string, unit time.Duration) (time.Duration, bool) {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil && !math.IsInf(f, 0) || math.IsNaN(f) {
		return 0, false
	}
	return time.Duration(max(-1e15, min(1e15, f*float64(unit)))), true
}

// Comment returns a customer's words, cut to the 16 KiB that are kept of them.
func Comment[S ~string](s S) string {
	const most = 16 << 10
	if len(s) <= most {
		return string(s)
	}
	return strings.ToValidUTF8(string(s[:most]), "")
}

// Known reports whether a telephone number or name identifies anybody.
func Known(caller string) bool {
	switch strings.ToLower(caller) {
	case "", "unknown", "<unknown>", "anonymous", "restricted", "unavailable", "private", "none", "asterisk", "s":
		return false
	}
	return true
}

// Address returns a telephone number or address without how it was reached, in lower case; empty where it identifies nobody.
func Address(s string) string {
	s = strings.ToLower(s)
	if scheme, rest, ok := strings.Cut(s, ":"); ok && (scheme == "tel" || scheme == "sip" || scheme == "sips") {
		s, _, _ = strings.Cut(rest, ";")
		if scheme != "tel" {
			s, _, _ = strings.Cut(s, "@")
		}
	}
	if !Known(s) {
		return ""
	}
	return s
}

// Misshapen returns the field of a JSON text that has another shape than it should have, as decoding it told; empty where
// it is the text that is broken.
func Misshapen(err error) string {
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return wrong.Field
	}
	return ""
}

// mostPoints of a scale: a greater number is the number of something, which may be a customer's.
const mostPoints = 1000

// Points reports whether an answer is a number that can be a point of a scale.
func Points[S ~string](s S) bool {
	v, err := strconv.ParseFloat(string(s), 64)
	return err == nil && math.Abs(v) <= mostPoints
}
