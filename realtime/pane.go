package realtime

import (
	"slices"
	"time"

	"github.com/gridpatrol/gridpatrol/dispatch"
	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/cell"
	"github.com/gridpatrol/gridpatrol/realtime/liveframe"
)

// Who sees what over the binary subprotocol is cut by cells, not by views: what one
// right may see of one cell is a pane, and its bytes of a tick are made once for all
// the windows that have it. A window is a viewer and the panes its view needs.

const (
	// dotRes is the resolution of the cells in which patrols are told one by one: some
	// 5 km². A car crosses one in minutes, and a town is a few of them.
	dotRes = 7
	// dotsFromZoom is the zoom from which a viewer is told of patrols one by one; further
	// out a cell says how many there are.
	dotsFromZoom = 10
)

// resOf is the resolution of the cells that a view is told by: of dotRes one by one, of
// a coarser one counted, in cells that are some 40 pixels wide on a screen.
func resOf(zoom float64) int {
	if zoom >= dotsFromZoom {
		return dotRes
	}
	return max(0, min(int(zoom+3)/2, dotRes-1))
}

// unit is a patrol that has a place.
type unit struct {
	Standing
	number uint32
	spot   *spot  // of dotRes
	toldIn uint64 // the flush in which a pane that shows dots told of it last
}

// spot is a cell that somebody stands in.
type spot struct {
	res    int
	edges  cell.Edges
	ground liveframe.Ground
	units  map[*unit]struct{} // of dotRes only
	up     [dotRes + 1]*spot  // of dotRes only: the cells above it, and itself
	below  []*spot            // of the others: cells of dotRes
	panes  []*pane
}

// pane is a spot as one right sees it.
type pane struct {
	right   right
	spot    *spot
	windows []*window
	shown   map[*unit]told
	counts  [liveframe.Classes]uint32 // of a spot that is counted

	// What is new since the last flush, and the section made of it.
	left, full, moved []byte
	lefts, fulls      uint32
	changed           bool
	mixed             bool   // somebody was told of and hidden in one flush
	section           []byte // of the flush that runs
	whole             []byte
	wholeIn           uint64 // the batch that whole stands in
}

// told is what a pane has said of a patrol in full. A short record does for the rest.
type told struct {
	version    int64
	department string
	simulated  bool
	class      liveframe.Class
}

// window is a viewer of the binary subprotocol.
type window struct {
	viewer *viewer
	right  right
	view   view
	panes  []*pane
	next   *view // asked for since the last flush
	turned bool  // to next, in the flush that runs
	apart  *pane // of those it follows and does not look at; nil before there are any
	follow []dispatch.PatrolID
	sentAt time.Time
}

// look notes whom the window shows.
func (w *window) look(l looks) {
	seen := l.of(w.viewer.who)
	for _, p := range w.panes {
		if p.spot.res != dotRes {
			continue // a count is nobody's place
		}
		for u := range p.shown {
			seen[u.Patrol] = struct{}{}
		}
	}
}

func (w *window) needs(s *spot) bool {
	return w.apart != nil && s == w.apart.spot || s.res == resOf(w.view.zoom) && overlap(s.edges.Around, w.view.box)
}

func overlap(a, b geo.Box) bool {
	return a.West <= b.East && b.West <= a.East && a.South <= b.North && b.South <= a.North
}

// land is everybody who has a place, by cell. Only Run's goroutine touches it.
type land struct {
	units   map[dispatch.PatrolID]*unit
	numbers uint32                          // given out so far
	spots   [dotRes + 1]map[cell.Cell]*spot // by resolution
	windows map[*viewer]*window
	// followers are the windows that are told of a patrol wherever it is.
	followers map[dispatch.PatrolID][]*window
	looks     looks

	// Of the flush that runs, or of what is collected for the next.
	flush   uint64
	atMS    int64
	changed []*pane
	fresh   []*spot
	empty   []*spot
}

