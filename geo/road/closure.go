package road

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/twpayne/go-geom"
)

// ErrShape says that a closure is drawn as something that closes nothing.
var ErrShape = errors.New("a closure is a line or an area")

// How a drawn shape is held against roads.
const (
	// drawnM is how far beside a road a line may be drawn along it.
	drawnM = 10
	// stepM is how closely roads and lines are looked at.
	stepM = 5
	// coveredShare of a road drawn along, or of the line along the road, closes it; so
	// do stretchAlongM of the line.
	coveredShare  = 0.6
	stretchAlongM = 25
	// parallelCos is the cosine of the angle up to which a line goes along a road.
	parallelCos = 0.9
	// endM is how near the end of a road a crossing is only its junction.
	endM = 2
)

// Covered answers the segments a shape closes, ascending. A line closes the roads
// it is drawn along and those it is drawn across; an area closes every road that
// enters it. Shapes are lines and polygons, or several of them, SRID 4326.
func (n *Network) Covered(shape geom.T) ([]uint32, error) {
	var lines, areas [][][]float64 // rings of an area come together
	switch g := shape.(type) {
	case *geom.LineString:
		lines = append(lines, [][]float64{g.FlatCoords()})
	case *geom.MultiLineString:
		for i := range g.NumLineStrings() {
			lines = append(lines, [][]float64{g.LineString(i).FlatCoords()})
		}
	case *geom.Polygon:
		areas = append(areas, ringsOf(g))
	case *geom.MultiPolygon:
		for i := range g.NumPolygons() {
			areas = append(areas, ringsOf(g.Polygon(i)))
		}
	default:
		return nil, fmt.Errorf("%w, not a %T", ErrShape, shape)
	}
	if shape.Empty() || shape.Stride() != 2 {
		return nil, fmt.Errorf("%w; this one is empty or has heights", ErrShape)
	}
	b := shape.Bounds()
	p := planeAt((b.Min(1) + b.Max(1)) / 2)
	margin := drawnM + 1.0
	found := map[uint32]bool{}
	n.within(b.Min(0)-margin/p.lonM, b.Min(1)-margin/p.latM, b.Max(0)+margin/p.lonM, b.Max(1)+margin/p.latM, func(segment uint32) {
		if found[segment] {
			return
		}
		road := n.flat(segment, p)
		for _, line := range lines {
			if drawn := p.flat(line[0]); alongside(road, drawn) || across(road, drawn) {
				found[segment] = true
				return
			}
		}
		for _, rings := range areas {
			if enters(road, rings, p) {
				found[segment] = true
				return
			}
		}
	})
	segments := make([]uint32, 0, len(found))
	for s := range found {
		segments = append(segments, s)
	}
	slices.Sort(segments)
	return segments, nil
}

func ringsOf(g *geom.Polygon) [][]float64 {
	rings := make([][]float64, g.NumLinearRings())
	for i := range rings {
		rings[i] = g.LinearRing(i).FlatCoords()
	}
	return rings
}

// metres is a place on a plane.
type metres struct{ x, y float64 }

func (p plane) flat(lonLat []float64) []metres {
	out := make([]metres, len(lonLat)/2)
	for i := range out {
		out[i] = metres{lonLat[2*i] * p.lonM, lonLat[2*i+1] * p.latM}
	}
	return out
}

// flat is a segment as points on a plane.
func (n *Network) flat(segment uint32, p plane) []metres {
	var out []metres
	for i := n.first[segment]; i < n.first[segment+1]; i++ {
		at := n.point(i)
		out = append(out, metres{at.Lon * p.lonM, at.Lat * p.latM})
	}
	return out
}

// alongside says that a line is drawn along a road: for most of the shorter of the
// two, or for a good stretch of it.
func alongside(road, drawn []metres) bool {
	beside, all := parallelM(drawn, road)
	if beside >= stretchAlongM || beside >= coveredShare*all && all > 0 {
		return true
	}
	beside, all = parallelM(road, drawn)
	return beside >= coveredShare*all && all > 0
}

// parallelM is how much of a line lies beside another and runs the same way or the
// opposite: not what only comes near at a junction.
func parallelM(line, other []metres) (beside, all float64) {
	for i := range len(line) - 1 {
		a, b := line[i], line[i+1]
		long := math.Hypot(b.x-a.x, b.y-a.y)
		pieces := math.Ceil(long / stepM)
		for k := 0.5; k < pieces; k++ {
			at := metres{a.x + (b.x-a.x)*k/pieces, a.y + (b.y-a.y)*k/pieces}
			m, along := toLineM(at, other)
			// The cosine of the angle between them, whichever way they are drawn.
			if cos := math.Abs(((b.x-a.x)*along.x + (b.y-a.y)*along.y) / long); m <= drawnM && cos >= parallelCos {
				beside += long / pieces
			}
		}
		all += long
	}
	return beside, all
}

