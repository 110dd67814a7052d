package road

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/gridpatrol/gridpatrol/geo"
)

// From one place to many takes what many-to-one says of each, closures or not.
func TestOneToManyAgreesWithDijkstra(t *testing.T) {
	t.Parallel()
	for _, extract := range []string{"monaco", "liechtenstein", "columbus"} {
		t.Run(extract, func(t *testing.T) {
			t.Parallel()
			n := LoadExtract(t, extract)
			router, err := Prepare(t.Context(), n)
			if err != nil {
				t.Fatal(err)
			}
			r := rand.New(rand.NewPCG(3, 5))
			for round := range uint64(2) {
				var c Conditions
				if round == 1 {
					c = randomClosures(n, r)
				}
				if err := router.Impose(t.Context(), c, round+2); err != nil {
					t.Fatal(err)
				}
				for m := range Mode(Modes) {
					oracle := n.reweighted(m, n.under(m, c.Closed[m]))
					from, to := randomPoints(n, r, 4), randomPoints(n, r, 60)
					for _, p := range from {
						got, err := OneToMany(t.Context(), router, m, p, to)
						if err != nil {
							t.Fatal(err)
						}
						want, err := OneToMany(t.Context(), oracle, m, p, to)
						if err != nil {
							t.Fatal(err)
						}
						as(router, m, want)
						for i := range to {
							if got[i] != want[i] {
								t.Errorf("%v from %v to %v: %+v, Dijkstra says %+v", m, p, to[i], got[i], want[i])
							}
						}
					}
				}
			}
		})
	}
}

func randomClosures(n *Network, r *rand.Rand) (c Conditions) {
	for m := range c.Closed {
		for s := range uint32(n.Segments()) {
			if r.IntN(12) == 0 {
				c.Closed[m] = append(c.Closed[m], s)
			}
		}
	}
	return c
}

// What is reached in time is just what Dijkstra's algorithm reaches of all places on
// and around the roads, there and back; nobody is left out by the box.
func TestReachAgreesWithDijkstra(t *testing.T) {
	t.Parallel()
	n := LoadExtract(t, "liechtenstein")
	router, err := Prepare(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(9, 2))
	s := n.Stats()
	// A lattice over all of it, mountains too, and places where people are.
	all := randomPoints(n, r, 200)
	for x := range 10 {
		for y := range 16 {
			all = append(all, geo.Point{Lon: s.West - 0.03 + (s.East-s.West+0.06)*float64(x)/9, Lat: s.South - 0.03 + (s.North-s.South+0.06)*float64(y)/15})
		}
	}
	reached := 0
	for round := range uint64(2) {
		var c Conditions
		if round == 1 {
			c = randomClosures(n, r)
		}
		if err := router.Impose(t.Context(), c, round+2); err != nil {
			t.Fatal(err)
		}
		for m := range Mode(Modes) {
			oracle := n.reweighted(m, n.under(m, c.Closed[m]))
			for i, at := range randomPoints(n, r, 3) {
				q := ReachAsk{Mode: m, At: at, WithinS: 300 * float64(1+r.IntN(4)), Back: i%2 == 1}
				got := reach(t, router, q, all)
				ask := oracle.ManyToOne
				if !q.Back {
					ask = func(ctx context.Context, m Mode, to []geo.Point, from geo.Point) ([]Time, error) {
						return OneToMany(ctx, oracle, m, from, to)
					}
				}
				times, err := ask(t.Context(), m, all, at)
				if err != nil {
					t.Fatal(err)
				}
				as(router, m, times)
				for k, p := range all {
					want := times[k].Reachable && times[k].DurationS <= q.WithinS
					if have, ok := got[p]; ok != want || ok && have != times[k] {
						t.Errorf("%+v: %v is reached %v %+v, Dijkstra says %+v", q, p, ok, have, times[k])
					}
				}
				reached += len(got)
			}
		}
	}
	if reached < 150 {
		t.Errorf("only %d places were reached: the questions are too poor", reached)
	}
}

func reach(t *testing.T, e Engine, q ReachAsk, all []geo.Point) map[geo.Point]Time {
	t.Helper()
	got := map[geo.Point]Time{}
	var list []geo.Point
	err := Reach(t.Context(), e, q, func(b geo.Box) ([]geo.Point, error) {
		for _, p := range all {
			if b.Contains(p) {
				list = append(list, p)
			}
		}
		return list, nil
	}, func(i int, at Time) error { got[list[i]] = at; return nil })
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// A straight line reaches as far as it says, and no engine is asked about nonsense.
func TestReachWithoutRoads(t *testing.T) {
	t.Parallel()
	at := geo.Point{Lon: 121.38, Lat: 28.58}
	all := []geo.Point{{Lon: 121.39, Lat: 28.58}, {Lon: 121.48, Lat: 28.58}}
	if got := reach(t, &Switch{}, ReachAsk{Mode: Car, At: at, WithinS: 300}, all); len(got) != 1 || got[all[0]].Kind != KindStraight {
		t.Errorf("%+v", got)
	}
	none := func(geo.Box) ([]geo.Point, error) { return nil, nil }
	if Reach(t.Context(), Straight{}, ReachAsk{At: geo.Point{}, WithinS: 1}, none, nil) == nil {
		t.Error("reached from nowhere")
	}
	if Reach(t.Context(), Straight{}, ReachAsk{Mode: Modes, At: at, WithinS: 1}, none, nil) == nil {
		t.Error("reached by no mode")
	}
}

// A long road behind a short one is reached part of the way, farther than anybody
// walks.
func TestReachAlongALongRoad(t *testing.T) {
	t.Parallel()
	at := func(m float64) geo.Point { return geo.Point{Lon: 121.38 + m/97_900, Lat: 28.58} }
	n, err := FromLines(t.Context(), []Line{
		{Class: Secondary, Points: []geo.Point{at(0), at(100)}}, {Class: Secondary, Points: []geo.Point{at(100), at(20_000)}},
	}, "test")
	if err != nil {
		t.Fatal(err)
	}
	router, err := Prepare(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	all := []geo.Point{at(50), at(2_000), at(3_500), at(6_000)}
	for _, back := range []bool{false, true} {
		got := reach(t, router, ReachAsk{Mode: Car, At: at(10), WithinS: 300, Back: back}, all)
		if _, far := got[all[3]]; len(got) != 3 || far {
			t.Errorf("back %v: %+v", back, got)
		}
	}
}
