package road

import (
	"context"
	"fmt"
	"math"
	"testing"

	"github.com/gridpatrol/gridpatrol/geo"
	"pgregory.net/rapid"
)

// drawSurvey draws a small town: a jittered grid of nodes, ways of one to three
// stretches between them, one-ways, private ground, gates and restrictions.
func drawSurvey(t *rapid.T) *Survey {
	s := &Survey{Gates: map[uint32]Gate{}}
	side := rapid.IntRange(2, 4).Draw(t, "side")
	for i := range side * side {
		jitter := func(name string) int32 { return int32(rapid.IntRange(-6000, 6000).Draw(t, name)) }
		s.Nodes = append(s.Nodes, Node{
			Lon7: 1213800000 + int32(i%side)*20000 + jitter("x"),
			Lat7: 285800000 + int32(i/side)*20000 + jitter("y"),
		})
		gate := Gate{}
		switch rapid.IntRange(0, 9).Draw(t, "gate") {
		case 0:
			gate.Closed = ModeSet(rapid.IntRange(1, 7).Draw(t, "closed"))
		case 1:
			gate.DelayS = [Modes]float32{1, 2, 3}
			gate.Along = int8(rapid.IntRange(-1, 1).Draw(t, "along"))
		}
		s.Gates[uint32(i)] = gate
	}
	joined := map[[2]uint32]bool{}
	for range rapid.IntRange(1, 14).Draw(t, "ways") {
		nodes := rapid.Permutation(indices(len(s.Nodes))).Draw(t, "nodes")[:rapid.IntRange(2, min(4, len(s.Nodes))).Draw(t, "length")]
		if twice(joined, nodes) {
			continue
		}
		w := Way{Nodes: nodes, Name: fmt.Sprint("w", len(s.Ways)), Class: Residential}
		for m := range w.Travel {
			speed := float32(rapid.IntRange(1, 25).Draw(t, "speed"))
			switch rapid.IntRange(0, 5).Draw(t, "ways of going") {
			case 0:
				w.Travel[m].ForwardMS = speed
			case 1:
				w.Travel[m].BackwardMS = speed
			case 2:
			default:
				w.Travel[m] = Travel{ForwardMS: speed, BackwardMS: speed + 1}
			}
		}
		if rapid.IntRange(0, 5).Draw(t, "private") == 0 {
			w.EndsOnly = ModeSet(rapid.IntRange(1, 7).Draw(t, "to"))
		}
		w.Ferry = rapid.IntRange(0, 9).Draw(t, "ferry") == 0
		s.Ways = append(s.Ways, w)
	}
	way := rapid.IntRange(0, len(s.Ways)-1)
	for range rapid.IntRange(0, 4).Draw(t, "restrictions") {
		r := Restriction{
			From: uint32(way.Draw(t, "from")), To: uint32(way.Draw(t, "to")),
			Only: rapid.IntRange(0, 3).Draw(t, "only") == 0, Modes: ModeSet(rapid.IntRange(1, 7).Draw(t, "modes")),
		}
		if rapid.Bool().Draw(t, "via a way") {
			via := uint32(way.Draw(t, "via"))
			r.Vias = []uint32{via}
			if len(s.Ways[via].Nodes) > 3 { // the oracle remembers four arcs
				continue
			}
		} else {
			nodes := s.Ways[r.From].Nodes
			r.Via = nodes[rapid.IntRange(0, 1).Draw(t, "end")*(len(nodes)-1)]
		}
		s.Restrictions = append(s.Restrictions, r)
	}
	return s
}

// twice says that a way would run along another, and notes its stretches where
// not. Turning from one to the other would be left or right by a rounding.
func twice(joined map[[2]uint32]bool, nodes []uint32) bool {
	pair := func(k int) [2]uint32 { return [2]uint32{min(nodes[k], nodes[k+1]), max(nodes[k], nodes[k+1])} }
	for k := range len(nodes) - 1 {
		if joined[pair(k)] {
			return true
		}
	}
	for k := range len(nodes) - 1 {
		joined[pair(k)] = true
	}
	return false
}

func indices(n int) []uint32 {
	v := make([]uint32, n)
	for i := range v {
		v[i] = uint32(i)
	}
	return v
}

// mainArcs tells the oracle which stretches the network counts as worth
// snapping to.
func mainArcs(n *Network, s *Survey, m Mode) map[stretchArc]bool {
	main := map[stretchArc]bool{}
	for i, w := range s.Ways {
		for k := range len(w.Nodes) - 1 {
			for seg := range n.Segments() {
				p := n.first[seg]
				start, end := s.Nodes[w.Nodes[k]], s.Nodes[w.Nodes[k+1]]
				if n.names[n.name[seg]] == w.Name && n.points[2*p] == start.Lon7 && n.points[2*p+1] == start.Lat7 &&
					n.points[2*p+2] == end.Lon7 && n.points[2*p+3] == end.Lat7 {
					main[stretchArc{i, k, false}] = n.modes[m].flags[2*seg]&arcMain != 0
					main[stretchArc{i, k, true}] = n.modes[m].flags[2*seg+1]&arcMain != 0
				}
			}
		}
	}
	return main
}

