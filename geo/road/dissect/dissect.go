// Package dissect cuts road networks in half, again and again, through as few
// roads as it can: nested dissection by inertial flow (Schild and Sommer, "On
// Balanced Separators in Road Networks", SEA 2015).
//
// The answer is an order of the edges, those of the first cut last. Where arcs of
// roads are the vertices of a graph and turns its arcs, the arcs of a cut separate
// the two sides, so this is an elimination order for a customizable contraction
// hierarchy with turn costs (Buchhold, Wagner, Zeitz and Zündorf, "Customizable
// Contraction Hierarchies with Turn Costs", ATMOS 2020).
package dissect

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// Graph is an undirected graph drawn on a plane. Edges may be parallel or loops.
type Graph struct {
	X, Y []float32   // by node; any unit, the same for both
	Ends [][2]uint32 // by edge: its two nodes
}

// ErrNode says that an edge names a node that is not there.
var ErrNode = errors.New("an edge ends at no node")

const (
	// share of the nodes on either side that a cut may not touch, which bounds how
	// lopsided it can be.
	share = 4
	// aside is the number of edges from which the other half is worth a goroutine.
	aside = 2000
)

// directions the nodes are sorted in; the cheapest of the cuts found is taken.
var directions = [][2]float64{{1, 0}, {0, 1}, {1, 1}, {1, -1}}

// Order answers all edges in the order in which they are to be eliminated. The
// same graph gives the same order.
func Order(ctx context.Context, g Graph) ([]uint32, error) {
	nodes := len(g.X)
	for _, e := range g.Ends {
		if int(e[0]) >= nodes || int(e[1]) >= nodes || len(g.Y) != nodes {
			return nil, ErrNode
		}
	}
	d := &dissection{ctx: ctx, graph: g, local: make([]uint32, nodes), hands: make(chan struct{}, 3)}
	out := make([]uint32, len(g.Ends))
	members, edges := make([]uint32, nodes), make([]uint32, len(g.Ends))
	for i := range members {
		members[i] = uint32(i)
	}
	for i := range edges {
		edges[i] = uint32(i)
	}
	d.halve(members, edges, out)
	return out, ctx.Err()
}

type dissection struct {
	ctx   context.Context
	graph Graph
	// local numbers the nodes of a part from 0. Parts that are worked on at the same
	// time share no node.
	local []uint32
	hands chan struct{} // bounds the goroutines
	flows sync.Pool     // *flow
}

// halve fills out with the edges of a part in their order.
func (d *dissection) halve(nodes, edges, out []uint32) {
	if len(edges) == 0 {
		return
	}
	if len(edges) <= 2 || len(nodes) <= 2 || d.ctx.Err() != nil {
		copy(out, edges)
		return
	}
	near := d.cut(nodes, edges)
	// Both parts are made in place: nodes of the near side first.
	nodes = slices.Clone(nodes)
	split := partition(nodes, func(n uint32) bool { return near[d.local[n]] })
	var sides [2][]uint32
	var cut []uint32
	for _, e := range edges {
		a, b := near[d.local[d.graph.Ends[e][0]]], near[d.local[d.graph.Ends[e][1]]]
		switch {
		case a && b:
			sides[0] = append(sides[0], e)
		case !a && !b:
			sides[1] = append(sides[1], e)
		default:
			cut = append(cut, e)
		}
	}
	first, second := out[:len(sides[0])], out[len(sides[0]):len(sides[0])+len(sides[1])]
	copy(out[len(out)-len(cut):], cut)
	if min(len(sides[0]), len(sides[1])) > aside {
		select {
		case d.hands <- struct{}{}:
			var other sync.WaitGroup
			other.Go(func() {
				d.halve(nodes[:split], sides[0], first)
				<-d.hands
			})
			d.halve(nodes[split:], sides[1], second)
			other.Wait()
			return
		default:
		}
	}
	d.halve(nodes[:split], sides[0], first)
	d.halve(nodes[split:], sides[1], second)
}

// partition moves what is in front to the front, keeps the order within both, and
// answers how many there are.
func partition(list []uint32, front func(uint32) bool) int {
	back := make([]uint32, 0, len(list)/2)
	k := 0
	for _, v := range list {
		if front(v) {
			list[k] = v
			k++
		} else {
			back = append(back, v)
		}
	}
	copy(list[k:], back)
	return k
}

// cut answers the better side of the cheapest cut, by local number.
func (d *dissection) cut(nodes, edges []uint32) []bool {
	f, _ := d.flows.Get().(*flow)
	if f == nil {
		f = &flow{}
	}
	defer d.flows.Put(f)
	for i, n := range nodes {
		d.local[n] = uint32(i)
	}
	f.load(len(nodes), func(yield func(a, b uint32)) {
		for _, e := range edges {
			yield(d.local[d.graph.Ends[e][0]], d.local[d.graph.Ends[e][1]])
		}
	})
	aside := max(1, len(nodes)/share)
	var best []bool
	bestCut, bestSide := 0, 0
	order := make([]uint64, len(nodes))
	for _, way := range directions {
		for i, n := range nodes {
			at := way[0]*float64(d.graph.X[n]) + way[1]*float64(d.graph.Y[n])
			order[i] = uint64(sortable(float32(at)))<<32 | uint64(i)
		}
		slices.Sort(order)
		limit := len(edges) + 1
		if best != nil {
			// Beyond, not even the most even halves would make up for it.
			limit = bestCut * share / 2
		}
		size, ok := f.run(order[:aside], order[len(order)-aside:], limit)
		if !ok {
			continue
		}
		side := min(f.nearSize, len(nodes)-f.nearSize)
		// Fewer roads cut for each node set apart.
		if best == nil || size*bestSide < bestCut*side {
			best, bestCut, bestSide = append(best[:0], f.near...), size, side
		}
	}
	return best
}
