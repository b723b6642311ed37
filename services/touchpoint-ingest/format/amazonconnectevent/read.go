package amazonconnectevent

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
)

// text is a scalar: numbers come as strings and ids as numbers. What is no scalar is no text.
type text string

// UnmarshalJSON implements json.Unmarshaler.
func (t *text) UnmarshalJSON(b []byte) error {
	switch b[0] {
	case '"':
		var s string
		err := json.Unmarshal(b, &s)
		*t = text(strings.TrimSpace(s))
		return err
	case '{', '[', 'n':
	default:
		*t = text(b)
	}
	return nil
}

// loose is a value that may have another shape or be missing: nothing that is counted hangs on it.
type loose[T any] struct{ is T }

// UnmarshalJSON implements json.Unmarshaler.
func (l *loose[T]) UnmarshalJSON(b []byte) error {
	_ = json.Unmarshal(b, &l.is)
	return nil
}

// reader takes a delivery apart.
type reader struct {
	format.Parsed
	o format.Options
}

// values reads JSON values that follow each other. After one that is broken, lines that hold a whole object are still read.
func (r *reader) values(body []byte, line int, each func(raw []byte, line int)) {
	body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
	dec := json.NewDecoder(bytes.NewReader(body))
	end := 0
	for {
		rest := bytes.TrimLeft(body[end:], " \t\r\n")
		start := len(body) - len(rest)
		line += bytes.Count(body[end:start], []byte("\n"))
		var raw json.RawMessage
		if err := dec.Decode(&raw); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			r.problem(line, "", "This is no whole JSON value.", "Send each event complete, as it was delivered.")
			r.lines(rest, line, each)
			return
		}
		end = int(dec.InputOffset())
		each(raw, line)
		line += bytes.Count(body[start:end], []byte("\n"))
	}
}

// lines reads the lines after the first that are whole objects.
func (r *reader) lines(rest []byte, line int, each func(raw []byte, line int)) {
	first := true
	for l := range bytes.Lines(rest) {
		l = bytes.TrimRight(bytes.TrimSpace(l), ",")
		switch {
		case first || !bytes.HasPrefix(l, []byte(`{"`)):
		case json.Valid(l):
			each(l, line)
		default:
			r.problem(line, "", "This is no whole JSON value.", "Send each event complete, as it was delivered.")
		}
		first = false
		line++
	}
}

// unwrap opens arrays and the envelopes of queues: their bodies are JSON in a string.
func (r *reader) unwrap(raw []byte, line, depth int) {
	if bytes.HasPrefix(raw, []byte("[")) && depth < 3 {
		var all []json.RawMessage
		_ = json.Unmarshal(raw, &all) // it is valid
		for _, x := range all {
			r.unwrap(x, line, depth+1)
		}
		return
	}
	if !bytes.HasPrefix(raw, []byte("{")) {
		r.problem(line, "", "This is no JSON object.", "Send contact events as JSON objects.")
		return
	}
	var envelope struct{ Records []struct{ Body text } }
	if err := json.Unmarshal(raw, &envelope); err != nil || envelope.Records == nil {
		r.event(raw, line)
		return
	}
	for _, x := range envelope.Records {
		if depth >= 3 || x.Body == "" {
			r.problem(line, "Records", "This record of the envelope holds no event.", "Send the envelope as the queue delivered it.")
			continue
		}
		r.values([]byte(x.Body), line, func(raw []byte, line int) { r.unwrap(raw, line, 3) })
	}
}

func (r *reader) problem(line int, field, message, remedy string) {
	r.Problems = append(r.Problems, format.Problem{Line: line, Field: field, Message: message, Remedy: remedy})
}

// kept gathers the fields of an event that are kept.
type kept struct {
	*reader
	line   int
	fields map[string]string
	broken bool // a time that is needed cannot be read
}

func (k *kept) text(name string, t text) {
	if t != "" {
		k.fields[name] = string(t)
	}
}

func (k *kept) time(name string, t text) time.Time {
	at, ok := when(string(t), k.o.Zone)
	if !ok {
		k.broken = true
		k.problem(k.line, name, "This is no time.", "Send times as the system writes them: 2026-03-02T08:00:00Z.")
	} else if !at.IsZero() {
		k.fields[name] = at.UTC().Format(time.RFC3339Nano)
	}
	return at
}

func (k *kept) number(name string, t text) {
	if t == "" {
		return
	}
	if _, ok := number(string(t)); !ok {
		k.problem(k.line, name, "This is no number; the event is taken without it.", "Send seconds and counts as numbers.")
		return
	}
	k.fields[name] = string(t)
}

func number(s string) (float64, bool) {
	if strings.Trim(s, "0123456789.+-eE") != "" {
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil
}

// when reads a time. The system writes the first instant of 1970 for what has not happened.
func when(s string, zone *time.Location) (at time.Time, ok bool) {
	if s == "" {
		return at, true
	}
	if n, ok := number(s); ok {
		if n > 1e11 {
			n /= 1000
		}
		if n < 0 || n > 4e9 {
			return at, false
		}
		at = time.UnixMilli(int64(n * 1000))
	} else {
		s = strings.Replace(strings.ToUpper(s), " ", "T", 1)
		for _, layout := range []string{"2006-1-2T15:4:5Z07:00", "2006-1-2T15:4:5Z0700", "2006-1-2T15:4:5Z07", "2006-1-2T15:4:5"} {
			var err error
			if at, err = time.ParseInLocation(layout, s, zone); err == nil {
				break
			}
		}
	}
	if at.IsZero() || at.Year() > 2100 {
		return time.Time{}, false
	}
	if at.Year() < 1971 {
		return time.Time{}, true
	}
	return at, true
}

// digest is the identity of contents.
func digest(fields map[string]string) string {
	h := sha256.New()
	for _, k := range slices.Sorted(maps.Keys(fields)) {
		h.Write([]byte(strconv.Itoa(len(k)) + k + strconv.Itoa(len(fields[k])) + fields[k]))
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// safe returns an id as facts may bear it.
func safe(id text) string {
	for i := range len(id) {
		c := id[i]
		if letter := c|0x20 >= 'a' && c|0x20 <= 'z'; !letter && !strings.ContainsRune("0123456789._:-/+=", rune(c)) {
			return "h:" + digest(map[string]string{"": string(id)})
		}
	}
	if len(id) > 128 {
		return "h:" + digest(map[string]string{"": string(id)})
	}
	return string(id)
}
