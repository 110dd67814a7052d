package feature

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/twpayne/go-geom"
)

const srid = 4326

func decodeGeometry(text json.RawMessage, maxVertices int) (geom.T, error) {
	if len(text) == 0 || string(text) == "null" {
		return nil, errors.New("has no geometry")
	}
	var in struct {
		Type        string
		Coordinates json.RawMessage
	}
	if err := json.Unmarshal(text, &in); err != nil {
		return nil, fmt.Errorf("has no readable geometry: %w", err)
	}
	b := &builder{left: maxVertices}
	var out geom.T
	var err error
	switch in.Type {
	case "Point":
		var at []float64
		if err = json.Unmarshal(in.Coordinates, &at); err == nil {
			b.point(at)
			out = geom.NewPointFlat(geom.XY, b.flat).SetSRID(srid)
		}
	case "LineString":
		var line [][]float64
		if err = json.Unmarshal(in.Coordinates, &line); err == nil {
			b.line(line)
			out = geom.NewLineStringFlat(geom.XY, b.flat).SetSRID(srid)
		}
	case "MultiLineString":
		var lines [][][]float64
		if err = json.Unmarshal(in.Coordinates, &lines); err == nil {
			ends := b.lines(lines)
			out = geom.NewMultiLineStringFlat(geom.XY, b.flat, ends).SetSRID(srid)
		}
	case "Polygon":
		var rings [][][]float64
		if err = json.Unmarshal(in.Coordinates, &rings); err == nil {
			ends := b.lines(rings)
			out = geom.NewPolygonFlat(geom.XY, b.flat, ends).SetSRID(srid)
		}
	case "MultiPolygon":
		var polygons [][][][]float64
		if err = json.Unmarshal(in.Coordinates, &polygons); err == nil {
			var endss [][]int
			for _, rings := range polygons {
				endss = append(endss, b.lines(rings))
			}
			out = geom.NewMultiPolygonFlat(geom.XY, b.flat, endss).SetSRID(srid)
		}
	default:
		return nil, fmt.Errorf("has a geometry of type %.40q; Polygon, MultiPolygon, LineString, MultiLineString or Point is needed", in.Type)
	}
	if err != nil {
		return nil, fmt.Errorf("has coordinates that are no %s: %w", in.Type, err)
	}
	if b.err != nil {
		return nil, b.err
	}
	if len(b.flat) == 0 {
		return nil, fmt.Errorf("has an empty %s", in.Type)
	}
	return out, nil
}

// builder lays positions end to end, and keeps the first fault.
type builder struct {
	flat []float64
	left int
	err  error
}

func (b *builder) point(at []float64) {
	if b.err != nil {
		return
	}
	if len(at) < 2 {
		b.err = fmt.Errorf("has a position of %d numbers; longitude and latitude are needed", len(at))
		return
	}
	b.xy(at[0], at[1])
}

func (b *builder) xy(lon, lat float64) {
	if b.err != nil {
		return
	}
	if b.left--; b.left < 0 {
		b.err = errors.New("has too many vertices; simplify it or split it")
		return
	}
	if err := (geo.Point{Lon: lon, Lat: lat}).Check(); err != nil && !errors.Is(err, geo.ErrNullIsland) {
		if math.Abs(lon) > 1000 || math.Abs(lat) > 1000 {
			err = fmt.Errorf("has the coordinates %g, %g, which are metres of a projection; convert the file to WGS-84 longitude and latitude", lon, lat)
		}
		b.err = err
		return
	}
	b.flat = append(b.flat, lon, lat)
}

func (b *builder) line(line [][]float64) {
	for _, at := range line {
		b.point(at)
	}
}

func (b *builder) lines(lines [][][]float64) (ends []int) {
	for _, line := range lines {
		b.line(line)
		ends = append(ends, len(b.flat))
	}
	return ends
}

// The repairs that Polygons makes.
const (
	RepairClosed      = "closed_ring"       // the last point was not the first
	RepairDuplicates  = "duplicate_points"  // a point came twice in a row
	RepairOrientation = "ring_orientation"  // an outer ring ran clockwise, or a hole counter-clockwise
	RepairDropped     = "dropped_tiny_ring" // a ring had fewer than three different points
)

// Polygons makes a tidy multipolygon of a polygon or multipolygon and names what
// it repaired, each repair once: rings are closed, points that repeat and rings
// without an inside are dropped, outer rings run counter-clockwise and holes
// clockwise. What crosses itself stays as it is, for PostGIS to repair.
func Polygons(g geom.T) (mp *geom.MultiPolygon, repairs []string, err error) {
	var in *geom.MultiPolygon
	switch g := g.(type) {
	case *geom.Polygon:
		in = geom.NewMultiPolygon(g.Layout())
		if err := in.Push(g); err != nil {
			return nil, nil, err
		}
	case *geom.MultiPolygon:
		in = g
	default:
		return nil, nil, fmt.Errorf("has a geometry of type %T; a polygon is needed", g)
	}
	done := map[string]bool{}
	var flat []float64
	var endss [][]int
	for i := range in.NumPolygons() {
		var ends []int
		p := in.Polygon(i)
		for k := range p.NumLinearRings() {
			ring := tidyRing(p.LinearRing(k), k > 0, done)
			if ring == nil {
				if k == 0 {
					break // without its outer ring a polygon is nothing
				}
				continue
			}
			flat = append(flat, ring...)
			ends = append(ends, len(flat))
		}
		if len(ends) > 0 {
			endss = append(endss, ends)
		}
	}
	if len(endss) == 0 {
		return nil, nil, errors.New("has no ring of three different points")
	}
	for _, name := range []string{RepairClosed, RepairDuplicates, RepairOrientation, RepairDropped} {
		if done[name] {
			repairs = append(repairs, name)
		}
	}
	return geom.NewMultiPolygonFlat(geom.XY, flat, endss).SetSRID(srid), repairs, nil
}

func tidyRing(r *geom.LinearRing, hole bool, done map[string]bool) []float64 {
	n := r.NumCoords()
	if n == 0 {
		done[RepairDropped] = true
		return nil
	}
	var flat []float64
	for i := range n {
		c := r.Coord(i)
		if k := len(flat); k > 0 && flat[k-2] == c.X() && flat[k-1] == c.Y() {
			done[RepairDuplicates] = true
			continue
		}
		flat = append(flat, c.X(), c.Y())
	}
	if k := len(flat); flat[0] != flat[k-2] || flat[1] != flat[k-1] {
		done[RepairClosed] = true
		flat = append(flat, flat[0], flat[1])
	}
	if len(flat) < 8 {
		done[RepairDropped] = true
		return nil
	}
	twice := 0.0
	for i := 2; i < len(flat); i += 2 {
		twice += (flat[i-2]-flat[0])*(flat[i+1]-flat[1]) - (flat[i]-flat[0])*(flat[i-1]-flat[1])
	}
	if (twice < 0) != hole {
		done[RepairOrientation] = true
		for i, k := 0, len(flat)-2; i < k; i, k = i+2, k-2 {
			flat[i], flat[k] = flat[k], flat[i]
			flat[i+1], flat[k+1] = flat[k+1], flat[i+1]
		}
	}
	return flat
}
