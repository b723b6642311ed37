package services_test

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// Who opens the repository sees what it holds. A new thing belongs in one of these.
func TestTopLevel(t *testing.T) {
	allowed := []string{
		"LICENSE", "Makefile", "README.md", "charts", "deploy", "go.work", "go.work.sum", "proto", "scripts", "services",
		"bin", // ignored by git
	}
	entries, err := os.ReadDir("..")
	if err != nil {
		t.Fatal(err)
	}
	here := map[string]bool{}
	for _, e := range entries {
		here[e.Name()] = true
		if !strings.HasPrefix(e.Name(), ".") && !slices.Contains(allowed, e.Name()) {
			t.Errorf("%s lies at the top level, which holds only %s", e.Name(), strings.Join(allowed, ", "))
		}
	}
	for _, name := range allowed {
		if name != "bin" && !here[name] {
			t.Errorf("%s is missing", name)
		}
	}
}
