package road

import (
	"context"
	"math"
)

const (
	none     = math.MaxUint32
	farther  = math.MaxUint32 // no weight is known
	maxTotal = math.MaxUint32 - 1
	// arrives marks, in label.next, that the next arc is the one of a target
	// place, whose index is in the rest.
	arrives = 1 << 31
)

// search is one backward search and what it needs: everybody who asks takes one
// from the pool. Labels carry the number of the search they belong to, so that
// nothing has to be cleared between searches.
type search struct {
	turn   uint32
	labels []label
	heap   []uint64 // weight above, state below: ties go to the smaller state
	near   nearHeap

	starts []start
	best   []answer // by source
}

// label is what is known of the way from the end of a state's arc to the target.
type label struct {
	turn     uint32
	weight   uint32
	ms       uint32
	cm       uint32
	next     uint32 // state, or arrives
	startsAt uint32 // first of the starts on this arc, or none
}

// start is a place of a source, in a list of those on the same arc.
type start struct {
	source uint32
	place  place
	next   uint32
}

// answer is the best way of a source found so far.
type answer struct {
	weight uint32
	ms     uint32
	cm     uint32
	start  place
	// direct is the index of the target place on the same arc that is reached
	// without leaving the arc; -1 where the way goes on at the end of the arc.
	direct int32
}

// run finds the best way from each of from to the nearest of the places to, by
// Dijkstra's algorithm backward from the target, until no source can improve.
func (s *search) run(ctx context.Context, n *Network, g *graph, from []spot, to spot) error {
	s.reset(g.states())
	s.seed(g, to)
	waiting := s.enlist(from, to)
	bound := uint32(0)
	for steps := 0; ; steps++ {
		if steps&1023 == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		if len(s.heap) == 0 {
			return nil
		}
		top := s.pop()
		weight, state := uint32(top>>32), uint32(top)
		l := &s.labels[state]
		if weight > l.weight {
			continue // an older, worse entry
		}
		if waiting == 0 && weight >= bound {
			if bound = s.worst(); weight >= bound {
				return nil
			}
		}
		if l.startsAt != none {
			waiting -= s.reach(l, g, n)
		}
		arcCM := n.lengthCM[g.arcOf(state)/2]
		for t := g.backFirst[state]; t < g.backFirst[state+1]; t++ {
			prev, cost := g.backFrom[t], g.backCostMS[t]
			total := uint64(weight) + uint64(cost)
			if prev&passBit != 0 {
				prev &^= passBit
				total += passPenaltyMS
			}
			s.relax(prev, total, l.ms+cost, l.cm+arcCM, state)
		}
	}
}

func (s *search) reset(states int) {
	if len(s.labels) < states {
		s.labels = make([]label, states)
		s.turn = 0
	}
	s.turn++
	if s.turn == 0 { // after four billion searches
		clear(s.labels)
		s.turn = 1
	}
	s.heap = s.heap[:0]
	s.starts = s.starts[:0]
	s.best = s.best[:0]
}

func (s *search) label(state uint32) *label {
	l := &s.labels[state]
	if l.turn != s.turn {
		*l = label{turn: s.turn, weight: farther, startsAt: none}
	}
	return l
}

func (s *search) relax(state uint32, total uint64, ms, cm, next uint32) {
	if total > maxTotal {
		return
	}
	l := s.label(state)
	if uint32(total) >= l.weight {
		return
	}
	l.weight, l.ms, l.cm, l.next = uint32(total), ms, cm, next
	s.push(total<<32 | uint64(state))
}

// seed labels what leads straight onto the arcs of the target.
func (s *search) seed(g *graph, to spot) {
	for i, at := range to.at {
		for _, state := range append([]uint32{at.arc}, g.copies[at.arc]...) {
			for t := g.backFirst[state]; t < g.backFirst[state+1]; t++ {
				prev := g.backFrom[t]
				cost := g.backCostMS[t] - g.durationMS[at.arc] + at.beforeMS
				total := uint64(cost)
				if prev&passBit != 0 {
					prev &^= passBit
					total += passPenaltyMS
				}
				s.relax(prev, total, cost, at.beforeCM, arrives|uint32(i))
			}
		}
	}
}

// enlist hangs the sources on their arcs, settles what is reached without leaving
// the arc, and answers how many sources have no way yet.
func (s *search) enlist(from []spot, to spot) int {
	waiting := 0
	for i, spot := range from {
		best := answer{weight: farther, direct: -1}
		for _, at := range spot.at {
			l := s.label(at.arc)
			s.starts = append(s.starts, start{source: uint32(i), place: at, next: l.startsAt})
			l.startsAt = uint32(len(s.starts) - 1)
			for k, goal := range to.at {
				if goal.arc != at.arc || goal.beforeCM < at.beforeCM {
					continue
				}
				if ms := goal.beforeMS - at.beforeMS; ms < best.weight {
					best = answer{weight: ms, ms: ms, cm: goal.beforeCM - at.beforeCM, start: at, direct: int32(k)}
				}
			}
		}
		if len(spot.at) > 0 && best.weight == farther {
			waiting++
		}
		s.best = append(s.best, best)
	}
	return waiting
}

// reach offers a settled label to the sources on its arc and answers how many
// of them have a way for the first time.
func (s *search) reach(l *label, g *graph, n *Network) int {
	found := 0
	for i := l.startsAt; i != none; i = s.starts[i].next {
		st := &s.starts[i]
		restMS := g.durationMS[st.place.arc] - st.place.beforeMS
		total := uint64(l.weight) + uint64(restMS)
		best := &s.best[st.source]
		if total > maxTotal || uint32(total) >= best.weight {
			continue
		}
		if best.weight == farther {
			found++
		}
		*best = answer{
			weight: uint32(total), ms: l.ms + restMS, cm: l.cm + n.lengthCM[st.place.arc/2] - st.place.beforeCM,
			start: st.place, direct: -1,
		}
	}
	return found
}

// worst is the weight beyond which no source can improve.
func (s *search) worst() uint32 {
	worst := uint32(0)
	for _, b := range s.best {
		if b.weight != farther {
			worst = max(worst, b.weight)
		}
	}
	return worst
}

// path lists the way of source i: the states after the arc it starts on, up to
// the one from which the target place is reached, and the index of that place.
// A direct way has no states.
func (s *search) path(i int) (states []uint32, goal int) {
	best := s.best[i]
	if best.direct >= 0 {
		return nil, int(best.direct)
	}
	state := best.start.arc
	for {
		next := s.labels[state].next
		if next&arrives != 0 {
			return states, int(next &^ arrives)
		}
		states = append(states, next)
		state = next
	}
}

// push and pop keep a heap of four children a node: flatter than two, and the
// four lie in one cache line.
func (s *search) push(item uint64) {
	s.heap = append(s.heap, item)
	h := s.heap
	i := len(h) - 1
	for i > 0 {
		up := (i - 1) / 4
		if item >= h[up] {
			break
		}
		h[i] = h[up]
		i = up
	}
	h[i] = item
}

func (s *search) pop() uint64 {
	h := s.heap
	least := h[0]
	last := h[len(h)-1]
	h = h[:len(h)-1]
	s.heap = h
	if len(h) == 0 {
		return least
	}
	i := 0
	for {
		child := 4*i + 1
		if child >= len(h) {
			break
		}
		for k := child + 1; k < min(child+4, len(h)); k++ {
			if h[k] < h[child] {
				child = k
			}
		}
		if h[child] >= last {
			break
		}
		h[i] = h[child]
		i = child
	}
	h[i] = last
	return least
}
