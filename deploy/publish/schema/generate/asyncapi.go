package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"strings"
	"text/template"

	"google.golang.org/protobuf/reflect/protoreflect"
)

const ingestPackage = "touchstone.ingest.v1."

//go:embed asyncapi.yaml.tmpl
var asyncTemplate string

// asyncAPI writes the entrances by HTTP and NATS as AsyncAPI 3.0. What the contract knows comes from it; the rest is in the
// template, and held to the service by the tests that publish as the page says.
func (c *contract) asyncAPI() ([]byte, error) {
	types, err := c.eventTypes()
	if err != nil {
		return nil, err
	}
	var problems []string
	say := func(name protoreflect.FullName) string {
		d, err := c.files.FindDescriptorByName(name)
		if err != nil {
			problems = append(problems, string(name))
			return ""
		}
		return comment(d)
	}
	statuses, err := c.words(ingestPackage+"Status", "STATUS_")
	if err != nil {
		return nil, err
	}
	reasons, err := c.words(ingestPackage+"Reason", "REASON_")
	if err != nil {
		return nil, err
	}
	request, err := c.message(ingestPackage + "PublishRequest")
	if err != nil {
		return nil, err
	}
	t, err := template.New("asyncapi.yaml").Funcs(template.FuncMap{
		"quote": func(s string) (string, error) { b, err := encode(s); return string(b), err }, // JSON is YAML
		"say":   say,
	}).Parse(asyncTemplate)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = t.Execute(&b, struct {
		Types             []eventType
		Statuses, Reasons []word
		MaxEvents         uint64
		ID                string
		Schema            string
	}{types, statuses, reasons, rules(request.Fields().ByName("facts")).GetRepeated().GetMaxItems(), idPattern, factSchema})
	if err == nil && len(problems) > 0 {
		err = fmt.Errorf("the template names what the contract has not: %s", strings.Join(problems, "; "))
	}
	return b.Bytes(), err
}

// word is a value of an enum as answers in JSON write it.
type word struct{ Name, Comment string }

func (c *contract) words(name protoreflect.FullName, prefix string) ([]word, error) {
	e, err := c.enum(name)
	if err != nil {
		return nil, err
	}
	var all []word
	for i := range e.Values().Len() {
		if v := e.Values().Get(i); v.Number() != 0 {
			all = append(all, word{strings.ToLower(strings.TrimPrefix(string(v.Name()), prefix)), comment(v)})
		}
	}
	return all, nil
}
