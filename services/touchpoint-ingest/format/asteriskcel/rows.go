package asteriskcel

import (
	"encoding/csv"
	"encoding/json"
	"iter"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
)

// order is that of the columns of cel_custom's own example; extra stands last, wherever that is.
var order = []string{
	"eventtype", "eventtime", "cidname", "cidnum", "cidani", "cidrdnis", "ciddnid", "exten", "context", "channame",
	"appname", "appdata", "amaflags", "accountcode", "uniqueid", "linkedid", "peer",
}

// rows yields what a delivery holds, with the number of the line; what is no row is a problem.
func rows(body []byte, p *format.Parsed) iter.Seq2[int, map[string]string] {
	unread := func(line int) {
		p.Problems = append(p.Problems, format.Problem{
			Line: line, Message: "The line is no row of channel event logging.",
			Remedy: "Send CSV in the order of cel_custom.conf.sample, CSV that begins with column names, or JSON objects.",
		})
	}
	return func(yield func(int, map[string]string) bool) {
		text := strings.ToValidUTF8(strings.TrimPrefix(string(body), "\xef\xbb\xbf"), "\uFFFD")
		if strings.HasPrefix(strings.TrimSpace(text), "[") {
			var all []map[string]any
			if err := decode(text, &all); err != nil {
				unread(1)
			}
			for i, x := range all {
				if row := columns(x); row["eventtype"] == "" {
					unread(i + 1)
				} else if !yield(i+1, row) {
					return
				}
			}
			return
		}
		var header []string
		comma, n := ',', 0
		for line := range strings.Lines(text) {
			n++
			if line = strings.TrimSpace(line); line == "" {
				continue
			}
			var row map[string]string
			if strings.HasPrefix(line, "{") {
				var x map[string]any
				if decode(line, &x) == nil {
					row = columns(x)
				}
			} else if h, c, ok := head(line); ok {
				header, comma = h, c
				continue
			} else {
				row = named(header, split(line, comma))
			}
			if row["eventtype"] == "" {
				unread(n)
			} else if !yield(n, row) {
				return
			}
		}
	}
}

// named are the fields of a line by the names of their columns.
func named(header, f []string) map[string]string {
	row := map[string]string{}
	if header != nil {
		for i := range min(len(f), len(header)) {
			row[header[i]] = strings.TrimSpace(f[i])
		}
		return aliased(row)
	}
	if len(f) > 2 { // the example has a column of text before the time
		if _, ok := when(f[1], time.UTC); !ok {
			if _, ok := when(f[2], time.UTC); ok {
				f = append([]string{f[0]}, f[2:]...)
			}
		}
	}
	if len(f) < len(order)-1 { // without peer
		return nil
	}
	for i, name := range order[:min(len(f), len(order))] {
		row[name] = strings.TrimSpace(f[i])
	}
	if len(f) > len(order) {
		row["extra"] = f[len(f)-1]
	}
	return row
}

// head reads a line that names columns.
func head(line string) ([]string, rune, bool) {
	lower := strings.ToLower(line)
	if !strings.Contains(lower, "eventtype") || !strings.Contains(lower, "uniqueid") {
		return nil, 0, false
	}
	for _, comma := range ",;\t" {
		if f := split(lower, comma); len(f) >= 4 {
			for i := range f {
				f[i] = key(f[i])
			}
			return f, comma, true
		}
	}
	return nil, 0, false
}

// key is a column's name, however it is written.
func key(name string) string {
	return strings.ReplaceAll(strings.ToLower(strings.TrimSpace(name)), "_", "")
}

func aliased(row map[string]string) map[string]string {
	for alias, name := range map[string]string{"eventextra": "extra", "channel": "channame"} {
		if row[name] == "" {
			row[name] = row[alias]
		}
	}
	return row
}

// columns are an object's members as text; an object in extra stays JSON. Names in extra keep their underscores.
func columns(object map[string]any) map[string]string {
	row := make(map[string]string, len(object))
	for name, v := range object {
		var text string
		switch v := v.(type) {
		case string:
			text = v
		case json.Number:
			text = v.String()
		case map[string]any:
			if b, err := json.Marshal(v); err == nil {
				text = string(b)
			}
		default:
			continue
		}
		row[strings.ToLower(name)] = text
		row[key(name)] = text
	}
	return aliased(row)
}

func split(line string, comma rune) []string {
	r := csv.NewReader(strings.NewReader(line))
	r.Comma, r.LazyQuotes, r.FieldsPerRecord = comma, true, -1
	f, err := r.Read()
	if err != nil {
		return nil
	}
	return f
}

func decode(text string, into any) error {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	return d.Decode(into)
}

// when reads seconds since 1970, with or without a fraction, or a written time.
func when(text string, zone *time.Location) (time.Time, bool) {
	text = strings.TrimSpace(text)
	if f, err := strconv.ParseFloat(text, 64); err == nil {
		if !(f >= 5e8 && f < 5e9) {
			return time.Time{}, false
		}
		return time.UnixMicro(int64(math.Round(f * 1e6))).UTC(), true
	}
	for _, layout := range []string{"2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02T15:04:05Z07:00", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05-07"} {
		if t, err := time.ParseInLocation(layout, text, zone); err == nil && t.Unix() >= 5e8 && t.Unix() < 5e9 {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}
