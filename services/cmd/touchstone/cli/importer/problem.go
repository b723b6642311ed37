// Package importer turns the rows of a CSV or NDJSON file into facts, as a mapping file says. It is pure: bytes and rows
// in, facts and problems out; it opens no file and calls no service.
package importer

import (
	"fmt"
	"strings"
)

// Problem is one thing wrong with a mapping or with a row of the data.
type Problem struct {
	File    string // name of the file as given; empty where the caller knows it
	Line    int    // 1 for the first line; 0 where no line is to blame
	Field   string // path in the mapping ("facts[0].answer.value") or in the fact ("answer.value"); may be empty
	Message string // what is wrong
	Remedy  string // what to do
}

// String is "file:line: field: message — remedy", without the parts that are empty.
func (p Problem) String() string {
	var b strings.Builder
	if p.File != "" {
		b.WriteString(p.File)
		if p.Line > 0 {
			fmt.Fprintf(&b, ":%d", p.Line)
		}
		b.WriteString(": ")
	}
	if p.Field != "" {
		b.WriteString(p.Field + ": ")
	}
	b.WriteString(p.Message)
	if p.Remedy != "" {
		b.WriteString(" — " + p.Remedy)
	}
	return b.String()
}

// quote shows a value of the data within a message, shortened so that one cell cannot fill the screen.
func quote(v string) string {
	const longest = 40
	if r := []rune(v); len(r) > longest {
		v = string(r[:longest]) + "…"
	}
	return fmt.Sprintf("%q", v)
}
