package expmap

import (
	"bytes"
	"io"
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"
)

// syntax reports what the YAML parser says. The line it names is one off or where the list around the mistake begins, so the
// mistake is looked for: it stands on the first line with which the file can no longer be read, whatever follows.
func (r *reader) syntax(err error, data []byte, read int) {
	if err.Error() == "EOF" {
		r.add(place{1, 1}, "", "The file is empty.", "Declare a map, beginning with organisation: and touchpoints:.")
		return
	}
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	text = regexp.MustCompile(`line \d+: `).ReplaceAllString(text, "")
	r.add(place{brokenLine(data, read), 1}, "", "The file is not valid YAML: "+strings.TrimSuffix(text, ".")+".",
		"Check indentation, colons, quotes and brackets on that line and the one above.")
}

// maxBackwards bounds how many beginnings of a file are tried.
const maxBackwards = 200

// brokenLine returns the line of a mistake that the parser noticed when it had read so many lines: the one after the longest
// beginning that can be read. A bracket or quote never closed is noticed long after it was opened.
func brokenLine(data []byte, read int) int {
	ends := lineEnds(data)
	read = min(max(read, 1), len(ends))
	for n := read - 1; n >= max(0, read-maxBackwards); n-- {
		var doc yaml.Node
		if n == 0 || yaml.Unmarshal(data[:ends[n-1]], &doc) == nil {
			return n + 1
		}
	}
	return read
}

// lineEnds returns the index after each line.
func lineEnds(data []byte) []int {
	var ends []int
	for i, b := range data {
		if b == '\n' {
			ends = append(ends, i+1)
		}
	}
	if len(ends) == 0 || ends[len(ends)-1] < len(data) {
		ends = append(ends, len(data))
	}
	return ends
}

// lineReader gives out a line at a time, and knows how many it gave.
type lineReader struct {
	rest []byte
	read int
	mid  bool // in a line longer than what was asked for
}

func (l *lineReader) Read(p []byte) (int, error) {
	if len(l.rest) == 0 {
		return 0, io.EOF
	}
	if !l.mid {
		l.read++
	}
	line := l.rest
	if i := bytes.IndexByte(line, '\n'); i >= 0 {
		line = line[:i+1]
	}
	n := copy(p, line)
	l.mid = n < len(line)
	l.rest = l.rest[n:]
	return n, nil
}
