package importer_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/touchstone-cx/touchstone/services/cmd/touchstone/cli/importer"
)

func FuzzMapping(f *testing.F) {
	f.Add([]byte(callsMapping))
	f.Add([]byte(surveyMapping))
	f.Add([]byte("a: &a [*a]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, problems := importer.Parse(data)
		if (m == nil) != (len(problems) > 0) {
			t.Fatalf("mapping %v with problems %v", m, problems)
		}
		if m != nil {
			m.Facts(&importer.Row{Number: 1, Line: 2, Values: make([]string, len(m.Columns))}, 0)
		}
	})
}

func FuzzCSV(f *testing.F) {
	f.Add([]byte("RESPNUM,INTDATE,BAREA,NETPRO,Q7ALL\n1,3,G,9,4\n\"a\nb\",3,G,\"9,4\n"))
	fuzzRows(f, surveyMapping)
}

func FuzzNDJSON(f *testing.F) {
	f.Add([]byte("{\"RESPNUM\":1,\"INTDATE\":3,\"BAREA\":\"G\",\"NETPRO\":9,\"Q7ALL\":4}\n[[[[\n"))
	fuzzRows(f, surveyMapping+"\nformat: ndjson\n")
}

// fuzzRows holds that rows are numbered without gaps, never go backwards in the file, and that reading ends.
func fuzzRows(f *testing.F, mapping string) {
	m, problems := importer.Parse([]byte(mapping))
	if len(problems) > 0 {
		f.Fatal(problems)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		rows, problems, err := m.Open(bytes.NewReader(data))
		if err != nil || len(problems) > 0 {
			return
		}
		number, end := uint64(0), int64(0)
		for {
			row, err := rows.Next()
			var refused *importer.RowError
			switch {
			case errors.Is(err, io.EOF):
				return
			case errors.As(err, &refused):
				row = refused.Row
			case err != nil:
				continue
			default:
				m.Facts(row, 0)
			}
			if row.Number != number+1 || row.End < end || row.Line < 1 {
				t.Fatalf("row %+v after number %d, end %d", row, number, end)
			}
			number, end = row.Number, row.End
		}
	})
}
