package cch

// Search is the memory of questions asked one after another: first Target, then any
// number of From. It belongs to one goroutine at a time; the zero value is ready.
// Once grown to a topology, asking allocates nothing.
type Search struct {
	m    *Metric
	turn uint32
	at   []spot // by rank

	climbed []uint32 // ranks whose back is known
	chain   []uint32
	starts  []uint32
}

// spot is what is known of a rank in the turn it names.
type spot struct {
	back     Key // to the target, over nothing above
	sure     Key // to the target
	turn     uint32
	sureTurn uint32
	backBy   uint32 // the edge that back goes down, None at a seed
	sureBy   uint32 // the edge that sure goes up, None where it is back
}

// Seed is a vertex with what lies between it and the place that is meant.
type Seed struct {
	Vertex uint32
	Key    Key
}

// Target sets where to, as one or more vertices with the rest of the way from each.
// The seeds are not kept.
func (s *Search) Target(m *Metric, seeds []Seed) {
	s.m = m
	n := len(m.t.rank)
	if len(s.at) < n {
		s.at = make([]spot, n)
		s.turn = 0
	}
	s.turn++
	if s.turn == 0 { // after four billion questions
		clear(s.at)
		s.turn = 1
	}
	s.climbed = s.climbed[:0]
	s.starts = s.starts[:0]
	for _, seed := range seeds {
		if seed.Key >= Inf {
			continue
		}
		r := m.t.rank[seed.Vertex]
		at := s.spot(r)
		if seed.Key < at.back {
			at.back, at.backBy = seed.Key, None
		}
		s.starts = append(s.starts, r)
	}
	t := m.t
	for v := climb(t, s.starts); v != None; v = climb(t, s.starts) {
		s.climbed = append(s.climbed, v)
		back := s.spot(v).back
		if back >= Inf {
			continue
		}
		for e := t.upFirst[v]; e < t.upFirst[v+1]; e++ {
			k := back + m.down[e]
			if at := s.spot(t.head[e]); k < at.back {
				at.back, at.backBy = k, e
			}
		}
	}
}

// climb answers the lowest of the ranks in paths and moves those that stand there to
// its parent, so that the ancestors of several vertices come once each, ascending.
func climb(t *Topology, paths []uint32) uint32 {
	low := uint32(None)
	for _, v := range paths {
		low = min(low, v)
	}
	if low == None {
		return None
	}
	p := t.parent(low)
	for i, v := range paths {
		if v == low {
			paths[i] = p
		}
	}
	return low
}

func (s *Search) spot(r uint32) *spot {
	at := &s.at[r]
	if at.turn != s.turn {
		*at = spot{back: Inf, turn: s.turn, backBy: None}
	}
	return at
}

// From answers how far the target is from a vertex, Inf when it cannot be reached.
// What one answer needed serves the next (lazy RPHAST: Strasser and Zeitz, "A Fast
// and Tight Heuristic for A* in Road Networks", SEA 2021).
func (s *Search) From(vertex uint32) Key {
	t := s.m.t
	r := t.rank[vertex]
	s.chain = s.chain[:0]
	for v := r; v != None && s.at[v].sureTurn != s.turn; v = t.parent(v) {
		s.chain = append(s.chain, v)
	}
	for i := len(s.chain) - 1; i >= 0; i-- {
		v := s.chain[i]
		at := s.spot(v)
		sure, by := at.back, uint32(None)
		for e := t.upFirst[v]; e < t.upFirst[v+1]; e++ {
			if k := s.m.up[e] + s.at[t.head[e]].sure; k < sure {
				sure, by = k, e
			}
		}
		at.sure, at.sureBy, at.sureTurn = sure, by, s.turn
	}
	return s.at[r].sure
}

// Path appends to way the vertices from a vertex, itself included, to the seed that
// the answer of From ends at. Call it after From said that there is a way.
func (s *Search) Path(way []uint32, vertex uint32) []uint32 {
	t := s.m.t
	v := t.rank[vertex]
	way = append(way, vertex)
	for s.at[v].sureBy != None {
		e := s.at[v].sureBy
		way = s.m.unpack(way, e, false)
		v = t.head[e]
	}
	for s.at[v].backBy != None {
		e := s.at[v].backBy
		way = s.m.unpack(way, e, true)
		v = t.tail[e]
	}
	return way
}

// unpack appends the vertices an edge goes over, without the first.
func (m *Metric) unpack(way []uint32, e uint32, downward bool) []uint32 {
	t := m.t
	low, high := t.tail[e], t.head[e]
	if downward {
		x := m.downVia[e]
		if x == None {
			return append(way, t.vertex[low])
		}
		way = m.unpack(way, t.edge(x, high), true)
		return m.unpack(way, t.edge(x, low), false)
	}
	x := m.upVia[e]
	if x == None {
		return append(way, t.vertex[high])
	}
	way = m.unpack(way, t.edge(x, low), true)
	return m.unpack(way, t.edge(x, high), false)
}

// Label is how far some of the ancestors of a place are, those that a shortest way
// may turn at: what has to be known of a place to answer any target without
// searching from it again. It never changes and belongs to the metric it was made
// with.
type Label struct {
	rank []uint32
	key  []Key
}

// Len is how many ancestors it holds.
func (l *Label) Len() int { return len(l.rank) }

// Mark makes the label of a place: one or more vertices with the way from the place
// to each.
func (s *Search) Mark(m *Metric, seeds []Seed) Label {
	s.Target(m.flipped, seeds) // back is then the way from the place
	// From the highest down, what a rank is really away is known from those above it.
	// Where that is no more, a shortest way turns there or higher.
	t := m.t
	s.chain = s.chain[:0]
	for i := len(s.climbed) - 1; i >= 0; i-- {
		v := s.climbed[i]
		at := &s.at[v]
		above := Inf
		for e := t.upFirst[v]; e < t.upFirst[v+1]; e++ {
			above = min(above, s.at[t.head[e]].sure+m.down[e])
		}
		at.sure = min(at.back, above)
		if at.back < above {
			s.chain = append(s.chain, v)
		}
	}
	l := Label{rank: make([]uint32, len(s.chain)), key: make([]Key, len(s.chain))}
	for i, v := range s.chain {
		l.rank[i], l.key[i] = v, s.at[v].back
	}
	return l
}

// Spread makes Meet ready after Target: how far the target is from each rank, as one
// plain list.
type Spread struct {
	key     []Key
	touched []uint32
}

// Set takes the last Target of a search.
func (p *Spread) Set(s *Search) {
	n := len(s.m.t.rank)
	if len(p.key) < n {
		p.key = make([]Key, n)
		for i := range p.key {
			p.key[i] = Inf
		}
		p.touched = p.touched[:0]
	}
	for _, r := range p.touched {
		p.key[r] = Inf
	}
	p.touched = append(p.touched[:0], s.climbed...)
	for _, r := range p.touched {
		p.key[r] = s.at[r].back
	}
}

// Meet answers how far the target is from a marked place.
func (p *Spread) Meet(l *Label) Key {
	best := Inf
	keys := p.key
	for i, r := range l.rank {
		best = min(best, l.key[i]+keys[r])
	}
	return best
}
