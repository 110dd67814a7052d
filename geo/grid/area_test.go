package grid_test

import (
	"math"
	"testing"

	"github.com/twpayne/go-geom"
	"pgregory.net/rapid"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/grid"
)

// corner is a place whose numbers and their products are exact, so that a twin can say
// for certain what lies on an edge.
func corner(x, y int) geom.Coord { return geom.Coord{121 + float64(x)/4096, 28 + float64(y)/4096} }

// drawArea draws polygons with holes, which may cross themselves and each other.
func drawArea(t *rapid.T) *geom.MultiPolygon {
	mp := geom.NewMultiPolygon(geom.XY)
	for range rapid.IntRange(1, 3).Draw(t, "polygons") {
		var rings [][]geom.Coord
		for range rapid.IntRange(1, 3).Draw(t, "rings") {
			n := rapid.IntRange(3, 7).Draw(t, "corners")
			var ring []geom.Coord
			for range n {
				ring = append(ring, corner(rapid.IntRange(0, 24).Draw(t, "x"), rapid.IntRange(0, 24).Draw(t, "y")))
			}
			rings = append(rings, append(ring, ring[0]))
		}
		mp.Push(geom.NewPolygon(geom.XY).MustSetCoords(rings))
	}
	return mp
}

// An area holds what rational numbers say that one of its polygons holds: edges, corners
// and the edges of holes included.
func TestAnAreaHoldsWhatItsPolygonsHold(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		mp := drawArea(t)
		area, err := grid.NewArea(mp)
		if err != nil {
			return // corners in one place
		}
		for range 40 {
			at := corner(rapid.IntRange(-1, 25).Draw(t, "x"), rapid.IntRange(-1, 25).Draw(t, "y"))
			if rapid.Bool().Draw(t, "between") {
				at[0] += 1.0 / 8192
			}
			p := geo.Point{Lon: at[0], Lat: at[1]}
			want := false
			for i := range mp.NumPolygons() {
				one := geom.NewMultiPolygon(geom.XY)
				one.Push(mp.Polygon(i))
				want = want || holds(one, p) >= 0
			}
			if area.Contains(p) != want {
				t.Fatalf("%v in %v: %v", p, mp.Coords(), !want)
			}
			if boxes := area.Boxes(); want && (len(boxes) != 1 || !boxes[0].Contains(p)) {
				t.Fatalf("%v lies outside of %v", p, boxes)
			}
		}
	})
}

// The edge is as wide as that of an index: a grid asked for by itself and one found by
// its index say the same of every place.
func TestAGridByItselfIsThatOfItsIndex(t *testing.T) {
	t.Parallel()
	left := geom.NewMultiPolygon(geom.XY)
	left.Push(geom.NewPolygon(geom.XY).MustSetCoords([][]geom.Coord{{{121.3, 28.5}, {121.4, 28.5}, {121.4, 28.6}, {121.3, 28.6}, {121.3, 28.5}}}))
	ix, err := grid.New([]grid.Grid{{Code: "b", Geom: geom.NewMultiPolygon(geom.XY).MustSetCoords([][][]geom.Coord{{{{122, 28}, {122.1, 28}, {122, 28.1}, {122, 28}}}})}, {Code: "a", Geom: left}})
	if err != nil {
		t.Fatal(err)
	}
	area, err := grid.NewArea(left)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		lon  float64
		want bool
	}{{121.35, true}, {121.4, true}, {121.4 + grid.BorderDeg/2, true}, {121.4 + 3*grid.BorderDeg, false}, {math.Nextafter(121.3, 0), true}, {121.29, false}} {
		p := geo.Point{Lon: c.lon, Lat: 28.55}
		if got := ix.Area(1).Contains(p); got != c.want || area.Contains(p) != c.want || (ix.Find(p, nil) == 1) != c.want {
			t.Errorf("at %.12f: the grid says %v, the area %v, the index %v", c.lon, got, area.Contains(p), ix.Find(p, nil))
		}
	}
	for name, bad := range map[string]*geom.MultiPolygon{"nil": nil, "empty": geom.NewMultiPolygon(geom.XY),
		"two corners": geom.NewMultiPolygon(geom.XY).MustSetCoords([][][]geom.Coord{{{{1, 1}, {2, 2}, {1, 1}}}})} {
		if _, err := grid.NewArea(bad); err == nil {
			t.Errorf("%s is taken for an area", name)
		}
	}
}
