package cell

import (
	"fmt"

	"github.com/twpayne/go-geom"
	"github.com/uber/h3-go/v4"
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
