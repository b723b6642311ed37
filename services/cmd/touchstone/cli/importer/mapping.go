package importer

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"time"

	"gopkg.in/yaml.v3"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
)

// Format is the format of a data file.
type Format int

const (
	// CSV is RFC 4180 with a header row.
	CSV Format = iota
	// NDJSON is one JSON object a line; a column is a path of keys joined by dots.
	NDJSON
)

// Mapping says how a row becomes facts. It is immutable after Parse.
type Mapping struct {
	Organisation string // organisation id; empty when the mapping leaves it to the caller
	Source       string // source id
	Format       Format
	Delimiter    rune // of CSV
	Zone         *time.Location
	Columns      []Column // the columns the mapping reads; Row.Values has one value for each

	constants map[string]string
	version   versionOf
	facts     []builder
}

// Column is one column that a mapping reads.
type Column struct {
	Name string
	Line int // line of the mapping that names it first
}

// builder makes at most one fact of a row.
type builder interface {
	build(row *rowReader) *factv1.Fact
}

// Result is what one row became.
type Result struct {
	Facts    []*factv1.Fact
	NoValue  int       // facts left out because the row has no value for them
	Problems []Problem // why facts of this row cannot be taken; Line is the row's, File is empty
}

const largestMapping = 1 << 20

// Parse reads a mapping. The second result lists everything wrong with it, in order of lines; it is empty if and only if
// the mapping can be used.
func Parse(data []byte) (*Mapping, []Problem) {
	if len(data) > largestMapping {
		return nil, []Problem{{Message: "the mapping is larger than 1 MiB", Remedy: "split it"}}
	}
	var document yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(data))
	if err := dec.Decode(&document); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, []Problem{{Line: 1, Message: "the mapping is empty", Remedy: "write organisation, source, format and facts"}}
		}
		return nil, []Problem{{Message: err.Error(), Remedy: "correct the YAML"}}
	}
	if len(document.Content) != 1 {
		return nil, []Problem{{Line: 1, Message: "the mapping is empty", Remedy: "write organisation, source, format and facts"}}
	}
	p := &parser{mapping: &Mapping{Zone: time.UTC, Delimiter: ',', constants: map[string]string{}}, columns: map[string]int{}}
	p.top(document.Content[0])
	if len(p.problems) > 0 {
		return nil, p.problems
	}
	return p.mapping, nil
}

func (p *parser) top(n *yaml.Node) {
	m := p.mapping
	f := p.fields(n, "", "organisation", "source", "format", "delimiter", "zone", "version", "constants", "facts")
	p.read(f, "organisation", func(_ *yaml.Node, s string) { m.Organisation = s })
	p.read(f, "source", func(_ *yaml.Node, s string) { m.Source = s })
	if m.Source == "" {
		p.fail(n, "source", "is missing", "name the system the file comes from, for example sfo-survey")
	}
	p.read(f, "format", func(n *yaml.Node, s string) {
		switch s {
		case "csv":
		case "ndjson":
			m.Format = NDJSON
		default:
			p.fail(n, "format", "is neither csv nor ndjson", "write format: csv or format: ndjson")
		}
	})
	p.read(f, "delimiter", func(n *yaml.Node, s string) {
		r := []rune(s)
		if len(r) != 1 || r[0] == '"' || r[0] == '\n' || r[0] == '\r' || r[0] == '\ufffd' {
			p.fail(n, "delimiter", "must be one character", `write delimiter: ";" or "\t"`)
			return
		}
		m.Delimiter = r[0]
	})
	p.read(f, "zone", func(n *yaml.Node, s string) {
		zone, err := time.LoadLocation(s)
		if err != nil || s == "Local" {
			p.fail(n, "zone", "is not an IANA time zone", "write for example America/Los_Angeles or UTC")
			return
		}
		m.Zone = zone
	})
	// Constants before everything that may use them, whatever their order in the file.
	if c := f["constants"]; c != nil {
		m.constants = p.words(c, "constants")
	}
	p.version(f["version"])
	if f["facts"] == nil {
		p.fail(n, "facts", "is missing", "list at least one of interaction, answer, observation")
		return
	}
	items := p.list(f["facts"], "facts")
	if len(items) == 0 {
		p.fail(f["facts"], "facts", "is empty", "list at least one of interaction, answer, observation")
	}
	for i, item := range items {
		p.fact(item, at("facts", i))
	}
}

// read passes a scalar field on, where there is one.
func (p *parser) read(f map[string]*yaml.Node, name string, use func(*yaml.Node, string)) {
	if n := f[name]; n != nil {
		if s, ok := p.scalar(n, name); ok {
			use(n, s)
		}
	}
}

func (p *parser) fact(n *yaml.Node, path string) {
	f := p.fields(n, path, "interaction", "answer", "observation")
	if len(f) != 1 {
		p.fail(n, path, "must be one of interaction, answer, observation", "give each fact its own list item")
		return
	}
	for kind, body := range f {
		path := join(path, kind)
		switch kind {
		case "interaction":
			p.mapping.facts = append(p.mapping.facts, p.interaction(body, path))
		case "answer":
			p.mapping.facts = append(p.mapping.facts, p.answer(body, path))
		case "observation":
			p.mapping.facts = append(p.mapping.facts, p.observation(body, path))
		}
	}
}

// versionOf is where a row's version comes from.
type versionOf struct {
	fixed uint64
	text  *text   // a whole number in the row
	time  *moment // a time in the row, counted in milliseconds
}

func (p *parser) version(n *yaml.Node) {
	if n == nil {
		return
	}
	v := &p.mapping.version
	if n.Kind == yaml.ScalarNode {
		fixed, err := strconv.ParseUint(n.Value, 10, 64)
		if err != nil {
			p.fail(n, "version", "is not a whole number", "write version: 0 or version: {column: NAME}")
		}
		v.fixed = fixed
		return
	}
	for i := 0; i < len(n.Content); i += 2 {
		if n.Content[i].Value == "format" {
			v.time = p.moment(n, "version")
			return
		}
	}
	v.text = p.text(n, "version")
}

// HasVersion tells whether rows carry a version of their own, so that the caller need give none.
func (m *Mapping) HasVersion() bool { return m.version.text != nil || m.version.time != nil }

// Version is the mapping's fixed version.
func (m *Mapping) Version() uint64 { return m.version.fixed }

// Facts turns one row into facts. version is given to facts of mappings without a version column. A fact with any problem
// is left out, its neighbours are not.
func (m *Mapping) Facts(row *Row, version uint64) Result {
	r := rowReader{row: row, result: Result{}}
	v, ok := r.version(m.version, version)
	if !ok {
		return r.result
	}
	for _, b := range m.facts {
		r.failed = false
		f := b.build(&r)
		if f == nil || r.failed {
			continue
		}
		f.Version = v
		r.result.Facts = append(r.result.Facts, f)
	}
	return r.result
}
