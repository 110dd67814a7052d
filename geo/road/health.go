package road

import (
	"cmp"
	"context"
	"slices"

	"github.com/gridpatrol/gridpatrol/geo"
)

// Health is what is wrong with the roads of a mode, as far as the network itself shows
// it: mostly of the drawing, sometimes of the town.
type Health struct {
	// Islands are connected with the rest by nothing. Traps can be entered and not left
	// again, sources left and not entered: a one-way street that points the wrong way, or
	// a road that ends at the edge of the file.
	Islands, Traps, Sources []Patch
	// DeadEnds is how many roads simply end; Gaps are those of them that end just beside
	// another road and are not connected to it.
	DeadEnds int
	Gaps     []Gap
}

// Patch is a connected piece of road.
type Patch struct {
	Extent
	At geo.Point
}

// Gap is an end that was probably meant to touch another road.
type Gap struct {
	At    geo.Point
	Name  string // of the road that ends
	To    string // of the road beside it
	WideM float64
}

// gapM is how near another road an end is suspicious. What is nearer than joinM was
// joined.
const gapM = 3

// Health looks at a mode.
func (n *Network) Health(ctx context.Context, m Mode) (Health, error) {
	g := &n.modes[m]
	into, back := n.reachable(g)
	const (
		fine = iota
		island
		trap
		source
	)
	kind := make([]uint8, n.Segments())
	for s := range kind {
		// The better direction of a road speaks for it.
		in, out, open := false, false, false
		for arc := uint32(2 * s); arc < uint32(2*s+2); arc++ {
			if g.durationMS[arc] == shut {
				continue
			}
			open = true
			in, out = in || into[arc], out || back[arc]
		}
		switch {
		case !open || in && out:
		case in:
			kind[s] = trap
		case out:
			kind[s] = source
		default:
			kind[s] = island
		}
	}
	h := Health{Islands: n.patches(kind, island), Traps: n.patches(kind, trap), Sources: n.patches(kind, source)}
	return h, n.ends(ctx, m, &h)
}

// reachable answers which arcs can be reached from the main part, and from which it can
// be reached.
func (n *Network) reachable(g *graph) (into, back []bool) {
	component, sizes := g.components()
	largest := uint32(0)
	for i, size := range sizes {
		if size > sizes[largest] {
			largest = uint32(i)
		}
	}
	spread := func(next func(state uint32, visit func(uint32))) []bool {
		seen := make([]bool, g.states())
		var left []uint32
		for s := range seen {
			if len(sizes) > 0 && component[s] == largest {
				seen[s] = true
				left = append(left, uint32(s))
			}
		}
		for len(left) > 0 {
			s := left[len(left)-1]
			left = left[:len(left)-1]
			next(s, func(to uint32) {
				if !seen[to] {
					seen[to] = true
					left = append(left, to)
				}
			})
		}
		arcs := make([]bool, len(g.durationMS))
		for s, yes := range seen {
			if yes {
				arcs[g.arcOf(uint32(s))] = true
			}
		}
		return arcs
	}
	into = spread(func(s uint32, visit func(uint32)) {
		stuck := g.stuck(g.durationMS, s)
		for t := g.turnFirst[s]; t < g.turnFirst[s+1]; t++ {
			if g.open(g.durationMS, t, stuck) {
				visit(g.turnTo[t])
			}
		}
	})
	back = spread(func(s uint32, visit func(uint32)) {
		for t := g.backFirst[s]; t < g.backFirst[s+1]; t++ {
			visit(g.backFrom[t] &^ passBit)
		}
	})
	return into, back
}

// patches joins the segments of a kind where they touch, the longest piece first.
func (n *Network) patches(kind []uint8, of uint8) []Patch {
	part := map[uint32]uint32{} // by node: another of its part
	var find func(node uint32) uint32
	find = func(node uint32) uint32 {
		up, ok := part[node]
		if !ok || up == node {
			part[node] = node
			return node
		}
		root := find(up)
		part[node] = root
		return root
	}
	var segments []uint32
	for s, k := range kind {
		if k == of {
			segments = append(segments, uint32(s))
			part[find(n.nodes[2*s])] = find(n.nodes[2*s+1])
		}
	}
	pieces := map[uint32][]uint32{}
	for _, s := range segments {
		root := find(n.nodes[2*s])
		pieces[root] = append(pieces[root], s)
	}
	out := make([]Patch, 0, len(pieces))
	for _, piece := range pieces {
		middle := piece[len(piece)/2]
		out = append(out, Patch{Extent: n.Extent(piece), At: n.point((n.first[middle] + n.first[middle+1]) / 2)})
	}
	slices.SortFunc(out, func(a, b Patch) int {
		return cmp.Or(cmp.Compare(b.LengthM, a.LengthM), cmp.Compare(a.At.Lon, b.At.Lon), cmp.Compare(a.At.Lat, b.At.Lat))
	})
	return out
}

// ends counts the dead ends of a mode and finds those that end beside another road.
func (n *Network) ends(ctx context.Context, m Mode, h *Health) error {
	g := &n.modes[m]
	open := func(s uint32) bool { return g.durationMS[2*s] != shut || g.durationMS[2*s+1] != shut }
	degree := make([]uint8, n.nodeN)
	for s := range uint32(n.Segments()) {
		if open(s) {
			for _, node := range n.nodes[2*s : 2*s+2] {
				degree[node] = min(degree[node]+1, 2)
			}
		}
	}
	var near nearHeap
	for s := range uint32(n.Segments()) {
		if s&4095 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if !open(s) {
			continue
		}
		for end, p := range []uint32{n.first[s], n.first[s+1] - 1} {
			if degree[n.nodes[2*s+uint32(end)]] != 1 {
				continue
			}
			h.DeadEnds++
			at := n.point(p)
			usable := func(other uint32) bool { return other != s && open(other) && n.flags[other]&segFerry == 0 }
			n.near(at.Lon, at.Lat, &near, usable, func(leaf uint32, distanceM, _ float64) bool {
				if distanceM <= gapM { // and not joined, or the end would be none
					h.Gaps = append(h.Gaps, Gap{At: at, Name: n.names[n.name[s]], To: n.names[n.name[n.tree.segment[leaf]]], WideM: distanceM})
				}
				return false
			})
		}
	}
	return nil
}

// Main visits the middle points of the roads that one gets to and away from again by a
// mode.
func (n *Network) Main(m Mode, visit func(p geo.Point)) {
	g := &n.modes[m]
	into, back := n.reachable(g)
	for s := range uint32(n.Segments()) {
		for arc := 2 * s; arc < 2*s+2; arc++ {
			if g.durationMS[arc] != shut && into[arc] && back[arc] {
				for p := n.first[s]; p < n.first[s+1]; p++ {
					visit(n.point(p))
				}
				break
			}
		}
	}
}
