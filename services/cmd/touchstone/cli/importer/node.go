package importer

import (
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"
)

// parser walks the YAML of a mapping and collects every problem with its line, so that all can be mended at once.
type parser struct {
	mapping  *Mapping
	problems []Problem
	columns  map[string]int
}

func (p *parser) fail(n *yaml.Node, path, message, remedy string) {
	line := 0
	if n != nil {
		line = n.Line
	}
	p.problems = append(p.problems, Problem{Line: line, Field: path, Message: message, Remedy: remedy})
}

// fields returns the entries of a mapping node. Keys that are not allowed, or stand twice, are problems.
func (p *parser) fields(n *yaml.Node, path string, allowed ...string) map[string]*yaml.Node {
	n = follow(n)
	out := map[string]*yaml.Node{}
	if n.Kind != yaml.MappingNode {
		p.fail(n, path, "expected fields", "write one of "+strings.Join(allowed, ", ")+" on lines of their own")
		return out
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		switch {
		case !contains(allowed, key.Value):
			p.fail(key, join(path, key.Value), "unknown field", "use one of "+strings.Join(allowed, ", "))
		case out[key.Value] != nil:
			p.fail(key, join(path, key.Value), "stands twice", "remove one of the two")
		default:
			out[key.Value] = follow(value)
		}
	}
	return out
}

// scalar returns the text of a scalar node.
func (p *parser) scalar(n *yaml.Node, path string) (string, bool) {
	n = follow(n)
	if n.Kind != yaml.ScalarNode {
		p.fail(n, path, "expected one plain value", "write the value on the same line")
		return "", false
	}
	return n.Value, true
}

// template reads a scalar node as a template.
func (p *parser) template(n *yaml.Node, path string) template {
	s, ok := p.scalar(n, path)
	if !ok {
		return template{}
	}
	t, problem := parseTemplate(s, func(name string) (string, int, bool) {
		if c, ok := p.mapping.constants[name]; ok {
			return c, 0, true
		}
		return "", p.column(n, name), false
	})
	if problem != "" {
		p.fail(n, path, problem, "write placeholders as {column name}; {{ stands for a brace")
	}
	return t
}

// column returns the index of a column in Row.Values.
func (p *parser) column(n *yaml.Node, name string) int {
	name = strings.TrimSpace(name)
	if i, ok := p.columns[name]; ok {
		return i
	}
	i := len(p.mapping.Columns)
	p.mapping.Columns = append(p.mapping.Columns, Column{Name: name, Line: n.Line})
	p.columns[name] = i
	return i
}

// list returns the items of a sequence node.
func (p *parser) list(n *yaml.Node, path string) []*yaml.Node {
	n = follow(n)
	if n.Kind != yaml.SequenceNode {
		p.fail(n, path, "expected a list", "write [a, b] or lines that begin with -")
		return nil
	}
	return n.Content
}

// follow resolves an alias. Cycles cannot be written in YAML that yaml.v3 accepts as a node with an anchor before it.
func follow(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode && n.Alias != nil {
		n = n.Alias
	}
	return n
}

func join(path, field string) string {
	if path == "" {
		return field
	}
	return path + "." + field
}

func at(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }

func contains(list []string, s string) bool {
	for _, v := range list {
		if v == s {
			return true
		}
	}
	return false
}
