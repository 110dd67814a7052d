package main

import (
	"container/heap"
	"math"
)

// queue is a heap of states by what they weigh.
type queue []queued

type queued struct {
	weight float64
	state  int
}

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].weight < q[j].weight }
func (q queue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)        { *q = append(*q, x.(queued)) }
func (q *queue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}

// meeting is where a point meets the roads; walkM is how far the nearest is.
type meeting struct {
	walkM  float64
	places []laneAt
}

type laneAt struct {
	lane  int
	share float64 // of the lane that lies before
	walkM float64
}

const walkMS = 5 / 3.6

// reached is the soonest arrival at the start of each lane from one place.
type reached struct {
	from  [2]float64
	begin meeting
	entry map[int][2]float64 // weight and seconds
}

// spread goes everywhere from a point.
func (r *modeRoads) spread(from [2]float64) *reached {
	all := &reached{from: from, begin: r.meet(from), entry: map[int][2]float64{}}
	weight, seconds := make([]float64, len(r.state)), make([]float64, len(r.state))
	for i := range weight {
		weight[i] = math.Inf(1)
	}
	q := &queue{}
	reach := func(state int, w, s float64) {
		if w < weight[state] {
			weight[state], seconds[state] = w, s
			heap.Push(q, queued{w, state})
		}
	}
	for _, p := range all.begin.places {
		rest := (1-p.share)*r.lanes[p.lane].seconds[r.mode] + p.walkM/walkMS
		reach(p.lane, rest, rest)
	}
	for q.Len() > 0 {
		top := heap.Pop(q).(queued)
		if top.weight > weight[top.state] {
			continue
		}
		for _, m := range r.moves[top.state] {
			w, s, on := top.weight+m.s, seconds[top.state]+m.s, r.state[m.to].lane
			if m.entry {
				w += 7200
			}
			if had, ok := all.entry[on]; !ok || w < had[0] {
				all.entry[on] = [2]float64{w, s}
			}
			reach(m.to, w+r.lanes[on].seconds[r.mode], s+r.lanes[on].seconds[r.mode])
		}
	}
	return all
}

// to is how long it takes from there to a point that meets the roads at goal.
func (a *reached) to(r *modeRoads, point [2]float64, goal meeting) float64 {
	weight, seconds := math.Inf(1), math.Inf(1)
	for _, g := range goal.places {
		lane := r.lanes[g.lane].seconds[r.mode]
		rest := g.share*lane + g.walkM/walkMS
		if e, ok := a.entry[g.lane]; ok && e[0]+rest < weight {
			weight, seconds = e[0]+rest, e[1]+rest
		}
		for _, b := range a.begin.places {
			if s := (g.share-b.share)*lane + (b.walkM+g.walkM)/walkMS; b.lane == g.lane && g.share >= b.share && s < weight {
				weight, seconds = s, s
			}
		}
	}
	if straight := apart(a.from, point); straight <= a.begin.walkM+goal.walkM && len(a.begin.places) > 0 && len(goal.places) > 0 {
		seconds = min(seconds, straight/walkMS)
	}
	return seconds
}
