package importer

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
)

type csvReader struct {
	limit  *limited
	csv    *csv.Reader
	index  []int // for each of Mapping.Columns its place in the file
	width  int
	number uint64
	broken bool
}

func newCSV(m *Mapping, data io.Reader) (Reader, []Problem, error) {
	c := &csvReader{limit: &limited{from: data}}
	c.csv = csv.NewReader(c.limit)
	c.csv.Comma = m.Delimiter
	c.csv.FieldsPerRecord = -1
	c.csv.ReuseRecord = true
	header, err := c.csv.Read()
	if errors.Is(err, io.EOF) {
		return nil, []Problem{{Message: "the data file is empty", Remedy: "give a file with a header row"}}, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("reading the header: %w", err)
	}
	c.width = len(header)
	where := map[string]int{}
	twice := map[string]bool{}
	for i, name := range header {
		if i == 0 {
			name = strings.TrimPrefix(name, "\ufeff") // the byte order mark of spreadsheet programs
		}
		name = strings.TrimSpace(name)
		if _, ok := where[name]; ok {
			twice[name] = true
		}
		where[name] = i
	}
	var problems []Problem
	for _, column := range m.Columns {
		i, ok := where[column.Name]
		switch {
		case !ok:
			problems = append(problems, Problem{
				Line: column.Line, Message: "the data file has no column " + quote(column.Name),
				Remedy: nearest(column.Name, header),
			})
		case twice[column.Name]:
			problems = append(problems, Problem{
				Line: column.Line, Message: "the data file has column " + quote(column.Name) + " twice",
				Remedy: "rename one of the two in the file",
			})
		}
		c.index = append(c.index, i)
	}
	if len(problems) > 0 {
		return nil, problems, nil
	}
	return c, nil, nil
}

// nearest names the column that differs only in case, or else what there is.
func nearest(name string, header []string) string {
	for _, h := range header {
		if strings.EqualFold(strings.TrimSpace(h), name) {
			return "did you mean " + quote(strings.TrimSpace(h)) + "?"
		}
	}
	shown := header
	more := ""
	if len(shown) > 12 {
		shown, more = shown[:12], fmt.Sprintf(" and %d more", len(header)-12)
	}
	return "it has " + strings.Join(shown, ", ") + more
}

func (c *csvReader) Next() (*Row, error) {
	if c.broken {
		return nil, io.EOF
	}
	c.limit.read = 0
	record, err := c.csv.Read()
	if errors.Is(err, io.EOF) {
		return nil, io.EOF
	}
	c.number++
	row := &Row{Number: c.number, End: c.csv.InputOffset()}
	var bad *csv.ParseError
	switch {
	case errors.As(err, &bad):
		row.Line = bad.StartLine
		return nil, &RowError{row, Problem{Line: bad.StartLine, Message: "not valid CSV: " + bad.Err.Error(), Remedy: "quote the cell, and double the quotation marks within it"}}
	case err != nil:
		c.broken = true
		return nil, err
	}
	row.Line, _ = c.csv.FieldPos(0)
	if len(record) != c.width {
		return nil, &RowError{row, Problem{
			Line: row.Line, Message: fmt.Sprintf("has %d cells, the header has %d", len(record), c.width),
			Remedy: "quote cells that contain the delimiter",
		}}
	}
	row.Values = make([]string, len(c.index))
	for i, at := range c.index {
		row.Values[i] = strings.Clone(strings.TrimSpace(record[at]))
	}
	return row, nil
}
