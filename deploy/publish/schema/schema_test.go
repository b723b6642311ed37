// Package schema_test holds the generated schemas to what they promise; services/e2e holds the service to the same events.
package schema_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"
	"gopkg.in/yaml.v3"
)

func TestEvents(t *testing.T) {
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	s, err := c.Compile("fact.schema.json")
	if err != nil {
		t.Fatal(err) // it is checked against the schema of schemas too
	}
	f, err := os.Open("testdata/events.json")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var cases []struct {
		Name  string          `json:"name"`
		Valid bool            `json:"valid"`
		Event json.RawMessage `json:"event"`
	}
	if err := json.NewDecoder(f).Decode(&cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) < 20 {
		t.Fatalf("only %d cases", len(cases))
	}
	for _, x := range cases {
		t.Run(x.Name, func(t *testing.T) {
			var event any
			if err := json.Unmarshal(x.Event, &event); err != nil {
				t.Fatal(err)
			}
			if err := s.Validate(event); (err == nil) != x.Valid {
				t.Errorf("valid: %v, want %v: %v", err == nil, x.Valid, err)
			}
		})
	}
}

// A program must find whatever AsyncAPI points to.
func TestReferences(t *testing.T) {
	b, err := os.ReadFile("asyncapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := yaml.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	if doc["asyncapi"] != "3.0.0" {
		t.Errorf("it is AsyncAPI %v", doc["asyncapi"])
	}
	found := 0
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if ref, ok := v["$ref"].(string); ok {
				found++
				if !resolves(doc, ref) {
					t.Errorf("%s points to nothing", ref)
				}
			}
			for _, x := range v {
				walk(x)
			}
		case []any:
			for _, x := range v {
				walk(x)
			}
		}
	}
	walk(doc)
	if found < 30 {
		t.Errorf("only %d references were found", found)
	}
}

func TestDescriptorsAreWhole(t *testing.T) {
	b, err := os.ReadFile("touchstone.binpb")
	if err != nil {
		t.Fatal(err)
	}
	var set descriptorpb.FileDescriptorSet
	if err := proto.Unmarshal(b, &set); err != nil {
		t.Fatal(err)
	}
	files, err := protodesc.NewFiles(&set)
	if err != nil {
		t.Fatal(err)
	}
	d, err := files.FindDescriptorByName("touchstone.ingest.v1.IngestService.Publish")
	if err != nil {
		t.Fatal(err)
	}
	if d.ParentFile().SourceLocations().ByDescriptor(d).LeadingComments == "" {
		t.Error("the descriptors have no comments")
	}
}

// resolves reports whether a reference leads somewhere in a document or to a file beside it.
func resolves(doc map[string]any, ref string) bool {
	path, local := strings.CutPrefix(ref, "#/")
	if !local {
		_, err := os.Stat(ref)
		return err == nil
	}
	at := any(doc)
	for name := range strings.SplitSeq(path, "/") {
		m, ok := at.(map[string]any)
		if !ok {
			return false
		}
		if at, ok = m[name]; !ok {
			return false
		}
	}
	return true
}
