package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"gopkg.in/yaml.v3"
)

// A message in YAML has the fields of the contract by their names, with enums written short (kind: email). It is read
// strictly: what is not understood is a problem with its line, never left out. This is enough for messages of texts, whole
// numbers, enums and lists; maps have a reader of their own.

// readMessageYAML fills m and returns the line of each value by its path, and everything that could not be understood.
func readMessageYAML(name string, data []byte, m proto.Message) (lines map[string]int, problems []string) {
	r := &messageReader{file: name, lines: map[string]int{}}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, more yaml.Node
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF):
		r.fail(1, "", "the file is empty", "write its fields as name: value")
	case err != nil:
		r.fail(0, "", "it is not valid YAML: "+strings.TrimPrefix(err.Error(), "yaml: "), "check indentation, colons, quotes and brackets there and on the line above")
	case len(doc.Content) != 1:
		r.fail(1, "", "the file is empty", "write its fields as name: value")
	case !errors.Is(dec.Decode(&more), io.EOF):
		r.fail(more.Line, "", "there is more than one document", "keep one a file")
	default:
		r.message(doc.Content[0], "", m.ProtoReflect())
	}
	return r.lines, r.problems
}

type messageReader struct {
	file     string
	lines    map[string]int
	problems []string
}

func (r *messageReader) fail(line int, path, message, remedy string) {
	r.problems = append(r.problems, place(r.file, line, path, message, remedy))
}

func (r *messageReader) message(n *yaml.Node, path string, m protoreflect.Message) {
	r.lines[path] = n.Line
	if n.Kind != yaml.MappingNode {
		r.fail(n.Line, path, "it must have fields", "write each as name: value, without anchors and aliases")
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		at := strings.TrimPrefix(path+"."+key.Value, ".")
		fd := m.Descriptor().Fields().ByName(protoreflect.Name(key.Value))
		switch {
		case fd == nil || key.Kind != yaml.ScalarNode:
			r.fail(key.Line, at, "there is no such field", "use "+fieldList(m.Descriptor()))
		case seen[key.Value]:
			r.fail(key.Line, at, "it is given twice", "delete one of the two")
		default:
			r.field(value, at, m, fd)
			r.lines[at] = key.Line // where people look for it, also when its value begins below
		}
		seen[key.Value] = true
	}
}

func (r *messageReader) field(n *yaml.Node, path string, m protoreflect.Message, fd protoreflect.FieldDescriptor) {
	r.lines[path] = n.Line
	switch {
	case fd.IsList():
		if n.Kind != yaml.SequenceNode {
			r.fail(n.Line, path, "it must be a list", "write it as [a, b], or one - item a line")
			return
		}
		list := m.Mutable(fd).List()
		for i, item := range n.Content {
			at := path + "[" + strconv.Itoa(i) + "]"
			if fd.Message() != nil {
				r.message(item, at, list.AppendMutable().Message())
			} else if v, ok := r.scalar(item, at, fd); ok {
				list.Append(v)
			}
		}
	case fd.Message() != nil:
		r.message(n, path, m.Mutable(fd).Message())
	default:
		if v, ok := r.scalar(n, path, fd); ok {
			m.Set(fd, v)
		}
	}
}

func (r *messageReader) scalar(n *yaml.Node, path string, fd protoreflect.FieldDescriptor) (v protoreflect.Value, ok bool) {
	r.lines[path] = n.Line
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		r.fail(n.Line, path, "it must be a single value", "write it on one line, or delete the field")
		return v, false
	}
	switch fd.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(n.Value), true // as written: an id may look like a number, a text like a day
	case protoreflect.Uint32Kind:
		x, err := strconv.ParseUint(n.Value, 10, 32)
		if err != nil {
			r.fail(n.Line, path, "it must be a whole number from 0", "write digits only")
		}
		return protoreflect.ValueOfUint32(uint32(x)), err == nil
	case protoreflect.EnumKind:
		values := fd.Enum().Values()
		var names []string
		for i := 1; i < values.Len(); i++ {
			short := shortEnum(values.Get(i))
			if short == strings.ToLower(n.Value) {
				return protoreflect.ValueOfEnum(values.Get(i).Number()), true
			}
			names = append(names, short)
		}
		r.fail(n.Line, path, "it is none of its values", "use "+strings.Join(names, ", "))
	default:
		r.fail(n.Line, path, "it cannot be written in YAML", "report this as a defect")
	}
	return v, false
}

// shortEnum is a value without what all of its enum begin with: email for WAY_KIND_EMAIL.
func shortEnum(v protoreflect.EnumValueDescriptor) string {
	zero := v.Parent().(protoreflect.EnumDescriptor).Values().ByNumber(0)
	return strings.ToLower(strings.TrimPrefix(string(v.Name()), strings.TrimSuffix(string(zero.Name()), "UNSPECIFIED")))
}

func fieldList(d protoreflect.MessageDescriptor) string {
	names := make([]string, d.Fields().Len())
	for i := range names {
		names[i] = string(d.Fields().Get(i).Name())
	}
	return strings.Join(names, ", ")
}

// writeMessageYAML writes the fields that are set, as readMessageYAML reads them.
func writeMessageYAML(m proto.Message) ([]byte, error) {
	root, err := messageNode(m.ProtoReflect())
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := errors.Join(enc.Encode(root), enc.Close()); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func messageNode(m protoreflect.Message) (*yaml.Node, error) {
	if len(m.GetUnknown()) > 0 {
		return nil, fmt.Errorf("the %s has fields of a newer contract, which would be lost", m.Descriptor().Name())
	}
	n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		if !m.Has(fd) {
			continue
		}
		v, err := fieldNode(m.Get(fd), fd)
		if err != nil {
			return nil, err
		}
		n.Content = append(n.Content, textNode(string(fd.Name())), v)
	}
	return n, nil
}

func fieldNode(v protoreflect.Value, fd protoreflect.FieldDescriptor) (*yaml.Node, error) {
	if !fd.IsList() {
		return valueNode(v, fd)
	}
	n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
	if fd.Message() == nil {
		n.Style = yaml.FlowStyle
	}
	for i := range v.List().Len() {
		item, err := valueNode(v.List().Get(i), fd)
		if err != nil {
			return nil, err
		}
		n.Content = append(n.Content, item)
	}
	return n, nil
}

func valueNode(v protoreflect.Value, fd protoreflect.FieldDescriptor) (*yaml.Node, error) {
	switch fd.Kind() {
	case protoreflect.MessageKind:
		return messageNode(v.Message())
	case protoreflect.StringKind:
		return textNode(v.String()), nil
	case protoreflect.Uint32Kind:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: strconv.FormatUint(v.Uint(), 10)}, nil
	case protoreflect.EnumKind:
		if x := fd.Enum().Values().ByNumber(v.Enum()); x != nil {
			return textNode(shortEnum(x)), nil
		}
	}
	return nil, fmt.Errorf("the field %s cannot be written in YAML", fd.Name())
}

// textNode is a text. Block scalars, which the library would choose for line breaks, lose some of them.
func textNode(s string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
	if strings.TrimSpace(s) != s || strings.ContainsFunc(s, func(c rune) bool { return !unicode.IsPrint(c) }) {
		n.Style = yaml.DoubleQuotedStyle
	}
	return n
}
