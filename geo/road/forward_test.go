package road

import (
	"container/heap"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/road/cch"
)

// forward is plain Dijkstra from one source over the turns as they are stored:
// the other direction, another heap, other labels than the product's search.
type forward struct {
	net    *Network
	g      *graph
	weight map[uint32]uint64 // at the end of a state's arc
	queue  forwardQueue
}

type forwardItem struct {
	weight uint64
	state  uint32
}

type forwardQueue []forwardItem

func (q forwardQueue) Len() int           { return len(q) }
func (q forwardQueue) Less(i, j int) bool { return q[i].weight < q[j].weight }
func (q forwardQueue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *forwardQueue) Push(x any)        { *q = append(*q, x.(forwardItem)) }
func (q *forwardQueue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}

func (f *forward) offer(state uint32, weight uint64) {
	if have, ok := f.weight[state]; !ok || weight < have {
		f.weight[state] = weight
		heap.Push(&f.queue, forwardItem{weight, state})
	}
}

// best is the weight of the best way between two spots.
func (f *forward) best(from, to spot) uint64 {
	f.weight = map[uint32]uint64{}
	f.queue = nil
	best := uint64(math.MaxUint64)
	goals := map[uint32]uint64{}
	for _, t := range to.at {
		goals[t.arc] = uint64(t.beforeMS) + walked(t)
	}
	for _, s := range from.at {
		for _, t := range to.at {
			if s.arc == t.arc && t.beforeCM >= s.beforeCM {
				best = min(best, uint64(t.beforeMS-s.beforeMS)+walked(s)+walked(t))
			}
		}
		f.offer(s.arc, uint64(f.g.durationMS[s.arc]-s.beforeMS)+walked(s))
	}
	for len(f.queue) > 0 {
		item := heap.Pop(&f.queue).(forwardItem)
		if item.weight > f.weight[item.state] {
			continue
		}
		if item.weight >= best {
			return best
		}
		fromArc := f.g.arcOf(item.state)
		for t := f.g.turnFirst[item.state]; t < f.g.turnFirst[item.state+1]; t++ {
			if f.g.turnCostMS[t]&stuckBit != 0 {
				continue // nothing is closed here
			}
			to := f.g.turnTo[t]
			arc := f.g.arcOf(to)
			weight := item.weight + uint64(f.g.turnCostMS[t])
			if f.g.flags[arc]&arcEndsOnly != 0 && f.g.flags[fromArc]&arcEndsOnly == 0 {
				weight += uint64(pass >> cmBits)
			}
			if part, ok := goals[arc]; ok {
				best = min(best, weight+part)
			}
			f.offer(to, weight+uint64(f.g.durationMS[arc]))
		}
	}
	return best
}

// walked is the walk between a place and its point, 5 km an hour.
func walked(at place) uint64 { return uint64(math.Round(float64(at.walkCM) * 7.2)) }

// TestForwardAndBackwardAgree compares weights on a real network.
func TestForwardAndBackwardAgree(t *testing.T) {
	t.Parallel()
	n := LoadExtract(t, "monaco")
	r := rand.New(rand.NewPCG(3, 5))
	somewhere := func() geo.Point {
		p := n.point(uint32(r.IntN(len(n.points) / 2)))
		return geo.Point{Lon: p.Lon + (r.Float64()-0.5)*0.002, Lat: p.Lat + (r.Float64()-0.5)*0.002}
	}
	ways := 0
	for m := range Mode(Modes) {
		f := &forward{net: n, g: &n.modes[m]}
		for range 10 {
			to := somewhere()
			s := new(search)
			goal := n.snap(m, f.g.durationMS, to, &s.snap)
			var from []geo.Point
			var starts []spot
			for range 30 {
				p := somewhere()
				from = append(from, p)
				starts = append(starts, n.snap(m, f.g.durationMS, p, &s.snap))
			}
			if err := s.run(t.Context(), n, n.built(m), starts, goal); err != nil {
				t.Fatal(err)
			}
			for i, start := range starts {
				want := f.best(start, goal)
				got := uint64(s.best[i].key >> cmBits)
				if s.best[i].key == cch.Inf {
					got = math.MaxUint64
				}
				if got != want {
					t.Fatalf("%v from %v to %v: weight %d, forward %d", m, from[i], to, got, want)
				}
				if want != math.MaxUint64 {
					ways++
				}
			}
			for i, p := range from[:3] {
				if told, _ := timeOf(asBuilt, s.best[i].key, p, to, starts[i], goal); told.Reachable {
					checkRoute(t, n, m, p, to, told)
				}
			}
		}
	}
	if ways < 800 {
		t.Errorf("only %d of 900 pairs have a way", ways)
	}
}
