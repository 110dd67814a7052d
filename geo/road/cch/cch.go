// Package cch is a customizable contraction hierarchy: exact shortest paths in a
// directed graph whose weights change often and whose shape does not (Dibbelt,
// Strasser and Wagner, "Customizable Contraction Hierarchies", JEA 2016).
//
// # Model
//
// A Topology is made once, from the graph and an order of its vertices: it holds
// an edge between two vertices wherever removing all lower ones would leave a way.
// A Metric is what certain weights make of a Topology; making one is called
// customizing, and takes a fraction of a second. It keeps only the arcs that are
// shortest ways themselves, a quarter of them: no other is part of one. Neither ever
// changes, so any number of goroutines may use them. A Search is the memory of one
// goroutine's questions.
//
// Vertices are named by their rank, 0 the lowest, once they are inside. Each
// vertex but a root has a parent, its lowest higher neighbour; all its higher
// neighbours are among its ancestors, so a search climbs one chain and needs no
// queue (the elimination tree).
//
// The package knows neither roads nor seconds.
package cch

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
)

// Key is a length. What its bits mean is the caller's business, as long as keys of a
// path add up to its key, and smaller is better.
type Key uint64

// Inf is no way; every key of a path is less. Two of it can be added without wrapping
// round.
const Inf Key = 1 << 62

// None is no vertex, no edge.
const None = math.MaxUint32

// Graph is a directed graph: the arcs out of vertex v lead to
// To[First[v]:First[v+1]].
type Graph struct {
	First, To []uint32
}

// Topology is the shape of a hierarchy.
type Topology struct {
	// A subtree of the elimination tree is a run of ranks that ends with its root.
	rank   []uint32 // by vertex
	vertex []uint32 // by rank
	parent []uint32 // by rank: in the elimination tree, or None

	// The edges of rank v are upFirst[v]..upFirst[v+1], their higher ends ascending;
	// tail is the lower end.
	upFirst []uint32
	head    []uint32
	tail    []uint32
	// The same edges by their higher end, ascending by the lower.
	downFirst []uint32
	down      []uint32

	slot   []uint32 // by arc of the graph: see place
	shares []share  // how to customize in parallel

	spare sync.Pool // *customizing
}

// ErrOrder says that an order does not name every vertex once.
var ErrOrder = errors.New("the order does not name every vertex once")

// Build makes the topology of a graph for an order, lowest vertex first.
func Build(ctx context.Context, g Graph, order []uint32) (*Topology, error) {
	n := len(g.First) - 1
	t := &Topology{rank: make([]uint32, n), vertex: slices.Clone(order)}
	if len(order) != n {
		return nil, ErrOrder
	}
	for v := range t.rank {
		t.rank[v] = None
	}
	for r, v := range order {
		if int(v) >= n || t.rank[v] != None {
			return nil, ErrOrder
		}
		t.rank[v] = uint32(r)
	}
	for _, to := range g.To {
		if int(to) >= n {
			return nil, fmt.Errorf("an arc leads to vertex %d of %d", to, n)
		}
	}
	if err := t.complete(ctx, g); err != nil {
		return nil, err
	}
	t.plant()
	t.turnRound()
	t.place(g)
	t.divide()
	return t, nil
}

// complete eliminates one vertex after another. What a vertex sees above it, its
// lowest higher neighbour must see too, and that is enough: the rest follows when
// that one's turn comes.
func (t *Topology) complete(ctx context.Context, g Graph) error {
	n := len(t.rank)
	above := make([][]uint32, n)
	for v := range n {
		for _, to := range g.To[g.First[v]:g.First[v+1]] {
			low, high := t.rank[v], t.rank[to]
			if low > high {
				low, high = high, low
			}
			if low != high {
				above[low] = append(above[low], high)
			}
		}
	}
	t.upFirst = make([]uint32, 1, n+1)
	for v := range n {
		if v&4095 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		slices.Sort(above[v])
		up := slices.Compact(above[v])
		above[v] = nil
		t.head = append(t.head, up...)
		for range up {
			t.tail = append(t.tail, uint32(v))
		}
		t.upFirst = append(t.upFirst, uint32(len(t.head)))
		if len(up) > 1 {
			above[up[0]] = append(above[up[0]], up[1:]...)
		}
		if len(t.head) > math.MaxInt32 {
			return errors.New("the order makes too many edges")
		}
	}
	t.head, t.tail = slices.Clip(t.head), slices.Clip(t.tail)
	return nil
}

