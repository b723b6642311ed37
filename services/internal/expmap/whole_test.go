package expmap_test

import (
	"os"
	"testing"

	mapv1 "github.com/touchstone-cx/touchstone/proto/gen/touchstone/map/v1"
	"github.com/touchstone-cx/touchstone/services/internal/expmap"
)

// whole returns a correct map that declares all that a map can, as testdata/whole.yaml has it.
func whole(t testing.TB) *mapv1.Map {
	t.Helper()
	data, err := os.ReadFile("testdata/whole.yaml")
	if err != nil {
		t.Fatal(err)
	}
	m, problems := expmap.CheckYAML("whole.yaml", data)
	for _, p := range problems {
		t.Error(p)
	}
	if m == nil {
		t.FailNow()
	}
	return m.Proto
}
