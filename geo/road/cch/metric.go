package cch

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
)

// Metric is what certain weights make of a topology.
type Metric struct {
	t *Topology
	// By edge: the length from the lower end to the higher and back, over the edge
	// itself or over anything lower.
	up, down []Key
	// By edge: the lower vertex that length goes over, None where it is an arc of the
	// graph.
	upVia, downVia []uint32
	flipped        *Metric
}

// Topology is the shape this metric weighs.
func (m *Metric) Topology() *Topology { return m.t }

// Flipped is the same graph with every arc turned round, so that a Target is where
// ways begin.
func (m *Metric) Flipped() *Metric { return m.flipped }

// Customize makes a metric. weights are by arc of the graph; Inf shuts one.
func (t *Topology) Customize(ctx context.Context, weights []Key) (*Metric, error) {
	if len(weights) != len(t.slot) {
		return nil, fmt.Errorf("%d weights for %d arcs", len(weights), len(t.slot))
	}
	edges := len(t.head)
	m := &Metric{t: t, up: make([]Key, edges), down: make([]Key, edges), upVia: make([]uint32, edges), downVia: make([]uint32, edges)}
	for e := range edges {
		m.up[e], m.down[e], m.upVia[e], m.downVia[e] = Inf, Inf, None, None
	}
	for a, s := range t.slot {
		switch {
		case s == None:
		case s&1 == 0:
			m.up[s/2] = min(m.up[s/2], weights[a])
		default:
			m.down[s/2] = min(m.down[s/2], weights[a])
		}
	}
	m.flipped = &Metric{t: t, up: m.down, down: m.up, upVia: m.downVia, downVia: m.upVia, flipped: m}
	return m, m.climb(ctx)
}

// share is a run of ranks that depends on no other share: a whole subtree.
type share struct{ from, until uint32 }

// divide finds subtrees to customize at the same time: as large as they come while
// none is more than a sixteenth of the work. What is above all of them is done
// afterwards, in order.
func (t *Topology) divide() {
	n := len(t.rank)
	work := make([]uint64, n) // of a subtree
	size := make([]uint32, n)
	total := uint64(0)
	for v := range n {
		for _, e := range t.down[t.downFirst[v]:t.downFirst[v+1]] {
			work[v] += uint64(t.upFirst[t.tail[e]+1] - e)
		}
		total += work[v]
		size[v]++
	}
	for v := range uint32(n) {
		if p := t.parent(v); p != None {
			work[p] += work[v]
			size[p] += size[v]
		}
	}
	const pieces = 16
	for v := n - 1; v >= 0; {
		// A subtree's ranks need not be a run when the order was not made by halving.
		p := t.parent(uint32(v))
		small := work[v]*pieces <= total
		if small && (p == None || work[p]*pieces > total) && t.run(uint32(v), size[v]) {
			t.shares = append(t.shares, share{uint32(v) + 1 - size[v], uint32(v) + 1})
			v -= int(size[v])
			continue
		}
		v--
	}
}

// run says whether the subtree of v is the ranks right up to v.
func (t *Topology) run(v, size uint32) bool {
	for u := v + 1 - size; u < v; u++ {
		if t.parent(u) > v { // None too
			return false
		}
	}
	return true
}

// climb takes every edge over all triangles it is the top of, from the lowest
// vertex up.
func (m *Metric) climb(ctx context.Context) error {
	t := m.t
	var next atomic.Int64
	var working sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(t.shares)) {
		working.Go(func() {
			at := make([]uint32, len(t.rank))
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(t.shares) {
					return
				}
				for u := t.shares[i].from; u < t.shares[i].until; u++ {
					m.settle(u, at)
				}
			}
		})
	}
	working.Wait()
	at := make([]uint32, len(t.rank))
	i := len(t.shares) - 1 // shares are listed from the highest down
	for u := uint32(0); int(u) < len(t.rank); u++ {
		if u&1023 == 0 && ctx.Err() != nil {
			break
		}
		if i >= 0 && u == t.shares[i].from {
			u = t.shares[i].until - 1
			i--
			continue
		}
		m.settle(u, at)
	}
	return ctx.Err()
}

// settle finishes the edges of u: by way of every lower neighbour x, to every b above
// u that x has too. at is by rank, for its own use.
func (m *Metric) settle(u uint32, at []uint32) {
	t := m.t
	for e := t.upFirst[u]; e < t.upFirst[u+1]; e++ {
		at[t.head[e]] = e
	}
	for _, xu := range t.down[t.downFirst[u]:t.downFirst[u+1]] {
		x := t.tail[xu]
		toX, fromX := m.down[xu], m.up[xu]
		if toX >= Inf && fromX >= Inf {
			continue
		}
		end := t.upFirst[x+1]
		heads, ups, downs := t.head[xu+1:end], m.up[xu+1:end], m.down[xu+1:end]
		for i, b := range heads {
			e := at[b]
			if k := toX + ups[i]; k < m.up[e] {
				m.up[e], m.upVia[e] = k, x
			}
			if k := downs[i] + fromX; k < m.down[e] {
				m.down[e], m.downVia[e] = k, x
			}
		}
	}
}
