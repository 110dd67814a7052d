package dissect

import (
	"math"
	"slices"
)

// flow finds the fewest edges between two sets of nodes: a maximum flow of unit
// edges by Dinic's algorithm. It keeps its memory from one use to the next.
type flow struct {
	first []uint32 // by node: its links; one more at the end
	link  []link
	push  []int8 // by edge: flow from its first node to its second, -1 to 1

	level []int32
	next  []uint32 // by node: the link to try next
	queue []uint32
	path  []uint32 // links taken from the source on
	trail []uint32 // and the nodes they were taken from
	role  []uint8

	near     []bool // by node: on the side of the sources
	nearSize int
}

// link is an edge seen from one of its nodes.
type link struct {
	to   uint32
	edge uint32 // twice the edge; one more where it is seen from its second node
}

const (
	source = 1
	sink   = 2
)

// load takes a graph over. Loops are left out: no cut has one.
func (f *flow) load(nodes int, each func(func(a, b uint32))) {
	f.first = append(f.first[:0], make([]uint32, nodes+1)...)
	count := 0
	each(func(a, b uint32) {
		if a != b {
			f.first[a+1]++
			f.first[b+1]++
			count++
		}
	})
	for i := range nodes {
		f.first[i+1] += f.first[i]
	}
	f.link = slices.Grow(f.link[:0], 2*count)[:2*count]
	f.next = append(f.next[:0], f.first[:nodes]...)
	edge := uint32(0)
	each(func(a, b uint32) {
		if a == b {
			return
		}
		f.link[f.next[a]] = link{b, 2 * edge}
		f.link[f.next[b]] = link{a, 2*edge + 1}
		f.next[a]++
		f.next[b]++
		edge++
	})
	f.push = slices.Grow(f.push[:0], count)[:count]
	f.level = slices.Grow(f.level[:0], nodes)[:nodes]
	f.role = slices.Grow(f.role[:0], nodes)[:nodes]
	f.near = slices.Grow(f.near[:0], nodes)[:nodes]
}

// open says whether more can flow along a link.
func (f *flow) open(l link) bool {
	if l.edge&1 == 0 {
		return f.push[l.edge/2] < 1
	}
	return f.push[l.edge/2] > -1
}

// run finds the cut between the nodes named in the lower halves of from and of to,
// and leaves in near the side that is nearer to one half of all nodes. It gives up
// at limit.
func (f *flow) run(from, to []uint64, limit int) (size int, ok bool) {
	clear(f.push)
	clear(f.role)
	for _, n := range from {
		f.role[uint32(n)] = source
	}
	for _, n := range to {
		f.role[uint32(n)] = sink
	}
	for f.layer(from, source, sink, 0) {
		copy(f.next, f.first[:len(f.next)])
		for _, n := range from {
			for f.augment(uint32(n)) {
				if size++; size >= limit {
					return size, false
				}
			}
		}
	}
	// Nothing reaches the sinks any more: what the sources reach is one cut, what
	// reaches the sinks is another of the same size.
	ofSources := 0
	for i, l := range f.level {
		f.near[i] = l >= 0
		if l >= 0 {
			ofSources++
		}
	}
	f.nearSize = ofSources
	f.layer(to, sink, source, 1)
	ofSinks := 0
	for _, l := range f.level {
		if l >= 0 {
			ofSinks++
		}
	}
	if half := len(f.level) / 2; distance(ofSinks, half) < distance(ofSources, half) {
		for i, l := range f.level {
			f.near[i] = l < 0
		}
		f.nearSize = len(f.level) - ofSinks
	}
	return size, true
}

func distance(a, b int) int { return max(a-b, b-a) }

// layer gives every node its number of steps from the start along what is still
// open, forward (flip 0) or backward (flip 1), and says whether the goal is reached.
// It stops at the layer of the first goal.
func (f *flow) layer(start []uint64, own, goal uint8, flip uint32) bool {
	for i := range f.level {
		f.level[i] = -1
	}
	f.queue = f.queue[:0]
	for _, n := range start {
		f.level[uint32(n)] = 0
		f.queue = append(f.queue, uint32(n))
	}
	last := int32(math.MaxInt32)
	for i := 0; i < len(f.queue); i++ {
		n := f.queue[i]
		if f.level[n] >= last {
			return true
		}
		for _, l := range f.link[f.first[n]:f.first[n+1]] {
			if f.level[l.to] >= 0 || !f.open(link{edge: l.edge ^ flip}) {
				continue
			}
			f.level[l.to] = f.level[n] + 1
			if f.role[l.to] == goal {
				last = f.level[l.to]
			}
			f.queue = append(f.queue, l.to)
		}
	}
	return last != math.MaxInt32
}

// augment sends one unit from a source to a sink along the layers.
func (f *flow) augment(from uint32) bool {
	f.path, f.trail = f.path[:0], f.trail[:0]
	n := from
	for {
		if f.role[n] == sink {
			for _, i := range f.path {
				if e := f.link[i].edge; e&1 == 0 {
					f.push[e/2]++
				} else {
					f.push[e/2]--
				}
			}
			return true
		}
		stepped := false
		for ; f.next[n] < f.first[n+1]; f.next[n]++ {
			l := f.link[f.next[n]]
			if f.level[l.to] == f.level[n]+1 && f.open(l) {
				f.path, f.trail = append(f.path, f.next[n]), append(f.trail, n)
				n = l.to
				stepped = true
				break
			}
		}
		if stepped {
			continue
		}
		if len(f.path) == 0 {
			return false
		}
		// A dead end: back, and never here again in this layering.
		f.level[n] = -1
		last := len(f.path) - 1
		n = f.trail[last]
		f.path, f.trail = f.path[:last], f.trail[:last]
		f.next[n]++
	}
}

// sortable maps numbers to bits that sort alike.
func sortable(v float32) uint32 {
	bits := math.Float32bits(v)
	if bits>>31 == 1 {
		return ^bits
	}
	return bits | 1<<31
}
