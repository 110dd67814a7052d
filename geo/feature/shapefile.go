package feature

import (
	"archive/zip"
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/twpayne/go-geom"
	"github.com/twpayne/go-shapefile"
)

// Shapefile reads a .shp with its .dbf beside it, or a .zip that holds one
// shapefile. The .prj must say geographic coordinates on WGS-84 or CGCS2000; the
// .cpg names the encoding of the .dbf, without it UTF-8 and then GB 18030 are
// tried. A record that cannot be read is refused by its number; its neighbours
// come through.
func Shapefile(name string, limits Limits) iter.Seq2[Feature, error] {
	limits = limits.orDefault()
	return func(yield func(Feature, error) bool) {
		parts, err := openParts(name)
		if err != nil {
			yield(Feature{}, fmt.Errorf("read shapefile: %w", err))
			return
		}
		defer parts.close()
		if err := parts.read(limits, yield); err != nil {
			yield(Feature{}, fmt.Errorf("read shapefile: %w", err))
		}
	}
}

// shapeParts are the files of one shapefile; all but shp may be missing.
type shapeParts struct {
	shp, dbf, prj, cpg io.Reader
	closers            []io.Closer
}

func (s *shapeParts) close() {
	for _, c := range s.closers {
		c.Close()
	}
}

func openParts(name string) (*shapeParts, error) {
	if strings.EqualFold(filepath.Ext(name), ".zip") {
		return openZip(name)
	}
	dir, base := filepath.Split(name)
	stem := strings.TrimSuffix(base, filepath.Ext(base))
	entries, err := os.ReadDir(filepath.Dir(name))
	if err != nil {
		return nil, err
	}
	s := &shapeParts{}
	for _, e := range entries {
		part := s.part(strings.ToLower(filepath.Ext(e.Name())))
		if part == nil || !strings.EqualFold(strings.TrimSuffix(e.Name(), filepath.Ext(e.Name())), stem) {
			continue
		}
		f, err := os.Open(filepath.Join(dir, e.Name()))
		if err != nil {
			s.close()
			return nil, err
		}
		*part = f
		s.closers = append(s.closers, f)
	}
	return s.complete(name)
}

func openZip(name string) (*shapeParts, error) {
	archive, err := zip.OpenReader(name)
	if err != nil {
		return nil, err
	}
	s := &shapeParts{closers: []io.Closer{archive}}
	var stems []string
	for _, f := range archive.File {
		if strings.EqualFold(path.Ext(f.Name), ".shp") && !strings.HasPrefix(path.Base(f.Name), ".") && !strings.HasPrefix(f.Name, "__MACOSX/") {
			stems = append(stems, strings.TrimSuffix(f.Name, path.Ext(f.Name)))
		}
	}
	if len(stems) != 1 {
		s.close()
		return nil, fmt.Errorf("%s holds %d shapefiles %q; it should hold one", name, len(stems), stems)
	}
	for _, f := range archive.File {
		part := s.part(strings.ToLower(path.Ext(f.Name)))
		if part == nil || !strings.EqualFold(strings.TrimSuffix(f.Name, path.Ext(f.Name)), stems[0]) {
			continue
		}
		r, err := f.Open()
		if err != nil {
			s.close()
			return nil, err
		}
		*part = r
		s.closers = append(s.closers, r)
	}
	return s.complete(name)
}

func (s *shapeParts) part(extension string) *io.Reader {
	switch extension {
	case ".shp":
		return &s.shp
	case ".dbf":
		return &s.dbf
	case ".prj":
		return &s.prj
	case ".cpg":
		return &s.cpg
	}
	return nil
}

func (s *shapeParts) complete(name string) (*shapeParts, error) {
	if s.shp == nil || s.dbf == nil {
		s.close()
		return nil, fmt.Errorf("%s needs its .shp and its .dbf side by side", name)
	}
	return s, nil
}

