package cch

// Search is the memory of questions asked one after another: first Target, then any
// number of From. It belongs to one goroutine at a time; the zero value is ready.
// Once grown to a topology, asking allocates nothing.
type Search struct {
	m *Metric
	// By rank: how far it is to the target over nothing above, and in all. Both are
	// unknown outside the lists that follow, which say what is to be forgotten.
	back, sure []Key

	// near says of every 64 ranks whether any of them is climbed. It is small
	// enough to stay at hand, so that most ranks that are none need no look at back.
	near []bool

	climbed []uint32 // ranks whose back is known, ascending
	ofChain []uint32 // by climbed: which chain of ancestors came there first
	chains  uint32
	settled []uint32 // ranks whose sure is known
	chain   []uint32
	fetched uint32 // of what fetch read: that is no idle work then
	starts  []start
}

// start is where a chain of ancestors has come to.
type start struct{ rank, chain uint32 }

// unknown is more than any sum of two lengths.
const unknown Key = 1 << 63

// Seed is a vertex with what lies between it and the place that is meant.
type Seed struct {
	Vertex uint32
	Key    Key
}

// Target sets where to, as one or more vertices with the rest of the way from each.
// The seeds are not kept.
func (s *Search) Target(m *Metric, seeds []Seed) {
	s.forget(len(m.t.rank))
	s.m = m
	t := m.t
	for _, seed := range seeds {
		if seed.Key >= Inf {
			continue
		}
		r := t.rank[seed.Vertex]
		if s.back[r] == unknown {
			s.starts = append(s.starts, start{r, s.chains})
			s.chains++
		}
		s.back[r] = min(s.back[r], seed.Key)
	}
	// The ancestors of all seeds, ascending, once each: where chains meet they are one
	// from there on.
	for len(s.starts) > 0 {
		low := 0
		for i := 1; i < len(s.starts); i++ {
			if s.starts[i].rank < s.starts[low].rank {
				low = i
			}
		}
		v := s.starts[low].rank
		s.ofChain = append(s.ofChain, s.starts[low].chain)
		if p := t.parent[v]; p == None || len(s.starts) > 1 && stands(s.starts, p) {
			s.starts[low] = s.starts[len(s.starts)-1]
			s.starts = s.starts[:len(s.starts)-1]
		} else {
			s.starts[low].rank = p
		}
		s.climbed = append(s.climbed, v)
		s.near[v>>6] = true
		back := s.back[v]
		if back >= Inf {
			s.back[v] = Inf // its ancestors are known to be common ones all the same
			continue
		}
		arcs := m.down.of(v)
		for i := range arcs {
			a := &arcs[i]
			s.back[a.head] = min(s.back[a.head], back+a.key)
		}
	}
}

// stands says that some chain has come to v.
func stands(starts []start, v uint32) bool {
	for i := range starts {
		if starts[i].rank == v {
			return true
		}
	}
	return false
}

// forget readies the memory for another target.
func (s *Search) forget(ranks int) {
	if len(s.back) < ranks {
		s.back, s.sure, s.near = make([]Key, ranks), make([]Key, ranks), make([]bool, ranks>>6+1)
		for i := range s.back {
			s.back[i], s.sure[i] = unknown, unknown
		}
	} else {
		for _, r := range s.climbed {
			s.back[r] = unknown
			s.near[r>>6] = false
		}
		for _, r := range s.settled {
			s.sure[r] = unknown
		}
	}
	s.climbed, s.ofChain, s.settled, s.starts = s.climbed[:0], s.ofChain[:0], s.settled[:0], s.starts[:0]
	s.chains = 0
}

// From answers how far the target is from a vertex, Inf when it cannot be reached.
// What one answer needed serves the next (lazy RPHAST: Strasser and Zeitz, "A Fast
// and Tight Heuristic for A* in Road Networks", SEA 2021).
func (s *Search) From(vertex uint32) Key {
	t := s.m.t
	r := t.rank[vertex]
	s.chain = s.chain[:0]
	for v := r; v != None && s.sure[v] == unknown; v = t.parent[v] {
		s.chain = append(s.chain, v)
	}
	for i := len(s.chain) - 1; i >= 0; i-- {
		v := s.chain[i]
		sure := min(s.back[v], Inf)
		arcs := s.m.up.of(v)
		for i := range arcs {
			a := &arcs[i]
			sure = min(sure, a.key+s.sure[a.head])
		}
		s.sure[v] = sure
	}
	s.settled = append(s.settled, s.chain...)
	return s.sure[r]
}

// Path appends to way the vertices from a vertex, itself included, to the seed that
// the answer of From ends at. Call it after From said that there is a way.
func (s *Search) Path(way []uint32, vertex uint32) []uint32 {
	t, m := s.m.t, s.m
	v := t.rank[vertex]
	way = append(way, vertex)
	for s.sure[v] != s.back[v] {
		arcs := m.up.of(v)
		i := 0
		for arcs[i].key+s.sure[arcs[i].head] != s.sure[v] {
			i++
		}
		way = m.unpackUp(way, v, &arcs[i])
		v = arcs[i].head
	}
	// Down again, to whoever gave v what it has. Where nobody did, it is a seed.
	for i := len(s.climbed) - 1; i >= 0; i-- {
		u := s.climbed[i]
		if u >= v || s.back[u] > s.back[v] {
			continue
		}
		arcs := m.down.of(u)
		for k := range arcs {
			if arcs[k].head == v && s.back[u]+arcs[k].key == s.back[v] {
				way = m.unpackDown(way, u, &arcs[k])
				v = u
				break
			}
		}
	}
	return way
}

// unpackUp appends the vertices an arc goes over from its lower end v to its higher,
// without the first; unpackDown those from the higher to the lower.
func (m *Metric) unpackUp(way []uint32, v uint32, a *arc) []uint32 {
	if a.via == None {
		return append(way, m.t.vertex[a.head])
	}
	way = m.unpackDown(way, a.via, m.down.to(a.via, v))
	return m.unpackUp(way, a.via, m.up.to(a.via, a.head))
}

func (m *Metric) unpackDown(way []uint32, v uint32, a *arc) []uint32 {
	if a.via == None {
		return append(way, m.t.vertex[v])
	}
	way = m.unpackDown(way, a.via, m.down.to(a.via, a.head))
	return m.unpackUp(way, a.via, m.up.to(a.via, v))
}
