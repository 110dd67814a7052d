package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A folder that happens to be called as a story's is not emptied; what a story left is.
func TestAStoryEmptiesOnlyWhatAStoryLeft(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "story")
	env := &Env{Common: Common{DataDir: dir}}
	if err := emptyStory(t.Context(), env); err != nil {
		t.Errorf("there is none yet: %v", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	letter := filepath.Join(dir, "letter.txt")
	if err := os.WriteFile(letter, []byte("dear"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := emptyStory(t.Context(), env); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("somebody's folder: %v", err)
	}
	if _, err := os.Stat(letter); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "postgres"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := emptyStory(t.Context(), env); err != nil {
		t.Errorf("what a story left: %v", err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("it is still there: %v", err)
	}
}
