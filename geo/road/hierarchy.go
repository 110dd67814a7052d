package road

import (
	"context"
	"fmt"
	"math"

	"github.com/gridpatrol/gridpatrol/geo/road/cch"
	"github.com/gridpatrol/gridpatrol/geo/road/dissect"
)

// hierarchy is one mode of a network prepared for questions: its open states are the
// vertices of a customizable contraction hierarchy, its turns the arcs.
type hierarchy struct {
	top    *cch.Topology
	vertex []uint32 // by state; none where the mode may not go
	state  []uint32 // by vertex
}

// prepare makes the hierarchy of a mode, and finds an order for it first unless the
// network has one.
func (n *Network) prepare(ctx context.Context, m Mode) (*hierarchy, error) {
	g := &n.modes[m]
	h := &hierarchy{vertex: make([]uint32, g.states())}
	for s := range h.vertex {
		h.vertex[s] = none
		if g.durationMS[g.arcOf(uint32(s))] != shut {
			h.vertex[s] = uint32(len(h.state))
			h.state = append(h.state, uint32(s))
		}
	}
	graph := cch.Graph{First: make([]uint32, 1, len(h.state)+1), To: make([]uint32, len(g.turnTo))}
	for _, s := range h.state {
		graph.First = append(graph.First, g.turnFirst[s+1])
	}
	for t, to := range g.turnTo {
		graph.To[t] = h.vertex[to]
	}
	var err error
	if g.order == nil {
		if g.order, err = n.order(ctx, m, h); err != nil {
			return nil, err
		}
	}
	h.top, err = cch.Build(ctx, graph, g.order)
	return h, err
}

// order halves the network of a mode again and again; the arcs of a cut road, and
// their copies, come after all arcs of both sides.
func (n *Network) order(ctx context.Context, m Mode, h *hierarchy) ([]uint32, error) {
	g := &n.modes[m]
	number := make([]uint32, n.nodeN)
	for i := range number {
		number[i] = none
	}
	var d dissect.Graph
	var segments []uint32
	for s := range uint32(n.Segments()) {
		if g.durationMS[2*s] == shut && g.durationMS[2*s+1] == shut {
			continue
		}
		var ends [2]uint32
		for i := range ends {
			node := n.nodes[2*s+uint32(i)]
			if number[node] == none {
				number[node] = uint32(len(d.X))
				x, y := n.nodeXY(s, i)
				d.X, d.Y = append(d.X, x), append(d.Y, y)
			}
			ends[i] = number[node]
		}
		d.Ends = append(d.Ends, ends)
		segments = append(segments, s)
	}
	cut, err := dissect.Order(ctx, d)
	if err != nil {
		return nil, fmt.Errorf("halve the roads: %w", err)
	}
	order := make([]uint32, 0, len(h.state))
	for _, i := range cut {
		for arc := 2 * segments[i]; arc < 2*segments[i]+2; arc++ {
			if v := h.vertex[arc]; v != none {
				order = append(order, v)
			}
			for _, s := range g.copies[arc] {
				order = append(order, h.vertex[s])
			}
		}
	}
	return order, nil
}

// nodeXY is where a segment begins (end 0) or ends (end 1), on a plane good enough to
// sort by.
func (n *Network) nodeXY(segment uint32, end int) (x, y float32) {
	p := n.first[segment]
	if end == 1 {
		p = n.first[segment+1] - 1
	}
	at := n.point(p)
	return float32(at.Lon * math.Cos(at.Lat*math.Pi/180)), float32(at.Lat)
}

// metric is a hierarchy with the durations in force.
type metric struct {
	version    uint64
	durationMS []uint32 // by arc, like graph.durationMS
	weights    *cch.Metric
	learned    bool // see Version
}

// customize makes the metric of some durations; turns keep their costs.
func (n *Network) customize(ctx context.Context, m Mode, h *hierarchy, durationMS []uint32, version uint64) (*metric, error) {
	g := &n.modes[m]
	keys := make([]cch.Key, len(g.turnTo))
	for _, s := range h.state {
		endsOnly := g.flags[g.arcOf(s)]&arcEndsOnly != 0
		stuck := g.stuck(durationMS, s)
		for t := g.turnFirst[s]; t < g.turnFirst[s+1]; t++ {
			if !g.open(durationMS, t, stuck) {
				keys[t] = cch.Inf
				continue
			}
			arc := g.arcOf(g.turnTo[t])
			keys[t] = lengthOf(g.turnCostMS[t]&^stuckBit+durationMS[arc], n.lengthCM[arc/2])
			if !endsOnly && g.flags[arc]&arcEndsOnly != 0 {
				keys[t] += pass
			}
		}
	}
	weights, err := h.top.Customize(ctx, keys)
	if err != nil {
		return nil, fmt.Errorf("customize: %w", err)
	}
	return &metric{version: version, durationMS: durationMS, weights: weights}, nil
}
