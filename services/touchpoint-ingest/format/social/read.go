package social

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
)

// word is a short text, whether it was written as a text, a number or a truth value; of anything else it is empty.
type word string

// UnmarshalJSON implements json.Unmarshaler.
func (w *word) UnmarshalJSON(b []byte) error {
	*w = ""
	switch b[0] {
	case '{', '[', 'n':
		return nil
	case '"':
		var s string
		if err := json.Unmarshal(b, &s); err != nil {
			return err
		}
		*w = word(strings.TrimSpace(s))
	default:
		*w = word(b)
	}
	return nil
}

// first returns the first word that says something.
func first(all ...word) string {
	for _, w := range all {
		if w != "" {
			return string(w)
		}
	}
	return ""
}

// document is one JSON text of a delivery and the line on which it begins; 0 where lines mean nothing.
type document struct {
	line int
	raw  []byte
}

// documents takes a delivery apart: a JSON text, the elements of an array, or a JSON text a line, of which some may be damaged.
func documents(body []byte) []document {
	whole := bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")))
	var all []document
	if json.Valid(whole) {
		var elements []json.RawMessage
		if whole[0] != '[' || json.Unmarshal(whole, &elements) != nil {
			return []document{{raw: whole}}
		}
		for _, raw := range elements {
			all = append(all, document{raw: raw})
		}
		return all
	}
	read, n := false, 0
	for line := range bytes.Lines(body) {
		n++
		if line = bytes.TrimSpace(bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))); len(line) > 0 {
			all = append(all, document{n, line})
			read = read || json.Valid(line) && line[0] == '{'
		}
	}
	if !read {
		return []document{{raw: whole}}
	}
	return all
}

// decode reads what it can: what has another type than it should have stays empty.
func decode(raw []byte, v any) error {
	err := json.Unmarshal(raw, v)
	if _, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return nil
	}
	return err
}

// when reads a time: ISO 8601 with or without a zone, or seconds, milliseconds or finer since 1970.
func when(w word, zone *time.Location) (t time.Time, ok bool) {
	s := string(w)
	if f, err := strconv.ParseFloat(s, 64); err == nil {
		for f >= 1e11 && f < 1e20 {
			f /= 1000
		}
		if !(f > 0 && f < 1e11) {
			return time.Time{}, false
		}
		return plausible(time.UnixMicro(int64(math.Round(f * 1e6))))
	}
	if utc, ok := strings.CutSuffix(s, " UTC"); ok {
		s = utc + "Z"
	}
	for _, layout := range []string{
		"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05Z0700", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05 Z0700",
		"2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04",
	} {
		if t, err := time.ParseInLocation(layout, s, zone); err == nil {
			return plausible(t)
		}
	}
	return time.Time{}, false
}

// plausible refuses what is no time of a record: an unset one, a mistake of units.
func plausible(t time.Time) (time.Time, bool) {
	if t.Year() < 1990 || t.Year() > 2200 {
		return time.Time{}, false
	}
	return t.UTC(), true
}

// identity returns a text as an id of a fact, hashed where it has what an id may not have.
func identity(s string) string {
	if len(s) > 0 && len(s) <= 128 && strings.Trim(s, idCharacters) == "" {
		return s
	}
	sum := sha256.Sum256([]byte(s))
	return "h-" + hex.EncodeToString(sum[:16])
}

const idCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-/+="

// identified gives an event an id made of all that it says; of a text by its keyed hash alone.
func identified(e format.Event, o format.Options) format.Event {
	maps.DeleteFunc(e.Fields, func(_, v string) bool { return v == "" })
	h := sha256.New()
	add := func(s string) { h.Write(strconv.AppendQuote(nil, s)) }
	add(e.Name)
	add(e.At.UTC().Format(time.RFC3339Nano))
	for _, k := range slices.Sorted(maps.Keys(e.Fields)) {
		add(k)
		add(e.Fields[k])
	}
	add(o.Person(e.Text))
	add(e.Customer)
	e.ID = hex.EncodeToString(h.Sum(nil)[:12])
	return e
}

// comment returns a customer's words, cut to what is kept of them.
func comment(w word) string {
	const most = 16 << 10
	if len(w) <= most {
		return string(w)
	}
	return strings.ToValidUTF8(string(w[:most]), "")
}

// version is a time as the version of what was said then.
func version(t time.Time) uint64 { return uint64(max(0, t.UnixMicro())) }
