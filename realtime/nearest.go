package realtime

import (
	"bytes"
	"math"
	"slices"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo"
)

// Candidates answers the last positions of a department's patrols, whatever their
// status or presence, nearest to a place by air first, at most limit; ties go to
// the patrol that was registered first. An empty department is every one.
func (x *Index) Candidates(department string, near geo.Point, limit int) []dispatch.Position {
	if limit <= 0 {
		return nil
	}
	now := nanos(x.now())
	x.mu.RLock()
	defer x.mu.RUnlock()
	n := newNearest(x.bodies, near, limit)
	var some [16]hit
	n.best = some[:0]
	if department == "" {
		for _, c := range x.crowds[1:] {
			c.search(&n)
		}
	} else if c := x.crowds[x.crowdOf[department]]; c != nil {
		c.search(&n)
	}
	n.end()
	for _, h := range n.best {
		// All at once: one after the other each would wait for memory by itself.
		d := &x.details[h.who]
		n.touched += uint32(x.bodies[h.who].t) + uint32(d.seq) + uint32(d.cell)
	}
	out := make([]dispatch.Position, len(n.best))
	for i, h := range n.best {
		out[i] = x.position(h.who, now)
	}
	return out
}

// position is where somebody of a crowd stands.
func (x *Index) position(who uint32, now int64) dispatch.Position {
	b, d := &x.bodies[who], &x.details[who]
	return dispatch.Position{
		PatrolID: dispatch.PatrolID{UUID: b.id}, Department: x.crowds[b.crowd].department, Point: d.point, T: d.t,
		Presence:  presences[b.judge(now)],
		AccuracyM: orZero(d.accuracyM), SpeedMS: orZero(d.speedMS), HeadingDeg: orZero(d.headingDeg), Headed: !math.IsNaN(d.headingDeg),
	}
}

// nearest keeps the best few of what it looks at. It compares squared lengths on the
// plane that touches the earth at near: the order is that of the true distances
// wherever a patrol could come from.
type nearest struct {
	few
	near    geo.Point
	cosLat  float64
	edge2   float64 // the square of the way to where longitudes begin anew
	touched uint32  // keeps the first looks, which fetch, from being left out
}

// few keeps the first of what it is given, at most limit: by d2, then by id.
type few struct {
	bodies []body // for their ids
	limit  int
	best   []hit   // sorted once it is full
	worst  float64 // of best, once it is full
}

type hit struct {
	d2  float64
	who uint32
}

func newNearest(bodies []body, near geo.Point, limit int) nearest {
	cosLat := math.Cos(near.Lat * math.Pi / 180)
	edge := (180 - math.Abs(near.Lon)) * cosLat
	return nearest{few: newFew(bodies, limit), near: near, cosLat: cosLat, edge2: edge * edge}
}

func newFew(bodies []body, limit int) few {
	return few{bodies: bodies, limit: limit, worst: math.Inf(1)}
}

func (n *few) before(h, o hit) bool {
	if h.d2 != o.d2 {
		return h.d2 < o.d2
	}
	return bytes.Compare(n.bodies[h.who].id[:], n.bodies[o.who].id[:]) < 0
}

func (n *nearest) look(at geo.Point, who uint32) {
	dx, dy := lonGap(at.Lon-n.near.Lon)*n.cosLat, at.Lat-n.near.Lat
	if d2 := dx*dx + dy*dy; !(d2 > n.worst) {
		n.take(hit{d2, who})
	}
}

func (n *few) take(h hit) {
	if len(n.best) < n.limit {
		n.best = append(n.best, h)
		if len(n.best) == n.limit {
			n.sort()
			n.worst = n.best[n.limit-1].d2
		}
		return
	}
	if !n.before(h, n.best[n.limit-1]) {
		return
	}
	n.best[n.limit-1] = h
	for i := len(n.best) - 1; i > 0 && n.before(n.best[i], n.best[i-1]); i-- {
		n.best[i], n.best[i-1] = n.best[i-1], n.best[i]
	}
	n.worst = n.best[n.limit-1].d2
}

