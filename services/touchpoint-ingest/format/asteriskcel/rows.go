package asteriskcel

import (
	"encoding/json"
	"iter"
	"maps"
	"strings"
	"time"

	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format"
	"github.com/touchstone-cx/touchstone/services/touchpoint-ingest/format/lenient"
)

// order is that of the columns of cel_custom's own example; extra stands last, wherever that is.
var order = []string{
	"eventtype", "eventtime", "cidname", "cidnum", "cidani", "cidrdnis", "ciddnid", "exten", "context", "channame",
	"appname", "appdata", "amaflags", "accountcode", "uniqueid", "linkedid", "peer",
}

// rows yields what a delivery holds, with the number of the line; what is no row is a problem.
func rows(body []byte, p *format.Parsed) iter.Seq2[int, map[string]string] {
	unread := func(line int) {
		p.Problem(line, "", "The line is no row of channel event logging.", "Send CSV in the order of cel_custom.conf.sample, CSV that begins with column names, or JSON objects.")
	}
	return func(yield func(int, map[string]string) bool) {
		text := strings.ToValidUTF8(strings.TrimPrefix(string(body), "\xef\xbb\xbf"), "\uFFFD")
		if strings.HasPrefix(strings.TrimSpace(text), "[") {
			var all []map[string]json.RawMessage
			if err := json.NewDecoder(strings.NewReader(text)).Decode(&all); err != nil {
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
				var x map[string]json.RawMessage
				if json.NewDecoder(strings.NewReader(line)).Decode(&x) == nil {
					row = columns(x)
				}
			} else if h, c, ok := lenient.Header(line, "eventtype", "uniqueid"); ok {
				for i := range h {
					h[i] = key(h[i])
				}
				header, comma = h, c
				continue
			} else {
				row = named(header, lenient.Split(line, comma, 0))
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
		if _, ok := lenient.Time(f[1], time.UTC); !ok {
			if _, ok := lenient.Time(f[2], time.UTC); ok {
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

// columns are an object's members as text, those of the table by names without underscores too.
func columns(object map[string]json.RawMessage) map[string]string {
	row := lenient.Row(object)
	for name, text := range maps.Clone(row) {
		row[key(name)] = text
	}
	return aliased(row)
}
