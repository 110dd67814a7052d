package realtime

import (
	"math"
	"slices"

	"github.com/gridpatrol/gridpatrol/geo"
)

// scanUpTo is how many are looked at one by one; a raster pays off above.
const scanUpTo = 256

// crowd is the patrols of a department that have a place. Few stand in a list, many in
// a raster, so that a question looks only at those near it. Where one stands is kept in
// its body.
type crowd struct {
	department string
	n          int
	list       []stand // all of them, without a raster
	raster     *raster
}

// stand is a patrol and its place.
type stand struct {
	at  geo.Point
	who uint32
}

func (c *crowd) add(bodies []body, who uint32, at geo.Point) {
	c.n++
	if c.raster != nil {
		bodies[who].where = c.raster.add(who, at)
	} else {
		bodies[who].where = uint32(len(c.list))
		c.list = append(c.list, stand{at, who})
	}
	c.tune(bodies)
}

func (c *crowd) remove(bodies []body, who uint32, at geo.Point) {
	c.n--
	if c.raster != nil {
		c.raster.remove(who, bodies[who].where, at)
	} else {
		i, last := bodies[who].where, len(c.list)-1
		c.list[i] = c.list[last]
		bodies[c.list[i].who].where = i
		c.list = c.list[:last]
	}
	c.tune(bodies)
}

// moved takes note that somebody has gone from one place to another.
func (c *crowd) moved(bodies []body, who uint32, from, to geo.Point) {
	r, home := c.raster, bodies[who].where
	if r == nil {
		c.list[home].at = to
		return
	}
	r.moves++
	if at, known := r.find(r.squareOf(to)); known && at == home {
		b, i := r.seek(who, home)
		b.at[i] = to
		return
	}
	r.remove(who, home, from)
	bodies[who].where = r.add(who, to)
	c.tune(bodies)
}

// tune lays the raster when there are many, again when there are many more or fewer,
// and takes it away when there are few.
func (c *crowd) tune(bodies []body) {
	switch r := c.raster; {
	case r == nil && c.n <= scanUpTo:
	case c.n <= scanUpTo/2:
		c.list, c.raster = c.stands(), nil
		for i := range c.list {
			bodies[c.list[i].who].where = uint32(i)
		}
	case r == nil || c.n > 2*r.laidFor || c.n < r.laidFor/4:
		c.raster = lay(c.stands())
		c.list = nil
		for home, b := range c.raster.homes() {
			for b := range c.raster.chain(b) {
				for _, who := range b.who[:min(b.load, perBlock)] {
					bodies[who].where = home
				}
			}
		}
	}
}

// stands is everybody, in no order.
func (c *crowd) stands() []stand {
	if c.raster == nil {
		return c.list
	}
	all := make([]stand, 0, c.n)
	for _, b := range c.raster.homes() {
		for b := range c.raster.chain(b) {
			for i, who := range b.who[:min(b.load, perBlock)] {
				all = append(all, stand{b.at[i], who})
			}
		}
	}
	return all
}

// lay makes squares in which, where most stand, a few stand each. The outermost tenth
// does not count: somebody in another province must not make the squares as large as
// provinces.
func lay(all []stand) *raster {
	const sample = 1000
	n := min(sample, len(all))
	lons, lats := make([]float64, 0, n), make([]float64, 0, n)
	for i := range n {
		at := all[i*len(all)/n].at
		lons, lats = append(lons, at.Lon), append(lats, at.Lat)
	}
	slices.Sort(lons)
	slices.Sort(lats)
	from, to := n/20, n-1-n/20
	cosLat := max(0.05, math.Cos(lats[n/2]*math.Pi/180))
	area := (lons[to] - lons[from]) * cosLat * (lats[to] - lats[from]) / 0.81
	step := max(leastStep, math.Sqrt(area*perSquare/float64(len(all))))
	r := newRaster(step/cosLat, step)
	r.settle(lons[from], lats[from], lons[to], lats[to], len(all))
	for i := range all {
		r.add(all[i].who, all[i].at)
	}
	r.laidFor = len(all)
	return r
}
