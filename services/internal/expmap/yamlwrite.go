package expmap

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"google.golang.org/protobuf/reflect/protoreflect"
	"gopkg.in/yaml.v3"
)

// encodeMessage writes the fields that are set, in the order of the contract.
func encodeMessage(m protoreflect.Message) (*yaml.Node, error) {
	n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	if len(m.GetUnknown()) > 0 {
		return nil, fmt.Errorf("the %s has fields of a newer contract, which would be lost", m.Descriptor().Name())
	}
	fields := m.Descriptor().Fields()
	for i := 0; i < fields.Len(); i++ {
		fd := fields.Get(i)
		if !m.Has(fd) && !zeroSpeaks(fd) {
			continue
		}
		v, err := encodeField(m.Get(fd), fd)
		if err != nil {
			return nil, err
		}
		n.Content = append(n.Content, scalarNode("!!str", string(fd.Name())), v)
	}
	return n, nil
}

// zeroSpeaks reports whether 0 is a value and no absence, though the contract does not tell them apart: points of a scale, wanted
// values, the ends of what is worth points.
func zeroSpeaks(fd protoreflect.FieldDescriptor) bool {
	if fd.HasPresence() {
		return false
	}
	switch fd.Kind() {
	case protoreflect.Int32Kind:
		return true
	case protoreflect.DoubleKind:
		return slices.Contains([]string{"value", "worst", "best"}, string(fd.Name()))
	default:
		return false
	}
}

func encodeField(v protoreflect.Value, fd protoreflect.FieldDescriptor) (*yaml.Node, error) {
	if fd.IsMap() {
		return encodeEntries(v.Map(), fd)
	}
	if !fd.IsList() {
		return encodeValue(v, fd)
	}
	n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
	if fd.Kind() != protoreflect.MessageKind {
		n.Style = yaml.FlowStyle
	}
	for i := 0; i < v.List().Len(); i++ {
		item, err := encodeValue(v.List().Get(i), fd)
		if err != nil {
			return nil, err
		}
		n.Content = append(n.Content, item)
	}
	return n, nil
}

// encodeEntries writes a map in order of its keys.
func encodeEntries(all protoreflect.Map, fd protoreflect.FieldDescriptor) (*yaml.Node, error) {
	n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Style: yaml.FlowStyle}
	for _, k := range entryKeys(all) {
		v, err := encodeValue(all.Get(protoreflect.ValueOfString(k).MapKey()), fd.MapValue())
		if err != nil {
			return nil, err
		}
		n.Content = append(n.Content, scalarNode("!!str", k), v)
	}
	return n, nil
}

func entryKeys(all protoreflect.Map) []string {
	var keys []string
	all.Range(func(k protoreflect.MapKey, _ protoreflect.Value) bool {
		keys = append(keys, k.String())
		return true
	})
	slices.Sort(keys)
	return keys
}

func encodeValue(v protoreflect.Value, fd protoreflect.FieldDescriptor) (*yaml.Node, error) {
	switch fd.Kind() {
	case protoreflect.MessageKind:
		return encodeMessage(v.Message())
	case protoreflect.StringKind:
		return scalarNode("!!str", v.String()), nil
	case protoreflect.EnumKind:
		value := fd.Enum().Values().ByNumber(v.Enum())
		if value == nil || value.Number() == 0 {
			return nil, fmt.Errorf("the field %s has no known value (%d)", fd.Name(), v.Enum())
		}
		return scalarNode("!!str", shortName(value, fd.Enum())), nil
	case protoreflect.BoolKind:
		return scalarNode("!!bool", strconv.FormatBool(v.Bool())), nil
	case protoreflect.Int32Kind:
		return scalarNode("!!int", strconv.FormatInt(v.Int(), 10)), nil
	case protoreflect.Uint32Kind:
		return scalarNode("!!int", strconv.FormatUint(v.Uint(), 10)), nil
	case protoreflect.Uint64Kind:
		return scalarNode("!!int", strconv.FormatUint(v.Uint(), 10)), nil
	case protoreflect.DoubleKind:
		// 'f' without exponent: what people write, and what reads back to the same number.
		return scalarNode("!!float", strconv.FormatFloat(v.Float(), 'f', -1, 64)), nil
	default:
		return nil, fmt.Errorf("the field %s cannot be written in YAML", fd.Name())
	}
}

func scalarNode(tag, value string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: value}
	switch {
	case tag == "!!float":
		n.Tag = "" // a whole threshold reads as an integer: no "!!float" is to be written before it
	case strings.TrimSpace(value) != value || strings.ContainsFunc(value, func(c rune) bool { return !unicode.IsPrint(c) }):
		// Block scalars, which the library would choose for line breaks, lose some of them.
		n.Style = yaml.DoubleQuotedStyle
	}
	return n
}