func TestAgainstTheOracle(t *testing.T) {
	t.Parallel()
	reached := 0
	rapid.Check(t, func(t *rapid.T) {
		s := drawSurvey(t)
		n, err := Build(context.Background(), s, "drawn")
		if err == nil {
			reached += compareWithOracle(t, n, s)
		} else if anyUsable(s) {
			t.Fatal(err)
		}
	})
	if reached < 100 {
		t.Errorf("only %d ways were compared: the surveys are too poor", reached)
	}
}

func anyUsable(s *Survey) bool {
	for i := range s.Ways {
		if s.Ways[i].usable() {
			return true
		}
	}
	return false
}

func compareWithOracle(t *rapid.T, n *Network, s *Survey) (reached int) {
	m := Mode(rapid.IntRange(0, Modes-1).Draw(t, "mode"))
	o := &oracle{s: s, m: m, main: mainArcs(n, s, m)}
	coordinate := rapid.IntRange(-20000, 80000)
	point := func() geo.Point {
		p := geo.Point{
			Lon: (1213800000 + float64(coordinate.Draw(t, "lon"))) / 1e7,
			Lat: (285800000 + float64(coordinate.Draw(t, "lat"))) / 1e7,
		}
		if rapid.IntRange(0, 4).Draw(t, "at a node") == 0 {
			p = s.Nodes[rapid.IntRange(0, len(s.Nodes)-1).Draw(t, "node")].Point()
		}
		return p
	}
	to := point()
	var from []Fix
	for range 4 {
		f := Fix{Point: point(), AccuracyM: float64(rapid.IntRange(0, 40).Draw(t, "accuracy"))}
		if f.Headed = rapid.Bool().Draw(t, "headed"); f.Headed {
			f.SpeedMS = float64(rapid.IntRange(0, 6).Draw(t, "speed"))
			f.HeadingDeg = float64(rapid.IntRange(0, 359).Draw(t, "heading"))
		}
		from = append(from, f)
	}
	times, err := n.FixesToOne(context.Background(), m, from, to)
	if err != nil {
		t.Fatal(err)
	}
	goal, goalM := o.snap(Fix{Point: to})
	for i, f := range from {
		p := f.Point
		o.edge = false
		start, startM := o.snap(f)
		if o.edge || o.doubtful(start, goal) {
			continue
		}
		weight, want := o.best(start, goal)
		reachable := !math.IsInf(weight, 1)
		straight := geo.DistanceM(p, to)
		if len(start) > 0 && len(goal) > 0 && straight <= startM+goalM && (!reachable || straight/(5/3.6) < want) {
			reachable, want = true, straight/(5/3.6)
		}
		got := times[i]
		if got.Reachable != reachable {
			t.Fatalf("%v from %v to %v: reachable %v, the oracle says %v", m, p, to, got.Reachable, reachable)
		}
		if !reachable {
			continue
		}
		reached++
		// Roundings to the millisecond, the sphere against the ellipsoid (0.5 %).
		if math.Abs(got.DurationS-want) > 0.1+0.006*want {
			t.Fatalf("%v from %v to %v: %.3f s, the oracle says %.3f s", m, p, to, got.DurationS, want)
		}
		if f == (Fix{Point: p}) {
			checkRoute(t, n, m, p, to, got)
		}
	}
	return reached
}

// sameWay says that a route is as long as was told, and walks no less than told.
func sameWay(route, told Time) bool {
	walks := route.SnapFromM >= told.SnapFromM-0.01 && route.SnapToM >= told.SnapToM-0.01
	route.SnapFromM, route.SnapToM = told.SnapFromM, told.SnapToM
	return walks && route == told
}

// checkRoute compares a route with the time told for it, and its parts with its
// whole.
func checkRoute(t interface{ Fatalf(string, ...any) }, n *Network, m Mode, from, to geo.Point, told Time) {
	r, err := n.Route(context.Background(), m, from, to)
	if err != nil {
		t.Fatalf("route: %v", err)
	}
	if !sameWay(r.Time, told) {
		t.Fatalf("the route takes %+v, many-to-one said %+v", r.Time, told)
	}
	flat := r.Geometry.FlatCoords()
	if flat[0] != from.Lon || flat[1] != from.Lat || flat[len(flat)-2] != to.Lon || flat[len(flat)-1] != to.Lat {
		t.Fatalf("the line does not run from %v to %v: %v", from, to, flat)
	}
	var drawn, stepM, stepS float64
	for i := 2; i < len(flat); i += 2 {
		drawn += geo.DistanceM(geo.Point{Lon: flat[i-2], Lat: flat[i-1]}, geo.Point{Lon: flat[i], Lat: flat[i+1]})
	}
	for _, s := range r.Steps {
		stepM += s.DistanceM
		stepS += s.DurationS
	}
	if math.Abs(drawn-r.DistanceM) > 0.5+0.01*r.DistanceM {
		t.Fatalf("the line is %.1f m long, the way %.1f m", drawn, r.DistanceM)
	}
	if math.Abs(stepM-r.DistanceM) > 0.01 || math.Abs(stepS-r.DurationS) > 0.001 {
		t.Fatalf("the steps take %.2f m, %.3f s, the way %.2f m, %.3f s", stepM, stepS, r.DistanceM, r.DurationS)
	}
}
