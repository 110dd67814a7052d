package cch_test

import (
	"container/heap"
	"context"
	"testing"

	"github.com/gridpatrol/gridpatrol/geo/road/cch"
	"pgregory.net/rapid"
)

// The slow twin: Dijkstra's algorithm as the textbook has it.

type item struct {
	key    cch.Key
	vertex uint32
}
type queue []item

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].key < q[j].key }
func (q queue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)        { *q = append(*q, x.(item)) }
func (q *queue) Pop() any {
	old := *q
	x := old[len(old)-1]
	*q = old[:len(old)-1]
	return x
}

func dijkstra(g cch.Graph, weights []cch.Key, from uint32) []cch.Key {
	n := len(g.First) - 1
	d := make([]cch.Key, n)
	for i := range d {
		d[i] = cch.Inf
	}
	d[from] = 0
	q := &queue{{0, from}}
	for q.Len() > 0 {
		it := heap.Pop(q).(item)
		if it.key > d[it.vertex] {
			continue
		}
		for a := g.First[it.vertex]; a < g.First[it.vertex+1]; a++ {
			if k := it.key + weights[a]; k < d[g.To[a]] {
				d[g.To[a]] = k
				heap.Push(q, item{k, g.To[a]})
			}
		}
	}
	return d
}

func graphOf(t *rapid.T) (cch.Graph, []uint32) {
	n := rapid.IntRange(1, 24).Draw(t, "vertices")
	g := cch.Graph{First: []uint32{0}}
	for range n {
		for range rapid.IntRange(0, 4).Draw(t, "degree") {
			g.To = append(g.To, uint32(rapid.IntRange(0, n-1).Draw(t, "to")))
		}
		g.First = append(g.First, uint32(len(g.To)))
	}
	ids := make([]uint32, n)
	for i := range ids {
		ids[i] = uint32(i)
	}
	return g, rapid.Permutation(ids).Draw(t, "order")
}

func weightsOf(t *rapid.T, g cch.Graph) []cch.Key {
	w := make([]cch.Key, len(g.To))
	for i := range w {
		if rapid.IntRange(0, 9).Draw(t, "shut") == 0 {
			w[i] = cch.Inf
			continue
		}
		w[i] = cch.Key(rapid.Uint64Range(0, 20).Draw(t, "weight"))
	}
	return w
}

// Any graph, any order, any weights, three times over on one topology: every pair is
// as far as Dijkstra says, by search and by label, and the path adds up to it.
func TestAgreesWithDijkstra(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		g, order := graphOf(t)
		top, err := cch.Build(context.Background(), g, order)
		if err != nil {
			t.Fatal(err)
		}
		var s, marker cch.Search
		for range 3 {
			weights := weightsOf(t, g)
			m, err := top.Customize(context.Background(), weights)
			if err != nil {
				t.Fatal(err)
			}
			n := uint32(top.Vertices())
			labels := make([]cch.Label, n)
			far := make([][]cch.Key, n)
			for v := range n {
				far[v] = dijkstra(g, weights, v)
				labels[v] = marker.Mark(m, []cch.Seed{{Vertex: v}})
			}
			for to := range n {
				seeds := []cch.Seed{{Vertex: to, Key: 3}, {Vertex: rapid.Uint32Range(0, n-1).Draw(t, "other"), Key: 7}}
				s.Target(m, seeds)
				for from := range n {
					want := min(far[from][to]+3, far[from][seeds[1].Vertex]+7, cch.Inf)
					got := s.From(from)
					if got != want {
						t.Fatalf("%d to %d: %x, Dijkstra says %x", from, to, got, want)
					}
					if met := s.Meet(&labels[from]); met != want {
						t.Fatalf("%d to %d by label: %x, Dijkstra says %x", from, to, met, want)
					}
					if got < cch.Inf {
						checkPath(t, g, weights, s.Path(nil, from), seeds, got)
					}
				}
			}
		}
	})
}

func checkPath(t *rapid.T, g cch.Graph, weights []cch.Key, way []uint32, seeds []cch.Seed, want cch.Key) {
	sum := cch.Key(0)
	for i := range len(way) - 1 {
		best := cch.Inf
		for a := g.First[way[i]]; a < g.First[way[i]+1]; a++ {
			if g.To[a] == way[i+1] {
				best = min(best, weights[a])
			}
		}
		sum += best
	}
	end := way[len(way)-1]
	for _, seed := range seeds {
		if seed.Vertex == end && sum+seed.Key == want {
			return
		}
	}
	t.Fatalf("the way %v is %x and ends at no seed with %x in all", way, sum, want)
}

func TestRefuses(t *testing.T) {
	t.Parallel()
	g := cch.Graph{First: []uint32{0, 1, 1}, To: []uint32{1}}
	for name, order := range map[string][]uint32{"short": {0}, "twice": {1, 1}, "beyond": {0, 2}} {
		if _, err := cch.Build(context.Background(), g, order); err == nil {
			t.Errorf("%s: an order that is none was taken", name)
		}
	}
	top, err := cch.Build(context.Background(), g, []uint32{0, 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := top.Customize(context.Background(), nil); err == nil {
		t.Error("no weights were taken for one arc")
	}
}
