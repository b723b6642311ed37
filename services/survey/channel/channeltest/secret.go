package channeltest

import (
	"os"
	"path/filepath"
	"testing"
)

// File writes a file of a test and returns its path.
func File(t *testing.T, content string) string {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "*")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(content); err != nil {
		t.Fatal(err)
	}
	return filepath.Clean(f.Name())
}
