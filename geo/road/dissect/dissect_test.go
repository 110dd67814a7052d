package dissect_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/gridpatrol/gridpatrol/geo/road/dissect"
)

// Any graph: every edge comes once, and twice asked is the same answer.
func TestOrderNamesEveryEdgeOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		nodes := rapid.IntRange(1, 40).Draw(t, "nodes")
		g := dissect.Graph{X: make([]float32, nodes), Y: make([]float32, nodes)}
		for i := range nodes {
			g.X[i], g.Y[i] = rapid.Float32Range(-3, 3).Draw(t, "x"), rapid.Float32Range(-3, 3).Draw(t, "y")
		}
		for range rapid.IntRange(0, 90).Draw(t, "edges") {
			a, b := rapid.IntRange(0, nodes-1).Draw(t, "a"), rapid.IntRange(0, nodes-1).Draw(t, "b")
			g.Ends = append(g.Ends, [2]uint32{uint32(a), uint32(b)})
		}
		order, err := dissect.Order(context.Background(), g)
		if err != nil {
			t.Fatal(err)
		}
		again, _ := dissect.Order(context.Background(), g)
		if !slices.Equal(order, again) {
			t.Fatal("two answers for one graph")
		}
		slices.Sort(order)
		for i, e := range order {
			if e != uint32(i) {
				t.Fatalf("the edges are %v", order)
			}
		}
		if len(order) != len(g.Ends) {
			t.Fatalf("%d edges of %d", len(order), len(g.Ends))
		}
	})
}

// Two towns of crossing streets with three bridges between them: the bridges are cut
// first, so they come last.
func TestBridgesAreCutFirst(t *testing.T) {
	t.Parallel()
	const side = 8
	var g dissect.Graph
	for town := range 2 {
		for x := range side {
			for y := range side {
				g.X = append(g.X, float32(town*20+x))
				g.Y = append(g.Y, float32(y))
			}
		}
	}
	at := func(town, x, y int) uint32 { return uint32(town*side*side + x*side + y) }
	for town := range 2 {
		for x := range side {
			for y := range side {
				if x+1 < side {
					g.Ends = append(g.Ends, [2]uint32{at(town, x, y), at(town, x+1, y)})
				}
				if y+1 < side {
					g.Ends = append(g.Ends, [2]uint32{at(town, x, y), at(town, x, y+1)})
				}
			}
		}
	}
	streets := uint32(len(g.Ends))
	for _, y := range []int{1, 4, 6} {
		g.Ends = append(g.Ends, [2]uint32{at(0, side-1, y), at(1, 0, y)})
	}
	order, err := dissect.Order(context.Background(), g)
	if err != nil {
		t.Fatal(err)
	}
	last := order[len(order)-3:]
	slices.Sort(last)
	if !slices.Equal(last, []uint32{streets, streets + 1, streets + 2}) {
		t.Errorf("the last edges are %v, the bridges %d to %d", last, streets, streets+2)
	}
}

func TestRefusesEdgesToNowhere(t *testing.T) {
	t.Parallel()
	_, err := dissect.Order(context.Background(), dissect.Graph{X: []float32{0}, Y: []float32{0}, Ends: [][2]uint32{{0, 1}}})
	if !errors.Is(err, dissect.ErrNode) {
		t.Errorf("error %v", err)
	}
}

func TestStopsWhenTold(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	g := dissect.Graph{X: make([]float32, 100), Y: make([]float32, 100)}
	for i := range uint32(99) {
		g.Ends = append(g.Ends, [2]uint32{i, i + 1})
	}
	if _, err := dissect.Order(ctx, g); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}
