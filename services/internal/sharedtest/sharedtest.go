// Package sharedtest finds the data that tests are held against and that no licence lets the repository hold: oracle cases,
// real call logs.
package sharedtest

import (
	"os"
	"path/filepath"
	"testing"
)

// File returns the path of a file of the shared data: below TOUCHSTONE_SHARED, or below a folder named shared beside the
// repository or one of its parents. Where it is missing the test fails in CI; elsewhere it is skipped and says why.
func File(t testing.TB, name string) string {
	t.Helper()
	if dir := os.Getenv("TOUCHSTONE_SHARED"); dir != "" {
		return filepath.Join(dir, name)
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		file := filepath.Join(dir, "shared", name)
		if _, err := os.Stat(file); err == nil {
			return file
		}
		if dir == filepath.Dir(dir) {
			break
		}
		dir = filepath.Dir(dir)
	}
	const missing = "the shared data are missing: set TOUCHSTONE_SHARED to the folder that holds %s"
	if os.Getenv("CI") != "" {
		t.Fatalf(missing, name)
	}
	t.Skipf(missing, name)
	return ""
}
