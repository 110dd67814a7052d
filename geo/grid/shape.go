package grid

import (
	"errors"
	"fmt"
	"math"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/twpayne/go-geom"
)

// edge is one side of a ring, in degrees.
type edge struct{ ax, ay, bx, by float64 }

// shape is a multipolygon made ready for questions: all edges of all rings in
// one slice, and beside it the same edges in horizontal slabs, so that a ray
// meets only those at its height.
type shape struct {
	box       geo.Box
	edges     []edge
	slabs     []edge
	starts    []int32 // slab i is slabs[starts[i]:starts[i+1]]
	perDegree float64 // slabs to a degree of latitude
}

func newShape(mp *geom.MultiPolygon) (shape, error) {
	if mp == nil || mp.NumPolygons() == 0 {
		return shape{}, errors.New("has no polygon")
	}
	s := shape{box: geo.Box{West: math.Inf(1), South: math.Inf(1), East: math.Inf(-1), North: math.Inf(-1)}}
	stride := mp.Stride()
	flat := mp.FlatCoords()
	start := 0
	for _, ends := range mp.Endss() {
		for i, end := range ends {
			if err := s.addRing(flat[start:end], stride, i > 0); err != nil {
				return shape{}, err
			}
			start = end
		}
	}
	s.slice()
	return s, nil
}

// addRing takes the sides of a ring, closing it where it is left open. Outer
// rings run counter-clockwise here and holes clockwise, however they came, so
// that signed areas add up.
func (s *shape) addRing(flat []float64, stride int, hole bool) error {
	n := len(flat) / stride
	if n > 1 && flat[0] == flat[(n-1)*stride] && flat[1] == flat[(n-1)*stride+1] {
		n--
	}
	first := len(s.edges)
	twice := 0.0 // signed area, from the first point to keep digits
	for i := range n {
		p := geo.Point{Lon: flat[i*stride], Lat: flat[i*stride+1]}
		if err := p.Check(); err != nil && !errors.Is(err, geo.ErrNullIsland) {
			return err
		}
		j := (i + 1) % n
		e := edge{p.Lon, p.Lat, flat[j*stride], flat[j*stride+1]}
		s.box.West, s.box.East = min(s.box.West, p.Lon), max(s.box.East, p.Lon)
		s.box.South, s.box.North = min(s.box.South, p.Lat), max(s.box.North, p.Lat)
		twice += (e.ax-flat[0])*(e.by-flat[1]) - (e.ay-flat[1])*(e.bx-flat[0])
		if e.ax != e.bx || e.ay != e.by {
			s.edges = append(s.edges, e)
		}
	}
	if sides := len(s.edges) - first; sides < 3 {
		return fmt.Errorf("has a ring of %d sides; a ring needs 3", sides)
	}
	if (twice < 0) != hole {
		for i, e := range s.edges[first:] {
			s.edges[first+i] = edge{e.bx, e.by, e.ax, e.ay}
		}
	}
	return nil
}

// slice lays the edges into slabs, two to a slab on average.
func (s *shape) slice() {
	n := min(max(len(s.edges)/2, 1), 4096)
	height := s.box.North - s.box.South + 4*BorderDeg
	s.perDegree = float64(n) / height
	counts := make([]int32, n+1)
	for _, e := range s.edges {
		lo, hi := s.slabsOf(e, n)
		for i := lo; i <= hi; i++ {
			counts[i+1]++
		}
	}
	for i := range n {
		counts[i+1] += counts[i]
	}
	s.starts = counts
	s.slabs = make([]edge, counts[n])
	next := append([]int32(nil), counts[:n]...)
	for _, e := range s.edges {
		lo, hi := s.slabsOf(e, n)
		for i := lo; i <= hi; i++ {
			s.slabs[next[i]] = e
			next[i]++
		}
	}
}

func (s *shape) slabsOf(e edge, n int) (lo, hi int) {
	lo = s.slab(min(e.ay, e.by) - 2*BorderDeg)
	hi = s.slab(max(e.ay, e.by) + 2*BorderDeg)
	return max(lo, 0), min(hi, n-1)
}

func (s *shape) slab(lat float64) int {
	return int(math.Floor((lat - s.box.South + 2*BorderDeg) * s.perDegree))
}

// contains says whether p lies in the shape; on an edge, to within BorderDeg, it
// does. Rounding cannot tip the side of an edge on which p lies: it is a thousand times
// smaller than BorderDeg.
func (s *shape) contains(p geo.Point) bool {
	x, y := p.Lon, p.Lat
	if x < s.box.West-BorderDeg || x > s.box.East+BorderDeg || y < s.box.South-BorderDeg || y > s.box.North+BorderDeg {
		return false
	}
	i := min(max(s.slab(y), 0), len(s.starts)-2)
	inside := false
	for _, e := range s.slabs[s.starts[i]:s.starts[i+1]] {
		if x > e.ax+BorderDeg && x > e.bx+BorderDeg {
			continue // the ray runs to the east
		}
		above := e.ay > y
		crosses := above != (e.by > y)
		if x < e.ax-BorderDeg && x < e.bx-BorderDeg {
			if crosses {
				inside = !inside
			}
			continue
		}
		if y < min(e.ay, e.by)-BorderDeg || y > max(e.ay, e.by)+BorderDeg {
			continue
		}
		dx, dy := e.bx-e.ax, e.by-e.ay
		side := dx*(y-e.ay) - dy*(x-e.ax)
		if math.Abs(side) <= BorderDeg*(math.Abs(dx)+math.Abs(dy)) {
			return true
		}
		// West of an edge that runs up means to the left of it.
		if crosses && (side > 0) == (dy > 0) {
			inside = !inside
		}
	}
	return inside
}

// distanceM is the way from the local origin to the nearest edge.
func (s *shape) distanceM(local geo.Local) float64 {
	best := math.Inf(1)
	for _, e := range s.edges {
		ax, ay := local.XY(geo.Point{Lon: e.ax, Lat: e.ay})
		bx, by := local.XY(geo.Point{Lon: e.bx, Lat: e.by})
		best = min(best, squareToSegment(ax, ay, bx, by))
	}
	return math.Sqrt(best)
}

// squareToSegment is the squared distance of the origin to a segment.
func squareToSegment(ax, ay, bx, by float64) float64 {
	dx, dy := bx-ax, by-ay
	t := 0.0
	if l := dx*dx + dy*dy; l > 0 {
		t = min(max(-(ax*dx+ay*dy)/l, 0), 1)
	}
	x, y := ax+t*dx, ay+t*dy
	return x*x + y*y
}
