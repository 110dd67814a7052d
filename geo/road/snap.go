package road

import (
	"math"

	"github.com/gridpatrol/gridpatrol/geo"
)

const (
	// walkMS is the pace of the walk between a point and the road.
	walkMS = 5 / 3.6
	// maxSnapM is how far anybody is expected to walk to a road; beyond, the
	// point is outside the network.
	maxSnapM = 20_000
	// islandM is how much farther than a road on a tiny island the nearest proper
	// road may be and still be preferred.
	islandM = 500
	// tieM is how close in distance two roads count as equally near, as all roads
	// of a junction do for a point beside it.
	tieM = 0.01
)

// spot is where a point meets the network: one or more arcs at a distance.
type spot struct {
	snapM float64
	at    []place
}

// place is a position on an arc: what lies before it, of the whole arc.
type place struct {
	arc      uint32
	beforeMS uint32
	beforeCM uint32
}

// snapper is what snapping needs. The places of its spots stay in it until it is
// reset.
type snapper struct {
	near   nearHeap
	places []place
	island []place
}

func (s *snapper) reset() { s.places = s.places[:0] }

// snap finds where a point meets the roads of a mode, of those that durationMS does
// not shut. A proper road is preferred to a nearer one on an island that leads
// nowhere. No place at all means that the point is outside the network; snapM is
// then how far away the nearest road is, or 0 where there is none.
func (n *Network) snap(m Mode, durationMS []uint32, p geo.Point, s *snapper) spot {
	g := &n.modes[m]
	usable := func(segment uint32) bool {
		return n.flags[segment]&segFerry == 0 && (durationMS[2*segment] != shut || durationMS[2*segment+1] != shut)
	}
	nearest, chosen := math.Inf(1), math.Inf(1)
	before := len(s.places)
	s.island = s.island[:0]
	n.near(p.Lon, p.Lat, &s.near, usable, func(leaf uint32, distanceM, along float64) bool {
		nearest = math.Min(nearest, distanceM)
		if distanceM > maxSnapM || distanceM > chosen+tieM || distanceM > nearest+islandM {
			return false
		}
		segment := n.tree.segment[leaf]
		if (g.flags[2*segment]|g.flags[2*segment+1])&arcMain == 0 {
			if distanceM <= nearest+tieM {
				s.island = n.place(durationMS, s.island, 0, segment, n.tree.stretch[leaf], along)
			}
			return true
		}
		chosen = math.Min(chosen, distanceM)
		s.places = n.place(durationMS, s.places, before, segment, n.tree.stretch[leaf], along)
		return true
	})
	if len(s.places) > before {
		return spot{snapM: chosen, at: s.places[before:len(s.places):len(s.places)]}
	}
	if len(s.island) > 0 {
		s.places = append(s.places, s.island...)
		return spot{snapM: nearest, at: s.places[before:len(s.places):len(s.places)]}
	}
	if math.IsInf(nearest, 1) {
		return spot{}
	}
	return spot{snapM: nearest}
}

// place adds the arcs of a segment at a position, once each from the index first on.
func (n *Network) place(durationMS []uint32, to []place, first int, segment, stretch uint32, along float64) []place {
	for _, have := range to[first:] {
		if have.arc/2 == segment {
			return to
		}
	}
	walked := 0.0
	for p := n.first[segment]; p < stretch; p++ {
		walked += n.stretchM(p)
	}
	walked += along * n.stretchM(stretch)
	length := n.lengthCM[segment]
	before := min(uint32(math.Round(walked*100)), length)
	for dir := range uint32(2) {
		arc := 2*segment + dir
		if durationMS[arc] == shut {
			continue
		}
		cm := before
		if dir == 1 {
			cm = length - before
		}
		ms := uint32(0)
		if length > 0 {
			ms = uint32(math.Round(float64(durationMS[arc]) * float64(cm) / float64(length)))
		}
		to = append(to, place{arc: arc, beforeMS: ms, beforeCM: cm})
	}
	return to
}

func (n *Network) stretchM(p uint32) float64 {
	return stretchM(n.points[2*p], n.points[2*p+1], n.points[2*p+2], n.points[2*p+3])
}
