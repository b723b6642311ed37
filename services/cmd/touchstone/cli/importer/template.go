package importer

import (
	"strconv"
	"strings"
)

// Row is one row of the data.
type Row struct {
	Number uint64   // 1 for the first row, the header not counted
	Line   int      // line of the file on which it begins
	End    int64    // bytes of the file up to and including this row
	Values []string // trimmed, one per column the mapping names, in the order of Mapping.Columns
}

// template is text with placeholders: {column}, {constant}, {#} for the row's number, {column|02} padded with zeros to
// two digits; {{ and }} stand for the braces themselves.
type template struct{ parts []part }

const (
	literal   = -1
	rowNumber = -2
)

type part struct {
	column int // index into Row.Values, or literal or rowNumber
	text   string
	pad    int
}

// resolve tells what a name stands for: a constant's text, or the index of a column.
type resolve func(name string) (constant string, column int, isConstant bool)

// parseTemplate reads a template. The message of a non-empty second result says what is wrong with it.
func parseTemplate(s string, names resolve) (template, string) {
	var t template
	var lit strings.Builder
	flush := func() {
		if lit.Len() > 0 {
			t.parts = append(t.parts, part{column: literal, text: lit.String()})
			lit.Reset()
		}
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case (c == '{' || c == '}') && i+1 < len(s) && s[i+1] == c:
			lit.WriteByte(c)
			i++
		case c == '}':
			return template{}, "a } without its {"
		case c == '{':
			end := strings.IndexByte(s[i:], '}')
			if end < 0 {
				return template{}, "a { without its }"
			}
			p, problem := parsePlaceholder(s[i+1:i+end], names)
			if problem != "" {
				return template{}, problem
			}
			if p.column == literal {
				lit.WriteString(p.text)
			} else {
				flush()
				t.parts = append(t.parts, p)
			}
			i += end
		default:
			lit.WriteByte(c)
		}
	}
	flush()
	return t, ""
}

func parsePlaceholder(s string, names resolve) (part, string) {
	name, padding, padded := strings.Cut(s, "|")
	name = strings.TrimSpace(name)
	if name == "" {
		return part{}, "a placeholder without a name"
	}
	p := part{}
	if padded {
		n, err := strconv.Atoi(strings.TrimPrefix(padding, "0"))
		if err != nil || !strings.HasPrefix(padding, "0") || n < 1 || n > 20 {
			return part{}, "after | only a padding such as 02 may stand, not " + quote(padding)
		}
		p.pad = n
	}
	if name == "#" {
		p.column = rowNumber
		return p, ""
	}
	constant, column, isConstant := names(name)
	if isConstant {
		return part{column: literal, text: pad(constant, p.pad)}, ""
	}
	p.column = column
	return p, ""
}

func (t template) render(r *Row) string {
	if len(t.parts) == 1 {
		return t.parts[0].render(r)
	}
	var b strings.Builder
	for _, p := range t.parts {
		b.WriteString(p.render(r))
	}
	return b.String()
}

func (p part) render(r *Row) string {
	switch p.column {
	case literal:
		return p.text
	case rowNumber:
		return pad(strconv.FormatUint(r.Number, 10), p.pad)
	default:
		return pad(r.Values[p.column], p.pad)
	}
}

// pad fills s with zeros to n digits. An empty s stays empty: a missing day must not turn into day 00.
func pad(s string, n int) string {
	if s == "" || len(s) >= n {
		return s
	}
	return strings.Repeat("0", n-len(s)) + s
}
