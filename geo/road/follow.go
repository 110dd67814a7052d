package road

import (
	"math"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/road/cch"
)

// Footing is a place on one direction of a road, near some point. Arc 2s is segment s
// as it is drawn, arc 2s+1 the other way.
type Footing struct {
	Arc   uint32
	AtCM  uint32  // from the start of the arc
	AwayM float64 // from the point
	// Bearing of the road there, in the direction of the arc, clockwise from north.
	BearingDeg float64
}

// Segment is the road of the footing.
func (f Footing) Segment() uint32 { return f.Arc / 2 }

// Footings appends the places where a point may be on the roads of a mode as they
// were built, both directions of a two-way road, the nearest first: of at most max
// roads within reachM. Roads on islands count too: who was there was there.
func (n *Network) Footings(to []Footing, m Mode, p geo.Point, reachM float64, max int) []Footing {
	g := &n.modes[m]
	usable := func(segment uint32) bool {
		return n.flags[segment]&segFerry == 0 && (g.durationMS[2*segment] != shut || g.durationMS[2*segment+1] != shut)
	}
	var s snapper
	n.near(p.Lon, p.Lat, &s.near, usable, func(leaf uint32, distanceM, along float64) bool {
		if distanceM > reachM {
			return false
		}
		had := len(s.places)
		stretch := n.tree.stretch[leaf]
		s.places = n.place(g.durationMS, s.places, 0, n.tree.segment[leaf], stretch, along, distanceM, 3)
		if had == len(s.places) {
			return true
		}
		max--
		at := n.points[2*stretch : 2*stretch+4]
		deg := bearing(at[0], at[1], at[2], at[3])
		for _, pl := range s.places[had:] {
			f := Footing{Arc: pl.arc, AtCM: pl.beforeCM, AwayM: distanceM, BearingDeg: deg}
			if pl.arc&1 == 1 {
				f.BearingDeg += 180
			}
			to = append(to, f)
		}
		return max > 0
	})
	return to
}

// ArcCM is the length of an arc.
func (n *Network) ArcCM(arc uint32) uint32 { return n.lengthCM[arc/2] }

// ArcMS is how long an arc takes a mode as it was built.
func (n *Network) ArcMS(m Mode, arc uint32) (ms uint32, open bool) {
	ms = n.modes[m].durationMS[arc]
	return ms, ms != shut
}

// AppendArc appends the line of an arc between two distances from its start to flat
// coordinates, without repeating a point.
func (n *Network) AppendArc(flat []float64, arc, fromCM, toCM uint32) []float64 {
	t := tracer{net: n, flat: flat, road: true, named: n.name[arc/2], steps: make([]Step, 1), begin: make([]int, 1)}
	t.arc(arc, fromCM, toCM, 0)
	return t.flat
}

// Follower finds the quickest ways from one place to several near ones, as somebody
// goes who was seen at both: by the turns of the mode, roads as they were built. It
// may also turn round where it stands, at a price. It belongs to one goroutine at a
// time; the zero value is ready.
type Follower struct {
	net    *Network
	mode   Mode
	start  Footing
	turn   uint32
	labels []following // by state: on entering its arc
	queue  search      // for its heap only
	best   []reached   // by arc
	// Settled counts what was looked at in all searches, as a measure of work.
	Settled int
}

type following struct {
	key  cch.Key
	turn uint32
	prev uint32 // state, or none behind the start
	back bool   // turned round at the start
}

type reached struct {
	turn    uint32
	settled bool
	state   uint32
}

// roundMS is the price of turning round in the middle of a road.
const roundMS = 20_000

