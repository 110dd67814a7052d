package road

import (
	"fmt"

	"github.com/gridpatrol/gridpatrol/geo"
)

// Outside says, for a person to read, why a place cannot be reached by the roads of
// an engine at all: too far from any, and perhaps its numbers are the wrong way round.
// It is empty for a place that lies by a road, and where nothing is known of the roads.
func Outside(e Engine, m Mode, p geo.Point) string {
	r, ok := Serving(e).(*Router)
	if !ok || m >= Modes || p.Check() != nil {
		return ""
	}
	return r.net.outside(m, r.now[m].Load().durationMS, p)
}

// Outside is the function of that name by the roads as they were built.
func (n *Network) Outside(m Mode, p geo.Point) string {
	if m >= Modes || p.Check() != nil {
		return ""
	}
	return n.outside(m, n.modes[m].durationMS, p)
}

func (n *Network) outside(m Mode, durationMS []uint32, p geo.Point) string {
	var s snapper
	if at := n.snap(m, durationMS, p, &s); len(at.at) > 0 {
		return ""
	}
	why := fmt.Sprintf("lies outside the road network, more than %d km from any road for %v", maxSnapM/1000, m)
	if back := (geo.Point{Lon: p.Lat, Lat: p.Lon}); back.Check() == nil && n.Box().Contains(back) {
		why += fmt.Sprintf("; did you mean %v,%v? longitude comes first", back.Lon, back.Lat)
	}
	return why
}

// Box holds every road of the network.
func (n *Network) Box() geo.Box {
	t := &n.tree
	if len(t.levels) == 0 || len(t.levels[len(t.levels)-1]) == 0 {
		return geo.Box{}
	}
	b := t.levels[len(t.levels)-1][0]
	for _, other := range t.levels[len(t.levels)-1][1:] {
		b.west, b.south, b.east, b.north = min(b.west, other.west), min(b.south, other.south), max(b.east, other.east), max(b.north, other.north)
	}
	return geo.Box{West: float64(b.west) / 1e7, South: float64(b.south) / 1e7, East: float64(b.east) / 1e7, North: float64(b.north) / 1e7}
}
