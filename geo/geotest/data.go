// Package geotest helps tests find real data to run on. It never ships in a
// program.
package geotest

import (
	"os"
	"path/filepath"
	"testing"
)

// Env names the folder of real test data; without it the folder shared/data is
// looked for beside the module and each folder above it.
const Env = "GRIDPATROL_TEST_DATA"

// Data answers the path of a file (or folder) of the real test data, and skips
// the test with a clear message where it is missing, so that the tests pass
// anywhere.
func Data(t testing.TB, rel string) string {
	t.Helper()
	rel = filepath.FromSlash(rel)
	if root := os.Getenv(Env); root != "" {
		path := filepath.Join(root, rel)
		if _, err := os.Stat(path); err != nil {
			t.Skipf("no test data %s in %s=%s", rel, Env, root)
		}
		return path
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatalf("find the working folder: %v", err)
	}
	for {
		path := filepath.Join(dir, "shared", "data", rel)
		if _, err := os.Stat(path); err == nil {
			return path
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Skipf("no test data %s: set %s, or put it into shared/data beside the module", rel, Env)
		}
		dir = up
	}
}
