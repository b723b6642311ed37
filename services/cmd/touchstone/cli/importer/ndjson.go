package importer

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

type ndjsonReader struct {
	columns []Column
	paths   [][]string
	in      *bufio.Reader
	number  uint64
	line    int
	end     int64
}

func newNDJSON(m *Mapping, data io.Reader) Reader {
	r := &ndjsonReader{columns: m.Columns, in: bufio.NewReaderSize(data, 64<<10)}
	for _, c := range m.Columns {
		r.paths = append(r.paths, strings.Split(c.Name, "."))
	}
	return r
}

// Next skips blank lines: they are no rows.
func (r *ndjsonReader) Next() (*Row, error) {
	for {
		line, err := r.readLine()
		if err != nil && !errors.Is(err, errRowTooLong) {
			return nil, err
		}
		if r.line == 1 {
			line = bytes.TrimPrefix(line, []byte("\ufeff"))
		}
		if err == nil && len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		r.number++
		row := &Row{Number: r.number, Line: r.line, End: r.end}
		if err != nil {
			return nil, &RowError{row, Problem{Line: row.Line, Message: "is longer than 1 MiB", Remedy: "split it, or leave out what the mapping does not read"}}
		}
		values, problem := r.values(line)
		if problem != nil {
			problem.Line = row.Line
			return nil, &RowError{row, *problem}
		}
		row.Values = values
		return row, nil
	}
}

// readLine returns one line. A line over the limit is skipped to its end without being kept.
func (r *ndjsonReader) readLine() ([]byte, error) {
	var line []byte
	long, some := false, false
	r.line++
	for {
		piece, err := r.in.ReadSlice('\n')
		r.end += int64(len(piece))
		some = some || len(piece) > 0
		if !long {
			line = append(line, piece...)
		}
		if len(line) > largestRow {
			long, line = true, nil
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && !some:
			return nil, io.EOF
		case err != nil && !errors.Is(err, io.EOF):
			return nil, fmt.Errorf("reading the data: %w", err)
		case long:
			return nil, errRowTooLong
		}
		return line, nil
	}
}

func (r *ndjsonReader) values(line []byte) ([]string, *Problem) {
	var object map[string]any
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.UseNumber() // 16-digit ids must not pass through a float
	if err := dec.Decode(&object); err != nil || object == nil {
		message := "is not a JSON object"
		if err != nil {
			message += ": " + err.Error()
		}
		return nil, &Problem{Message: message, Remedy: "write one object a line"}
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, &Problem{Message: "has more than one JSON value", Remedy: "write one object a line"}
	}
	values := make([]string, len(r.columns))
	for i, path := range r.paths {
		v, ok := find(object, r.columns[i].Name, path)
		if !ok {
			return nil, &Problem{Field: r.columns[i].Name, Message: "is an object or a list", Remedy: "name a value within it by its path, such as queue.name"}
		}
		values[i] = v
	}
	return values, nil
}

// find returns the value at a path. What is absent or null is "", the same as an empty cell of CSV.
func find(object map[string]any, name string, path []string) (string, bool) {
	v, ok := object[name] // a key that contains a dot
	if !ok {
		v = object
		for _, key := range path {
			inner, isObject := v.(map[string]any)
			if !isObject {
				return "", true
			}
			v = inner[key]
		}
	}
	switch v := v.(type) {
	case nil:
		return "", true
	case string:
		return strings.TrimSpace(v), true
	case json.Number:
		return v.String(), true
	case bool:
		return fmt.Sprint(v), true
	default:
		return "", false
	}
}
