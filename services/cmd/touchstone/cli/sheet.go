package cli

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// cell is one value of a table: as people read it, and as other programs do.
type cell struct {
	shown  string
	raw    string
	number bool
}

func word(s string) cell            { return cell{shown: s, raw: s} }
func number(shown, raw string) cell { return cell{shown: shown, raw: raw, number: true} }
func count[T int | int64 | uint64 | uint32](n T) cell {
	return number(thousands(fmt.Sprint(n)), fmt.Sprint(n))
}

// sheet is a table.
type sheet struct {
	head []string
	rows [][]cell
}

func (t *sheet) add(row ...cell) { t.rows = append(t.rows, row) }

// emit writes the table, or as JSON what it was made of.
func (s *session) emit(t *sheet, from []proto.Message) error {
	switch s.format {
	case "json":
		return writeJSON(s.out, from)
	case "csv":
		return t.writeCSV(s.out)
	default:
		return t.write(s.out)
	}
}

// write aligns columns: numbers to the right, words to the left. A column without any value is left out.
func (t *sheet) write(w io.Writer) error {
	width := make([]int, len(t.head))
	used := make([]bool, len(t.head))
	right := make([]bool, len(t.head))
	for _, row := range t.rows {
		for i, c := range row {
			if c.shown != "" {
				used[i] = true
				right[i] = right[i] || c.number
			}
			width[i] = max(width[i], utf8.RuneCountInString(clean(c.shown)))
		}
	}
	var b strings.Builder
	line := func(text func(i int) string) {
		var l strings.Builder
		for i := range t.head {
			if !used[i] {
				continue
			}
			s := clean(text(i))
			space := strings.Repeat(" ", width[i]-utf8.RuneCountInString(s))
			if l.Len() > 0 {
				l.WriteString("  ")
			}
			if right[i] {
				l.WriteString(space + s)
			} else {
				l.WriteString(s + space)
			}
		}
		b.WriteString(strings.TrimRight(l.String(), " ") + "\n")
	}
	for i, h := range t.head {
		width[i] = max(width[i], utf8.RuneCountInString(h))
	}
	if len(t.rows) > 0 {
		line(func(i int) string { return strings.ToUpper(t.head[i]) })
	}
	for _, row := range t.rows {
		line(func(i int) string { return row[i].shown })
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (t *sheet) writeCSV(w io.Writer) error { return t.writeCSVRows(w, true) }

// writeCSVRows writes the rows; the header only when asked, for output that comes row by row.
func (t *sheet) writeCSVRows(w io.Writer, header bool) error {
	out := csv.NewWriter(w)
	record := make([]string, len(t.head))
	if header {
		for i, h := range t.head {
			record[i] = strings.ReplaceAll(h, " ", "_")
		}
		if err := out.Write(record); err != nil {
			return err
		}
	}
	for _, row := range t.rows {
		for i, c := range row {
			record[i] = c.raw
			if !c.number {
				record[i] = guard(c.raw)
			}
		}
		if err := out.Write(record); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// guard keeps spreadsheet programs from running a text cell as a formula.
func guard(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}

// writeJSON writes a list, even of one, so that a reader need not tell two shapes apart.
func writeJSON(w io.Writer, from []proto.Message) error {
	items := make([]json.RawMessage, 0, len(from))
	for _, m := range from {
		b, err := oneJSON(m)
		if err != nil {
			return err
		}
		items = append(items, b)
	}
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	return out.Encode(items)
}

func oneJSON(m proto.Message) ([]byte, error) {
	return protojson.MarshalOptions{UseProtoNames: true}.Marshal(m)
}

// clean replaces control characters: what a publisher wrote must not steer the terminal of whoever reads it.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && unicode.IsControl(r) {
			return utf8.RuneError
		}
		return r
	}, s)
}

// thousands puts commas into a whole number.
func thousands(s string) string {
	sign, digits := "", s
	if strings.HasPrefix(s, "-") {
		sign, digits = "-", s[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}
