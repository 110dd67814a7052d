package grid

import (
	"errors"

	"github.com/twpayne/go-geom"

	"github.com/gridpatrol/gridpatrol/geo"
)

// Area is one multipolygon by itself, made ready to be asked about many points. What
// lies within an odd number of the rings of a polygon is inside it, so that holes and
// the islands in them count as they are drawn; what lies in any of its polygons is
// inside the area. Its border belongs to it, to within BorderDeg, holes' too: the rule
// of an Index. It does not cross the antimeridian. An Area never changes.
type Area struct{ polygons []shape }

// NewArea makes an area. Its error says what is wrong with the drawing.
func NewArea(g *geom.MultiPolygon) (*Area, error) {
	if g == nil || g.NumPolygons() == 0 {
		return nil, errors.New("has no polygon")
	}
	a := &Area{}
	for i := range g.NumPolygons() {
		one := geom.NewMultiPolygon(g.Layout())
		if err := one.Push(g.Polygon(i)); err != nil {
			return nil, err
		}
		s, err := newShape(one)
		if err != nil {
			return nil, err
		}
		a.polygons = append(a.polygons, s)
	}
	return a, nil
}

// Contains says whether a point lies in the area or on its border.
func (a *Area) Contains(p geo.Point) bool {
	for i := range a.polygons {
		if a.polygons[i].contains(p) {
			return true
		}
	}
	return false
}

// Boxes hold the area together, its border with it.
func (a *Area) Boxes() []geo.Box {
	box := a.polygons[0].box
	for _, s := range a.polygons[1:] {
		box = geo.Box{West: min(box.West, s.box.West), South: min(box.South, s.box.South), East: max(box.East, s.box.East), North: max(box.North, s.box.North)}
	}
	return []geo.Box{{West: box.West - BorderDeg, South: box.South - BorderDeg, East: box.East + BorderDeg, North: box.North + BorderDeg}}
}

// Area answers one of the grids that the index was made of, by its place in the slice
// that New was given.
func (ix *Index) Area(ref int) *Area {
	for rank, r := range ix.refs {
		if r == ref {
			return &Area{polygons: ix.shapes[rank : rank+1]}
		}
	}
	return nil
}