func newLand(seen looks) *land {
	l := &land{units: map[dispatch.PatrolID]*unit{}, windows: map[*viewer]*window{}, followers: map[dispatch.PatrolID][]*window{}, looks: seen, flush: 1}
	for res := range l.spots {
		l.spots[res] = map[cell.Cell]*spot{}
	}
	return l
}

// take brings a patrol up to date in every pane that it stands in or leaves.
func (l *land) take(id dispatch.PatrolID, s *Standing) {
	u := l.units[id]
	if !s.Placed {
		if u != nil {
			l.put(u, nil)
			delete(l.units, id)
		}
		return
	}
	if u == nil {
		l.numbers++
		u = &unit{number: l.numbers}
		l.units[id] = u
	}
	u.Standing = *s
	to := u.spot
	if to == nil || !to.edges.Surely(s.Point) {
		to = l.spotAt(cell.At(s.Point, dotRes))
	}
	l.put(u, to)
}

// put moves a patrol to a spot, or away from all.
func (l *land) put(u *unit, to *spot) {
	from := u.spot
	if from != to {
		if from != nil {
			delete(from.units, u)
			if len(from.units) == 0 {
				l.empty = append(l.empty, from)
			}
		}
		u.spot = to
		if to != nil {
			to.units[u] = struct{}{}
		}
	}
	for res := range l.spots {
		var a, b *spot
		if from != nil {
			a = from.up[res]
		}
		if to != nil {
			b = to.up[res]
		}
		if a != nil && a != b {
			for _, p := range a.panes {
				l.hide(p, u)
			}
		}
		if b != nil {
			for _, p := range b.panes {
				l.show(p, u)
			}
		}
	}
	for _, w := range l.followers[u.Patrol] {
		l.keepUp(w, u)
	}
}

// spotAt answers the spot of a cell of dotRes, made with those above it.
func (l *land) spotAt(c cell.Cell) *spot {
	if s := l.spots[dotRes][c]; s != nil {
		return s
	}
	s := l.make(c, dotRes)
	s.units = map[*unit]struct{}{}
	for res := range dotRes {
		above := c.Up(res)
		up := l.spots[res][above]
		if up == nil {
			up = l.make(above, res)
		}
		up.below = append(up.below, s)
		s.up[res] = up
	}
	s.up[dotRes] = s
	return s
}

func (l *land) make(c cell.Cell, res int) *spot {
	s := &spot{res: res, edges: cell.EdgesOf(c)}
	s.ground = liveframe.GroundOf(c, s.edges.Middle, s.edges.Around)
	l.spots[res][c] = s
	l.fresh = append(l.fresh, s)
	return s
}

// sweep forgets the spots that nobody stands in any more.
func (l *land) sweep() {
	for _, s := range l.empty {
		if len(s.units) > 0 || l.spots[dotRes][s.ground.Cell] != s {
			continue
		}
		l.forget(s)
		for _, up := range s.up[:dotRes] {
			up.below = slices.DeleteFunc(up.below, func(b *spot) bool { return b == s })
			if len(up.below) == 0 {
				l.forget(up)
			}
		}
	}
	clear(l.empty)
	l.empty = l.empty[:0]
}

func (l *land) forget(s *spot) {
	delete(l.spots[s.res], s.ground.Cell)
	for _, p := range s.panes {
		for _, w := range p.windows {
			w.panes = without(w.panes, p)
		}
	}
	s.panes = nil
}

// show tells a pane of a patrol that stands in its cell, if its right may see it.
func (l *land) show(p *pane, u *unit) {
	if !p.right.sees(&u.Standing) {
		l.hide(p, u)
		return
	}
	was, known := p.shown[u]
	now := told{version: u.Version, department: u.Department, simulated: u.Simulated, class: liveframe.ClassOf(u.Status, u.Presence)}
	if p.spot.res != dotRes {
		if known && was.class == now.class {
			return
		}
		if known {
			p.counts[was.class]--
		}
		p.counts[now.class]++
		p.shown[u] = now
		l.mark(p)
		return
	}
	l.mark(p)
	u.toldIn = l.flush
	wire := u.wire()
	if known && was.version == now.version && was.department == now.department && was.simulated == now.simulated {
		var fits bool
		if p.moved, fits = liveframe.AppendMove(p.moved, p.spot.ground, &wire, l.atMS); fits {
			return
		}
	}
	p.shown[u] = now
	p.full = liveframe.AppendFull(p.full, &wire)
	p.fulls++
}

