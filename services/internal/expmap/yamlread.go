package expmap

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/reflect/protoreflect"
	"gopkg.in/yaml.v3"
)

// reader fills a message from YAML nodes and remembers where each value stands.
type reader struct {
	name     string
	problems []Located
	places   map[string]place
	nodes    int
}

func (r *reader) add(at place, field, message, remedy string) {
	r.problems = append(r.problems, Located{File: r.name, Line: at.line, Col: at.col, Field: field, Message: message, Remedy: remedy})
}

func at(n *yaml.Node) place { return place{n.Line, n.Column} }

// enter follows an alias and counts the node. ok is false when the file unfolds to too much, which is reported once.
func (r *reader) enter(n *yaml.Node, path string) (*yaml.Node, bool) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	r.nodes++
	if r.nodes == maxYAMLNodes {
		r.add(at(n), path, "The file unfolds to too many values.", "Use fewer aliases.")
	}
	if r.nodes >= maxYAMLNodes {
		return nil, false
	}
	r.places[path] = at(n)
	return n, true
}

func (r *reader) message(n *yaml.Node, path string, m protoreflect.Message) {
	n, ok := r.enter(n, path)
	if !ok {
		return
	}
	if n.Kind != yaml.MappingNode {
		r.add(at(n), path, fmt.Sprintf("%s must have fields.", what(path)), "Write each field as name: value.")
		return
	}
	fields := m.Descriptor().Fields()
	seen := make(map[string]int, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		name := key.Value
		if line, twice := seen[name]; twice {
			r.add(at(key), join(path, name), fmt.Sprintf("The field %q is given twice, first on line %d.", name, line), "Delete one of the two.")
			continue
		}
		seen[name] = key.Line
		fd := fields.ByName(protoreflect.Name(name))
		if key.Kind != yaml.ScalarNode || fd == nil {
			r.add(at(key), join(path, name), fmt.Sprintf("There is no field %q.%s", name, didYouMean(name, fieldNames(fields))),
				"Use one of "+strings.Join(fieldNames(fields), ", ")+".")
			continue
		}
		r.field(value, join(path, name), m, fd)
	}
}

func (r *reader) field(n *yaml.Node, path string, m protoreflect.Message, fd protoreflect.FieldDescriptor) {
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		r.places[path] = at(n)
		r.add(at(n), path, fmt.Sprintf("%s has no value.", what(path)), "Give it one, or delete the line.")
		return
	}
	if fd.IsMap() {
		r.entries(n, path, m, fd)
		return
	}
	if !fd.IsList() {
		if fd.Kind() == protoreflect.MessageKind {
			r.message(n, path, m.Mutable(fd).Message())
		} else if v, ok := r.scalar(n, path, fd); ok {
			m.Set(fd, v)
		}
		return
	}
	n, ok := r.enter(n, path)
	if !ok {
		return
	}
	if n.Kind != yaml.SequenceNode {
		r.add(at(n), path, fmt.Sprintf("%s must be a list.", what(path)), "Write it as [a, b], or one - item a line.")
		return
	}
	list := m.Mutable(fd).List()
	for i, item := range n.Content {
		p := fmt.Sprintf("%s[%d]", path, i)
		if fd.Kind() == protoreflect.MessageKind {
			// Appended even when it has problems, so that the places of those after it are theirs.
			r.message(item, p, list.AppendMutable().Message())
		} else if v, ok := r.scalar(item, p, fd); ok {
			list.Append(v)
		}
	}
}

// entries reads a map of the contract, whose keys are texts.
func (r *reader) entries(n *yaml.Node, path string, m protoreflect.Message, fd protoreflect.FieldDescriptor) {
	n, ok := r.enter(n, path)
	if !ok {
		return
	}
	if n.Kind != yaml.MappingNode {
		r.add(at(n), path, fmt.Sprintf("%s must have values by name.", what(path)), "Write each as name: value.")
		return
	}
	all := m.Mutable(fd).Map()
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		p := entryPath(path, key.Value)
		if key.Kind != yaml.ScalarNode || !utf8.ValidString(key.Value) {
			r.add(at(key), p, fmt.Sprintf("%s must have values by name.", what(path)), "Write each as name: value.")
			continue
		}
		k := protoreflect.ValueOfString(key.Value).MapKey()
		if all.Has(k) {
			r.add(at(key), p, fmt.Sprintf("The value of %q is given twice.", key.Value), "Delete one of the two.")
			continue
		}
		if v, ok := r.scalar(value, p, fd.MapValue()); ok {
			all.Set(k, v)
		}
	}
}

