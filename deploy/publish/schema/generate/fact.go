package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

const (
	factPackage = "touchstone.fact.v1."
	factSchema  = "fact.schema.json"
	idPattern   = "^[a-z][a-z0-9_-]{0,63}$" // of sources and organisations
)

// eventType is one type of event: the content of a Fact that its data are.
type eventType struct {
	Type    string // "touchstone.interaction.v1"
	Name    string // "Interaction"
	Field   string // "interaction"
	Comment string
}

// eventTypes are the contents of a Fact.
func (c *contract) eventTypes() ([]eventType, error) {
	fact, err := c.message(factPackage + "Fact")
	if err != nil {
		return nil, err
	}
	content := fact.Oneofs().ByName("content")
	if content == nil {
		return nil, fmt.Errorf("%s has no content", fact.FullName())
	}
	var all []eventType
	for i := range content.Fields().Len() {
		fd := content.Fields().Get(i)
		all = append(all, eventType{
			"touchstone." + string(fd.Name()) + ".v1", string(fd.Message().Name()), string(fd.Name()), comment(fd.Message()),
		})
	}
	return all, nil
}

// factSchema writes the schema of an event; those of its data are its definitions.
func (c *contract) factSchema() ([]byte, error) {
	types, err := c.eventTypes()
	if err != nil {
		return nil, err
	}
	fact, err := c.message(factPackage + "Fact")
	if err != nil {
		return nil, err
	}
	id, err := single(fact.Fields().ByName("id"))
	if err != nil {
		return nil, err
	}
	s := &schema{
		Schema: "https://json-schema.org/draft/2020-12/schema",
		ID:     "urn:touchstone:fact:v1",
		Title:  "A fact as a CloudEvent",
		Description: "One event in the JSON format of CloudEvents 1.0; a batch is an array of them. Other attributes are allowed and not read. " +
			"Fields of data may be written in camelCase as well, and null stands for a field that is not there. " +
			"Touchpoints, metrics and the like must also be in the organisation's map.",
		Type:     "object",
		Required: []string{"specversion", "id", "source", "type", "data"},
	}
	names := make([]string, len(types))
	for i, t := range types {
		names[i] = t.Type
		s.AllOf = append(s.AllOf, &schema{
			If:   &schema{Properties: properties{{"type", &schema{Const: t.Type}}}, Required: []string{"type"}},
			Then: &schema{Properties: properties{{"data", &schema{Ref: "#/$defs/" + t.Name}}}},
		})
	}
	s.Properties = properties{
		{"specversion", &schema{Const: "1.0"}},
		{"id", id},
		{"source", &schema{Description: "Source id, that of the key.", Type: "string", Pattern: idPattern}},
		{"type", &schema{Description: "What data are.", Enum: names}},
		{"organisation", &schema{Description: "Organisation id; left out, that of the key.", Type: "string", Pattern: idPattern}},
		{"revision", &schema{Description: "Version of the fact. " + comment(fact.Fields().ByName("version")), Type: []string{"string", "integer"}, Pattern: "^[0-9]{1,20}$", Minimum: "0", Maximum: "18446744073709551615"}},
		{"datacontenttype", &schema{Description: "Left out, application/json.", Type: "string"}},
		{"data", &schema{Description: "The fact, as type says.", Type: "object"}},
	}
	for _, t := range types {
		m, err := c.message(protoreflect.FullName(factPackage + t.Name))
		if err != nil {
			return nil, err
		}
		if s.Defs, err = define(s.Defs, m); err != nil {
			return nil, err
		}
	}
	return indented(s)
}

