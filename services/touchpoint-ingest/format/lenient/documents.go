package lenient

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"iter"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
)

const byteOrderMark = "\xef\xbb\xbf"

// Documents takes a delivery apart: one text, the elements of a JSON array, or a JSON text a line, of which some may be damaged.
// It yields each with the line on which it stands, 0 where lines mean nothing. None is sure to be JSON.
func Documents(body []byte) iter.Seq2[int, []byte] {
	return func(yield func(int, []byte) bool) {
		whole := bytes.TrimSpace(bytes.TrimPrefix(body, []byte(byteOrderMark)))
		var elements []json.RawMessage
		if json.Valid(whole) && whole[0] == '[' && json.Unmarshal(whole, &elements) == nil {
			for _, raw := range elements {
				if !yield(0, raw) {
					return
				}
			}
			return
		}
		if json.Valid(whole) || !lined(body) {
			yield(0, whole)
			return
		}
		n := 0
		for line := range bytes.Lines(body) {
			n++
			if line = trim(line); len(line) > 0 && !yield(n, line) {
				return
			}
		}
	}
}

// lined reports whether any line is an object by itself.
func lined(body []byte) bool {
	for line := range bytes.Lines(body) {
		if line = trim(line); len(line) > 0 && line[0] == '{' && json.Valid(line) {
			return true
		}
	}
	return false
}

func trim(line []byte) []byte { return bytes.TrimSpace(bytes.TrimPrefix(line, []byte(byteOrderMark))) }

// Objects yields the JSON objects that follow each other in a body, and those of arrays, with the line on which each value
// begins, counted from the given one. What is no object is a problem with the remedy object. Where a value is damaged, which is
// a problem with the remedy whole, lines that hold a whole object are still read.
func Objects(p *format.Parsed, body []byte, line int, whole, object string) iter.Seq2[int, []byte] {
	return func(yield func(int, []byte) bool) {
		var open func(line int, raw []byte, depth int) bool
		open = func(line int, raw []byte, depth int) bool {
			var all []json.RawMessage
			switch {
			case raw == nil:
				p.Problem(line, "", "This is no whole JSON value.", whole)
			case raw[0] == '{':
				return yield(line, raw)
			case raw[0] == '[' && depth < 3 && json.Unmarshal(raw, &all) == nil:
				for _, x := range all {
					if !open(line, x, depth+1) {
						return false
					}
				}
			default:
				p.Problem(line, "", "This is no JSON object.", object)
			}
			return true
		}
		for line, raw := range values(body, line) {
			if !open(line, raw, 0) {
				return
			}
		}
	}
}

// values yields JSON values; nil for a damaged one.
func values(body []byte, line int) iter.Seq2[int, []byte] {
	return func(yield func(int, []byte) bool) {
		body := bytes.TrimPrefix(body, []byte(byteOrderMark))
		dec := json.NewDecoder(bytes.NewReader(body))
		line, end := line, 0
		for {
			rest := bytes.TrimLeft(body[end:], " \t\r\n")
			start := len(body) - len(rest)
			line += bytes.Count(body[end:start], []byte("\n"))
			var raw json.RawMessage
			err := dec.Decode(&raw)
			if errors.Is(err, io.EOF) {
				return
			}
			if !yield(line, raw) {
				return
			}
			if err != nil {
				wholeLines(rest, line, yield)
				return
			}
			end = int(dec.InputOffset())
			line += bytes.Count(body[start:end], []byte("\n"))
		}
	}
}

// wholeLines yields the lines after the first that begin as objects do; nil for those that do not end so.
func wholeLines(rest []byte, line int, yield func(int, []byte) bool) {
	first := true
	for l := range bytes.Lines(rest) {
		l = bytes.TrimRight(bytes.TrimSpace(l), ",")
		if !first && bytes.HasPrefix(l, []byte(`{"`)) {
			if !json.Valid(l) {
				l = nil
			}
			if !yield(line, l) {
				return
			}
		}
		first = false
		line++
	}
}
