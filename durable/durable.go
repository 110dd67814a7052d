// Package durable puts a file into its place so that it is there, whole, after a
// power cut too: written beside its place, synced, given its name, and the folder
// that holds the name synced. A rename without the first sync can leave a whole name
// on an empty file; one without the second can be forgotten. kill -9 shows neither,
// since the kernel lives on, so a test holds the order against a recording disk.
package durable

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Disk is what a file is written with. OS is the machine's own.
type Disk interface {
	// CreateTemp makes a new file with a name of that pattern, for its owner alone.
	CreateTemp(dir, pattern string) (File, error)
	Rename(from, to string) error
	// Link gives a file a second name, which must not be taken.
	Link(from, to string) error
	Remove(name string) error
	// SyncDir makes the names in a folder last.
	SyncDir(dir string) error
}

// File is a file that is being written.
type File interface {
	io.WriteCloser
	Name() string
	Sync() error
	Chmod(mode fs.FileMode) error
	Chown(uid, gid int) error
}

// OS is the machine's disk.
var OS Disk = machine{}

type machine struct{}

func (machine) CreateTemp(dir, pattern string) (File, error) { return os.CreateTemp(dir, pattern) }
func (machine) Rename(from, to string) error                 { return os.Rename(from, to) }
func (machine) Link(from, to string) error                   { return os.Link(from, to) }
func (machine) Remove(name string) error                     { return os.Remove(name) }
func (machine) SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Pending is a file beside its place. Keep puts it there; until then nothing of it
// can be taken for the file.
type Pending struct {
	File
	disk   Disk
	path   string
	mode   fs.FileMode
	unique bool
	over   bool
}

// Option changes how a file is put into its place.
type Option func(*Pending)

// Mode is the file's mode; 0600 without it.
func Mode(mode fs.FileMode) Option { return func(p *Pending) { p.mode = mode } }

// Unique refuses a path that is taken, with fs.ErrExist; without it the file there
// is replaced.
func Unique() Option { return func(p *Pending) { p.unique = true } }

// Begin opens a file beside path. Whoever begins calls Keep or Abandon.
func Begin(disk Disk, path string, options ...Option) (*Pending, error) {
	f, err := disk.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".unfinished-*")
	if err != nil {
		return nil, err
	}
	p := &Pending{File: f, disk: disk, path: path, mode: 0o600}
	for _, o := range options {
		o(p)
	}
	return p, nil
}

// Keep makes sure that all of the file is on the disk, gives it its name, and makes
// the name last. After an error the file is gone, or stands whole in its place.
func (p *Pending) Keep() error {
	if p.over {
		return errors.New("the file is settled already")
	}
	var err error
	if p.mode != 0o600 {
		err = p.Chmod(p.mode)
	}
	if err = errors.Join(err, p.Sync()); err != nil {
		p.Abandon()
		return err
	}
	p.over = true
	if err := p.Close(); err != nil {
		return errors.Join(err, p.disk.Remove(p.Name()))
	}
	if p.unique {
		err = errors.Join(p.disk.Link(p.Name(), p.path), p.disk.Remove(p.Name()))
	} else if err = p.disk.Rename(p.Name(), p.path); err != nil {
		err = errors.Join(err, p.disk.Remove(p.Name()))
	}
	if err != nil {
		return err
	}
	return p.disk.SyncDir(filepath.Dir(p.path))
}

// Abandon removes what is unfinished; after Keep it does nothing.
func (p *Pending) Abandon() {
	if p.over {
		return
	}
	p.over = true
	_ = p.Close()               // it goes anyway
	_ = p.disk.Remove(p.Name()) // nothing more can be done
}

// Write puts content at path.
func Write(disk Disk, path string, content []byte, options ...Option) error {
	p, err := Begin(disk, path, options...)
	if err == nil {
		defer p.Abandon()
		if _, err = p.Write(content); err == nil {
			err = p.Keep()
		}
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
