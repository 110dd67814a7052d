package cch

import (
	"context"
	"fmt"
	"sync"
)

// Metric is what certain weights make of a topology.
type Metric struct {
	t *Topology
	// up are the arcs from the lower end to the higher, down those from the higher to
	// the lower: both are listed by the lower end.
	up, down half
	flipped  *Metric
}

// half are the arcs of one way: those of rank v are arcs[first[v]:first[v+1]], their
// higher ends ascending. Every one is as short as any way between its ends, over
// higher vertices too.
type half struct {
	first []uint32
	arcs  []arc
}

// arc is kept in one piece, since whoever looks at one part needs the other: a search
// reads arcs one after another.
type arc struct {
	key  Key
	head uint32 // the higher end
	via  uint32 // the lower vertex it goes over, None where it is an arc of the graph
}

func (h *half) of(v uint32) []arc { return h.arcs[h.first[v]:h.first[v+1]] }

// to is the arc of v with a higher end, which there must be.
func (h *half) to(v, head uint32) *arc {
	arcs := h.of(v)
	for i := range arcs {
		if arcs[i].head == head {
			return &arcs[i]
		}
	}
	panic("cch: a shortest way goes over an arc that is none")
}

// Topology is the shape this metric weighs.
func (m *Metric) Topology() *Topology { return m.t }

// Flipped is the same graph with every arc turned round, so that a Target is where
// ways begin.
func (m *Metric) Flipped() *Metric { return m.flipped }

// Arcs is how many arcs were kept.
func (m *Metric) Arcs() int { return len(m.up.arcs) + len(m.down.arcs) }

// Customize makes a metric. weights are by arc of the graph; Inf shuts one.
func (t *Topology) Customize(ctx context.Context, weights []Key) (*Metric, error) {
	if len(weights) != len(t.slot) {
		return nil, fmt.Errorf("%d weights for %d arcs", len(weights), len(t.slot))
	}
	c, _ := t.spare.Get().(*customizing)
	if c == nil {
		c = &customizing{t: t, key: make([][2]Key, len(t.head)), via: make([][2]uint32, len(t.head))}
	}
	defer t.spare.Put(c)
	for e := range c.key {
		c.key[e], c.via[e] = [2]Key{Inf, Inf}, [2]uint32{None, None}
	}
	for a, s := range t.slot {
		if s != None {
			at := &c.key[s/2][s&1]
			*at = min(*at, weights[a])
		}
	}
	c.climb(ctx)
	c.descend(ctx)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m := &Metric{t: t}
	var other sync.WaitGroup
	other.Go(func() { m.up = c.keep(0) })
	m.down = c.keep(1)
	other.Wait()
	m.flipped = &Metric{t: t, up: m.down, down: m.up, flipped: m}
	return m, nil
}

// keep lists the arcs of one way that are shortest ways.
func (c *customizing) keep(way int) half {
	t := c.t
	count := 0
	for e := range c.key {
		if c.kept(e, way) {
			count++
		}
	}
	h := half{first: make([]uint32, 1, len(t.rank)+1), arcs: make([]arc, 0, count)}
	for v := range len(t.rank) {
		for e := int(t.upFirst[v]); e < int(t.upFirst[v+1]); e++ {
			if c.kept(e, way) {
				h.arcs = append(h.arcs, arc{key: c.key[e][way], head: t.head[e], via: c.via[e][way]})
			}
		}
		h.first = append(h.first, uint32(len(h.arcs)))
	}
	return h
}

func (c *customizing) kept(e, way int) bool { return c.key[e][way] < Inf && c.via[e][way] != longer }
