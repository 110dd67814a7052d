package durable_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/gridpatrol/gridpatrol/durable"
	"github.com/gridpatrol/gridpatrol/durable/durabletest"
)

func TestAFileIsSyncedNamedAndItsNameSynced(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	for _, c := range []struct {
		options []durable.Option
		want    []string
	}{
		{nil, []string{"create beside", "write beside", "fsync beside", "rename file", "fsync-folder"}},
		{[]durable.Option{durable.Unique()}, []string{"create beside", "write beside", "fsync beside", "link file", "remove beside", "fsync-folder"}},
	} {
		_ = os.Remove(path)
		disk := durabletest.New()
		if err := durable.Write(disk, path, []byte("whole"), c.options...); err != nil {
			t.Fatal(err)
		}
		if got := disk.Steps(); !slices.Equal(got, c.want) {
			t.Errorf("%v, want %v", got, c.want)
		}
		if got := disk.Lasting(); !slices.Equal(got, []string{"file"}) {
			t.Errorf("%v would be there after a power cut", got)
		}
		if content, err := os.ReadFile(path); err != nil || string(content) != "whole" {
			t.Errorf("%q, %v", content, err)
		}
	}
}

// Whichever step fails, the file that was there stays whole, and nothing stays beside.
func TestAFailureLeavesWhatWasThere(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"create", "write", "fsync ", "rename", "link"} {
		dir := t.TempDir()
		path := filepath.Join(dir, "file")
		if err := os.WriteFile(path, []byte("before"), 0o600); err != nil {
			t.Fatal(err)
		}
		disk := durabletest.New()
		disk.Fail = func(s string) error {
			if strings.HasPrefix(s, step) {
				return syscall.EIO
			}
			return nil
		}
		var options []durable.Option
		if step == "link" {
			options = append(options, durable.Unique())
		}
		if err := durable.Write(disk, path, []byte("after"), options...); !errors.Is(err, syscall.EIO) {
			t.Errorf("%s: %v", step, err)
		}
		if content, err := os.ReadFile(path); err != nil || string(content) != "before" {
			t.Errorf("%s: %q, %v", step, content, err)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
			t.Errorf("%s: %v, %v", step, left, err)
		}
	}
}

func TestATakenPathIsRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	for i, want := range []error{nil, fs.ErrExist} {
		if err := durable.Write(durable.OS, path, []byte{byte(i)}, durable.Unique(), durable.Mode(0o640)); !errors.Is(err, want) {
			t.Errorf("write %d: %v", i, err)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o640 {
		t.Errorf("%v, %v", info, err)
	}
}
