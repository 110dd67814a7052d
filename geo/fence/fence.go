// Package fence says when somebody who moves has entered or left an area, once, and
// without flapping at its edge.
//
// Who stands on an edge is on both sides of it by turns, as the fix wanders. So a side
// counts only from a margin on, which follows the accuracy of the fix; between the two
// margins nothing changes. And who passes through an area between two fixes has been in
// it: the straight way between them is looked at, where they are close in time, also
// through an area that is narrower than the margins.
package fence

import (
	"errors"
	"math"
	"slices"
	"time"

	"github.com/gridpatrol/gridpatrol/geo"
)

const (
	// leastMarginM and mostMarginM bound the margin; a fix without an accuracy has
	// assumedM. The live map takes no fix that is coarser than the most.
	leastMarginM = 15.0
	mostMarginM  = 500.0
	assumedM     = 20.0
	// wayWithin is the longest between two fixes over which the straight way counts.
	wayWithin = 2 * time.Minute
	// depthSteps is how often the way within an area is looked at for its depth.
	depthSteps = 16
	// MaxCorners bounds an area.
	MaxCorners = 100_000
)

// ErrShape says that a shape is no area.
var ErrShape = errors.New("no area")

// Fence is an area on a flat map of its own. It is immutable.
type Fence struct {
	local geo.Local
	box   geo.Box
	edges []edge // of all rings
}

type edge struct{ ax, ay, bx, by float64 } // metres

// New makes a fence of rings: what lies within an odd number of them is inside, so
// that holes and islands are rings like others. A ring needs no closing corner.
func New(rings [][]geo.Point) (*Fence, error) {
	box := geo.Box{West: math.Inf(1), South: math.Inf(1), East: math.Inf(-1), North: math.Inf(-1)}
	corners := 0
	for _, ring := range rings {
		if len(ring) < 3 {
			return nil, ErrShape
		}
		for _, p := range ring {
			if err := p.Check(); err != nil {
				return nil, errors.Join(ErrShape, err)
			}
			box.West, box.East = min(box.West, p.Lon), max(box.East, p.Lon)
			box.South, box.North = min(box.South, p.Lat), max(box.North, p.Lat)
		}
		corners += len(ring)
	}
	if corners == 0 || corners > MaxCorners {
		return nil, ErrShape
	}
	f := &Fence{local: geo.NewLocal(geo.Point{Lon: (box.West + box.East) / 2, Lat: (box.South + box.North) / 2}), box: box}
	for _, ring := range rings {
		for i, p := range ring {
			ax, ay := f.local.XY(p)
			bx, by := f.local.XY(ring[(i+1)%len(ring)])
			if ax != bx || ay != by {
				f.edges = append(f.edges, edge{ax, ay, bx, by})
			}
		}
	}
	if len(f.edges) < 3 {
		return nil, ErrShape
	}
	return f, nil
}

// inside says on which side of the edges a place is; on an edge it may be either.
func (f *Fence) inside(x, y float64) bool {
	in := false
	for _, e := range f.edges {
		if (e.ay > y) != (e.by > y) && x < e.ax+(y-e.ay)/(e.by-e.ay)*(e.bx-e.ax) {
			in = !in
		}
	}
	return in
}

// depth is how far inside a place is, in metres; below 0 it is outside.
func (f *Fence) depth(x, y float64) float64 {
	least := math.Inf(1)
	for _, e := range f.edges {
		dx, dy := e.bx-e.ax, e.by-e.ay
		t := min(1, max(0, ((x-e.ax)*dx+(y-e.ay)*dy)/(dx*dx+dy*dy)))
		ox, oy := x-e.ax-t*dx, y-e.ay-t*dy
		least = min(least, ox*ox+oy*oy)
	}
	if f.inside(x, y) {
		return math.Sqrt(least)
	}
	return -math.Sqrt(least)
}

// Side is where somebody stands of a fence.
type Side uint8

// The sides; Unknown until a fix is clear of the edge.
const (
	Unknown Side = iota
	Outside
	Inside
)

// Crossing is a change of sides. T lies between the two fixes by which it was seen.
type Crossing struct {
	Entered bool
	T       time.Time
}

// Fix is where somebody is. An accuracy that is not above 0 is unknown.
type Fix struct {
	Point     geo.Point
	T         time.Time
	AccuracyM float64
}

// Watch is one who moves and one fence.
type Watch struct {
	Side Side
	last Fix
	any  bool
	way  way
}