// hide takes a patrol out of a pane.
func (l *land) hide(p *pane, u *unit) {
	was, known := p.shown[u]
	if !known {
		return
	}
	delete(p.shown, u)
	l.mark(p)
	if p.spot.res != dotRes {
		p.counts[was.class]--
		return
	}
	// A section says who left before it says who is told of: whoever is both, in this order,
	// would stay.
	p.mixed = p.mixed || u.toldIn == l.flush
	p.left = liveframe.AppendLeft(p.left, u.number)
	p.lefts++
	for _, w := range p.windows {
		l.looks.of(w.viewer.who)[u.Patrol] = struct{}{}
	}
}

func (l *land) mark(p *pane) {
	if !p.changed {
		p.changed = true
		l.changed = append(l.changed, p)
	}
}

func (u *unit) wire() liveframe.Patrol {
	return liveframe.Patrol{
		Number: u.number, ID: u.Patrol.UUID, Point: u.Point, HeadingDeg: u.HeadingDeg, Status: u.Status, Presence: u.Presence,
		TMS: u.T.UnixMilli(), Version: u.Version, Department: u.Department, Simulated: u.Simulated,
	}
}

// paneOf answers a spot as a right sees it.
func (l *land) paneOf(s *spot, r right) *pane {
	for _, p := range s.panes {
		if p.right == r {
			return p
		}
	}
	p := &pane{right: r, spot: s, shown: map[*unit]told{}}
	s.panes = append(s.panes, p)
	of := s.below
	if s.res == dotRes {
		of = []*spot{s}
	}
	for _, b := range of {
		for u := range b.units {
			if !r.sees(&u.Standing) {
				continue
			}
			t := told{version: u.Version, department: u.Department, simulated: u.Simulated, class: liveframe.ClassOf(u.Status, u.Presence)}
			p.shown[u] = t
			p.counts[t.class]++
		}
	}
	return p
}

// open gives a window a pane, or answers the one that it has.
func (l *land) open(w *window, s *spot) (p *pane, had bool) {
	p = l.paneOf(s, w.right)
	if slices.Contains(p.windows, w) {
		return p, true
	}
	p.windows = append(p.windows, w)
	w.panes = append(w.panes, p)
	return p, false
}

// shut takes a pane from a window. What it showed was seen; a pane without windows goes.
func (l *land) shut(w *window, p *pane) {
	if p.spot.res == dotRes {
		seen := l.looks.of(w.viewer.who)
		for u := range p.shown {
			seen[u.Patrol] = struct{}{}
		}
	}
	p.windows = without(p.windows, w)
	w.panes = without(w.panes, p)
	if len(p.windows) == 0 {
		p.spot.panes = without(p.spot.panes, p)
	}
}

// without is a list without one of its members; the order does not matter.
func without[T comparable](list []T, one T) []T {
	if i := slices.Index(list, one); i >= 0 {
		last := len(list) - 1
		list[i] = list[last]
		clear(list[last:])
		return list[:last]
	}
	return list
}

// join opens a window for a viewer.
func (l *land) join(v *viewer, r right, at view) *window {
	w := &window{viewer: v, right: r, view: at, sentAt: time.Now()}
	l.windows[v] = w
	for _, s := range l.spots[resOf(at.zoom)] {
		if w.needs(s) {
			l.open(w, s)
		}
	}
	l.refollow(w)
	return w
}

// part closes a viewer's window.
func (l *land) part(v *viewer) {
	w := l.windows[v]
	if w == nil {
		return
	}
	w.view.follow = ""
	l.refollow(w)
	for len(w.panes) > 0 {
		l.shut(w, w.panes[len(w.panes)-1])
	}
	delete(l.windows, v)
}