// define adds the schema of a message to the definitions, and before it those of the messages in it.
func define(defs properties, m protoreflect.MessageDescriptor) (properties, error) {
	name := string(m.Name())
	if slices.ContainsFunc(defs, func(p property) bool { return p.name == name }) {
		return defs, nil
	}
	s := &schema{Description: comment(m), Type: "object", AdditionalProperties: false}
	for i := range m.Fields().Len() {
		fd := m.Fields().Get(i)
		if sub := fd.Message(); sub != nil && !fd.IsMap() && sub.FullName() != timestamp {
			var err error
			if defs, err = define(defs, sub); err != nil {
				return nil, err
			}
		}
		value, err := field(fd)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", fd.FullName(), err)
		}
		s.Properties = append(s.Properties, property{string(fd.Name()), value})
		if isRequired(fd) {
			s.Required = append(s.Required, string(fd.Name()))
		}
	}
	for i := range m.Oneofs().Len() {
		od := m.Oneofs().Get(i)
		if !isOneofRequired(od) {
			return nil, fmt.Errorf("%s is a choice that need not be made: the schema cannot say so yet", od.FullName())
		}
		for j := range od.Fields().Len() {
			s.OneOf = append(s.OneOf, &schema{Required: []string{string(od.Fields().Get(j).Name())}})
		}
	}
	if name == "Answer" { // what its fields say in words
		s.AnyOf = []*schema{{Required: []string{"interaction"}}, {Required: []string{"about_time"}}}
	}
	return append(defs, property{name, s}), nil
}

const timestamp = "google.protobuf.Timestamp"

func field(fd protoreflect.FieldDescriptor) (*schema, error) {
	r := rules(fd)
	switch {
	case fd.IsMap():
		value, err := single(fd.MapValue())
		return &schema{Description: comment(fd), Type: "object", AdditionalProperties: value, MaxProperties: r.GetMap().GetMaxPairs()}, err
	case fd.IsList():
		item, err := single(fd)
		if err != nil {
			return nil, err
		}
		item.Description = ""
		return &schema{Description: comment(fd), Type: "array", Items: item, MinItems: r.GetRepeated().GetMinItems(), MaxItems: r.GetRepeated().GetMaxItems()}, nil
	}
	return single(fd)
}

// single returns the schema of one value of a field.
func single(fd protoreflect.FieldDescriptor) (*schema, error) {
	r, s := rules(fd), &schema{Description: comment(fd)}
	switch fd.Kind() {
	case protoreflect.StringKind:
		text := r.GetString()
		// A text of so many characters has at least as many bytes.
		s.Type, s.MinLength, s.MaxLength, s.Pattern = "string", text.GetMinLen(), max(text.GetMaxLen(), text.GetMaxBytes()), text.GetPattern()
	case protoreflect.Sint64Kind:
		s.Type, s.Pattern, s.Minimum, s.Maximum = []string{"integer", "string"}, "^-?[0-9]{1,19}$", "-9223372036854775808", "9223372036854775807"
	case protoreflect.Uint64Kind:
		s.Type, s.Pattern, s.Minimum, s.Maximum = []string{"integer", "string"}, "^[0-9]{1,20}$", "0", "18446744073709551615"
		if n := r.GetUint64().GetGte(); n > 0 {
			s.Minimum = json.Number(strconv.FormatUint(n, 10))
		}
		if n := r.GetUint64().GetLt(); n > 0 {
			s.Maximum = json.Number(strconv.FormatUint(n-1, 10))
		}
	case protoreflect.EnumKind:
		values := fd.Enum().Values()
		var meanings []string
		for i := range values.Len() {
			v := values.Get(i)
			if slices.Contains(r.GetEnum().GetNotIn(), int32(v.Number())) {
				continue
			}
			s.Enum = append(s.Enum, string(v.Name()))
			meanings = append(meanings, string(v.Name())+": "+comment(v))
		}
		s.Description += " " + strings.Join(meanings, " ")
	case protoreflect.MessageKind:
		if fd.Message().FullName() == timestamp {
			s.Type, s.Format = "string", "date-time"
		} else {
			s.Ref = "#/$defs/" + string(fd.Message().Name())
		}
	default:
		return nil, fmt.Errorf("a field of kind %s has no schema yet", fd.Kind())
	}
	return s, nil
}
