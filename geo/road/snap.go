package road

import (
	"math"
	"slices"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/road/cch"
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
	// maxCandidates bounds the roads of a spot that are not equally near: each makes
	// every question a little dearer.
	maxCandidates = 4
	// How much farther than the nearest another road may lie: twice the accuracy of
	// the place, within bounds. The two sides of a dual carriageway are 10 to 20 m
	// apart, which decides where nothing is known of the accuracy.
	unknownSlackM = 20
	minSlackM     = 10
	maxSlackM     = 50
)

// headingCos is the cosine of how far from its heading somebody who moves may be
// taken to travel: 60 degrees, what is left of a bend and of a compass.
const headingCos = 0.5

// spot is where a point meets the network: one or more arcs. snapM is how far the
// nearest of them is.
type spot struct {
	snapM float64
	at    []place
}

// place is a position on an arc: what lies before it, of the whole arc, and the walk
// between it and the point that was meant.
type place struct {
	arc      uint32
	beforeMS uint32
	beforeCM uint32
	walkCM   uint32
}

// walk is the length of the walk between the place and its point.
func (at *place) walk() (ms, cm uint32) { return walkTimeMS(at.walkCM), at.walkCM }

// before is what lies between the start of the arc and the point, by way of the place.
func (at *place) before() cch.Key { return lengthOf(at.beforeMS, at.beforeCM) + lengthOf(at.walk()) }

func walkTimeMS(cm uint32) uint32 { return uint32(math.Round(float64(cm) * 10 / walkMS)) }

// snapper is what snapping needs. The places of its spots stay in it until it is
// reset.
type snapper struct {
	near   nearHeap
	places []place
	other  []place // against the heading
	island []place
	ends   []end    // of the candidates
	left   []uint32 // segments that are none, since all they offer is to leave a nearer one
}

// end is a node that a candidate ends at, and how far the candidate is.
type end struct {
	node      uint32
	distanceM float64
}

func (s *snapper) reset() { s.places = s.places[:0] }

// snap finds where a bare point meets the roads, see snapFix.
func (n *Network) snap(m Mode, durationMS []uint32, p geo.Point, s *snapper) spot {
	return n.snapFix(m, durationMS, &Fix{Point: p}, s)
}

// snapFix finds where a fix meets the roads of a mode, of those that durationMS does
// not shut, each open direction of a road by itself. Candidates are the nearest road
// with all as near as it, and the next ones up to maxCandidates, with all as near as
// the last of them, that are no more than the slack of the fix farther; a road that is
// only near where it leaves a nearer candidate adds nothing and is none. Which of two
// equally near roads is met first never matters. The way is then the best over all pairs of
// candidates, walks at foot pace counted. Beside private ground only private roads are
// candidates, and elsewhere none: else the count of entries would decide before time
// does. Of somebody who moves, only the directions
// of travel near the heading are candidates, if there are any.
//
// A proper road is preferred to a nearer one on an island that leads nowhere. No place
// at all means that the point is outside the network; snapM is then how far away the
// nearest road is, or 0 where there is none.
func (n *Network) snapFix(m Mode, durationMS []uint32, f *Fix, s *snapper) spot {
	g := &n.modes[m]
	usable := func(segment uint32) bool {
		return n.flags[segment]&segFerry == 0 && (durationMS[2*segment] != shut || durationMS[2*segment+1] != shut)
	}
	nearest, chosen := math.Inf(1), math.Inf(1)
	before := len(s.places)
	s.island, s.other, s.ends, s.left = s.island[:0], s.other[:0], s.ends[:0], s.left[:0]
	heading, moving := f.heading(m)
	slack := f.slackM()
	roads, grounds, last := 0, uint8(0), math.Inf(1)
	n.near(f.Lon, f.Lat, &s.near, usable, func(leaf uint32, distanceM, along float64) bool {
		nearest = math.Min(nearest, distanceM)
		if distanceM > maxSnapM || distanceM > chosen+slack || math.IsInf(chosen, 1) && distanceM > nearest+islandM {
			return false
		}
		segment, stretch := n.tree.segment[leaf], n.tree.stretch[leaf]
		if (g.flags[2*segment]|g.flags[2*segment+1])&arcMain == 0 {
			if distanceM <= nearest+tieM {
				s.island = n.place(durationMS, s.island, 0, segment, stretch, along, distanceM, 3)
			}
			return true
		}
		chosen = math.Min(chosen, distanceM)
		ground := uint8(1) << ((g.flags[2*segment] | g.flags[2*segment+1]) & arcEndsOnly)
		if distanceM <= chosen+tieM {
			grounds |= ground
		} else {
			if roads >= maxCandidates && distanceM > last+tieM {
				return false
			}
			// A bend further on is no more of a candidate than the road's nearest point.
			if grounds&ground == 0 || slices.Contains(s.left, segment) {
				return true
			}
			if n.leaves(s.ends, segment, stretch, along, distanceM) {
				s.left = append(s.left, segment)
				return true
			}
		}
		agree := uint8(3)
		if moving {
			agree = n.agree(stretch, heading)
			s.other = n.place(durationMS, s.other, 0, segment, stretch, along, distanceM, 3&^agree)
		}
		had := len(s.places)
		s.places = n.place(durationMS, s.places, before, segment, stretch, along, distanceM, agree)
		s.ends = append(s.ends, end{n.nodes[2*segment], distanceM}, end{n.nodes[2*segment+1], distanceM})
		if len(s.places) > had {
			if roads++; roads == maxCandidates {
				last = distanceM
			}
		}
		return true
	})
	if len(s.places) == before {
		s.places = append(s.places, s.other...)
	}
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

// leaves says that a road is nearest at one of its ends, and that a candidate which is
// nearer ends there too.
func (n *Network) leaves(ends []end, segment, stretch uint32, along, distanceM float64) bool {
	var node uint32
	switch {
	case along == 0 && stretch == n.first[segment]:
		node = n.nodes[2*segment]
	case along == 1 && stretch == n.first[segment+1]-2:
		node = n.nodes[2*segment+1]
	default:
		return false
	}
	return slices.ContainsFunc(ends, func(e end) bool { return e.node == node && e.distanceM < distanceM-tieM })
}

// agree answers which directions of a stretch go near a heading: 1 for the drawn one,
// 2 for the other.
func (n *Network) agree(stretch uint32, heading float64) uint8 {
	at := n.points[2*stretch : 2*stretch+4]
	cos := math.Cos((bearing(at[0], at[1], at[2], at[3]) - heading) * math.Pi / 180)
	switch {
	case cos >= headingCos:
		return 1
	case cos <= -headingCos:
		return 2
	}
	return 0
}

// place adds the arcs of a segment at a position, once each from the index first on,
// of the directions dirs: 1 the drawn one, 2 the other, 3 both.
func (n *Network) place(durationMS []uint32, to []place, first int, segment, stretch uint32, along, walkM float64, dirs uint8) []place {
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
		if durationMS[arc] == shut || dirs&(1<<dir) == 0 {
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
		to = append(to, place{arc: arc, beforeMS: ms, beforeCM: cm, walkCM: uint32(math.Round(walkM * 100))})
	}
	return to
}

func (n *Network) stretchM(p uint32) float64 {
	return stretchM(n.points[2*p], n.points[2*p+1], n.points[2*p+2], n.points[2*p+3])
}
