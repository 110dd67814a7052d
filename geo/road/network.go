package road

import (
	"math"
	"sync"

	"github.com/gridpatrol/gridpatrol/geo"
)

// Network is a road graph for every mode. It never changes; see the package
// comment for the model.
//
// Arc 2s runs along segment s as it was drawn, arc 2s+1 against it.
type Network struct {
	source   string
	profiles [Modes]string // empty where the mode is named like itself

	points   []int32  // lon7, lat7 of the segments' points, one segment after the other
	first    []uint32 // by segment: its first point; one more at the end
	lengthCM []uint32 // by segment
	nodes    []uint32 // by segment: node at its start, node at its end
	nodeN    uint32
	name     []uint32 // by segment: in names
	class    []Class  // by segment
	flags    []uint8  // by segment: segFerry, segBridge, segTunnel
	names    []string
	origin   []int64 // by segment: see Way.Origin; nil where no way has one

	modes [Modes]graph

	tree    rtree
	scratch sync.Pool // *search
}

// Files written before bridges and tunnels were noted hold neither flag.
const (
	segFerry  = 1 << 0
	segBridge = 1 << 1
	segTunnel = 1 << 2
)

// graph is what one mode makes of the segments. Its states are the arcs, and
// behind them copies of arcs that remember how they were entered, where a turn
// restriction reaches over several ways.
type graph struct {
	durationMS []uint32 // by arc; shut where the mode may not go
	flags      []uint8  // by arc: arcEndsOnly, arcMain
	copyOf     []uint32 // by state beyond the arcs: the arc it copies

	// Turns by the state they leave: turnTo[turnFirst[s]:turnFirst[s+1]].
	turnFirst  []uint32
	turnTo     []uint32
	turnCostMS []uint32 // with stuckBit: see there

	// order is how a hierarchy is to be built, see prepare; nil until one was.
	order []uint32

	// The same turns by the state they reach, see reverse.
	backFirst  []uint32
	backFrom   []uint32
	backCostMS []uint32
	copies     map[uint32][]uint32 // states that copy an arc
}

const (
	arcEndsOnly = 1 << 0 // no way through
	arcMain     = 1 << 1 // in a component worth snapping to

	shut = math.MaxUint32
)

// stuckBit marks, in turnCostMS, turning round where a road goes on: what one does
// when everything ahead was closed since, and never before.
const stuckBit = 1 << 31

// stuck says whether all that goes on from a state is shut.
func (g *graph) stuck(durationMS []uint32, state uint32) bool {
	for t := g.turnFirst[state]; t < g.turnFirst[state+1]; t++ {
		if g.turnCostMS[t]&stuckBit == 0 && durationMS[g.arcOf(g.turnTo[t])] != shut {
			return false
		}
	}
	return true
}

// open says whether a turn of a state can be made; stuck is of the same state.
func (g *graph) open(durationMS []uint32, t uint32, stuck bool) bool {
	return durationMS[g.arcOf(g.turnTo[t])] != shut && (stuck || g.turnCostMS[t]&stuckBit == 0)
}

func (g *graph) arcOf(state uint32) uint32 {
	if n := uint32(len(g.durationMS)); state >= n {
		return g.copyOf[state-n]
	}
	return state
}

func (g *graph) states() int { return len(g.durationMS) + len(g.copyOf) }

// Segments is how many segments the network has.
func (n *Network) Segments() int { return len(n.class) }

// Source is what the network was made from, as told to Build.
func (n *Network) Source() string { return n.source }

// Profiles name whose rules made each mode; empty is a mode nobody was read for.
func (n *Network) Profiles() [Modes]string {
	named := n.profiles
	for m := range named {
		if named[m] == "" && len(n.modes[m].turnTo) > 0 {
			named[m] = Mode(m).String()
		}
	}
	return named
}

// Segment is one stretch of road between two junctions.
type Segment struct {
	Points  []geo.Point
	LengthM float64
	Class   Class
	Name    string
	Origin  int64 // see Way.Origin
	// Along and Against are who may travel in the direction of Points and in the
	// other.
	Along, Against ModeSet
	Bridge, Tunnel bool // see Way.Bridge
}

// Segment answers segment i.
func (n *Network) Segment(i int) Segment {
	s := Segment{LengthM: float64(n.lengthCM[i]) / 100, Class: n.class[i], Name: n.names[n.name[i]],
		Bridge: n.flags[i]&segBridge != 0, Tunnel: n.flags[i]&segTunnel != 0}
	if n.origin != nil {
		s.Origin = n.origin[i]
	}
	for p := n.first[i]; p < n.first[i+1]; p++ {
		s.Points = append(s.Points, n.point(p))
	}
	for m := range Mode(Modes) {
		if n.modes[m].durationMS[2*i] != shut {
			s.Along |= SetOf(m)
		}
		if n.modes[m].durationMS[2*i+1] != shut {
			s.Against |= SetOf(m)
		}
	}
	return s
}

func (n *Network) point(p uint32) geo.Point {
	return geo.Point{Lon: float64(n.points[2*p]) / 1e7, Lat: float64(n.points[2*p+1]) / 1e7}
}

// Stats are the figures of a network.
type Stats struct {
	Segments int     `json:"segments"`
	Nodes    int     `json:"nodes"`
	Points   int     `json:"points"`
	LengthM  float64 `json:"length_m"`
	West     float64 `json:"west"`
	South    float64 `json:"south"`
	East     float64 `json:"east"`
	North    float64 `json:"north"`

	Modes map[string]ModeStats `json:"modes"`
}

// ModeStats are the figures of one mode. Island arcs lie in components so
// small that nobody is snapped to them.
type ModeStats struct {
	Arcs       int `json:"arcs"`
	Turns      int `json:"turns"`
	IslandArcs int `json:"island_arcs"`
}

// Stats counts the network.
func (n *Network) Stats() Stats {
	s := Stats{Segments: n.Segments(), Nodes: int(n.nodeN), Points: len(n.points) / 2, Modes: map[string]ModeStats{}}
	for _, cm := range n.lengthCM {
		s.LengthM += float64(cm) / 100
	}
	s.West, s.South, s.East, s.North = math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)
	for i := 0; i < len(n.points); i += 2 {
		lon, lat := float64(n.points[i])/1e7, float64(n.points[i+1])/1e7
		s.West, s.East = min(s.West, lon), max(s.East, lon)
		s.South, s.North = min(s.South, lat), max(s.North, lat)
	}
	for m := range Mode(Modes) {
		g := &n.modes[m]
		ms := ModeStats{Turns: len(g.backFrom)}
		for a, d := range g.durationMS {
			if d == shut {
				continue
			}
			ms.Arcs++
			if g.flags[a]&arcMain == 0 {
				ms.IslandArcs++
			}
		}
		s.Modes[m.String()] = ms
	}
	return s
}
