package cch

// Label is how far some of the ancestors of a place are, those that a shortest way
// may turn at: what has to be known of a place to answer any target without
// searching from it again. It never changes and belongs to the metric it was made
// with.
type Label struct {
	// Highest first within each chain of ancestors: where one is no ancestor of a
	// target, none that follows in the chain is.
	entries []entry
}

// entry is kept in one piece, since entries are read one after another.
type entry struct {
	key  Key
	rank uint32
	skip uint32 // how many of the chain follow
}

// Len is how many ancestors it holds.
func (l *Label) Len() int { return len(l.entries) }

// Mark makes the label of a place: one or more vertices with the way from the place
// to each.
func (s *Search) Mark(m *Metric, seeds []Seed) Label {
	s.Target(m.flipped, seeds) // back is then the way from the place
	// From the highest down, what a rank is really away is known from those above it.
	// Where that is no more, a shortest way turns there or higher.
	s.chain = s.chain[:0] // indexes of climbed
	for i := len(s.climbed) - 1; i >= 0; i-- {
		v := s.climbed[i]
		above := Inf
		arcs := m.down.of(v)
		for i := range arcs {
			a := &arcs[i]
			above = min(above, s.sure[a.head]+a.key)
		}
		s.sure[v] = min(s.back[v], above)
		if s.back[v] < above {
			s.chain = append(s.chain, uint32(i))
		}
	}
	s.settled = append(s.settled, s.climbed...)
	l := Label{entries: make([]entry, 0, len(s.chain))}
	for of := range s.chains {
		first := len(l.entries)
		for _, i := range s.chain {
			if s.ofChain[i] == of {
				v := s.climbed[i]
				l.entries = append(l.entries, entry{key: s.back[v], rank: v})
			}
		}
		for i := first; i < len(l.entries); i++ {
			l.entries[i].skip = uint32(len(l.entries) - 1 - i)
		}
	}
	return l
}

// Meet answers, after Target, how far the target is from a marked place.
func (s *Search) Meet(l *Label) Key {
	best := Inf
	back, entries := s.back, l.entries
	for i := 0; i < len(entries); i++ {
		e := &entries[i]
		k := back[e.rank]
		if k == unknown {
			i += int(e.skip)
			continue
		}
		best = min(best, e.key+k)
	}
	return best
}
