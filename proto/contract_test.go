// Package proto_test holds the contract to what it promises and buf cannot check.
package proto_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	accessv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/access/v1"
	adminv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/admin/v1"
	directoryv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/directory/v1"
	factv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/fact/v1"
	ingestv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/ingest/v1"
	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	scorev1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/score/v1"
	surveyv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/survey/v1"
)

// contract is every file of the contract.
func contract() []protoreflect.FileDescriptor {
	return []protoreflect.FileDescriptor{
		accessv1.File_touchstone_access_v1_access_proto,
		adminv1.File_touchstone_admin_v1_admin_proto,
		directoryv1.File_touchstone_directory_v1_directory_proto,
		factv1.File_touchstone_fact_v1_fact_proto,
		factv1.File_touchstone_fact_v1_recorded_proto,
		ingestv1.File_touchstone_ingest_v1_ingest_proto,
		ingestv1.File_touchstone_ingest_v1_native_proto,
		ingestv1.File_touchstone_ingest_v1_person_proto,
		mapv1.File_touchstone_map_v1_map_proto,
		scorev1.File_touchstone_score_v1_agent_proto,
		scorev1.File_touchstone_score_v1_dispute_proto,
		scorev1.File_touchstone_score_v1_score_proto,
		surveyv1.File_touchstone_survey_v1_recorded_proto,
		surveyv1.File_touchstone_survey_v1_survey_proto,
	}
}

func files(t *testing.T, root, suffix string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && strings.HasSuffix(path, suffix) {
			found = append(found, filepath.ToSlash(path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestContractListsEveryFile(t *testing.T) {
	var listed []string
	for _, f := range contract() {
		listed = append(listed, f.Path())
	}
	slices.Sort(listed)
	if written := files(t, "touchstone", ".proto"); !slices.Equal(written, listed) {
		t.Errorf("these files are written:\n  %s\nand these are tested; add the missing to contract():\n  %s",
			strings.Join(written, "\n  "), strings.Join(listed, "\n  "))
	}
}

func TestEveryMethodNamesItsRole(t *testing.T) {
	methods := 0
	for _, f := range contract() {
		for i := range f.Services().Len() {
			s := f.Services().Get(i)
			for j := range s.Methods().Len() {
				m := s.Methods().Get(j)
				methods++
				role, ok := proto.GetExtension(m.Options(), accessv1.E_Role).(accessv1.Role)
				if !ok || role == accessv1.Role_ROLE_UNSPECIFIED || role.Descriptor().Values().ByNumber(role.Number()) == nil {
					t.Errorf("%s names no role: who may call it? Give it option (touchstone.access.v1.role)", m.FullName())
				}
			}
		}
	}
	if methods == 0 {
		t.Error("no methods were found")
	}
}

// Whoever imports the contract gets these modules with it, and no others.
func TestContractNeedsLittle(t *testing.T) {
	allowed := []string{
		"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go",
		"google.golang.org/grpc",
		"google.golang.org/protobuf",
	}
	mod, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	var required []string
	for line := range strings.Lines(string(mod)) {
		if w := strings.Fields(strings.TrimPrefix(line, "require")); len(w) == 2 && strings.HasPrefix(w[1], "v") {
			required = append(required, w[0])
		}
	}
	slices.Sort(required)
	if !slices.Equal(required, allowed) {
		t.Errorf("go.mod requires %v directly; the contract may need %v", required, allowed)
	}

	allowed = append(allowed, "github.com/touchstone-cx/touchstone/proto/gen")
	for _, path := range files(t, "gen", ".go") {
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range f.Imports {
			imported := strings.Trim(spec.Path.Value, `"`)
			first, _, _ := strings.Cut(imported, "/")
			within := func(module string) bool { return imported == module || strings.HasPrefix(imported, module+"/") }
			if strings.Contains(first, ".") && !slices.ContainsFunc(allowed, within) {
				t.Errorf("%s imports %s", path, imported)
			}
		}
	}
}
