package cell

import (
	"errors"
	"fmt"
	"slices"

	"github.com/twpayne/go-geom"
	"github.com/uber/h3-go/v4"

	"github.com/gridpatrol/gridpatrol/geo"
)

// Cover answers every cell of the given resolution that shares any point with
// the polygon, so that a point in the polygon is always in one of them. H3's
// usual covering goes by cell centres and would miss slivers and small polygons.
func Cover(p *geom.Polygon, res int) ([]Cell, error) { return cover(p, res, h3.ContainmentOverlapping) }

// Inside answers every cell of the given resolution that lies wholly in the
// polygon, holes respected.
func Inside(p *geom.Polygon, res int) ([]Cell, error) { return cover(p, res, h3.ContainmentFull) }

func cover(p *geom.Polygon, res int, mode h3.ContainmentMode) ([]Cell, error) {
	if p.NumLinearRings() == 0 {
		return nil, nil
	}
	area := h3.GeoPolygon{GeoLoop: loop(p.LinearRing(0))}
	for i := 1; i < p.NumLinearRings(); i++ {
		area.Holes = append(area.Holes, loop(p.LinearRing(i)))
	}
	cells, err := h3.PolygonToCellsExperimental(area, res, mode)
	if err != nil {
		return nil, fmt.Errorf("cover a polygon with cells of resolution %d: %w", res, err)
	}
	return fromH3(cells), nil
}

// loop leaves the closing point out, as H3 closes by itself.
func loop(r *geom.LinearRing) h3.GeoLoop {
	n := r.NumCoords()
	if n > 1 && r.Coord(0).X() == r.Coord(n-1).X() && r.Coord(0).Y() == r.Coord(n-1).Y() {
		n--
	}
	out := make(h3.GeoLoop, n)
	for i := range out {
		c := r.Coord(i)
		out[i] = h3.LatLng{Lat: c.Y(), Lng: c.X()}
	}
	return out
}

// In answers every cell of the given resolution whose centre lies in a box, in the
// order of their numbers; an error that wraps ErrMany where there would be more than
// most of them.
func In(b geo.Box, res, most int) ([]Cell, error) {
	if !(b.West < b.East && b.South < b.North) {
		return nil, nil
	}
	middle := geo.Point{Lon: (b.West + b.East) / 2, Lat: (b.South + b.North) / 2}
	at := At(middle, res)
	if at == 0 {
		return nil, fmt.Errorf("%w: no cell of resolution %d at %v", ErrCell, res, middle)
	}
	m2, err := h3.CellAreaM2(h3.Cell(at))
	if err != nil {
		return nil, fmt.Errorf("%w: area of %v: %w", ErrCell, at, err)
	}
	wide := geo.DistanceM(geo.Point{Lon: b.West, Lat: middle.Lat}, geo.Point{Lon: b.East, Lat: middle.Lat})
	high := geo.DistanceM(geo.Point{Lon: middle.Lon, Lat: b.South}, geo.Point{Lon: middle.Lon, Lat: b.North})
	if count := wide * high / m2; count > float64(most) {
		return nil, fmt.Errorf("%w: some %.0f of resolution %d, at most %d", ErrMany, count, res, most)
	}
	found, err := h3.PolygonToCellsExperimental(h3.GeoPolygon{GeoLoop: h3.GeoLoop{
		{Lat: b.South, Lng: b.West}, {Lat: b.South, Lng: b.East}, {Lat: b.North, Lng: b.East}, {Lat: b.North, Lng: b.West},
	}}, res, h3.ContainmentCenter)
	if err != nil {
		return nil, fmt.Errorf("cover a box with cells of resolution %d: %w", res, err)
	}
	cells := fromH3(found)
	slices.Sort(cells)
	return cells, nil
}

// ErrMany says that there are more cells than were asked for at most.
var ErrMany = errors.New("too many cells")
