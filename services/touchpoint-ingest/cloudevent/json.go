package cloudevent

import (
	"encoding/json"
	"fmt"
	"iter"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
)

// JSON is read in place: checked once as a whole, then walked as spans of the checked bytes, so that what is read costs no
// memory beyond what is kept of it.

// checkJSON says why bytes are no JSON, or too deep; nil when they are fine. What walks them relies on it.
func checkJSON(b []byte) *invalid {
	if depth(b) > MaxDepth {
		return &invalid{reason: ingestv1.Reason_REASON_TOO_LARGE, message: fmt.Sprintf("It is nested deeper than %d levels.", MaxDepth), remedy: "Send flatter JSON."}
	}
	var raw json.RawMessage
	if err := json.Unmarshal(b, &raw); err != nil {
		at := ""
		if s, ok := err.(*json.SyntaxError); ok {
			at = fmt.Sprintf(" at byte %d", s.Offset)
		}
		return &invalid{reason: ingestv1.Reason_REASON_MALFORMED, message: "It is no JSON" + at + ": " + err.Error() + ".", remedy: "Send valid JSON."}
	}
	return nil
}

// depth returns the deepest nesting of any bytes.
func depth(b []byte) int {
	deepest, now, quoted := 0, 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			now++
			deepest = max(deepest, now)
		case c == '}' || c == ']':
			now--
		}
	}
	return deepest
}

func blank(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\n' || b[i] == '\r') {
		i++
	}
	return i
}

// end returns where the value that begins at i ends.
func end(b []byte, i int) int {
	nested, quoted := 0, false
	for ; i < len(b); i++ {
		switch c := b[i]; {
		case quoted:
			if c == '\\' {
				i++
			} else if c == '"' {
				if quoted = false; nested == 0 {
					return i + 1
				}
			}
		case c == '"':
			quoted = true
		case c == '{' || c == '[':
			nested++
		case c == '}' || c == ']':
			if nested == 0 {
				return i
			}
			if nested--; nested == 0 {
				return i + 1
			}
		case nested == 0 && (c == ',' || c == ':' || c == ' ' || c == '\t' || c == '\n' || c == '\r'):
			return i
		}
	}
	return min(i, len(b))
}

// trim returns a value without the space around it.
func trim(b []byte) []byte {
	i := blank(b, 0)
	return b[i:end(b, i)]
}

// members yields the names (as quoted) and values of a checked object.
func members(object []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) {
		for i := blank(object, 1); i < len(object) && object[i] == '"'; {
			j := end(object, i)
			name := object[i:j]
			i = blank(object, blank(object, j)+1) // past the colon
			if i >= len(object) {
				return
			}
			j = end(object, i)
			if !yield(name, object[i:j]) {
				return
			}
			i = blank(object, blank(object, j)+1) // past the comma
		}
	}
}

// elements yields the places and values of a checked array.
func elements(array []byte) iter.Seq2[int, []byte] {
	return func(yield func(i int, value []byte) bool) {
		n := 0
		for i := blank(array, 1); i < len(array) && array[i] != ']'; n++ {
			j := end(array, i)
			if !yield(n, array[i:j]) {
				return
			}
			i = blank(array, blank(array, j)+1) // past the comma
		}
	}
}

func isNull(v []byte) bool { return len(v) > 0 && v[0] == 'n' }

// text returns the text of a checked, quoted string; false when it is no Unicode.
func text(quoted []byte) ([]byte, bool) {
	s := quoted[1 : len(quoted)-1]
	if !utf8.Valid(s) {
		return nil, false
	}
	out := []byte(nil)
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			if out != nil {
				out = append(out, s[i])
			}
			continue
		}
		if out == nil {
			out = append(make([]byte, 0, len(s)), s[:i]...)
		}
		i++
		switch s[i] {
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			r := unit(s[i+1:])
			i += 4
			if utf16.IsSurrogate(r) {
				if len(s) < i+7 || s[i+1] != '\\' || s[i+2] != 'u' {
					return nil, false
				}
				if r = utf16.DecodeRune(r, unit(s[i+3:])); r == utf8.RuneError {
					return nil, false
				}
				i += 6
			}
			out = utf8.AppendRune(out, r)
		default: // quote, backslash, slash
			out = append(out, s[i])
		}
	}
	if out == nil {
		return s, true
	}
	return out, true
}

// unit reads the four digits of \u.
func unit(digits []byte) rune {
	n, err := strconv.ParseUint(string(digits[:4]), 16, 16)
	if err != nil {
		return utf8.RuneError
	}
	return rune(n)
}

var number = regexp.MustCompile(`^(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?$`)

// whole returns the digits of a whole number that JSON may write as 1200, 12e2, 1200.0 or "1200"; false when it is none.
func whole(v []byte) (string, bool) {
	if v[0] == '"' {
		s, ok := text(v)
		if !ok {
			return "", false
		}
		v = s
	}
	m := number.FindSubmatch(v)
	if m == nil {
		return "", false
	}
	sign, digits, fraction := string(m[1]), string(m[2]), strings.TrimRight(string(m[3]), "0")
	exponent := 0
	if len(m[4]) > 0 {
		var err error
		if exponent, err = strconv.Atoi(string(m[4])); err != nil {
			return "", false
		}
	}
	all := strings.TrimLeft(digits+fraction, "0")
	if all == "" {
		return "0", true
	}
	exponent -= len(fraction) // all × 10^exponent
	if exponent < 0 {
		short := strings.TrimRight(all, "0")
		if len(all)-len(short) < -exponent {
			return "", false
		}
		return sign + all[:len(all)+exponent], true
	}
	if len(all)+exponent > 20 { // over 2^64
		return "", false
	}
	return sign + all + strings.Repeat("0", exponent), true
}
