// Package track reads where somebody has been from the files people have: GPX,
// GeoLife's PLT, tables in CSV, and GeoJSON; and moves a track to another place
// without bending it. It stores nothing and judges nothing: a position that cannot
// be is handed on as it is written.
//
// Every reader is an iterator. A point that cannot be read comes as a
// *feature.Refusal that names its line, and the next ones follow; any other error
// ends the stream, because the file itself cannot be read on.
package track

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/feature"
)

// Point is one fix of a track as its file tells it. Measures that the file does
// not tell are NaN; Device is who recorded it, where the file says so.
type Point struct {
	geo.Point
	Line       int // where it stands, 1 the first
	T          time.Time
	AccuracyM  float64
	SpeedMS    float64
	HeadingDeg float64
	Device     string
}

// The codes of refusals that this package makes beside those of package feature.
const (
	CodeTime  = "time"  // has no usable time
	CodePlace = "place" // has no numbers for a place
)

// maxTableBytes bounds a table; it is read row by row, but a stray quotation mark
// makes one row of all that follows.
const maxTableBytes = 256 << 20

// extensions says by the end of a name how a file is read.
var extensions = map[string]func(io.Reader) iter.Seq2[Point, error]{
	".gpx": GPX, ".plt": PLT, ".csv": CSV, ".geojson": GeoJSON, ".json": GeoJSON,
}

const extensionList = ".gpx, .plt, .csv, .geojson or .json"

// Open reads a file by what its name says it is.
func Open(path string) iter.Seq2[Point, error] {
	return func(yield func(Point, error) bool) {
		read := extensions[strings.ToLower(filepath.Ext(path))]
		if read == nil {
			yield(Point{}, fmt.Errorf("what format is it? the name should end in %s", extensionList))
			return
		}
		f, err := os.Open(path)
		if err != nil {
			yield(Point{}, err)
			return
		}
		defer f.Close()
		read(f)(yield)
	}
}

// Files lists the track files of paths, each once: a file is taken as it is named, a
// folder is walked in the order of names and what is no track in it is passed over.
func Files(paths []string) (files []string, err error) {
	seen := map[string]bool{}
	take := func(path string) {
		if path = filepath.Clean(path); !seen[path] {
			seen[path] = true
			files = append(files, path)
		}
	}
	var faults []error
	for _, root := range paths {
		info, err := os.Stat(root)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		if !info.IsDir() {
			if extensions[strings.ToLower(filepath.Ext(root))] == nil {
				faults = append(faults, fmt.Errorf("%s: what format is it? the name should end in %s", root, extensionList))
				continue
			}
			take(root)
			continue
		}
		before := len(files)
		err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() && extensions[strings.ToLower(filepath.Ext(path))] != nil {
				take(path)
			}
			return err
		})
		if err != nil {
			faults = append(faults, err)
		} else if len(files) == before {
			faults = append(faults, fmt.Errorf("%s: holds no track; names should end in %s", root, extensionList))
		}
	}
	return slices.Clip(files), errors.Join(faults...)
}

// blank is a point of which nothing is known.
func blank(line int) Point {
	return Point{Line: line, AccuracyM: math.NaN(), SpeedMS: math.NaN(), HeadingDeg: math.NaN()}
}

func refuse(line int, column, code, format string, args ...any) *feature.Refusal {
	return &feature.Refusal{Line: line, Column: column, Code: code, Detail: fmt.Sprintf(format, args...)}
}

// number reads a finite number.
func number(s string) (float64, error) {
	v, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, fmt.Errorf("%.40q is not a number", s)
	}
	return v, nil
}

// place sets lon and lat from their texts.
func (p *Point) place(lon, lat string) *feature.Refusal {
	var err error
	if p.Lon, err = number(lon); err != nil {
		return refuse(p.Line, "lon", CodePlace, "lon: %v", err)
	}
	if p.Lat, err = number(lat); err != nil {
		return refuse(p.Line, "lat", CodePlace, "lat: %v", err)
	}
	return nil
}

// measure reads a measure that may be absent and, when it is there, lies from low
// to high.
func (p *Point) measure(into *float64, column, text string, low, high float64) *feature.Refusal {
	if strings.TrimSpace(text) == "" {
		return nil
	}
	v, err := number(text)
	if err == nil && (v < low || v > high) {
		err = fmt.Errorf("%g is not within %g to %g", v, low, high)
	}
	if err != nil {
		return refuse(p.Line, column, feature.CodeSyntax, "%s: %v", column, err)
	}
	*into = v
	return nil
}

// The bounds of measures, as the beacon channel has them.
const (
	maxAccuracyM = 1e7
	maxSpeedMS   = 1e4
)

// millisFrom is the number from which an epoch counts milliseconds: as seconds it
// would lie beyond the year 5000.
const millisFrom = 1e11

// moment reads a time in RFC 3339 with a zone, or in seconds or milliseconds since
// 1970.
func moment(s string) (time.Time, error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return time.Time{}, errors.New("has no time")
	}
	if v, err := strconv.ParseFloat(s, 64); err == nil {
		if v >= millisFrom {
			v /= 1000
		}
		if !(v >= 0 && v < 253402300800) { // to the year 9999
			return time.Time{}, fmt.Errorf("%.40q is no time; give RFC 3339 with a zone, or seconds or milliseconds since 1970", s)
		}
		whole, part := math.Modf(v)
		return time.Unix(int64(whole), int64(math.Round(part*1e6))*1000).UTC(), nil
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil || t.UTC().Year() < 1970 || t.UTC().Year() > 9999 {
		return time.Time{}, fmt.Errorf("%.40q is no time; give RFC 3339 with a zone, or seconds or milliseconds since 1970", s)
	}
	return t.UTC(), nil
}
