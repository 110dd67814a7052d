package realtime

import (
	"math"
	"slices"

	"github.com/gridpatrol/gridpatrol/geo"
)

const (
	// scanUpTo is how many are looked at one by one; a raster pays off above.
	scanUpTo = 256
	// perSquare is how many a square of the raster holds when it is laid: so few that the
	// nine squares around a place are read at once, so many that they hold the nearest few.
	perSquare = 6
	// crowdedAt is how many in one square make the raster be laid anew.
	crowdedAt = 32 * perSquare
	// leastStep is the side of the smallest square, some 10 m, in degrees.
	leastStep = 1e-4
)

// crowd is the patrols of a department that have a place. Few stand in a list; many
// stand in the squares of a raster too, so that a question looks only at those near
// it. The raster is of degrees: H3 would say the same at twenty times the cost of
// finding a square.
type crowd struct {
	all    []*entry
	raster *raster
}

// raster is squares side by side in memory where nearly all stand, so that a question
// finds those around a place without a search, and a table of those further off.
type raster struct {
	stepLon, stepLat float64 // degrees
	from             square  // of core, the one with the least x and y
	wide, high       int32
	core             []lot
	far              map[square]*lot
	laidFor          int // entries when it was laid
	moves            int // since then
}

// square is where a square of the raster is, in steps.
type square struct{ x, y int32 }

// lot is who stands in a square. Their places are here too: a question reads many
// places and few entries.
type lot struct {
	at     square
	stands []stand
}

type stand struct {
	point geo.Point
	e     *entry
}

func (r *raster) squareOf(e *entry) square {
	return square{int32(math.Floor(e.Point.Lon / r.stepLon)), int32(math.Floor(e.Point.Lat / r.stepLat))}
}

// find answers the lot of a square, or nil where nobody has stood.
func (r *raster) find(s square) *lot {
	if x, y := s.x-r.from.x, s.y-r.from.y; x >= 0 && y >= 0 && x < r.wide && y < r.high {
		return &r.core[int(y)*int(r.wide)+int(x)]
	}
	return r.far[s]
}

// area is how many squares somebody may stand in.
func (r *raster) area() int { return len(r.core) + len(r.far) }

func (c *crowd) add(e *entry) {
	e.slot = len(c.all)
	c.all = append(c.all, e)
	if c.raster != nil {
		c.raster.add(e)
	}
	c.tune()
}

func (c *crowd) remove(e *entry) {
	last := c.all[len(c.all)-1]
	c.all[e.slot], last.slot = last, e.slot
	c.all[len(c.all)-1] = nil
	c.all = c.all[:len(c.all)-1]
	e.slot = -1
	if c.raster != nil {
		c.raster.remove(e)
	}
	c.tune()
}

// moved takes note that an entry's place has changed.
func (c *crowd) moved(e *entry) {
	r := c.raster
	if r == nil {
		return
	}
	r.moves++
	if r.squareOf(e) == e.lot.at {
		e.lot.stands[e.seat].point = e.Point
		return
	}
	r.remove(e)
	r.add(e)
	c.tune()
}

func (r *raster) add(e *entry) {
	at := r.squareOf(e)
	l := r.find(at)
	if l == nil {
		l = &lot{at: at}
		r.far[at] = l
	}
	e.lot, e.seat = l, len(l.stands)
	l.stands = append(l.stands, stand{e.Point, e})
	if len(l.stands) > crowdedAt && r.moves >= r.laidFor && r.stepLat > leastStep {
		r.laidFor = 0 // lay it anew
	}
}

func (r *raster) remove(e *entry) {
	l := e.lot
	last := l.stands[len(l.stands)-1]
	l.stands[e.seat], last.e.seat = last, e.seat
	l.stands[len(l.stands)-1] = stand{}
	if l.stands = l.stands[:len(l.stands)-1]; len(l.stands) == 0 {
		delete(r.far, l.at)
	}
	e.lot = nil
}

// tune lays the raster when there are many, again when there are many more or fewer,
// and takes it away when there are few.
func (c *crowd) tune() {
	n := len(c.all)
	switch r := c.raster; {
	case n <= scanUpTo/2:
		c.raster = nil
	case r == nil && n <= scanUpTo:
	case r == nil || n > 4*r.laidFor || n < r.laidFor/4:
		c.lay()
	}
}

