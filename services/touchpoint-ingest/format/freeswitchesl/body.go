package freeswitchesl

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/lenient"
)

// headers of one event by their names in lower case.
type headers map[string]string

func (h headers) of(name string) string { return h[strings.ToLower(name)] }

func (h headers) set(name, value string) {
	name = strings.ToLower(strings.TrimSpace(name))
	value = strings.TrimSpace(strings.ToValidUTF8(value, ""))
	if _, known := h[name]; !known && value != "" && value != "_undef_" && len(value) <= 1024 {
		h[name] = value
	}
}

// parse reads events one after another: blocks of headers up to an empty line, and JSON values.
func parse(d format.Delivery, o format.Options) (p format.Parsed) {
	rest := bytes.TrimPrefix(d.Body, []byte("\ufeff"))
	line, began, bad := 0, 0, false // bad: the line before was no header
	block := headers{}
	flush := func() {
		if len(block) == 0 {
			return
		}
		take(&p, began, block, o)
		// An event may carry a body, of a length that it states. A frame's length is that of the event itself.
		if n, err := strconv.Atoi(block.of("Content-Length")); err == nil && n > 0 && block.of("Event-Name") != "" {
			n = min(n, len(rest))
			line += bytes.Count(rest[:n], []byte("\n"))
			rest = rest[n:]
		}
		block = headers{}
	}
	for len(rest) > 0 {
		line++
		if c := rest[0]; len(block) == 0 && (c == '{' || c == '[') {
			n := values(&p, line, rest, o)
			line += bytes.Count(rest[:n], []byte("\n"))
			if rest = rest[n:]; len(rest) > 0 && rest[0] != '\n' {
				line--
			}
			continue
		}
		text, after, _ := bytes.Cut(rest, []byte("\n"))
		rest = after
		if len(bytes.TrimSpace(text)) == 0 {
			flush()
			continue
		}
		name, value, ok := strings.Cut(strings.TrimRight(string(text), "\r"), ":")
		if !ok && bad {
			continue
		}
		if bad = !ok; bad {
			p.Problem(line, "", "The line is no header.", "Send the events as the event socket writes them: \"Name: value\" a line, an empty line after each event, or JSON.")
			continue
		}
		if len(block) == 0 {
			began = line
		}
		// Plain events have their values URL-encoded; a + stands for itself.
		if u, err := url.PathUnescape(value); err == nil {
			value = u
		}
		block.set(name, value)
	}
	flush()
	if len(p.Events) == 0 && len(p.Ignored) == 0 && len(p.Problems) == 0 {
		p.Problem(0, "", "The delivery holds no event.", "Send events of CUSTOM callcenter::info, plain or as JSON.")
	}
	return p
}

// values reads one JSON value, an event or a list of them, and returns its length.
func values(p *format.Parsed, line int, b []byte, o format.Options) int {
	dec := json.NewDecoder(bytes.NewReader(b))
	var raw json.RawMessage
	if err := dec.Decode(&raw); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			p.Problem(line, "", "The JSON ends in the middle.", "Send the event again, whole.")
			return len(b)
		}
		p.Problem(line, "", "The event is no JSON: "+lenient.Clip(err.Error(), 60)+".", "Send the events as the event socket writes them.")
		// What was read up to the fault is not read again: a long delivery is read once.
		at := 1
		if fault, ok := errors.AsType[*json.SyntaxError](err); ok {
			at = min(max(at, int(fault.Offset)), len(b))
		}
		if n := bytes.IndexByte(b[at:], '\n'); n >= 0 {
			return at + n + 1
		}
		return len(b)
	}
	var many []json.RawMessage
	if json.Unmarshal(raw, &many) != nil {
		many = []json.RawMessage{raw}
	}
	for _, one := range many {
		var fields map[string]json.RawMessage
		if json.Unmarshal(one, &fields) != nil {
			p.Problem(line, "", "The JSON is no event.", "Send objects with the event's headers as their fields.")
			continue
		}
		h := headers{}
		for _, k := range slices.Sorted(maps.Keys(fields)) { // names that differ in case alone: always the same one holds
			v := fields[k]
			var s string
			switch {
			case json.Unmarshal(v, &s) == nil: // also null
			case v[0] != '{' && v[0] != '[':
				s = string(v)
			}
			h.set(k, s)
		}
		if h.of("Event-Name") == "" && h.of("CC-Action") == "" {
			p.Ignore("an object without Event-Name")
			continue
		}
		take(p, line, h, o)
	}
	return int(dec.InputOffset())
}
