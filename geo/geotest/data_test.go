package geotest_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/gridpatrol/gridpatrol/geo/geotest"
)

func TestDataFromTheEnvironment(t *testing.T) {
	dir := t.TempDir()
	want := filepath.Join(dir, "osm", "tiny.txt")
	if err := os.MkdirAll(filepath.Dir(want), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(want, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv(geotest.Env, dir)
	if got := geotest.Data(t, "osm/tiny.txt"); got != want {
		t.Errorf("Data = %q, want %q", got, want)
	}
	skipped := false
	t.Run("missing", func(t *testing.T) {
		t.Cleanup(func() { skipped = t.Skipped() })
		geotest.Data(t, "osm/none.txt")
	})
	if !skipped {
		t.Error("a missing file must skip the test")
	}
}

func TestDataAboveTheModule(t *testing.T) {
	dir := t.TempDir()
	want := filepath.Join(dir, "shared", "data", "tiny.txt")
	deep := filepath.Join(dir, "module", "geo", "road")
	for _, d := range []string{filepath.Dir(want), deep} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(want, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv(geotest.Env, "")
	t.Chdir(deep)
	if got := geotest.Data(t, "tiny.txt"); got != want {
		t.Errorf("Data = %q, want %q", got, want)
	}
}