// lay makes squares in which, where most of the entries are, a few stand each. The
// outermost tenth does not count: somebody in another province must not make the
// squares as large as provinces.
func (c *crowd) lay() {
	const sample = 1000
	lons, lats := make([]float64, 0, sample), make([]float64, 0, sample)
	for i := range min(sample, len(c.all)) {
		e := c.all[i*len(c.all)/min(sample, len(c.all))]
		lons, lats = append(lons, e.Point.Lon), append(lats, e.Point.Lat)
	}
	slices.Sort(lons)
	slices.Sort(lats)
	from, to := len(lons)/20, len(lons)-1-len(lons)/20
	cosLat := max(0.05, math.Cos(lats[len(lats)/2]*math.Pi/180))
	area := (lons[to] - lons[from]) * cosLat * (lats[to] - lats[from]) / 0.81
	step := max(leastStep, math.Sqrt(area*perSquare/float64(len(c.all))))
	r := &raster{stepLon: step / cosLat, stepLat: step, laidFor: len(c.all), far: map[square]*lot{}}
	r.settle(lons[from], lats[from], lons[to], lats[to], 4*len(c.all))
	for _, e := range c.all {
		r.add(e)
	}
	r.laidFor, c.raster = len(c.all), r
}

// settle makes the core: what lies between two corners and a quarter as much again on
// each side, at most so many squares.
func (r *raster) settle(west, south, east, north float64, most int) {
	w, s := math.Floor((west-(east-west)/4)/r.stepLon), math.Floor((south-(north-south)/4)/r.stepLat)
	wide, high := math.Floor((east+(east-west)/4)/r.stepLon)-w+1, math.Floor((north+(north-south)/4)/r.stepLat)-s+1
	if wide*high > float64(most) {
		return // they stand on a line, or apart: the table holds them
	}
	r.from, r.wide, r.high = square{int32(w), int32(s)}, int32(wide), int32(high)
	r.core = make([]lot, int(wide)*int(high))
	for i := range r.core {
		r.core[i].at = square{r.from.x + int32(i)%r.wide, r.from.y + int32(i)/r.wide}
	}
}

// search brings n the nearest: square by square in rings around the place, until
// whatever lies outside is further than the last of the best.
func (c *crowd) search(n *nearest) {
	r := c.raster
	if r == nil {
		for _, e := range c.all {
			n.look(e.Point, e)
		}
		return
	}
	at := square{int32(math.Floor(n.near.Lon / r.stepLon)), int32(math.Floor(n.near.Lat / r.stepLat))}
	left := len(c.all)
	look := func(s square) {
		if l := r.find(s); l != nil {
			left -= len(l.stands)
			n.scan(l)
		}
	}
	for ring := int32(0); left > 0; ring++ {
		if 8*int(ring) > r.area() {
			// Far from everybody: there are fewer squares than the ring has.
			beyond := func(l *lot) {
				if len(l.stands) > 0 && max(abs(l.at.x-at.x), abs(l.at.y-at.y)) >= ring {
					n.scan(l)
				}
			}
			for i := range r.core {
				beyond(&r.core[i])
			}
			for _, l := range r.far {
				beyond(l)
			}
			return
		}
		for x := at.x - ring; x <= at.x+ring; x++ {
			look(square{x, at.y - ring})
			if ring > 0 {
				look(square{x, at.y + ring})
			}
		}
		for y := at.y - ring + 1; y < at.y+ring; y++ {
			look(square{at.x - ring, y})
			look(square{at.x + ring, y})
		}
		if len(n.best) < n.limit {
			continue
		}
		// Nothing that was not seen is nearer than this: by the sides of the rings, and the
		// other way round the earth.
		seen := min((180-math.Abs(n.near.Lon))*n.cosLat,
			(n.near.Lon-float64(at.x-ring)*r.stepLon)*n.cosLat, (float64(at.x+ring+1)*r.stepLon-n.near.Lon)*n.cosLat,
			n.near.Lat-float64(at.y-ring)*r.stepLat, float64(at.y+ring+1)*r.stepLat-n.near.Lat)
		if n.best[n.limit-1].d2 < seen*seen*(1-1e-9) {
			return
		}
	}
}

func abs(v int32) int32 { return max(v, -v) }