// Begin is a watch over somebody who stood on a side when nothing nearer was known of
// the fence. before may be nil: what comes next is the first fix.
func Begin(side Side, before *Fix) Watch {
	if before == nil {
		return Watch{Side: side}
	}
	w := Watch{Side: side, last: *before, any: true}
	if side == Outside {
		w.way.begin(*before)
	}
	return w
}

// Step takes the next fix and answers what was crossed since the one before, in order;
// they alternate. A fix that is not newer than the one before is passed over.
func (w *Watch) Step(f *Fence, fix Fix) (crossed []Crossing) {
	if w.any && !fix.T.After(w.last.T) {
		return nil
	}
	before, any := w.last, w.any
	w.last, w.any = fix, true
	margin := marginOf(fix.AccuracyM)
	if any {
		margin = max(margin, marginOf(before.AccuracyM))
	}
	known := any && fix.T.Sub(before.T) <= wayWithin // which way it came
	was, depth := w.Side, -math.MaxFloat64
	var meets []float64 // the shares of that way where it meets an edge
	if !f.far(fix.Point, margin) || any && (!f.far(before.Point, margin) || f.between(before.Point, fix.Point)) {
		x, y := f.local.XY(fix.Point)
		depth = f.depth(x, y)
		if known && w.Side != Unknown {
			bx, by := f.local.XY(before.Point)
			meets = f.cuts(bx, by, x, y)
			for i := 0; i <= len(meets); i++ { // one side of an edge after the other
				from, to := 0.0, 1.0
				if i > 0 {
					from = meets[i-1]
				}
				if i < len(meets) {
					to = meets[i]
				}
				for k := 1; k < depthSteps; k++ {
					s := from + (to-from)*float64(k)/depthSteps
					t := before.T.Add(time.Duration(s * float64(fix.T.Sub(before.T))))
					crossed = w.turn(f.depth(bx+s*(x-bx), by+s*(y-by)), margin, t, crossed)
				}
			}
		}
	}
	crossed = w.turn(depth, margin, fix.T, crossed)
	if was == Outside && w.Side == Outside && len(crossed) == 0 && known {
		w.way.leg(fix, meets)
		if w.way.through(f) {
			crossed = []Crossing{{Entered: true, T: w.way.from}, {T: w.way.to}}
		}
	} else {
		w.way.end()
	}
	if depth <= -margin { // clear of the area
		w.way.begin(fix)
	}
	return crossed
}

// turn changes the side where a depth is clear of the margin.
func (w *Watch) turn(depth, margin float64, t time.Time, crossed []Crossing) []Crossing {
	side := w.Side
	switch {
	case depth >= margin:
		side = Inside
	case depth <= -margin:
		side = Outside
	}
	if side != w.Side && w.Side != Unknown {
		crossed = append(crossed, Crossing{Entered: side == Inside, T: t})
	}
	w.Side = side
	return crossed
}

func marginOf(accuracyM float64) float64 {
	if !(accuracyM > 0) { // not a number, too
		accuracyM = assumedM
	}
	return min(mostMarginM, max(leastMarginM, accuracyM))
}

// far says that a place is outside by more than the margin, without looking at edges.
func (f *Fence) far(p geo.Point, margin float64) bool {
	w, s := f.local.XY(geo.Point{Lon: f.box.West, Lat: f.box.South})
	e, n := f.local.XY(geo.Point{Lon: f.box.East, Lat: f.box.North})
	x, y := f.local.XY(p)
	return x < w-margin || x > e+margin || y < s-margin || y > n+margin
}

// between says whether the straight way could meet the box.
func (f *Fence) between(a, b geo.Point) bool {
	return min(a.Lon, b.Lon) <= f.box.East && max(a.Lon, b.Lon) >= f.box.West &&
		min(a.Lat, b.Lat) <= f.box.North && max(a.Lat, b.Lat) >= f.box.South
}

// cuts are the shares of the way at which it meets an edge, in order.
func (f *Fence) cuts(ax, ay, bx, by float64) (at []float64) {
	dx, dy := bx-ax, by-ay
	for _, e := range f.edges {
		ex, ey := e.bx-e.ax, e.by-e.ay
		cross := dx*ey - dy*ex
		if cross == 0 {
			continue // along each other: its neighbours are met
		}
		s := ((e.ax-ax)*ey - (e.ay-ay)*ex) / cross
		t := ((e.ax-ax)*dy - (e.ay-ay)*dx) / cross
		if s > 0 && s < 1 && t >= 0 && t <= 1 {
			at = append(at, s)
		}
	}
	slices.Sort(at)
	return at
}
