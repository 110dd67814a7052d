// Package durabletest records what is done to a disk, so that a test can hold the
// order of it against what lasts through a power cut.
package durabletest

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"

	"github.com/gridpatrol/gridpatrol/durable"
)

// Disk passes everything on to the machine's disk and writes it down. Note lets
// others write into the same record, such as a database that commits.
type Disk struct {
	// Fail, when set, is asked before each step and may fail it.
	Fail func(step string) error

	mu    sync.Mutex
	steps []string
}

// New makes an empty record.
func New() *Disk { return &Disk{} }

// Note writes a step down.
func (d *Disk) Note(format string, args ...any) error {
	step := fmt.Sprintf(format, args...)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.Fail != nil {
		if err := d.Fail(step); err != nil {
			return err
		}
	}
	d.steps = append(d.steps, step)
	return nil
}

// Steps is what was done so far. A file that is not in its place yet is "beside"; its
// writes count once, however many there were between two other steps.
func (d *Disk) Steps() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []string
	for _, s := range d.steps {
		if len(out) == 0 || s != out[len(out)-1] || !strings.HasPrefix(s, "write") {
			out = append(out, s)
		}
	}
	return out
}

// Lasting are the files that would be there, whole, after a power cut now: by their
// last names, everything written to them synced before they were named, and the
// folder synced after.
func (d *Disk) Lasting() (names []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	synced := false
	named := map[string]bool{}
	for _, s := range d.steps {
		what, name, _ := strings.Cut(s, " ")
		switch what {
		case "write":
			synced = false
		case "fsync":
			synced = true
		case "rename", "link":
			if synced {
				named[name] = false
			}
		case "fsync-folder":
			for n := range named {
				named[n] = true
			}
		}
	}
	for n, lasts := range named {
		if lasts {
			names = append(names, n)
		}
	}
	return names
}

// CreateTemp and the others are durable.Disk.
func (d *Disk) CreateTemp(dir, pattern string) (durable.File, error) {
	if err := d.Note("create beside"); err != nil {
		return nil, err
	}
	f, err := durable.OS.CreateTemp(dir, pattern)
	if err != nil {
		return nil, err
	}
	return &file{File: f, disk: d}, nil
}

func (d *Disk) Rename(from, to string) error {
	if err := d.Note("rename %s", filepath.Base(to)); err != nil {
		return err
	}
	return durable.OS.Rename(from, to)
}

func (d *Disk) Link(from, to string) error {
	if err := d.Note("link %s", filepath.Base(to)); err != nil {
		return err
	}
	return durable.OS.Link(from, to)
}

func (d *Disk) Remove(name string) error {
	if err := d.Note("remove beside"); err != nil {
		return err
	}
	return durable.OS.Remove(name)
}

func (d *Disk) SyncDir(dir string) error {
	if err := d.Note("fsync-folder"); err != nil {
		return err
	}
	return durable.OS.SyncDir(dir)
}

type file struct {
	durable.File
	disk *Disk
}

func (f *file) Write(p []byte) (int, error) {
	if err := f.disk.Note("write beside"); err != nil {
		return 0, err
	}
	return f.File.Write(p)
}

func (f *file) Sync() error {
	if err := f.disk.Note("fsync beside"); err != nil {
		return err
	}
	return f.File.Sync()
}

func (f *file) Chmod(mode fs.FileMode) error { return f.File.Chmod(mode) }
