package main

import (
	"bytes"
	"encoding/json"
)

// schema is a JSON Schema as far as ours need it, written in this order.
type schema struct {
	Schema      string      `json:"$schema,omitempty"`
	ID          string      `json:"$id,omitempty"`
	Ref         string      `json:"$ref,omitempty"`
	Title       string      `json:"title,omitempty"`
	Description string      `json:"description,omitempty"`
	Type        any         `json:"type,omitempty"` // one name or several
	Const       string      `json:"const,omitempty"`
	Enum        []string    `json:"enum,omitempty"`
	Format      string      `json:"format,omitempty"`
	Pattern     string      `json:"pattern,omitempty"`
	MinLength   uint64      `json:"minLength,omitempty"`
	MaxLength   uint64      `json:"maxLength,omitempty"`
	Minimum     json.Number `json:"minimum,omitempty"`
	Maximum     json.Number `json:"maximum,omitempty"`
	Items       *schema     `json:"items,omitempty"`
	MinItems    uint64      `json:"minItems,omitempty"`
	MaxItems    uint64      `json:"maxItems,omitempty"`
	Properties  properties  `json:"properties,omitempty"`
	Required    []string    `json:"required,omitempty"`
	// false, or what the values of a map are
	AdditionalProperties any        `json:"additionalProperties,omitempty"`
	MaxProperties        uint64     `json:"maxProperties,omitempty"`
	AnyOf                []*schema  `json:"anyOf,omitempty"`
	OneOf                []*schema  `json:"oneOf,omitempty"`
	AllOf                []*schema  `json:"allOf,omitempty"`
	If                   *schema    `json:"if,omitempty"`
	Then                 *schema    `json:"then,omitempty"`
	Examples             []any      `json:"examples,omitempty"`
	Defs                 properties `json:"$defs,omitempty"`
}

// properties keep the order of the contract.
type properties []property

type property struct {
	name string
	*schema
}

func (p properties) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, x := range p {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(x.name)
		if err != nil {
			return nil, err
		}
		value, err := encode(x.schema)
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// encode writes JSON that people read: no < for <.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSpace(b.Bytes()), nil
}

// indented writes a schema as a file.
func indented(s *schema) ([]byte, error) {
	compact, err := encode(s)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := json.Indent(&b, compact, "", "  "); err != nil {
		return nil, err
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}
