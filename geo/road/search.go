package road

import (
	"context"
	"math"

	"github.com/gridpatrol/gridpatrol/geo/road/cch"
)

const (
	none = math.MaxUint32
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
	heap   []waiting
	snap   snapper

	starts []start
	best   []answer // by source
}

// label is what is known of the way from the end of a state's arc to the target.
type label struct {
	key      cch.Key
	turn     uint32
	next     uint32 // state, or arrives
	startsAt uint32 // first of the starts on this arc, or none
}

// waiting is a label that is not settled yet. Ties go to the smaller state.
type waiting struct {
	key   cch.Key
	state uint32
}

func (a waiting) before(b waiting) bool { return a.key < b.key || a.key == b.key && a.state < b.state }

// start is a place of a source, in a list of those on the same arc.
type start struct {
	source uint32
	place  place
	next   uint32
}

// answer is the best way of a source found so far.
type answer struct {
	key   cch.Key
	start place
	// direct is the index of the target place on the same arc that is reached
	// without leaving the arc; -1 where the way goes on at the end of the arc.
	direct int32
}

// run finds the best way from each of from to the nearest of the places to, by
// Dijkstra's algorithm backward from the target, until no source can improve.
func (s *search) run(ctx context.Context, n *Network, v view, from []spot, to spot) error {
	g := v.g
	s.reset(g.states())
	s.seed(&v, to)
	unreached := s.enlist(from, to)
	bound := cch.Key(0)
	for steps := 0; ; steps++ {
		if steps&1023 == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
			if v.most > 0 && steps > v.most {
				return ErrAvoidFar
			}
		}
		if len(s.heap) == 0 {
			return nil
		}
		top := s.pop()
		l := &s.labels[top.state]
		if top.key > l.key {
			continue // an older, worse entry
		}
		if unreached == 0 && top.key >= bound {
			if bound = s.worst(); top.key >= bound {
				return nil
			}
		}
		if l.startsAt != none {
			unreached -= s.reach(l, v.durationMS, n)
		}
		arcCM := n.lengthCM[g.arcOf(top.state)/2]
		v.before(top.state, func(prev, costMS uint32, passes bool) {
			key := top.key + lengthOf(costMS, arcCM)
			if passes {
				key += pass
			}
			s.relax(prev, key, top.state)
		})
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
		*l = label{turn: s.turn, key: cch.Inf, startsAt: none}
	}
	return l
}

func (s *search) relax(state uint32, key cch.Key, next uint32) {
	if key >= cch.Inf {
		return
	}
	l := s.label(state)
	if key >= l.key {
		return
	}
	l.key, l.next = key, next
	s.push(waiting{key, state})
}

// seed labels what leads straight onto the arcs of the target.
func (s *search) seed(v *view, to spot) {
	g := v.g
	for i, at := range to.at {
		for _, state := range append([]uint32{at.arc}, g.copies[at.arc]...) {
			v.before(state, func(prev, costMS uint32, passes bool) {
				key := lengthOf(costMS-v.durationMS[at.arc], 0) + at.before()
				if passes {
					key += pass
				}
				s.relax(prev, key, arrives|uint32(i))
			})
		}
	}
}

// enlist hangs the sources on their arcs, settles what is reached without leaving
// the arc, and answers how many sources have no way yet.
func (s *search) enlist(from []spot, to spot) int {
	unreached := 0
	for i, spot := range from {
		best := answer{key: cch.Inf, direct: -1}
		for _, at := range spot.at {
			l := s.label(at.arc)
			s.starts = append(s.starts, start{source: uint32(i), place: at, next: l.startsAt})
			l.startsAt = uint32(len(s.starts) - 1)
			if key, goal := direct(at, to); key < best.key {
				best = answer{key: key, start: at, direct: goal}
			}
		}
		if len(spot.at) > 0 && best.key == cch.Inf {
			unreached++
		}
		s.best = append(s.best, best)
	}
	return unreached
}

// direct is the way to a target place farther on along the same arc, and which one.
func direct(at place, to spot) (key cch.Key, goal int32) {
	key, goal = cch.Inf, -1
	for i, end := range to.at {
		if end.arc == at.arc && end.beforeCM >= at.beforeCM {
			if k := lengthOf(end.beforeMS-at.beforeMS, end.beforeCM-at.beforeCM) + lengthOf(at.walk()) + lengthOf(end.walk()); k < key {
				key, goal = k, int32(i)
			}
		}
	}
	return key, goal
}

// direct is the shortest way to a target that stays on the arc it begins on.
func (s *spot) direct(to spot) cch.Key {
	best := cch.Inf
	for _, at := range s.at {
		key, _ := direct(at, to)
		best = min(best, key)
	}
	return best
}

// reach offers a settled label to the sources on its arc and answers how many
// of them have a way for the first time.
func (s *search) reach(l *label, durationMS []uint32, n *Network) int {
	found := 0
	for i := l.startsAt; i != none; i = s.starts[i].next {
		st := &s.starts[i]
		key := l.key + lengthOf(durationMS[st.place.arc]-st.place.beforeMS, n.lengthCM[st.place.arc/2]-st.place.beforeCM) + lengthOf(st.place.walk())
		best := &s.best[st.source]
		if key >= best.key {
			continue
		}
		if best.key == cch.Inf {
			found++
		}
		*best = answer{key: key, start: st.place, direct: -1}
	}
	return found
}

// worst is the length beyond which no source can improve.
func (s *search) worst() cch.Key {
	worst := cch.Key(0)
	for _, b := range s.best {
		if b.key != cch.Inf {
			worst = max(worst, b.key)
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
// four lie close together.
func (s *search) push(item waiting) {
	s.heap = append(s.heap, item)
	h := s.heap
	i := len(h) - 1
	for i > 0 {
		up := (i - 1) / 4
		if !item.before(h[up]) {
			break
		}
		h[i] = h[up]
		i = up
	}
	h[i] = item
}

func (s *search) pop() waiting {
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
			if h[k].before(h[child]) {
				child = k
			}
		}
		if !h[child].before(last) {
			break
		}
		h[i] = h[child]
		i = child
	}
	h[i] = last
	return least
}
