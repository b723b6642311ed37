package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
)

// set encodes files and all that they import.
func set(t *testing.T, files ...protoreflect.FileDescriptor) []byte {
	t.Helper()
	var all descriptorpb.FileDescriptorSet
	seen := map[string]bool{}
	var add func(f protoreflect.FileDescriptor)
	add = func(f protoreflect.FileDescriptor) {
		if seen[f.Path()] {
			return
		}
		seen[f.Path()] = true
		for i := range f.Imports().Len() {
			add(f.Imports().Get(i).FileDescriptor)
		}
		all.File = append(all.File, protodesc.ToFileDescriptorProto(f))
	}
	for _, f := range files {
		add(f)
	}
	b, err := proto.Marshal(&all)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The set that publishers get says as much as the one it was made from: of it the same comes again.
func TestGenerate(t *testing.T) {
	dir := t.TempDir()
	if err := run([]string{"../touchstone.binpb", dir}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"asyncapi.yaml", "fact.schema.json", "touchstone.binpb"} {
		is, err := os.ReadFile(filepath.Join("..", name))
		if err != nil {
			t.Fatal(err)
		}
		if made, err := os.ReadFile(filepath.Join(dir, name)); err != nil || !bytes.Equal(made, is) {
			t.Errorf("%s is not what is generated: run make publish (%v)", name, err)
		}
	}
}

func TestWhatIsMissingIsNamed(t *testing.T) {
	for _, c := range []struct {
		name, want string
		set        []byte
	}{
		{"no descriptors", "no descriptor set", []byte("\xff")},
		{"an empty set", "touchstone.fact.v1.Fact", nil},
		{"no entrance", "touchstone.ingest.v1.Status", set(t, factv1.File_touchstone_fact_v1_fact_proto)},
		{"no comments", "has no comments", set(t, ingestv1.File_touchstone_ingest_v1_ingest_proto, ingestv1.File_touchstone_ingest_v1_native_proto)},
		{"no native records", "NativeService.PublishNative", set(t, ingestv1.File_touchstone_ingest_v1_ingest_proto)},
	} {
		if _, err := generate(c.set); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}