// plant notes the parents and numbers the ranks anew, so that every subtree is a run
// of ranks that ends with its root. That changes neither what is above what nor the
// edges, and brings together what is looked at together.
func (t *Topology) plant() {
	n := uint32(len(t.rank))
	parent := make([]uint32, n)
	size := make([]uint32, n) // of the subtree
	for v := range n {
		parent[v] = None
		size[v]++
		if e := t.upFirst[v]; e < t.upFirst[v+1] {
			parent[v] = t.head[e]
			size[parent[v]] += size[v] // its own is complete: all below it came before
		}
	}
	// From the highest down, each subtree takes the end of the free part of its
	// parent's run.
	until := make([]uint32, n)
	anew, free := make([]uint32, n), n
	for v := int(n) - 1; v >= 0; v-- {
		end := &free
		if p := parent[v]; p != None {
			end = &until[p]
		}
		anew[v] = *end - 1
		until[v] = *end - 1
		*end -= size[v]
	}
	was := make([]uint32, n)
	for v, r := range anew {
		was[r] = uint32(v)
	}
	vertex, upFirst := make([]uint32, n), make([]uint32, 1, n+1)
	head, tail := make([]uint32, 0, len(t.head)), make([]uint32, 0, len(t.head))
	t.parent = make([]uint32, n)
	for r, v := range was {
		vertex[r] = t.vertex[v]
		t.parent[r] = None
		if parent[v] != None {
			t.parent[r] = anew[parent[v]]
		}
		for _, h := range t.head[t.upFirst[v]:t.upFirst[v+1]] {
			head, tail = append(head, anew[h]), append(tail, uint32(r))
		}
		upFirst = append(upFirst, uint32(len(head)))
	}
	t.vertex, t.upFirst, t.head, t.tail = vertex, upFirst, head, tail
	for r, v := range vertex {
		t.rank[v] = uint32(r)
	}
}

// turnRound lists the edges by their higher end.
func (t *Topology) turnRound() {
	n := len(t.rank)
	t.downFirst = make([]uint32, n+1)
	for _, h := range t.head {
		t.downFirst[h+1]++
	}
	for i := range n {
		t.downFirst[i+1] += t.downFirst[i]
	}
	fill := slices.Clone(t.downFirst[:n])
	t.down = make([]uint32, len(t.head))
	for e, h := range t.head {
		t.down[fill[h]] = uint32(e)
		fill[h]++
	}
}

// below are the edges to the lower neighbours of u, ascending.
func (t *Topology) below(u uint32) []uint32 { return t.down[t.downFirst[u]:t.downFirst[u+1]] }

// A slot is where the weight of an arc goes: twice the edge, one more where the arc
// leads from the higher end to the lower. Loops have none.
func (t *Topology) place(g Graph) {
	t.slot = make([]uint32, len(g.To))
	for v := range len(t.rank) {
		for a := g.First[v]; a < g.First[v+1]; a++ {
			low, high, way := t.rank[v], t.rank[g.To[a]], uint32(0)
			if low == high {
				t.slot[a] = None
				continue
			}
			if low > high {
				low, high, way = high, low, 1
			}
			t.slot[a] = 2*t.edge(low, high) + way
		}
	}
}

// edge between two ranks that have one.
func (t *Topology) edge(low, high uint32) uint32 {
	first := t.upFirst[low]
	i, _ := slices.BinarySearch(t.head[first:t.upFirst[low+1]], high)
	return first + uint32(i)
}

// Vertices is how many vertices the graph has.
func (t *Topology) Vertices() int { return len(t.rank) }

// Edges is how many edges the hierarchy has.
func (t *Topology) Edges() int { return len(t.head) }

// Rank of a vertex of the graph.
func (t *Topology) Rank(vertex uint32) uint32 { return t.rank[vertex] }

// Vertex of the graph at a rank.
func (t *Topology) Vertex(rank uint32) uint32 { return t.vertex[rank] }