// walk visits a line at its start, every stepM, and at its end.
func walk(line []metres, visit func(at metres)) {
	for i := range len(line) - 1 {
		a, b := line[i], line[i+1]
		long := math.Hypot(b.x-a.x, b.y-a.y)
		for d := 0.0; d < long; d += stepM {
			visit(metres{a.x + (b.x-a.x)*d/long, a.y + (b.y-a.y)*d/long})
		}
	}
	visit(line[len(line)-1])
}

// toLineM is the distance to a line, and the direction of the line there, of length 1.
func toLineM(p metres, line []metres) (m float64, along metres) {
	m = math.Inf(1)
	for i := range len(line) - 1 {
		a, d := line[i], metres{line[i+1].x - line[i].x, line[i+1].y - line[i].y}
		long := math.Hypot(d.x, d.y)
		if long == 0 {
			continue
		}
		t := math.Min(math.Max(((p.x-a.x)*d.x+(p.y-a.y)*d.y)/(long*long), 0), 1)
		if at := math.Hypot(a.x+t*d.x-p.x, a.y+t*d.y-p.y); at < m {
			m, along = at, metres{d.x / long, d.y / long}
		}
	}
	return m, along
}

// across says that a line crosses a road away from its ends, where it would cross
// all roads of the junction.
func across(road, drawn []metres) bool {
	long := 0.0
	for i := range len(road) - 1 {
		long += math.Hypot(road[i+1].x-road[i].x, road[i+1].y-road[i].y)
	}
	walked := 0.0
	for i := range len(road) - 1 {
		a, b := road[i], road[i+1]
		step := math.Hypot(b.x-a.x, b.y-a.y)
		for k := range len(drawn) - 1 {
			t, ok := crossing(a, b, drawn[k], drawn[k+1])
			if at := walked + t*step; ok && at >= endM && at <= long-endM {
				return true
			}
		}
		walked += step
	}
	return false
}

// crossing answers how far along ab it meets cd.
func crossing(a, b, c, d metres) (t float64, ok bool) {
	rx, ry, sx, sy := b.x-a.x, b.y-a.y, d.x-c.x, d.y-c.y
	cross := rx*sy - ry*sx
	if cross == 0 {
		return 0, false
	}
	t = ((c.x-a.x)*sy - (c.y-a.y)*sx) / cross
	u := ((c.x-a.x)*ry - (c.y-a.y)*rx) / cross
	return t, t >= 0 && t <= 1 && u >= 0 && u <= 1
}

// enters says that some of a road lies within an area.
func enters(road []metres, rings [][]float64, p plane) bool {
	flat := make([][]metres, len(rings))
	for i, ring := range rings {
		flat[i] = p.flat(ring)
	}
	inside := false
	walk(road, func(at metres) {
		odd := false
		for _, ring := range flat {
			for i := range len(ring) - 1 {
				a, b := ring[i], ring[i+1]
				if (a.y > at.y) != (b.y > at.y) && at.x < a.x+(b.x-a.x)*(at.y-a.y)/(b.y-a.y) {
					odd = !odd
				}
			}
		}
		inside = inside || odd
	})
	if inside {
		return true
	}
	for _, ring := range flat {
		if across(road, ring) {
			return true
		}
	}
	return false
}

// within visits the segments whose boxes meet a box, some more than once.
func (n *Network) within(west, south, east, north float64, visit func(segment uint32)) {
	t := &n.tree
	if len(t.stretch) == 0 {
		return
	}
	meets := func(b box) bool {
		return float64(b.west)/1e7 <= east && float64(b.east)/1e7 >= west && float64(b.south)/1e7 <= north && float64(b.north)/1e7 >= south
	}
	var down func(level, index int)
	down = func(level, index int) {
		if !meets(t.levels[level][index]) {
			return
		}
		if level == 0 {
			for i := index * fan; i < min((index+1)*fan, len(t.stretch)); i++ {
				if meets(n.box(t.stretch[i])) {
					visit(t.segment[i])
				}
			}
			return
		}
		for i := index * fan; i < min((index+1)*fan, len(t.levels[level-1])); i++ {
			down(level-1, i)
		}
	}
	down(len(t.levels)-1, 0)
}

// Conditions are what differs from the roads as they were built.
type Conditions struct {
	// Closed lists the segments that are shut, by mode.
	Closed [Modes][]uint32
	// Paces are the speeds that differ, see Network.paced for which counts.
	Paces []Pace
}

