package road

import (
	"context"
	"fmt"
	"math"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/road/cch"
	"github.com/twpayne/go-geom"
)

var _ Engine = (*Network)(nil)

// ManyToOne implements Engine with one exact backward search. Who is outside the
// network (more than 20 km from any road) is not reachable.
func (n *Network) ManyToOne(ctx context.Context, m Mode, from []geo.Point, to geo.Point) ([]Time, error) {
	if err := checkAsk(m, from, to); err != nil {
		return nil, err
	}
	return n.fixesToOne(ctx, m, n.built(m), fixesOf(from), to)
}

// FixesToOne is ManyToOne from places of which more is known.
func (n *Network) FixesToOne(ctx context.Context, m Mode, from []Fix, to geo.Point) ([]Time, error) {
	if err := checkFixes(m, from, to); err != nil {
		return nil, err
	}
	return n.fixesToOne(ctx, m, n.built(m), from, to)
}

func (n *Network) fixesToOne(ctx context.Context, m Mode, v view, from []Fix, to geo.Point) ([]Time, error) {
	s := n.scratch.Get().(*search)
	defer n.scratch.Put(s)
	s.snap.reset()
	starts := make([]spot, len(from))
	for i := range from {
		starts[i] = n.snapFix(m, v.durationMS, &from[i], &s.snap)
	}
	goal := n.snap(m, v.durationMS, to, &s.snap)
	if err := s.run(ctx, n, v, starts, goal); err != nil {
		return nil, fmt.Errorf("find ways: %w", err)
	}
	times := make([]Time, len(from))
	for i := range from {
		times[i], _ = timeOf(v.version, s.best[i].key, from[i].Point, to, starts[i], goal)
	}
	return times, nil
}

// latM is less than the metres of a degree of latitude.
const latM = geo.EarthRadiusM * math.Pi / 180 * (1 - 1e-9)

// asBuilt is the version of a network by itself.
var asBuilt = Version{Conditions: 1}

// timeOf tells a length between two spots; walked says that the best way is to leave
// the roads alone.
func timeOf(v Version, key cch.Key, from, to geo.Point, start, goal spot) (t Time, walked bool) {
	t = Time{Kind: KindRoad, SnapFromM: start.snapM, SnapToM: goal.snapM, Version: v}
	if key < cch.Inf {
		t.Reachable = true
		t.DurationS = float64(msOf(key)) / 1000
		t.DistanceM = float64(cmOf(key)) / 100
	}
	// Who would walk to the road and back anyway may as well walk straight. Most pairs
	// are farther apart by their latitudes alone, which is quick to see.
	if math.Abs(from.Lat-to.Lat)*latM > start.snapM+goal.snapM {
		return t, false
	}
	straight := geo.DistanceM(from, to)
	if len(start.at) > 0 && len(goal.at) > 0 && straight <= start.snapM+goal.snapM &&
		(!t.Reachable || straight/walkMS < t.DurationS) {
		t.Reachable = true
		t.DurationS, t.DistanceM = straight/walkMS, straight
		return t, true
	}
	return t, false
}

// Route implements Engine. It finds the same way as ManyToOne.
func (n *Network) Route(ctx context.Context, m Mode, from, to geo.Point) (Route, error) {
	if m >= Modes {
		return Route{}, checkAsk(m, nil, to)
	}
	return n.route(ctx, m, n.built(m), from, to)
}

func (n *Network) route(ctx context.Context, m Mode, v view, from, to geo.Point) (Route, error) {
	if err := checkAsk(m, []geo.Point{from}, to); err != nil {
		return Route{}, err
	}
	s := n.scratch.Get().(*search)
	defer n.scratch.Put(s)
	s.snap.reset()
	durationMS := v.durationMS
	start, goal := n.snap(m, durationMS, from, &s.snap), n.snap(m, durationMS, to, &s.snap)
	if err := s.run(ctx, n, v, []spot{start}, goal); err != nil {
		return Route{}, fmt.Errorf("find a way: %w", err)
	}
	t, walked := timeOf(v.version, s.best[0].key, from, to, start, goal)
	switch {
	case !t.Reachable:
		return Route{Time: t}, nil
	case walked:
		return straightRoute(t, from, to), nil
	}
	trace := tracer{net: n}
	states, which := s.path(0)
	begin, end := s.best[0].start, goal.at[which]
	trace.walk(from, begin)
	if s.best[0].direct >= 0 {
		trace.arc(begin.arc, begin.beforeCM, end.beforeCM, end.beforeMS-begin.beforeMS)
	} else {
		g := v.g
		trace.arc(begin.arc, begin.beforeCM, n.lengthCM[begin.arc/2], durationMS[begin.arc]-begin.beforeMS)
		walkMS, _ := end.walk()
		left := msOf(s.labels[begin.arc].key) - walkMS
		for _, state := range states {
			arc := g.arcOf(state)
			rest := msOf(s.labels[state].key) - walkMS
			trace.arc(arc, 0, n.lengthCM[arc/2], left-rest)
			left = rest
		}
		trace.arc(end.arc, 0, end.beforeCM, left)
	}
	trace.walk(to, end)
	d := trace.drawing(t, begin, end)
	return d.route(), nil
}