// entryPath is the path of a map's entry, as field rules write it.
func entryPath(path, key string) string { return path + "[" + strconv.Quote(key) + "]" }

func (r *reader) scalar(n *yaml.Node, path string, fd protoreflect.FieldDescriptor) (protoreflect.Value, bool) {
	var none protoreflect.Value
	n, ok := r.enter(n, path)
	if !ok {
		return none, false
	}
	refuse := func(message, remedy string) (protoreflect.Value, bool) {
		r.add(at(n), path, message, remedy)
		return none, false
	}
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" || n.Tag == "!!binary" {
		return refuse(fmt.Sprintf("%s must be a single value.", what(path)), "Write it on one line, without a list or fields below it.")
	}
	switch fd.Kind() {
	case protoreflect.StringKind:
		// Taken as written: an id or a name may look like a number or a date.
		if !utf8.ValidString(n.Value) {
			return refuse(fmt.Sprintf("%s is not valid UTF-8.", what(path)), "Save the file as UTF-8.")
		}
		return protoreflect.ValueOfString(n.Value), true
	case protoreflect.EnumKind:
		v, known := enumByName(fd.Enum(), n.Value)
		if !known {
			return refuse(fmt.Sprintf("%s cannot be %q.%s", what(path), n.Value, didYouMean(strings.ToLower(n.Value), shortList(fd.Enum()))), "Use one of "+shortNames(fd.Enum())+".")
		}
		return protoreflect.ValueOfEnum(v), true
	case protoreflect.BoolKind:
		v, err := strconv.ParseBool(n.Value)
		if n.Tag != "!!bool" || err != nil {
			return refuse(fmt.Sprintf("%s must be true or false, not %q.", what(path), n.Value), "Write true or false.")
		}
		return protoreflect.ValueOfBool(v), true
	case protoreflect.Int32Kind:
		v, err := strconv.ParseInt(n.Value, 10, 32)
		if n.Tag != "!!int" || err != nil {
			return refuse(fmt.Sprintf("%s must be a whole number, not %q.", what(path), n.Value), "Write digits only, with - before them if below 0.")
		}
		return protoreflect.ValueOfInt32(int32(v)), true
	case protoreflect.Uint32Kind:
		v, err := strconv.ParseUint(n.Value, 10, 32)
		if n.Tag != "!!int" || err != nil {
			return refuse(fmt.Sprintf("%s must be a whole number from 0, not %q.", what(path), n.Value), "Write digits only.")
		}
		return protoreflect.ValueOfUint32(uint32(v)), true
	case protoreflect.Uint64Kind:
		v, err := strconv.ParseUint(n.Value, 10, 64)
		if n.Tag != "!!int" || err != nil {
			return refuse(fmt.Sprintf("%s must be a whole number from 0, not %q.", what(path), n.Value), "Write digits only.")
		}
		return protoreflect.ValueOfUint64(v), true
	case protoreflect.DoubleKind:
		v, err := strconv.ParseFloat(n.Value, 64)
		if n.Tag != "!!int" && n.Tag != "!!float" || err != nil || math.IsInf(v, 0) || math.IsNaN(v) {
			return refuse(fmt.Sprintf("%s must be a number, not %q.", what(path), n.Value), "Write it like 20 or 0.5.")
		}
		return protoreflect.ValueOfFloat64(v + 0), true // -0 becomes 0: it would be written as an absence
	default:
		return refuse(fmt.Sprintf("%s cannot be written in YAML.", what(path)), "Report this as a defect.")
	}
}

// what names a value in a sentence by the last part of its path.
func what(path string) string {
	if path == "" {
		return "The map"
	}
	return "The field " + path[strings.LastIndexByte(path, '.')+1:]
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func fieldNames(fields protoreflect.FieldDescriptors) []string {
	names := make([]string, 0, fields.Len())
	for i := 0; i < fields.Len(); i++ {
		names = append(names, string(fields.Get(i).Name()))
	}
	return names
}
