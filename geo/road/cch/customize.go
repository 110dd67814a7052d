package cch

import (
	"cmp"
	"context"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

// customizing is a metric in the making. Both ways of an edge lie together, up (0) and
// down (1), since every step needs both.
type customizing struct {
	t   *Topology
	key [][2]Key    // by edge
	via [][2]uint32 // by edge: the lower vertex it goes over, None, or longer
}

// longer marks, in via, an arc that some way over a higher vertex beats.
const longer = None - 1

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
		if p := t.parent[v]; p != None {
			work[p] += work[v]
			size[p] += size[v]
		}
	}
	const pieces = 16
	for v := n - 1; v >= 0; v-- {
		p := t.parent[v]
		if work[v]*pieces <= total && (p == None || work[p]*pieces > total) {
			t.shares = append(t.shares, share{uint32(v) + 1 - size[v], uint32(v) + 1})
			v -= int(size[v]) - 1
		}
	}
}

// above visits the ranks of no share, ascending.
func (t *Topology) above(visit func(u uint32)) {
	i := len(t.shares) - 1 // shares are listed from the highest down
	for u := uint32(0); int(u) < len(t.rank); u++ {
		if i >= 0 && u == t.shares[i].from {
			u = t.shares[i].until - 1
			i--
			continue
		}
		visit(u)
	}
}

// together works on the shares, several at a time. at is by rank, for the worker's
// own use.
func (t *Topology) together(ctx context.Context, work func(s share, at []uint32)) {
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
				work(t.shares[i], at)
			}
		})
	}
	working.Wait()
}

// climb takes every edge over all triangles it is the top of, from the lowest
// vertex up.
func (c *customizing) climb(ctx context.Context) {
	t := c.t
	t.together(ctx, func(s share, at []uint32) {
		for u := s.from; u < s.until; u++ {
			c.settle(u, at)
		}
	})
	at := make([]uint32, len(t.rank))
	t.above(func(u uint32) {
		if ctx.Err() == nil {
			c.settle(u, at)
		}
	})
}

// settle finishes the edges of u: by way of every lower neighbour x, to every b above
// u that x has too.
func (c *customizing) settle(u uint32, at []uint32) {
	t := c.t
	for e := t.upFirst[u]; e < t.upFirst[u+1]; e++ {
		at[t.head[e]] = e
	}
	for _, xu := range t.below(u) {
		x := t.tail[xu]
		fromX, toX := c.key[xu][0], c.key[xu][1]
		if toX >= Inf && fromX >= Inf {
			continue
		}
		heads, keys := t.head[xu+1:t.upFirst[x+1]], c.key[xu+1:t.upFirst[x+1]]
		for i, b := range heads {
			e := at[b]
			have, by := &c.key[e], &keys[i]
			if k := toX + by[0]; k < have[0] {
				have[0], c.via[e][0] = k, x
			}
			if k := by[1] + fromX; k < have[1] {
				have[1], c.via[e][1] = k, x
			}
		}
	}
}

// descend finds, from the highest vertex down, which arcs a way over a higher vertex
// beats. Such a way begins with an arc of the edge's lower end, and the rest of it is
// known exactly by then (perfect customization: Dibbelt, Strasser and Wagner).
func (c *customizing) descend(ctx context.Context) {
	t := c.t
	var top []uint32
	free := make([]bool, len(t.rank)) // of any share
	t.above(func(u uint32) {
		top = append(top, u)
		free[u] = true
	})
	slices.Reverse(top)
	at := make([]uint32, len(t.rank))
	var own []uint32
	for _, v := range top {
		if ctx.Err() != nil {
			return
		}
		own = own[:0]
		for _, xv := range t.below(v) {
			if free[t.tail[xv]] {
				own = append(own, xv)
			}
		}
		c.beat(v, own, at)
	}
	t.together(ctx, func(s share, at []uint32) {
		tail := func(xv, x uint32) int { return cmp.Compare(t.tail[xv], x) }
		var over []uint32 // all that is above anything in the share
		for v := t.parent[s.until-1]; v != None; v = t.parent[v] {
			over = append(over, v)
		}
		for _, v := range slices.Backward(over) {
			below := t.below(v)
			from, _ := slices.BinarySearchFunc(below, s.from, tail)
			until, _ := slices.BinarySearchFunc(below, s.until, tail)
			c.beat(v, below[from:until], at)
		}
		for v := s.until; v > s.from; v-- {
			c.beat(v-1, t.below(v-1), at)
		}
	})
}

// beat compares arcs of the lower neighbours of v with ways that v takes part in: from
// x over v to every b above v that x has too, and over b to v. below are the edges
// between x and v.
func (c *customizing) beat(v uint32, below, at []uint32) {
	if len(below) == 0 {
		return
	}
	t := c.t
	for e := t.upFirst[v]; e < t.upFirst[v+1]; e++ {
		at[t.head[e]] = e
	}
	for _, xv := range below {
		end := t.upFirst[t.tail[xv]+1]
		heads, keys, vias := t.head[xv+1:end], c.key[xv+1:end], c.via[xv+1:end]
		toV, toVBy := c.key[xv], c.via[xv]
		for i, b := range heads {
			over, by := c.key[at[b]], &keys[i]
			if k := toV[0] + over[0]; k < by[0] {
				by[0], vias[i][0] = k, longer
			} else if k := by[0] + over[1]; k < toV[0] {
				toV[0], toVBy[0] = k, longer
			}
			if k := over[1] + toV[1]; k < by[1] {
				by[1], vias[i][1] = k, longer
			} else if k := over[0] + by[1]; k < toV[1] {
				toV[1], toVBy[1] = k, longer
			}
		}
		c.key[xv], c.via[xv] = toV, toVBy
	}
}
