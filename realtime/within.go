package realtime

import (
	"cmp"
	"slices"
	"sync"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo"
)

// atOnce is how many whose details are looked at under one hold of the lock: nobody who
// moves waits for longer than that takes.
const atOnce = 1024

// Within answers who stands in a region, as dispatch.Live says. Where everybody stands is
// taken down at one moment, of the squares that the region's boxes touch; the region is
// asked about them, and they are looked at, after that, so that whoever moves need not
// wait for it. Whoever has left meanwhile, or stands where Admits lets nobody be told of
// them, is counted and not named. It works in memory that it used before: what it allocates
// does not grow with how many it looks at.
func (x *Index) Within(ask dispatch.WithinAsk) (found []dispatch.Position, heads []dispatch.Headcount) {
	w := benches.Get().(*within)
	defer benches.Put(w)
	w.index, w.ask, w.now = x, &ask, nanos(x.now())
	defer func() { w.index, w.ask, w.few, w.one = nil, nil, few{}, dispatch.Standing{} }()
	w.gather()
	w.few = newFew(nil, max(1, ask.Limit))
	heads, found = w.count(), w.named()
	slices.SortFunc(heads, func(a, b dispatch.Headcount) int { return cmp.Compare(a.Department, b.Department) })
	return found, heads
}

// within is one question for who stands in a region.
type within struct {
	few
	index  *Index
	ask    *dispatch.WithinAsk
	now    int64
	box    geo.Box
	stands []stand
	parts  []part
	one    dispatch.Standing // whom ask.Admits is asked about
}

// part is the stands of one crowd.
type part struct {
	crowd      uint32
	department string
	from, to   int // in stands
}

var benches = sync.Pool{New: func() any { return &within{} }}

// gather takes down who stands in the region's boxes, and leaves those who stand in the
// region.
func (w *within) gather() {
	w.stands, w.parts = w.stands[:0], w.parts[:0]
	boxes := w.ask.Region.Boxes()
	w.index.mu.RLock()
	for number, c := range w.index.crowds[1:] {
		if w.ask.Department != "" && c.department != w.ask.Department {
			continue
		}
		from := len(w.stands)
		for _, w.box = range boxes {
			c.inside(w)
		}
		w.parts = append(w.parts, part{uint32(number + 1), c.department, from, len(w.stands)})
	}
	w.index.mu.RUnlock()
	for i := range w.parts {
		p := &w.parts[i]
		kept := p.from
		for _, s := range w.stands[p.from:p.to] {
			if w.ask.Region.Contains(s.at) {
				w.stands[kept] = s
				kept++
			}
		}
		p.to = kept
	}
}

// count asks for each whether it is told of, and answers how many are. Whose number has
// gone to another since is counted as that one.
func (w *within) count() (heads []dispatch.Headcount) {
	for _, p := range w.parts {
		h := dispatch.Headcount{Department: p.department}
		for some := range slices.Chunk(w.stands[p.from:p.to], atOnce) {
			w.countSome(some, p.crowd, &h)
		}
		if h.Count > 0 {
			heads = append(heads, h)
		}
	}
	return heads
}

func (w *within) countSome(some []stand, crowd uint32, h *dispatch.Headcount) {
	w.index.mu.RLock()
	defer w.index.mu.RUnlock()
	w.bodies = w.index.bodies
	for i := range some {
		at, who := some[i].at, some[i].who
		if w.bodies[who].crowd != crowd || !w.admits(who, at) { // gone off duty since
			continue
		}
		if h.Count++; w.one.Status == dispatch.Free {
			h.Free++
		}
		one := hit{who: who}
		if w.ask.Near != nil {
			one.d2 = geo.DistanceM(*w.ask.Near, at)
		}
		w.take(one)
	}
}

func (w *within) admits(who uint32, at geo.Point) bool {
	b, d := &w.index.bodies[who], &w.index.details[who]
	w.one = dispatch.Standing{PatrolID: dispatch.PatrolID{UUID: b.id}, Point: at, Presence: presences[b.judge(w.now)], Status: d.enrolled.Status, Scope: &d.enrolled.thing}
	return w.ask.Admits(&w.one)
}

// named is the first of those who are told of, where they stand by now.
func (w *within) named() []dispatch.Position {
	w.index.mu.RLock()
	defer w.index.mu.RUnlock()
	w.bodies = w.index.bodies
	w.end()
	best := w.best[:min(len(w.best), max(0, w.ask.Limit))]
	found := make([]dispatch.Position, 0, len(best))
	for _, h := range best {
		if at := w.index.details[h.who].point; w.bodies[h.who].crowd != 0 && w.ask.Region.Contains(at) && w.admits(h.who, at) {
			found = append(found, w.index.position(h.who, w.now))
		}
	}
	return found
}

func (w *within) look(at geo.Point, who uint32) {
	if w.box.Contains(at) {
		w.stands = append(w.stands, stand{at, who})
	}
}

func (w *within) scan(r *raster, b *block) {
	for b := range r.chain(b) {
		for i := range min(b.load, perBlock) {
			w.look(b.at[i], b.who[i])
		}
	}
}

// inside brings w all who could stand in its box: those of the squares that it touches.
func (c *crowd) inside(w *within) {
	r := c.raster
	if r == nil {
		for i := range c.list {
			w.look(c.list[i].at, c.list[i].who)
		}
		return
	}
	low, high := r.squareOf(geo.Point{Lon: w.box.West, Lat: w.box.South}), r.squareOf(geo.Point{Lon: w.box.East, Lat: w.box.North})
	first, last := max(low.x, r.from.x)-r.from.x, min(high.x, r.from.x+r.wide-1)-r.from.x
	for y := max(low.y, r.from.y); y <= min(high.y, r.from.y+r.high-1) && first <= last; y++ {
		start := int(y-r.from.y) * int(r.wide)
		row := r.core[start+int(first) : start+int(last)+1]
		for i := range row {
			if row[i].load > 0 {
				w.scan(r, &row[i])
			}
		}
	}
	// Of those far off either few are asked for by name, or all there are.
	if squares := (int64(high.x-low.x) + 1) * (int64(high.y-low.y) + 1); squares > int64(len(r.far)) {
		for s, home := range r.far {
			if s.x >= low.x && s.x <= high.x && s.y >= low.y && s.y <= high.y {
				w.scan(r, r.block(home))
			}
		}
		return
	}
	for y := low.y; y <= high.y; y++ {
		for s := (square{low.x, y}); s.x <= high.x; s.x++ {
			if home, known := r.far[s]; known {
				w.scan(r, r.block(home))
			}
		}
	}
}
