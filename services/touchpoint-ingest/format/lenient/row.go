package lenient

import (
	"encoding/csv"
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// Split parts a line of CSV into at least so many fields. Where a quote that stands for itself has swallowed some of them,
// commas alone part it.
func Split(line string, comma rune, least int) []string {
	r := csv.NewReader(strings.NewReader(line))
	r.Comma, r.LazyQuotes, r.FieldsPerRecord = comma, true, -1
	f, err := r.Read()
	if err == nil && len(f) >= least {
		return f
	}
	f = strings.Split(line, string(comma))
	for i := range f {
		f[i] = strings.Trim(f[i], `"`)
	}
	return f
}

// Header reads a line that names columns, in lower case, and what parts them. It is one if these columns are among them.
func Header(line string, columns ...string) (names []string, comma rune, ok bool) {
	lower := strings.ToLower(line)
	if slices.ContainsFunc(columns, func(name string) bool { return !strings.Contains(lower, name) }) {
		return nil, 0, false
	}
	for _, comma := range ",;\t" {
		f := Split(lower, comma, len(columns))
		for i := range f {
			f[i] = strings.TrimSpace(f[i])
		}
		if !slices.ContainsFunc(columns, func(name string) bool { return !slices.Contains(f, name) }) {
			return f, comma, true
		}
	}
	return nil, 0, false
}

// Row reads the members of an object as text, by their names in lower case. An object among them stays JSON.
func Row(object map[string]json.RawMessage) map[string]string {
	row := make(map[string]string, len(object))
	for _, name := range slices.Sorted(maps.Keys(object)) { // of names that differ in case alone always the same one holds
		raw := object[name]
		var t Text
		if raw[0] == '{' {
			t = Text(raw)
		} else if json.Unmarshal(raw, &t) != nil {
			continue
		}
		row[strings.ToLower(name)] = string(t)
	}
	return row
}