// Impose puts conditions in force, instead of any before. Questions under way are
// answered by the durations they began with. Version is the caller's name for the
// conditions; a mode whose durations stay the same keeps the one it has, and one with
// nothing closed and no other speeds has 1, that of the roads as they were built.
func (r *Router) Impose(ctx context.Context, c Conditions, version uint64) error {
	var open, next [Modes]*metric
	for m := range Mode(Modes) {
		// The metric of some durations, one there is already where it has the same.
		of := func(durationMS []uint32, learned bool) (*metric, error) {
			for _, have := range []*metric{r.plain[m], open[m], r.now[m].Load(), r.unclosed.now[m].Load()} {
				if have != nil && have.learned == learned && slices.Equal(durationMS, have.durationMS) {
					return have, nil
				}
			}
			made, err := r.net.customize(ctx, m, r.modes[m], durationMS, version)
			if err != nil {
				return nil, fmt.Errorf("impose conditions on %v: %w", m, err)
			}
			made.learned = learned
			return made, nil
		}
		durationMS, learned := r.net.paced(m, c.Paces)
		var err error
		if open[m], err = of(durationMS, learned); err != nil {
			return err
		}
		if next[m], err = of(closing(durationMS, c.Closed[m]), learned); err != nil {
			return err
		}
	}
	for m, now := range next {
		r.unclosed.now[m].Store(open[m])
		r.now[m].Store(now)
	}
	return nil
}

// ConditionsVersion names the conditions in force for a mode, see Impose.
func (r *Router) ConditionsVersion(m Mode) uint64 { return r.now[m].Load().version }

// under are the built durations of a mode with some segments shut.
func (n *Network) under(m Mode, closed []uint32) []uint32 {
	return closing(n.modes[m].durationMS, closed)
}

// closing are durations with some segments shut.
func closing(open []uint32, closed []uint32) []uint32 {
	if len(closed) == 0 {
		return open
	}
	durationMS := slices.Clone(open)
	for _, s := range closed {
		durationMS[2*s], durationMS[2*s+1] = shut, shut
	}
	return durationMS
}

// Extent is how much road something concerns, by name for people to read.
type Extent struct {
	Segments int      `json:"segments"`
	LengthM  float64  `json:"length_m"`
	Names    []string `json:"names"` // the longest first, at most ten
}

// Extent adds segments up.
func (n *Network) Extent(segments []uint32) Extent {
	e := Extent{Segments: len(segments), Names: []string{}}
	byName := map[string]float64{}
	for _, s := range segments {
		m := float64(n.lengthCM[s]) / 100
		e.LengthM += m
		if name := n.names[n.name[s]]; name != "" {
			byName[name] += m
		}
	}
	for name := range byName {
		e.Names = append(e.Names, name)
	}
	slices.SortFunc(e.Names, func(a, b string) int {
		if byName[a] != byName[b] {
			if byName[a] > byName[b] {
				return -1
			}
			return 1
		}
		if a < b {
			return -1
		}
		return 1
	})
	e.Names = e.Names[:min(len(e.Names), 10)]
	return e
}

// CutOff answers the segments of a mode that can be reached and left again with the
// segments of before shut, and no longer when those of after are: what lies behind
// the only bridge. Segments that are shut themselves do not count.
func (n *Network) CutOff(m Mode, before, after []uint32) []uint32 {
	was, is := n.mainSegments(m, before), n.mainSegments(m, after)
	var lost []uint32
	durationMS := n.under(m, after)
	for s := range uint32(n.Segments()) {
		open := durationMS[2*s] != shut || durationMS[2*s+1] != shut
		if open && was[s] && !is[s] {
			lost = append(lost, s)
		}
	}
	return lost
}

// mainSegments are those of the largest part, by length, within which one can get from
// everywhere to everywhere. The two directions of a road count as one, or a ring
// without a place to turn round would be two parts.
func (n *Network) mainSegments(m Mode, closed []uint32) []bool {
	g := n.modes[m]
	g.durationMS = n.under(m, closed)
	component, sizes := g.components()
	part := make([]uint32, len(sizes)) // a forest: each component names one of its part
	for i := range part {
		part[i] = uint32(i)
	}
	find := func(c uint32) uint32 {
		for part[c] != c {
			part[c] = part[part[c]]
			c = part[c]
		}
		return c
	}
	each := func(visit func(segment, component uint32)) {
		for arc := range uint32(len(g.durationMS)) {
			if g.durationMS[arc] != shut {
				visit(arc/2, component[arc])
			}
		}
	}
	last := uint32(none)
	var with uint32
	each(func(segment, c uint32) {
		if segment == last {
			part[find(c)] = find(with)
		}
		last, with = segment, c
	})
	length := make([]uint64, len(sizes))
	each(func(segment, c uint32) { length[find(c)] += uint64(n.lengthCM[segment]) })
	largest := uint32(0)
	for i, l := range length {
		if l > length[largest] {
			largest = uint32(i)
		}
	}
	in := make([]bool, n.Segments())
	each(func(segment, c uint32) { in[segment] = in[segment] || len(sizes) > 0 && find(c) == largest })
	return in
}
