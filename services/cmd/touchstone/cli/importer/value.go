package importer

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// text is one value of a row: a template, with the values that mean "missing" and, where given, a translation.
type text struct {
	from    template
	missing []template
	words   map[string]string // nil when values are taken as they are
	other   *string           // for values that words lacks; nil refuses them
	label   string            // how messages name it ("column NETPRO")
}

var textFields = []string{"column", "value", "missing", "map", "else"}

// text reads a value: a plain string (a template), or {column: X} or {value: "…"} with missing, map and else.
func (p *parser) text(n *yaml.Node, path string, more ...string) *text {
	t, _ := p.textAnd(n, path, more...)
	return t
}

// textAnd is text for values with further fields, which it returns.
func (p *parser) textAnd(n *yaml.Node, path string, more ...string) (*text, map[string]*yaml.Node) {
	n = follow(n)
	t := &text{missing: []template{{}}}
	if n.Kind == yaml.ScalarNode {
		t.from = p.template(n, path)
		t.label = quote(n.Value)
		return t, nil
	}
	f := p.fields(n, path, append(append([]string{}, textFields...), more...)...)
	switch column, value := f["column"], f["value"]; {
	case (column == nil) == (value == nil):
		p.fail(n, path, "needs a column or a value", "write {column: NAME} or {value: \"text with {NAME}\"}, not both")
	case column != nil:
		if name, ok := p.scalar(column, join(path, "column")); ok {
			t.from = template{parts: []part{{column: p.column(column, name)}}}
			t.label = "column " + strings.TrimSpace(name)
		}
	default:
		t.from = p.template(value, join(path, "value"))
		t.label = quote(value.Value)
	}
	if m := f["missing"]; m != nil {
		t.missing = t.missing[:0]
		for i, item := range p.list(m, join(path, "missing")) {
			t.missing = append(t.missing, p.template(item, at(join(path, "missing"), i)))
		}
	}
	if m := f["map"]; m != nil {
		t.words = p.words(m, join(path, "map"))
	}
	if e := f["else"]; e != nil {
		if s, ok := p.scalar(e, join(path, "else")); ok {
			t.other = &s
		}
		if t.words == nil {
			p.fail(e, join(path, "else"), "has no map beside it", "add map, or remove else")
		}
	}
	return t, f
}

func (p *parser) words(n *yaml.Node, path string) map[string]string {
	out := map[string]string{}
	if n.Kind != yaml.MappingNode {
		p.fail(n, path, "expected pairs", "write {value in the file: value of the fact}")
		return out
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if v, ok := p.scalar(n.Content[i+1], join(path, n.Content[i].Value)); ok {
			out[strings.TrimSpace(n.Content[i].Value)] = v
		}
	}
	return out
}

// read returns the value and whether there is one. A non-empty problem says why the row cannot be taken.
func (t *text) read(r *Row) (value string, ok bool, problem string) {
	v := strings.TrimSpace(t.from.render(r))
	for _, m := range t.missing {
		if v == strings.TrimSpace(m.render(r)) {
			return "", false, ""
		}
	}
	if t.words == nil {
		return v, true, ""
	}
	if w, known := t.words[v]; known {
		return w, true, ""
	}
	if t.other != nil {
		return *t.other, true, ""
	}
	return "", false, fmt.Sprintf("%s holds %s, which the mapping does not translate", t.label, quote(v))
}

// moment is a point in time of a row.
type moment struct {
	text   *text
	format string // a Go layout, or unix, unix_ms, rfc3339
	zone   *time.Location
}

// moment reads {format: …, value: …} or {format: …, column: …}.
func (p *parser) moment(n *yaml.Node, path string) *moment {
	t, f := p.textAnd(n, path, "format")
	m := &moment{text: t, format: "rfc3339", zone: p.mapping.Zone}
	if f["format"] != nil {
		if s, ok := p.scalar(f["format"], join(path, "format")); ok {
			m.format = p.layout(f["format"], join(path, "format"), s)
		}
	}
	return m
}

// layout checks a time format: one without any part of a date or time would read every row as the same moment.
func (p *parser) layout(n *yaml.Node, path, s string) string {
	switch s {
	case "unix", "unix_ms", "rfc3339":
	default:
		a := time.Date(2031, 11, 28, 17, 48, 59, 0, time.UTC)
		if a.Format(s) == s {
			p.fail(n, path, "is not a time format", `use unix, unix_ms, rfc3339, or a layout such as "2006-01-02 15:04:05"`)
		}
	}
	return s
}

func (m *moment) read(r *Row) (time.Time, bool, string) {
	v, ok, problem := m.text.read(r)
	if !ok {
		return time.Time{}, false, problem
	}
	t, problem := parseTime(v, m.format, m.zone)
	return t, problem == "", problem
}

// parseTime reads v. A local time that the zone's clocks skipped is a problem, since any reading of it would be a guess.
func parseTime(v, format string, zone *time.Location) (time.Time, string) {
	switch format {
	case "unix", "unix_ms":
		n, err := strconv.ParseInt(v, 10, 64)
		const furthest = 253402300800 // the year 10000
		if format == "unix_ms" {
			if err == nil && n > -furthest*1000 && n < furthest*1000 {
				return time.UnixMilli(n).UTC(), ""
			}
		} else if err == nil && n > -furthest && n < furthest {
			return time.Unix(n, 0).UTC(), ""
		}
		return time.Time{}, fmt.Sprintf("%s is not a time in format %s", quote(v), format)
	case "rfc3339":
		t, err := time.Parse(time.RFC3339Nano, v)
		if err != nil {
			return time.Time{}, quote(v) + " is not a time in format rfc3339 (2017-05-13T09:30:00-07:00)"
		}
		return t, ""
	}
	t, err := time.ParseInLocation(format, v, zone)
	if err != nil {
		return time.Time{}, fmt.Sprintf("%s is not a time in format %s", quote(v), quote(format))
	}
	if wall, err := time.Parse(format, v); err == nil && (wall.Hour() != t.Hour() || wall.Minute() != t.Minute()) {
		return time.Time{}, fmt.Sprintf("%s never happened in %s: the clocks went forward over it", quote(v), zone)
	}
	return t, ""
}
