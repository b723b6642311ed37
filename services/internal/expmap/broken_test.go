package expmap_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/touchstone-cx/touchstone/services/internal/expmap"
)

// Each map of testdata/broken is wrong as maps are in the field. What must be said of it stands beside it, in <name>.want, in
// the form in which touchstone check prints it.
func TestBrokenMapsAreExplainedToTheLine(t *testing.T) {
	files, err := filepath.Glob("testdata/broken/*.yaml")
	if err != nil || len(files) < 12 {
		t.Fatalf("%d broken maps, %v", len(files), err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			want, err := os.ReadFile(strings.TrimSuffix(file, ".yaml") + ".want")
			if err != nil {
				t.Fatal(err)
			}
			m, problems := expmap.CheckYAML(name, data)
			if m != nil || len(problems) == 0 {
				t.Fatal("accepted")
			}
			var got strings.Builder
			for _, p := range problems {
				field := ""
				if p.Field != "" {
					field = p.Field + ": "
				}
				fmt.Fprintf(&got, "%s:%d: %s%s — %s\n", p.File, p.Line, field, p.Message, p.Remedy)
			}
			if got.String() != string(want) {
				t.Errorf("got\n%s\nwant\n%s", got.String(), want)
			}
		})
	}
}
