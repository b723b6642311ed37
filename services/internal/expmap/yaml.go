package expmap

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"gopkg.in/yaml.v3"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
)

// A map in YAML has the fields of touchstone.map.v1.Map by their proto names, with enums written short (`kind: nps`). It is
// read strictly: what is not understood is a problem with a place, never left out.

const (
	maxYAMLBytes = 4 << 20
	// Aliases are followed; this bounds what they can unfold to.
	maxYAMLNodes = 500_000
)

// Located is a problem with its place in a file. Line and Col begin at 1; 0 where the place is not known.
type Located struct {
	File      string
	Line, Col int
	Field     string // path in the map ("touchpoints[3].channels[0]"); empty where the file is not YAML
	Message   string // what is wrong, a sentence
	Remedy    string // what to do, a sentence
}

// String returns "file:line:col: message remedy".
func (l Located) String() string {
	return strings.TrimSpace(fmt.Sprintf("%s:%d:%d: %s %s", l.File, l.Line, l.Col, l.Message, l.Remedy))
}

// ReadYAML decodes a map. It returns either the map or all that could not be understood, in the order of the file; name is
// what the file is called there. It checks the form only: what the map means is checked by Compile, or by CheckYAML.
func ReadYAML(name string, data []byte) (*mapv1.Map, []Located) {
	p, _, problems := readYAML(name, data)
	return p, problems
}

// CheckYAML decodes and compiles a map and gives every problem its place. The map is nil when there is any.
func CheckYAML(name string, data []byte) (*Map, []Located) {
	p, places, problems := readYAML(name, data)
	if len(problems) > 0 {
		return nil, problems
	}
	m, found := Compile(p, 0)
	return m, locate(name, places, found)
}

// Locate gives problems of a map their places in the YAML it was read from: the value itself, or what encloses it when it is
// missing. They come in the order of the file.
func Locate(name string, data []byte, problems []*mapv1.Problem) []Located {
	_, places, _ := readYAML(name, data)
	return locate(name, places, problems)
}

func locate(name string, places map[string]place, problems []*mapv1.Problem) []Located {
	located := make([]Located, 0, len(problems))
	for _, p := range problems {
		at := nearest(places, p.GetField())
		located = append(located, Located{File: name, Line: at.line, Col: at.col, Field: p.GetField(), Message: p.GetMessage(), Remedy: p.GetRemedy()})
	}
	slices.SortStableFunc(located, func(a, b Located) int { return cmp.Or(a.Line-b.Line, a.Col-b.Col) })
	if len(located) == 0 {
		return nil
	}
	return located
}

// nearest returns the place of a path, else of the innermost part of the map around it.
func nearest(places map[string]place, path string) place {
	for path != "" {
		if at, ok := places[path]; ok {
			return at
		}
		cut := strings.LastIndexAny(path, ".[")
		if cut < 0 {
			break
		}
		path = path[:cut]
	}
	if at, ok := places[""]; ok {
		return at
	}
	return place{1, 1}
}

// place is where a value begins.
type place struct{ line, col int }

func readYAML(name string, data []byte) (*mapv1.Map, map[string]place, []Located) {
	r := &reader{name: name, places: map[string]place{}}
	root, ok := r.parse(data)
	if !ok {
		return nil, r.places, r.problems
	}
	p := new(mapv1.Map)
	r.message(root, "", p.ProtoReflect())
	if len(r.problems) > 0 {
		return nil, r.places, r.problems
	}
	return p, r.places, nil
}

// parse turns the file into one document's root.
func (r *reader) parse(data []byte) (*yaml.Node, bool) {
	at := place{1, 1}
	if len(data) > maxYAMLBytes {
		r.add(at, "", fmt.Sprintf("The file has %d bytes and may have %d.", len(data), maxYAMLBytes), "Declare less.")
		return nil, false
	}
	lines := &lineReader{rest: data}
	dec := yaml.NewDecoder(lines)
	var doc, more yaml.Node
	if err := dec.Decode(&doc); err != nil {
		r.syntax(err, data, lines.read)
		return nil, false
	}
	if err := dec.Decode(&more); err == nil {
		r.add(place{more.Line, more.Column}, "", "The file holds more than one document.", "Keep one map a file.")
		return nil, false
	} else if err.Error() != "EOF" {
		r.syntax(err, data, lines.read)
		return nil, false
	}
	if len(doc.Content) != 1 {
		r.add(at, "", "The file is empty.", "Declare a map, beginning with organisation: and touchpoints:.")
		return nil, false
	}
	return doc.Content[0], true
}

// WriteYAML returns a map as ReadYAML reads it. Comments are not kept: they are no part of a map.
func WriteYAML(p *mapv1.Map) ([]byte, error) {
	root, err := encodeMessage(proto.CloneOf(p).ProtoReflect())
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(root); err != nil {
		return nil, fmt.Errorf("write the map as YAML: %w", err)
	}
	if err := enc.Close(); err != nil {
		return nil, fmt.Errorf("write the map as YAML: %w", err)
	}
	return []byte(b.String()), nil
}