func (s *shapeParts) read(limits Limits, yield func(Feature, error) bool) error {
	if s.prj != nil {
		text, err := io.ReadAll(io.LimitReader(s.prj, 64<<10))
		if err != nil {
			return fmt.Errorf("its .prj: %w", err)
		}
		if err := checkProjection(string(text)); err != nil {
			return err
		}
	}
	charset := ""
	if s.cpg != nil {
		text, err := io.ReadAll(io.LimitReader(s.cpg, 1<<10))
		if err != nil {
			return fmt.Errorf("its .cpg: %w", err)
		}
		charset = strings.TrimSpace(string(text))
	}
	table, err := newDBF(bufio.NewReader(s.dbf), charset)
	if err != nil {
		return fmt.Errorf("its .dbf: %w", err)
	}
	shp := bufio.NewReader(s.shp)
	header := make([]byte, 100)
	if _, err := io.ReadFull(shp, header); err != nil {
		return fmt.Errorf("its header: %w", short(err))
	}
	if code := binary.BigEndian.Uint32(header); code != 9994 {
		return fmt.Errorf("its header starts with %d; a .shp starts with 9994", code)
	}
	for number := 1; ; number++ {
		record, err := nextRecord(shp, limits)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("record %d: %w", number, err)
		}
		if number > limits.Features {
			return fmt.Errorf("%w: more than %d features", ErrTooLarge, limits.Features)
		}
		properties, deleted, err := table.next()
		if err != nil {
			return fmt.Errorf("record %d of its .dbf: %w", number, err)
		}
		if deleted {
			continue
		}
		f := Feature{Number: number, Properties: properties}
		g, err := shapeOf(record, limits)
		if err != nil {
			if !yield(f, &Refusal{Line: number, Feature: number, Code: CodeGeometry, Detail: err.Error()}) {
				return nil
			}
			continue
		}
		f.Geom = g
		if !yield(f, nil) {
			return nil
		}
	}
}

// checkProjection reads just enough of a .prj to know whether degrees on WGS-84
// (or CGCS2000, the same to a metre) are meant.
func checkProjection(wkt string) error {
	name := strings.ToUpper(wkt)
	known := strings.Contains(name, "WGS_1984") || strings.Contains(name, "WGS 84") || strings.Contains(name, "WGS84") ||
		strings.Contains(name, "CHINA_2000") || strings.Contains(name, "CGCS2000") || strings.Contains(name, "CHINA GEODETIC COORDINATE SYSTEM 2000")
	projected := strings.Contains(name, "PROJCS") || strings.Contains(name, "PROJCRS")
	if strings.TrimSpace(name) == "" || (known && !projected) {
		return nil
	}
	return fmt.Errorf("it is in another reference system, %.120q; convert it to WGS-84 longitude and latitude (EPSG:4326)", wkt)
}

// nextRecord answers one record with its header, io.EOF after the last.
func nextRecord(shp *bufio.Reader, limits Limits) ([]byte, error) {
	var header [8]byte
	if n, err := io.ReadFull(shp, header[:]); err != nil {
		if n == 0 {
			return nil, io.EOF
		}
		return nil, short(err)
	}
	size := 2 * int64(binary.BigEndian.Uint32(header[4:]))
	if size > int64(limits.FeatureBytes) {
		return nil, fmt.Errorf("%w: it claims %d bytes", ErrTooLarge, size)
	}
	// Grow with what is there, as the size is only a claim.
	var record bytes.Buffer
	record.Write(header[:])
	if n, err := io.CopyN(&record, shp, size); err != nil {
		return nil, fmt.Errorf("it ends after %d of %d bytes: %w", n, size, short(err))
	}
	return record.Bytes(), nil
}

func shapeOf(record []byte, limits Limits) (geom.T, error) {
	shape, err := shapefile.ReadSHPRecord(bytes.NewReader(record), &shapefile.ReadSHPOptions{
		MaxParts: limits.Vertices, MaxPoints: limits.Vertices, MaxRecordSize: limits.FeatureBytes})
	if err != nil {
		return nil, fmt.Errorf("has no readable shape: %w", err)
	}
	if shape.Geom == nil {
		return nil, errors.New("has no shape")
	}
	g := shape.Geom
	b := &builder{left: limits.Vertices}
	from, stride := g.FlatCoords(), g.Stride()
	for i := 0; i < len(from); i += stride {
		b.xy(from[i], from[i+1])
	}
	if b.err != nil {
		return nil, b.err
	}
	flatEnds := func(ends []int) []int {
		out := make([]int, len(ends))
		for i, end := range ends {
			out[i] = end / stride * 2
		}
		return out
	}
	switch g := g.(type) {
	case *geom.Point:
		return geom.NewPointFlat(geom.XY, b.flat).SetSRID(srid), nil
	case *geom.MultiLineString:
		return geom.NewMultiLineStringFlat(geom.XY, b.flat, flatEnds(g.Ends())).SetSRID(srid), nil
	case *geom.MultiPolygon:
		var endss [][]int
		for _, ends := range g.Endss() {
			endss = append(endss, flatEnds(ends))
		}
		return geom.NewMultiPolygonFlat(geom.XY, b.flat, endss).SetSRID(srid), nil
	}
	return nil, fmt.Errorf("has a shape of type %d; polygons, lines or points are needed", shape.ShapeType)
}

func short(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
