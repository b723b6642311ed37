package lenient

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
)

// ID returns a text as an id of a fact, hashed where it has what an id may not have.
func ID[S ~string](s S) string { return ShortID(s, 128, "h-") }

// ShortID is ID for ids to which something is added: at most so long, and with its own mark of a hash.
func ShortID[S ~string](s S, most int, mark string) string {
	if fits(string(s), most) {
		return string(s)
	}
	return mark + Hash(string(s))
}

// DigestID is ID for formats that hash by Digest.
func DigestID[S ~string](s S) string {
	if fits(string(s), 128) {
		return string(s)
	}
	return "h:" + Digest(map[string]string{"": string(s)})
}

func fits(id string, most int) bool {
	return len(id) <= most && strings.Trim(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-/+=") == ""
}

// Hash returns what tells some texts from others, 32 hexadecimal digits.
func Hash(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:16])
}

// Digest is the identity of fields, 32 hexadecimal digits.
func Digest(fields map[string]string) string {
	h := sha256.New()
	for _, k := range slices.Sorted(maps.Keys(fields)) {
		v := format.Identity(fields[k])
		h.Write([]byte(strconv.Itoa(len(k)) + k + strconv.Itoa(len(v)) + v))
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// Identified drops an event's empty fields and gives it an id made of all that it says; of a text by its keyed hash alone, of
// an agent by what is the same whatever the map says.
func Identified(e format.Event, o format.Options) format.Event {
	maps.DeleteFunc(e.Fields, func(_, v string) bool { return v == "" })
	h := sha256.New()
	add := func(s string) { h.Write(strconv.AppendQuote(nil, s)) }
	add(e.Name)
	add(e.At.UTC().Format(time.RFC3339Nano))
	for _, k := range slices.Sorted(maps.Keys(e.Fields)) {
		add(k)
		add(format.Identity(e.Fields[k]))
	}
	add(o.Person(e.Text))
	add(e.Customer)
	e.ID = hex.EncodeToString(h.Sum(nil)[:12])
	return e
}
