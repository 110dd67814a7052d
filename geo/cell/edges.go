package cell

import (
	"math"

	"github.com/gridpatrol/gridpatrol/geo"
)

// Edges are the sides of a cell, kept so that whoever stays in it need not ask H3
// again: asking costs a microsecond, this a few nanoseconds.
type Edges struct {
	Cell   Cell
	Middle geo.Point
	// Around is a box that holds the cell; the whole earth where the cell holds a pole
	// or crosses the antimeridian.
	Around geo.Box

	cosLat float64
	n      int
	sides  [maxSides]side
}

// side is a straight line on the plane that touches the earth at the middle: what lies
// inside has a*x + b*y <= c, in degrees of latitude.
type side struct{ a, b, c float64 }

const (
	maxSides = 10 // of a pentagon that crosses the faces of H3's solid
	// insideBy is how far inside a place must be for the plane to be believed, in degrees
	// of latitude: a metre. The sides of a cell are no straight lines on the plane, but
	// less than that apart from them at the resolutions that edges are kept for.
	insideBy = 1.0 / 111_195
	finest   = 7  // coarser cells are not believed
	polar    = 80 // nor those nearer to a pole, degrees
)

// EdgesOf are the sides of a cell. It answers an empty value, which holds nothing, for
// what is no cell.
func EdgesOf(c Cell) Edges {
	e := Edges{Cell: c, Around: geo.Box{West: -180, South: -90, East: 180, North: 90}}
	corners, err := c.Boundary()
	if err != nil || len(corners) > maxSides {
		return Edges{}
	}
	if e.Middle, err = c.Center(); err != nil {
		return Edges{}
	}
	box := geo.Box{West: 180, South: 90, East: -180, North: -90}
	for _, p := range corners {
		box.West, box.East = min(box.West, p.Lon), max(box.East, p.Lon)
		box.South, box.North = min(box.South, p.Lat), max(box.North, p.Lat)
	}
	if box.East-box.West > 90 || max(box.North, -box.South) > polar {
		return e
	}
	// A side may bulge beyond its corners, never by a tenth of the cell.
	dx, dy := (box.East-box.West)/10, (box.North-box.South)/10
	e.Around = geo.Box{West: box.West - dx, South: box.South - dy, East: box.East + dx, North: box.North + dy}
	if c.Resolution() < finest {
		return e
	}
	e.cosLat = math.Cos(e.Middle.Lat * math.Pi / 180)
	for i, from := range corners {
		to := corners[(i+1)%len(corners)]
		x1, y1 := (from.Lon-e.Middle.Lon)*e.cosLat, from.Lat-e.Middle.Lat
		x2, y2 := (to.Lon-e.Middle.Lon)*e.cosLat, to.Lat-e.Middle.Lat
		// Counter-clockwise: the outward normal is to the right of the way.
		a, b := y2-y1, x1-x2
		long := math.Hypot(a, b)
		if long == 0 {
			continue
		}
		a, b = a/long, b/long
		e.sides[e.n] = side{a, b, a*x1 + b*y1 - insideBy}
		e.n++
	}
	return e
}

// Surely says that a place is in the cell, a metre from its sides at least. False
// means that H3 must be asked.
func (e *Edges) Surely(p geo.Point) bool {
	x, y := (p.Lon-e.Middle.Lon)*e.cosLat, p.Lat-e.Middle.Lat
	for i := range e.n {
		s := &e.sides[i]
		if !(s.a*x+s.b*y <= s.c) {
			return false
		}
	}
	return e.n > 0
}

// Up answers the coarser cell of a resolution that c descends from by its number
// alone, without asking H3; zero where Parent would be.
func (c Cell) Up(res int) Cell {
	own := c.Resolution()
	if c == 0 || res < 0 || res > own {
		return 0
	}
	// Three bits for each resolution below; ones where there is none.
	low := Cell(1)<<(3*(MaxRes-res)) - 1
	return c&^(15<<52) | Cell(res)<<52 | low
}