// end sorts what was found when it was fewer than were asked for.
func (n *few) end() {
	if len(n.best) < n.limit {
		n.sort()
	}
}

func (n *few) sort() {
	slices.SortFunc(n.best, func(a, b hit) int {
		if n.before(a, b) {
			return -1
		}
		return 1
	})
}

// lonGap is a difference of longitudes the short way round.
func lonGap(d float64) float64 {
	switch {
	case d > 180:
		return d - 360
	case d < -180:
		return d + 360
	}
	return d
}

// search brings n the nearest: square by square in rings around the place, until
// whatever lies outside is further than the last of the best.
func (c *crowd) search(n *nearest) {
	r := c.raster
	if r == nil {
		for i := range c.list {
			n.look(c.list[i].at, c.list[i].who)
		}
		return
	}
	at := r.squareOf(n.near)
	n.touched += r.touch(at)
	left := c.n
	look := func(s square) {
		if !n.mayHold(r, s) {
			return
		}
		if home, known := r.find(s); known {
			b := r.block(home)
			left -= int(b.load)
			n.scan(r, b)
		}
	}
	for ring := int32(0); left > 0; ring++ {
		if 8*int(ring) > len(r.core)+len(r.far) {
			// Far from everybody: there are fewer squares than the ring has.
			for i := range r.core {
				s := square{r.from.x + int32(i)%r.wide, r.from.y + int32(i)/r.wide}
				if r.core[i].load > 0 && ringOf(s, at) >= ring {
					n.scan(r, &r.core[i])
				}
			}
			for s, home := range r.far {
				if ringOf(s, at) >= ring {
					n.scan(r, r.block(home))
				}
			}
			return
		}
		// The sides before the corners: nearer, so that the corners need often not be looked at.
		for k := int32(0); k <= ring; k++ {
			look(square{at.x + k, at.y - ring})
			if ring == 0 {
				break
			}
			look(square{at.x - k, at.y + ring})
			if k < ring {
				look(square{at.x - ring, at.y - k})
				look(square{at.x + ring, at.y + k})
			}
			if k > 0 {
				look(square{at.x - k, at.y - ring})
				look(square{at.x + k, at.y + ring})
				if k < ring {
					look(square{at.x - ring, at.y + k})
					look(square{at.x + ring, at.y - k})
				}
			}
		}
		if len(n.best) < n.limit {
			continue
		}
		// Nothing that was not seen is nearer than this: by the sides of the rings, and the
		// other way round the earth.
		seen := min((n.near.Lon-float64(at.x-ring)*r.stepLon)*n.cosLat, (float64(at.x+ring+1)*r.stepLon-n.near.Lon)*n.cosLat,
			n.near.Lat-float64(at.y-ring)*r.stepLat, float64(at.y+ring+1)*r.stepLat-n.near.Lat)
		if n.worst < min(seen*seen, n.edge2)*(1-1e-9) {
			return
		}
	}
}

// mayHold says whether somebody in a square could be among the best. What is near the
// other way round the earth is not judged by its square.
func (n *nearest) mayHold(r *raster, s square) bool {
	if !(n.worst < n.edge2*(1-1e-9)) {
		return true
	}
	// A hair is left for whoever stands on a side.
	const hair = 1e-6
	dx := max((float64(s.x)-hair)*r.stepLon-n.near.Lon, n.near.Lon-(float64(s.x)+1+hair)*r.stepLon, 0) * n.cosLat
	dy := max((float64(s.y)-hair)*r.stepLat-n.near.Lat, n.near.Lat-(float64(s.y)+1+hair)*r.stepLat, 0)
	return dx*dx+dy*dy <= n.worst
}

func (n *nearest) scan(r *raster, b *block) {
	for {
		for i := range min(b.load, perBlock) {
			n.look(b.at[i], b.who[i])
		}
		if b.next == 0 {
			return
		}
		b = r.block(b.next)
	}
}

func ringOf(s, at square) int32 { return max(abs(s.x-at.x), abs(s.y-at.y)) }

func abs(v int32) int32 { return max(v, -v) }