// tracer draws a route and tells its steps.
type tracer struct {
	net   *Network
	flat  []float64
	steps []Step
	named uint32 // name of the last step, where it is on a road
	road  bool   // the last step is on a road
	begin []int  // by step: its first point
}

// walk goes to a point off the road, or starts from it.
func (t *tracer) walk(p geo.Point, at place) {
	t.flat = append(t.flat, p.Lon, p.Lat)
	if ms, cm := at.walk(); cm > 0 {
		t.steps = append(t.steps, Step{Turn: Walking, DurationS: float64(ms) / 1000, DistanceM: float64(cm) / 100})
		t.begin = append(t.begin, len(t.flat)/2-1)
		t.road = false
	}
}

// drawing is what was traced, with the walks that were taken.
func (t *tracer) drawing(told Time, begin, end place) Drawing {
	t.turns()
	told.SnapFromM, told.SnapToM = float64(begin.walkCM)/100, float64(end.walkCM)/100
	return Drawing{Time: told, Flat: t.line(), Steps: t.steps}
}

// turns names how each step begins, by the line before it and after.
func (t *tracer) turns() {
	towards := func(from, to int) float64 {
		a, b := t.flat[2*from:], t.flat[2*to:]
		return geo.BearingDeg(geo.Point{Lon: a[0], Lat: a[1]}, geo.Point{Lon: b[0], Lat: b[1]})
	}
	last := len(t.flat)/2 - 1
	for i := range t.steps {
		at := t.begin[i]
		switch step := &t.steps[i]; {
		case step.Turn == Walking:
		case i == 0 || t.steps[i-1].Turn == Walking:
			step.Turn = Depart
		case at == 0 || at >= last:
			step.Turn = Ahead
		default:
			step.Turn = turnOf(towards(at-1, at), towards(at, at+1))
		}
	}
}

// arc follows an arc between two distances from its start.
func (t *tracer) arc(arc, fromCM, toCM, ms uint32) {
	n := t.net
	segment := arc / 2
	if name := n.name[segment]; !t.road || name != t.named {
		t.steps = append(t.steps, Step{Name: n.names[name]})
		t.begin = append(t.begin, -1)
		t.road, t.named = true, name
	}
	step := &t.steps[len(t.steps)-1]
	step.DurationS += float64(ms) / 1000
	step.DistanceM += float64(toCM-fromCM) / 100

	first, last := int(n.first[segment]), int(n.first[segment+1])-1
	if arc&1 == 1 {
		first, last = last, first
	}
	fromM, toM := float64(fromCM)/100, float64(toCM)/100
	whole := fromCM == 0 && toCM == n.lengthCM[segment] // needs no measuring
	if whole {
		t.point(n.point(uint32(first)))
	} else {
		t.point(n.along(first, last, fromM))
	}
	if b := &t.begin[len(t.begin)-1]; *b < 0 {
		*b = len(t.flat)/2 - 1
	}
	if whole {
		step := 1
		if last < first {
			step = -1
		}
		for p := first; p != last; {
			p += step
			t.point(n.point(uint32(p)))
		}
		return
	}
	walked := 0.0
	for p := first; p != last; {
		next := p + 1
		if last < first {
			next = p - 1
		}
		walked += n.stretchM(uint32(min(p, next)))
		if walked >= toM {
			break
		}
		if walked > fromM {
			t.point(n.point(uint32(next)))
		}
		p = next
	}
	t.point(n.along(first, last, toM))
}

func (t *tracer) point(p geo.Point) {
	if k := len(t.flat); k >= 2 && t.flat[k-2] == p.Lon && t.flat[k-1] == p.Lat {
		return
	}
	t.flat = append(t.flat, p.Lon, p.Lat)
}

// line is the drawing, of at least two points.
func (t *tracer) line() []float64 {
	if len(t.flat) == 2 {
		t.flat = append(t.flat, t.flat...)
	}
	return t.flat
}

// along is the place some metres from the point first toward the point last of
// one segment.
func (n *Network) along(first, last int, m float64) geo.Point {
	p := first
	for p != last {
		next := p + 1
		if last < first {
			next = p - 1
		}
		step := n.stretchM(uint32(min(p, next)))
		if m <= step && step > 0 {
			a, b := n.point(uint32(p)), n.point(uint32(next))
			share := m / step
			return geo.Point{Lon: a.Lon + (b.Lon-a.Lon)*share, Lat: a.Lat + (b.Lat-a.Lat)*share}
		}
		m -= step
		p = next
	}
	return n.point(uint32(last))
}

// route is the drawing wrapped for the world.
func (d *Drawing) route() Route {
	return Route{Time: d.Time, Geometry: geom.NewLineStringFlat(geom.XY, d.Flat).SetSRID(4326), Steps: d.Steps}
}

// straight draws a way that leaves the roads alone.
func (d *Drawing) straight(t Time, from, to geo.Point) {
	d.Time = t
	d.Flat = append(d.Flat[:0], from.Lon, from.Lat, to.Lon, to.Lat)
	turn := Walking
	if t.Kind == KindStraight {
		turn = Depart
	}
	d.Steps = append(d.Steps[:0], Step{Turn: turn, DurationS: t.DurationS, DistanceM: t.DistanceM})
}

// straightRoute is a way that leaves the roads alone.
func straightRoute(t Time, from, to geo.Point) Route {
	var d Drawing
	d.straight(t, from, to)
	return d.route()
}
