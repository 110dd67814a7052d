package road

import (
	"slices"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/road/cch"
)

// mostOfStreet bounds how far a street is followed.
const mostOfStreet = 64

// street is a segment with all that goes on from it where nothing else branches off: a
// traffic light or a change of name ends a segment and no view.
func (c *convening) street(segment uint32) []uint32 {
	if s, ok := c.streets[segment]; ok {
		return s
	}
	n := c.r.net
	street := []uint32{segment}
	for end := range 2 {
		at, node, from := n.end(segment, end), n.nodes[2*segment+uint32(end)], segment
		for len(street) < mostOfStreet {
			next, others := uint32(none), 0
			n.within(at.Lon, at.Lat, at.Lon, at.Lat, func(s uint32) {
				if s != from && s != next && n.flags[s]&segFerry == 0 && (n.nodes[2*s] == node || n.nodes[2*s+1] == node) {
					next = s
					others++
				}
			})
			if others != 1 || slices.Contains(street, next) {
				break
			}
			street = append(street, next)
			far := 0
			if n.nodes[2*next] == node {
				far = 1
			}
			at, node, from = n.end(next, far), n.nodes[2*next+uint32(far)], next
		}
	}
	slices.Sort(street)
	c.streets[segment] = street
	return street
}

// end is where a segment starts (0) or ends (1).
func (n *Network) end(segment uint32, end int) geo.Point {
	if end == 1 {
		return n.point(n.first[segment+1] - 1)
	}
	return n.point(n.first[segment])
}

// exposed says which rule about streets a place breaks, empty if none: whoever waits there
// is seen by who looks down the street of the target, or the one that turns into it.
func (c *convening) exposed(g *gathering) string {
	own := slices.Clone(c.street(g.segment))
	for _, m := range c.modes {
		for _, at := range g.spots[m].at {
			if s := at.arc / 2; !slices.Contains(own, s) {
				own = append(own, c.street(s)...)
			}
		}
	}
	for _, s := range own {
		if slices.Contains(c.targets, s) {
			return BreaksTarget
		}
	}
	for _, m := range c.modes {
		if g.onKey[m] < cch.Inf && c.within(g, m, own) <= g.onKey[m] {
			return BreaksLast
		}
	}
	return ""
}

// within is the best way from a place to the target over nothing but its own street and
// the target's. Where that is as good as the best of all, somebody's approach goes that
// way.
func (c *convening) within(g *gathering, m Mode, own []uint32) cch.Key {
	n, h, now := c.r.net, c.r.modes[m], c.now[m]
	gr := &n.modes[m]
	goal := c.goals[m]
	best := g.spots[m].direct(goal)
	known := map[uint32]cch.Key{} // by state: from the place to its end
	var left []waiting
	reach := func(state uint32, key cch.Key) {
		if have, ok := known[state]; !ok || key < have {
			known[state] = key
			left = append(left, waiting{key, state})
		}
	}
	for _, at := range g.spots[m].at {
		reach(at.arc, n.rest(now, at))
	}
	c.a.aim(gr, h, now, goal)
	for len(left) > 0 {
		i := 0
		for k := range left {
			if left[k].before(left[i]) {
				i = k
			}
		}
		top := left[i]
		left = slices.Delete(left, i, i+1)
		if top.key > known[top.state] || top.key >= best {
			continue
		}
		for _, seed := range c.a.seeds {
			if h.state[seed.Vertex] == top.state {
				best = min(best, top.key+seed.Key)
			}
		}
		stuck := gr.stuck(now.durationMS, top.state)
		for t := gr.turnFirst[top.state]; t < gr.turnFirst[top.state+1]; t++ {
			to := gr.turnTo[t]
			arc := gr.arcOf(to)
			if !gr.open(now.durationMS, t, stuck) || !slices.Contains(own, arc/2) && !slices.Contains(c.targets, arc/2) {
				continue
			}
			key := top.key + lengthOf(gr.turnCostMS[t]&^stuckBit+now.durationMS[arc], n.lengthCM[arc/2])
			if gr.flags[arc]&arcEndsOnly != 0 && gr.flags[gr.arcOf(top.state)]&arcEndsOnly == 0 {
				key += pass
			}
			reach(to, key)
		}
	}
	return best
}

// sweep is some places with what leads onto their arcs, looked up once for everybody who
// comes by the same mode.
type sweep struct {
	places   []gathering
	m        Mode
	vertices []uint32 // that lead onto one of the places, once each
	at       []onto
	first    []int // by place: its first in at; one more at the end
	far      []cch.Key
}

// onto is a vertex, by its index, and what is left from there to a place.
type onto struct {
	vertex int
	key    cch.Key
}

func (r *Router) sweep(a *ask, m Mode, now *metric, places []gathering) *sweep {
	s := &sweep{places: places, m: m}
	number := map[uint32]int{}
	for i := range places {
		s.first = append(s.first, len(s.at))
		a.aim(&r.net.modes[m], r.modes[m], now, places[i].spots[m])
		for _, seed := range a.seeds {
			k, ok := number[seed.Vertex]
			if !ok {
				k = len(s.vertices)
				number[seed.Vertex] = k
				s.vertices = append(s.vertices, seed.Vertex)
			}
			s.at = append(s.at, onto{k, seed.Key})
		}
	}
	s.first = append(s.first, len(s.at))
	s.far = make([]cch.Key, len(s.vertices))
	return s
}

// from tells the way to each place from where begin was told.
func (s *sweep) from(a *ask, start spot, from geo.Point, version Version, tell func(i int, t Time)) {
	for k, v := range s.vertices {
		s.far[k] = a.search.From(v)
	}
	for i := range s.places {
		goal := s.places[i].spots[s.m]
		best := start.direct(goal)
		for _, o := range s.at[s.first[i]:s.first[i+1]] {
			best = min(best, s.far[o.vertex]+o.key)
		}
		t, _ := timeOf(version, best, from, s.places[i].at, start, goal)
		tell(i, t)
	}
}
