package cch

// Label is how far some of the ancestors of a place are, those that a shortest way
// may turn at: what has to be known of a place to answer any target without
// searching from it again. It never changes and belongs to the metric it was made
// with.
type Label struct {
	// One piece of memory, read from its start: how many chains of ancestors there are,
	// how many words each takes, then three words an ancestor: rank and key, lower half
	// first. Within a chain the highest comes first: where one is no ancestor of a
	// target, none that follows in the chain is.
	words []uint32
}

// entryWords is how many words an ancestor takes.
const entryWords = 3

// Len is how many ancestors it holds.
func (l *Label) Len() int {
	if len(l.words) == 0 {
		return 0
	}
	return (len(l.words) - 1 - int(l.words[0])) / entryWords
}

// Mark makes the label of a place: one or more vertices with the way from the place
// to each.
func (s *Search) Mark(m *Metric, seeds []Seed) Label {
	s.Target(m.flipped, seeds) // back is then the way from the place
	// From the highest down, what a rank is really away is known from those above it.
	// Where that is no more, a shortest way turns there or higher.
	s.fetch(&m.down)
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
	l := Label{words: make([]uint32, 1+s.chains, 1+int(s.chains)+entryWords*len(s.chain))}
	l.words[0] = s.chains
	for of := range s.chains {
		first := len(l.words)
		for _, i := range s.chain {
			if s.ofChain[i] == of {
				v := s.climbed[i]
				l.words = append(l.words, v, uint32(s.back[v]), uint32(s.back[v]>>32))
			}
		}
		l.words[1+of] = uint32(len(l.words) - first)
	}
	return l
}

// fetch reads the arcs of all that is climbed. Mark asks for them one after another, each
// time only when it is done with the one before, and would wait for memory as often; here
// they are on their way at the same time.
func (s *Search) fetch(of *half) {
	const arcsOfLine = 4 // of the cache
	sum := uint32(0)
	for _, v := range s.climbed {
		for i, last := of.first[v], of.first[v+1]; i < last; i += arcsOfLine {
			sum |= of.arcs[i].head
		}
	}
	s.fetched |= sum
}

// Touch reads what Meet is likely to read, and answers nothing of use. Memory is slow
// to begin and quick to go on: touching many labels first and meeting them then takes
// half the time of meeting each as it comes.
func (l *Label) Touch() uint32 {
	const line = 16 // words of a line of the cache
	likely := l.words[:min(len(l.words), 12*line)]
	sum := uint32(0)
	for i := 0; i < len(likely); i += line {
		sum |= likely[i]
	}
	return sum
}

// Meet answers, after Target, how far the target is from a marked place.
func (s *Search) Meet(l *Label) Key {
	best := Inf
	if len(l.words) == 0 {
		return best
	}
	back, near, chains := s.back, s.near, int(l.words[0])
	rest := l.words[1+chains:]
	for _, length := range l.words[1 : 1+chains] {
		chain := rest[:length]
		rest = rest[length:]
		for i := 0; i+entryWords <= len(chain); i += entryWords {
			r := chain[i]
			if !near[r>>6] {
				break
			}
			k := back[r]
			if k == unknown {
				break
			}
			best = min(best, (Key(chain[i+1])|Key(chain[i+2])<<32)+k)
		}
	}
	return best
}
