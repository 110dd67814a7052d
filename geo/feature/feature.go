// Package feature reads streams of features from the files people have: GeoJSON
// (a collection, or one feature a line), shapefiles (a folder's or zipped), and
// tables in CSV. It stores nothing.
//
// Every stream is an iterator. A feature that cannot be used comes as a *Refusal
// and the next ones follow; any other error ends the stream, because the file
// itself cannot be read on. What a stranger's bytes may allocate is bounded by
// Limits.
package feature

import (
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"

	"github.com/twpayne/go-geom"
)

// Feature is one thing with a shape. Properties hold every value as text; numbers
// keep the digits they were written with, lists and objects stay JSON.
type Feature struct {
	Number     int // counts from 1 through the file
	Line       int // where it starts; 0 in a shapefile
	Properties map[string]string
	Geom       geom.T // SRID 4326, always two-dimensional
}

// Row reads the properties as a table's row is read.
func (f Feature) Row() Row { return Row{Line: f.Line, Number: f.Number, fields: f.Properties} }

// Refusal says why one feature or row cannot be used, and where it stands. The
// others are not touched by it. Code is stable; Column is a property or the
// header of a column, empty where the whole is at fault. Feature is the number of
// a feature, since a whole collection may stand in one line; a row of a table has
// none.
type Refusal struct {
	Line    int    `json:"line"`
	Column  string `json:"column"`
	Code    string `json:"code"`
	Detail  string `json:"detail"`
	Feature int    `json:"feature,omitempty"`
}

func (r *Refusal) Error() string {
	where, column := fmt.Sprintf("line %d", r.Line), "column"
	if r.Feature > 0 {
		where, column = fmt.Sprintf("feature %d", r.Feature), "property"
		if r.Line > 0 {
			where += fmt.Sprintf(" (line %d)", r.Line)
		}
	}
	if r.Column != "" {
		where += ", " + column + " " + r.Column
	}
	return where + ": " + r.Detail
}

// The codes of refusals that this package makes.
const (
	CodeSyntax   = "syntax"   // is not what the format asks for
	CodeEncoding = "encoding" // is not UTF-8
	CodeGeometry = "geometry" // has no usable shape
	CodeTooLarge = "too_large"
	CodeFields   = "fields" // has more or fewer fields than the header
)

// Limits bound what a file may ask for. A zero value is the default named beside it.
type Limits struct {
	FeatureBytes int // of one feature's text, give or take as much again; 16 MiB
	Vertices     int // of one feature; 500,000
	Features     int // of a file; 1,000,000
	TableBytes   int // of a CSV file; 64 MiB
}

func (l Limits) orDefault() Limits {
	set := func(v *int, n int) {
		if *v == 0 {
			*v = n
		}
	}
	set(&l.FeatureBytes, 16<<20)
	set(&l.Vertices, 500_000)
	set(&l.Features, 1_000_000)
	set(&l.TableBytes, 64<<20)
	return l
}

// Open reads a file by what its name says it is: .shp and .zip are shapefiles,
// .ndjson, .geojsonl and .geojsons have a feature a line, .json and .geojson are
// looked into.
func Open(path string, limits Limits) iter.Seq2[Feature, error] {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".shp", ".zip":
		return Shapefile(path, limits)
	case ".json", ".geojson":
		return fromFile(path, limits, false)
	case ".ndjson", ".geojsonl", ".geojsons":
		return fromFile(path, limits, true)
	}
	return broken(fmt.Errorf("%s: what format is it? the name should end in .geojson, .json, .ndjson, .geojsonl, .shp or .zip", path))
}

func fromFile(path string, limits Limits, lines bool) iter.Seq2[Feature, error] {
	return func(yield func(Feature, error) bool) {
		f, err := os.Open(path)
		if err != nil {
			yield(Feature{}, fmt.Errorf("read features: %w", err))
			return
		}
		defer f.Close()
		features := GeoJSON(f, limits)
		if lines {
			features = GeoJSONLines(f, limits)
		}
		features(yield)
	}
}

func broken(err error) iter.Seq2[Feature, error] {
	return func(yield func(Feature, error) bool) { yield(Feature{}, err) }
}
