package pgbackup

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gridpatrol/gridpatrol/durable"
)

// trailer is what follows the archive: its SHA-256, then the mark.
const (
	mark         = "gridpatrol backup 1\n"
	trailerBytes = sha256.Size + len(mark)
	manifestName = "manifest.json"
	// manifestMost bounds what a stranger's manifest may make us read.
	manifestMost = 64 << 20
)

// fileWriter writes a backup beside its place. Only finish puts it there.
type fileWriter struct {
	file *durable.Pending
	sum  hash.Hash
	zip  *zip.Writer
	size int64
}

// create refuses a path that is taken, unless it may be overwritten.
func create(disk durable.Disk, path string, force bool) (*fileWriter, error) {
	if _, err := os.Lstat(path); err == nil && !force {
		return nil, fmt.Errorf("%w: %s; name another one, or overwrite it with --force", ErrThere, path)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	// It is for its owner only, and stays so: the file holds the hashes of passwords and
	// tokens.
	f, err := durable.Begin(disk, path)
	if err != nil {
		return nil, fmt.Errorf("write the backup: %w", err)
	}
	w := &fileWriter{file: f, sum: sha256.New()}
	w.zip = zip.NewWriter(w)
	w.zip.RegisterCompressor(zip.Deflate, func(out io.Writer) (io.WriteCloser, error) {
		return flate.NewWriter(out, flate.BestSpeed)
	})
	return w, nil
}

// Write takes what the archive is made of.
func (w *fileWriter) Write(p []byte) (int, error) {
	n, err := w.file.Write(p)
	w.sum.Write(p[:n])
	w.size += int64(n)
	return n, err
}

// entry begins a table. What is compressed already is stored as it is.
func (w *fileWriter) entry(name string, compress bool) (io.Writer, error) {
	method := zip.Store
	if compress {
		method = zip.Deflate
	}
	return w.zip.CreateHeader(&zip.FileHeader{Name: name, Method: method})
}

// finish writes the manifest and the sum, makes sure that all is on the disk, and
// gives the file its name.
func (w *fileWriter) finish(m Manifest) (sum []byte, err error) {
	out, err := w.entry(manifestName, true)
	if err != nil {
		return nil, err
	}
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(m); err != nil {
		return nil, err
	}
	if err := w.zip.Close(); err != nil {
		return nil, err
	}
	sum = w.sum.Sum(nil)
	if _, err := w.file.Write(append(bytes.Clone(sum), mark...)); err != nil {
		return nil, err
	}
	w.size += int64(trailerBytes)
	return sum, w.file.Keep()
}

// abandon removes what is unfinished; after finish it does nothing.
func (w *fileWriter) abandon() { w.file.Abandon() }

// File is a backup that was read from its first to its last byte and found whole.
type File struct {
	Manifest Manifest
	Size     int64
	SHA256   [sha256.Size]byte

	file    *os.File
	entries map[string]*zip.File
}

// Close lets go of the file.
func (f *File) Close() error { return f.file.Close() }

// Open checks every byte before it answers.
func Open(path string, progress Progress) (*File, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	f := &File{file: file}
	if err := f.check(progress); err != nil {
		file.Close()
		return nil, fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	return f, nil
}

func (f *File) check(progress Progress) error {
	info, err := f.file.Stat()
	if err != nil {
		return err
	}
	f.Size = info.Size()
	if !info.Mode().IsRegular() || f.Size < int64(trailerBytes) {
		return fmt.Errorf("%w: it is too short", ErrDamaged)
	}
	body := f.Size - int64(trailerBytes)
	trailer := make([]byte, trailerBytes)
	if _, err := f.file.ReadAt(trailer, body); err != nil {
		return err
	}
	if string(trailer[sha256.Size:]) != mark {
		return fmt.Errorf("%w: its end is missing, or it is another kind of file", ErrDamaged)
	}
	sum := sha256.New()
	if _, err := io.Copy(&counting{to: sum, tell: func(n int64) { progress.tell("checking the file", n, body) }}, io.NewSectionReader(f.file, 0, body)); err != nil {
		return err
	}
	if !bytes.Equal(sum.Sum(nil), trailer[:sha256.Size]) {
		return fmt.Errorf("%w: its bytes are not those that were written; take another copy of it", ErrDamaged)
	}
	copy(f.SHA256[:], trailer)
	archive, err := zip.NewReader(io.NewSectionReader(f.file, 0, body), body)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	f.entries = map[string]*zip.File{}
	for _, e := range archive.File {
		f.entries[e.Name] = e
	}
	return f.readManifest()
}

func (f *File) readManifest() error {
	in, err := f.open(manifestName)
	if err != nil {
		return err
	}
	defer in.Close()
	content, err := io.ReadAll(io.LimitReader(in, manifestMost))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	var format struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(content, &format); err != nil {
		return fmt.Errorf("%w: its manifest: %w", ErrDamaged, err)
	}
	if format.Format != Format {
		return fmt.Errorf("%w: its layout is %d, this program reads %d", ErrNewer, format.Format, Format)
	}
	if err := json.Unmarshal(content, &f.Manifest); err != nil {
		return fmt.Errorf("%w: its manifest: %w", ErrDamaged, err)
	}
	for _, t := range f.Manifest.Tables {
		if f.entries[entryName(t.Name)] == nil {
			return fmt.Errorf("%w: table %s is missing", ErrDamaged, t.Name)
		}
	}
	return nil
}

func (f *File) open(name string) (io.ReadCloser, error) {
	e := f.entries[name]
	if e == nil {
		return nil, fmt.Errorf("%w: %s is missing", ErrDamaged, name)
	}
	in, err := e.Open()
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrDamaged, name, err)
	}
	return in, nil
}

func entryName(table string) string { return "tables/" + table + ".copy" }

// counting tells how much went through it.
type counting struct {
	to   io.Writer
	n    int64
	tell func(int64)
}

func (c *counting) Write(p []byte) (int, error) {
	n, err := c.to.Write(p)
	c.n += int64(n)
	if c.tell != nil {
		c.tell(c.n)
	}
	return n, err
}
