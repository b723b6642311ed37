package importer

import (
	"errors"
	"fmt"
	"io"
)

// Reader reads the rows of a data file in order.
type Reader interface {
	// Next returns the next row. It returns io.EOF after the last one; a *RowError for a row that cannot be read, after
	// which reading goes on; any other error ends the file.
	Next() (*Row, error)
}

// RowError is a row that cannot be read.
type RowError struct {
	Row     *Row // its number, line and end; no values
	Problem Problem
}

func (e *RowError) Error() string { return e.Problem.String() }

// largestRow bounds the memory a row can take: an open quote would otherwise read the rest of the file as one cell.
const largestRow = 1 << 20

// Open begins to read data as the mapping says. Problems say which columns the mapping names and the file lacks, by line
// of the mapping.
func (m *Mapping) Open(data io.Reader) (Reader, []Problem, error) {
	if m.Format == NDJSON {
		return newNDJSON(m, data), nil, nil
	}
	return newCSV(m, data)
}

var errRowTooLong = errors.New("a row is longer than 1 MiB: a quotation mark is probably open")

// limited fails when more than largestRow bytes are read for one row. The buffer of the reader above it reads ahead, so
// that the limit is exact to within that buffer.
type limited struct {
	from io.Reader
	read int
}

func (l *limited) Read(b []byte) (int, error) {
	if l.read > largestRow {
		return 0, errRowTooLong
	}
	n, err := l.from.Read(b)
	l.read += n
	if err != nil && !errors.Is(err, io.EOF) {
		return n, fmt.Errorf("reading the data: %w", err)
	}
	return n, err
}