// Search looks for the ways from a place to targets, none longer than maxCM.
func (s *Follower) Search(n *Network, m Mode, start Footing, targets []Footing, maxCM uint32) {
	g := &n.modes[m]
	if s.net != n || len(s.labels) < g.states() || len(s.best) < len(g.durationMS) {
		s.labels, s.best, s.turn = make([]following, g.states()), make([]reached, len(g.durationMS)), 0
	}
	s.net, s.mode, s.start = n, m, start
	s.turn++
	if s.turn == 0 { // after four billion searches
		clear(s.labels)
		clear(s.best)
		s.turn = 1
	}
	s.queue.heap = s.queue.heap[:0]
	left := 0
	for _, t := range targets {
		if s.best[t.Arc].turn != s.turn {
			s.best[t.Arc] = reached{turn: s.turn}
			left++
		}
	}
	rest := n.lengthCM[start.Arc/2] - start.AtCM
	s.leave(g, start.Arc, lengthOf(s.share(start.Arc, rest), rest), maxCM, none, false)
	if back := start.Arc ^ 1; g.durationMS[back] != shut {
		s.leave(g, back, lengthOf(roundMS+s.share(back, start.AtCM), start.AtCM), maxCM, none, true)
	}
	for left > 0 && len(s.queue.heap) > 0 {
		top := s.queue.pop()
		l := s.labels[top.state]
		if top.key > l.key {
			continue
		}
		s.Settled++
		arc := g.arcOf(top.state)
		if b := &s.best[arc]; b.turn == s.turn && !b.settled {
			b.settled, b.state = true, top.state
			left--
		}
		s.leave(g, top.state, top.key+lengthOf(g.durationMS[arc], n.lengthCM[arc/2]), maxCM, top.state, l.back)
	}
}

// share is how long a part of an arc takes.
func (s *Follower) share(arc, cm uint32) uint32 {
	if length := s.net.lengthCM[arc/2]; length > 0 {
		return uint32(math.Round(float64(s.net.modes[s.mode].durationMS[arc]) * float64(cm) / float64(length)))
	}
	return 0
}

// leave goes on at the end of a state that is reached with key.
func (s *Follower) leave(g *graph, state uint32, key cch.Key, maxCM, prev uint32, back bool) {
	if cmOf(key) > maxCM {
		return
	}
	private := g.flags[g.arcOf(state)]&arcEndsOnly != 0
	stuck := g.stuck(g.durationMS, state)
	for t := g.turnFirst[state]; t < g.turnFirst[state+1]; t++ {
		if !g.open(g.durationMS, t, stuck) {
			continue
		}
		to := g.turnTo[t]
		k := key + lengthOf(g.turnCostMS[t]&^stuckBit, 0)
		if !private && g.flags[g.arcOf(to)]&arcEndsOnly != 0 {
			k += pass
		}
		if l := &s.labels[to]; l.turn != s.turn || k < l.key {
			*l = following{key: k, turn: s.turn, prev: prev, back: back}
			s.queue.push(waiting{k, to})
		}
	}
}

// Leg is a way that a Follower found.
type Leg struct {
	LengthCM uint32
	Round    bool // it turns round where it starts
}

// To answers the way to a target of the last Search.
func (s *Follower) To(t Footing) (Leg, bool) {
	if t.Arc == s.start.Arc && t.AtCM >= s.start.AtCM {
		return Leg{LengthCM: t.AtCM - s.start.AtCM}, true
	}
	length := s.net.lengthCM[t.Arc/2]
	if t.Arc == s.start.Arc^1 && t.AtCM >= length-s.start.AtCM {
		if onward, ok := s.entered(t); ok && !onward.Round && onward.LengthCM <= t.AtCM-(length-s.start.AtCM) {
			return onward, true
		}
		return Leg{LengthCM: t.AtCM - (length - s.start.AtCM), Round: true}, true
	}
	return s.entered(t)
}

func (s *Follower) entered(t Footing) (Leg, bool) {
	b := s.best[t.Arc]
	if b.turn != s.turn || !b.settled {
		return Leg{}, false
	}
	l := s.labels[b.state]
	return Leg{LengthCM: cmOf(l.key) + t.AtCM, Round: l.back}, true
}

// Path appends the arcs of the way to a target that To found: that of the start, or
// its other direction where it turns round, and so on to that of the target.
func (s *Follower) Path(arcs []uint32, t Footing) []uint32 {
	leg, _ := s.To(t)
	first := s.start.Arc
	if leg.Round {
		first ^= 1
	}
	arcs = append(arcs, first)
	onward, ok := s.entered(t)
	if !ok || onward != leg || t.Arc == s.start.Arc && t.AtCM >= s.start.AtCM {
		return arcs // without leaving the road
	}
	g := &s.net.modes[s.mode]
	at := len(arcs)
	for state := s.best[t.Arc].state; state != none; state = s.labels[state].prev {
		arcs = append(arcs, g.arcOf(state))
	}
	for i, j := at, len(arcs)-1; i < j; i, j = i+1, j-1 {
		arcs[i], arcs[j] = arcs[j], arcs[i]
	}
	return arcs
}
