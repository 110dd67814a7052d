package road

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/gridpatrol/gridpatrol/geo"
)

// reweighted is the network with other durations: the oracle of a router whose
// durations were changed.
func (n *Network) reweighted(m Mode, durationMS []uint32) *Network {
	c := &Network{source: n.source, points: n.points, first: n.first, lengthCM: n.lengthCM, nodes: n.nodes, nodeN: n.nodeN,
		name: n.name, class: n.class, flags: n.flags, names: n.names, modes: n.modes, tree: n.tree}
	c.scratch.New = func() any { return new(search) }
	g := n.modes[m]
	g.durationMS = durationMS
	g.reverse()
	c.modes[m] = g
	return c
}

func randomPoints(n *Network, r *rand.Rand, count int) []geo.Point {
	points := make([]geo.Point, count)
	for i := range points {
		p := n.point(uint32(r.IntN(len(n.points) / 2)))
		points[i] = geo.Point{Lon: p.Lon + (r.Float64()-0.5)*0.001, Lat: p.Lat + (r.Float64()-0.5)*0.001}
	}
	return points
}

// Each answer of a router, by every kind of question, is the one of Dijkstra's
// algorithm on the same network, to the millisecond and the centimetre.
func TestRouterAgreesWithDijkstra(t *testing.T) {
	t.Parallel()
	for _, extract := range []string{"monaco", "liechtenstein", "hamburg-ferry", "columbus", "heidelberg", "porto"} {
		t.Run(extract, func(t *testing.T) {
			t.Parallel()
			n := LoadExtract(t, extract)
			router, err := Prepare(t.Context(), n)
			if err != nil {
				t.Fatal(err)
			}
			r := rand.New(rand.NewPCG(7, 11))
			for m := range Mode(Modes) {
				compareAll(t, router, n, m, r)
			}
		})
	}
}

func compareAll(t *testing.T, router *Router, oracle *Network, m Mode, r *rand.Rand) {
	t.Helper()
	ctx := t.Context()
	from, to := randomPoints(oracle, r, 40), randomPoints(oracle, r, 8)
	stands := make([]*Stand, len(from))
	for i, p := range from {
		var err error
		if stands[i], err = router.Stand(m, p); err != nil {
			t.Fatal(err)
		}
	}
	matrix := make([][]Time, len(from))
	err := router.Matrix(ctx, m, from, to, func(i int, row []Time) error { matrix[i] = row; return nil })
	if err != nil {
		t.Fatal(err)
	}
	for k, goal := range to {
		want, err := oracle.ManyToOne(ctx, m, from, goal)
		if err != nil {
			t.Fatal(err)
		}
		got, err := router.ManyToOne(ctx, m, from, goal)
		if err != nil {
			t.Fatal(err)
		}
		stood, err := router.StandsToOne(ctx, nil, stands, goal)
		if err != nil {
			t.Fatal(err)
		}
		as(router, m, want)
		for i := range from {
			if got[i] != want[i] || stood[i] != want[i] || matrix[i][k] != want[i] {
				t.Fatalf("%v from %v to %v:\n%+v from many,\n%+v from a stand,\n%+v in a matrix,\n%+v by Dijkstra",
					m, from[i], goal, got[i], stood[i], matrix[i][k], want[i])
			}
		}
		for i, p := range from[:5] {
			if want[i].Reachable {
				checkRouterRoute(t, router, oracle, m, p, goal, want[i])
			}
		}
	}
}

// as gives the answers of an oracle the version of a router: they were made by the
// same durations.
func as(r *Router, m Mode, times []Time) {
	for i := range times {
		times[i].Version = r.version(r.now[m].Load())
	}
}

func checkRouterRoute(t *testing.T, router *Router, n *Network, m Mode, from, to geo.Point, want Time) {
	t.Helper()
	way, err := router.Route(t.Context(), m, from, to)
	if err != nil {
		t.Fatal(err)
	}
	if !sameWay(way.Time, want) {
		t.Fatalf("%v route from %v to %v: %+v, the table says %+v", m, from, to, way.Time, want)
	}
	var ms, metres float64
	for _, s := range way.Steps {
		ms += s.DurationS * 1000
		metres += s.DistanceM
	}
	if d := ms/1000 - want.DurationS; d > 0.001 || d < -0.001 {
		t.Fatalf("%v route from %v to %v: its steps take %.3f s, all of it %.3f s", m, from, to, ms/1000, want.DurationS)
	}
	if d := metres - want.DistanceM; d > 0.01 || d < -0.01 {
		t.Fatalf("%v route from %v to %v: its steps are %.2f m, all of it %.2f m", m, from, to, metres, want.DistanceM)
	}
}

func BenchmarkRouter(b *testing.B) {
	n := LoadExtract(b, "porto")
	router, err := Prepare(b.Context(), n)
	if err != nil {
		b.Fatal(err)
	}
	ctx := context.Background()
	r := rand.New(rand.NewPCG(1, 2))
	stands := func(count int) []*Stand {
		out := make([]*Stand, count)
		for i, p := range randomPoints(n, r, count) {
			out[i], _ = router.Stand(Car, p)
		}
		return out
	}
	b.Run("300 stands to one", func(b *testing.B) {
		fleet := stands(300)
		var times []Time
		p50(b, func() func() {
			to := randomPoints(n, r, 1)[0]
			return func() { times, _ = router.StandsToOne(ctx, times[:0], fleet, to) }
		})
		sum := 0
		for _, s := range fleet {
			sum += s.label.Len()
		}
		b.ReportMetric(float64(sum)/300, "label")
	})
	b.Run("stand", func(b *testing.B) {
		p50(b, func() func() {
			p := randomPoints(n, r, 1)[0]
			return func() { _, _ = router.Stand(Car, p) }
		})
	})
	b.Run("snap", func(b *testing.B) {
		var s snapper
		p50(b, func() func() {
			p := randomPoints(n, r, 1)[0]
			return func() { s.reset(); _ = n.snap(Car, n.modes[Car].durationMS, p, &s) }
		})
	})
	b.Run("target", func(b *testing.B) {
		var a ask
		now := router.now[Car].Load()
		p50(b, func() func() {
			p := randomPoints(n, r, 1)[0]
			a.snap.reset()
			spot := n.snap(Car, n.modes[Car].durationMS, p, &a.snap)
			return func() { router.target(&a, Car, now, spot) }
		})
		b.ReportMetric(float64(len(a.seeds)), "seeds")
	})
	b.Run("300 cold to one", func(b *testing.B) {
		var times []Time
		p50(b, func() func() {
			p := randomPoints(n, r, 301)
			return func() { times, _ = router.AppendManyToOne(ctx, times[:0], Car, p[1:], p[0]) }
		})
	})
	b.Run("route", func(b *testing.B) {
		p50(b, func() func() {
			p := randomPoints(n, r, 2)
			return func() { _, _ = router.Route(ctx, Car, p[0], p[1]) }
		})
	})
	b.Run("200 x 200", func(b *testing.B) {
		p50(b, func() func() {
			p := randomPoints(n, r, 400)
			return func() {
				_ = router.Matrix(ctx, Car, p[:200], p[200:], func(int, []Time) error { return nil })
			}
		})
	})
}

func p50(b *testing.B, setup func() func()) {
	b.ReportAllocs()
	var took []time.Duration
	for b.Loop() {
		b.StopTimer()
		f := setup()
		b.StartTimer()
		began := time.Now()
		f()
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Nanoseconds())/1000, "p50-us")
}
