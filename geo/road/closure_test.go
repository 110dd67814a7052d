package road

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/twpayne/go-geom"

	"github.com/gridpatrol/gridpatrol/geo"
)

// riverTown is two rows of streets with a river between them and two bridges, the
// west one at x 1 and the east one at x 5. Streets are 200 m apart.
func riverTown(t testing.TB) *Network {
	t.Helper()
	at := func(x, y float64) geo.Point { return geo.Point{Lon: 121.38 + 0.002*x, Lat: 28.58 + 0.0018*y} }
	row := func(name string, y float64) Line {
		l := Line{Class: Residential, Name: name}
		for x := range 8 {
			l.Points = append(l.Points, at(float64(x), y))
		}
		return l
	}
	lines := []Line{row("南街", 0), row("河南路", 1), row("河北路", 3), row("北街", 4)}
	for x := range 8 {
		lines = append(lines,
			Line{Class: Residential, Points: []geo.Point{at(float64(x), 0), at(float64(x), 1)}},
			Line{Class: Residential, Points: []geo.Point{at(float64(x), 3), at(float64(x), 4)}})
	}
	lines = append(lines,
		Line{Class: Secondary, Name: "西桥", Points: []geo.Point{at(1, 1), at(1, 3)}},
		Line{Class: Secondary, Name: "东桥", Points: []geo.Point{at(5, 1), at(5, 3)}})
	n, err := FromLines(context.Background(), lines, "river town")
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func named(n *Network, segments []uint32) []string {
	names := []string{}
	for _, s := range segments {
		names = append(names, n.names[n.name[s]])
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func TestWhatAShapeCloses(t *testing.T) {
	t.Parallel()
	n := riverTown(t)
	at := func(x, y float64) []float64 { return []float64{121.38 + 0.002*x, 28.58 + 0.0018*y} }
	line := func(points ...[]float64) geom.T {
		return geom.NewLineStringFlat(geom.XY, slices.Concat(points...)).SetSRID(4326)
	}
	area := func(points ...[]float64) geom.T {
		flat := slices.Concat(append(points, points[0])...)
		return geom.NewPolygonFlat(geom.XY, flat, []int{len(flat)}).SetSRID(4326)
	}
	for name, c := range map[string]struct {
		shape geom.T
		names []string
		count int
	}{
		"a barrier across a bridge":               {line(at(0.8, 2), at(1.2, 2)), []string{"西桥"}, 1},
		"a line along a bridge":                   {line(at(1, 1), at(1, 3)), []string{"西桥"}, 1},
		"a line along a street, three blocks":     {line(at(2, 4), at(5, 4)), []string{"北街"}, 3},
		"a line along part of a block":            {line(at(2.1, 4), at(2.5, 4)), []string{"北街"}, 1},
		"a line of a few metres on a bridge":      {line(at(1, 1.9), at(1, 1.95)), []string{"西桥"}, 1},
		"the river, with both bridges":            {area(at(-1, 1.5), at(9, 1.5), at(9, 2.5), at(-1, 2.5)), []string{"东桥", "西桥"}, 2},
		"an area as small as a puddle on a road":  {area(at(0.98, 1.99), at(1.02, 1.99), at(1.02, 2.01), at(0.98, 2.01)), []string{"西桥"}, 1},
		"a line round a corner, part of the way":  {line(at(1.5, 4), at(2, 4), at(2, 3.8)), []string{"", "北街"}, 2},
		"a line in the fields":                    {line(at(3, 2), at(4, 2)), []string{}, 0},
		"a barrier that ends short of the bridge": {line(at(0.5, 2), at(0.9, 2)), []string{}, 0},
	} {
		got, err := n.Covered(c.shape)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(got) != c.count || !slices.Equal(named(n, got), c.names) {
			t.Errorf("%s closes %d segments of %q, not %d of %q", name, len(got), named(n, got), c.count, c.names)
		}
	}
	for name, shape := range map[string]geom.T{
		"a point": geom.NewPointFlat(geom.XY, []float64{121.38, 28.58}), "nothing": geom.NewLineString(geom.XY),
		"heights": geom.NewLineStringFlat(geom.XYZ, []float64{121.38, 28.58, 1, 121.39, 28.58, 1}),
	} {
		if _, err := n.Covered(shape); err == nil {
			t.Errorf("%s was taken for a closure", name)
		}
	}
}

func TestAClosedBridgeIsGoneRoundAndOpensAgain(t *testing.T) {
	t.Parallel()
	n := riverTown(t)
	router, err := Prepare(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	from, to := geo.Point{Lon: 121.382, Lat: 28.5818}, geo.Point{Lon: 121.382, Lat: 28.5854}
	metres := func() float64 {
		t.Helper()
		way, err := router.Route(t.Context(), Car, from, to)
		if err != nil || !way.Reachable {
			t.Fatalf("no way: %+v, %v", way.Time, err)
		}
		return way.DistanceM
	}
	stand, err := router.Stand(Car, from)
	if err != nil {
		t.Fatal(err)
	}
	open := metres()
	west, err := n.Covered(geom.NewLineStringFlat(geom.XY, []float64{121.3818, 28.5836, 121.3822, 28.5836}))
	if err != nil {
		t.Fatal(err)
	}
	if err := router.Impose(t.Context(), Conditions{Closed: [Modes][]uint32{Car: west}}, 2); err != nil {
		t.Fatal(err)
	}
	if round := metres(); round < open+1000 {
		t.Errorf("%.0f m with the bridge closed, %.0f m before", round, open)
	}
	unclosed, closed := router.Unclosed(Car)
	if way, err := unclosed.Route(t.Context(), Car, from, to); !closed || err != nil || way.DistanceM != open {
		t.Errorf("with nothing closed %.0f m, not %.0f (%v, %v)", way.DistanceM, open, closed, err)
	}
	if _, closed := router.Unclosed(Foot); closed {
		t.Error("something is closed on foot")
	}
	if !stand.Stale() || router.ConditionsVersion(Car) != 2 || router.ConditionsVersion(Foot) != 1 {
		t.Errorf("stale %v, versions %d and %d", stand.Stale(), router.ConditionsVersion(Car), router.ConditionsVersion(Foot))
	}
	if err := router.Impose(t.Context(), Conditions{}, 3); err != nil {
		t.Fatal(err)
	}
	if again := metres(); again != open {
		t.Errorf("%.0f m after it opened again, %.0f m before", again, open)
	}
}

func TestWhatIsCutOff(t *testing.T) {
	t.Parallel()
	n := riverTown(t)
	bridges, err := n.Covered(geom.NewLineStringFlat(geom.XY, []float64{121.37, 28.5836, 121.41, 28.5836}))
	if err != nil || len(bridges) != 2 {
		t.Fatalf("%v, %v", bridges, err)
	}
	if lost := n.CutOff(Car, nil, bridges[:1]); len(lost) != 0 {
		t.Errorf("one bridge of two cuts off %q", named(n, lost))
	}
	lost := n.CutOff(Car, bridges[:1], bridges)
	if names := named(n, lost); len(lost) != 22 || len(names) != 3 {
		t.Errorf("both bridges cut off %d segments of %q; one side has 22 of three names", len(lost), names)
	}
	e := n.Extent(bridges)
	if e.Segments != 2 || len(e.Names) != 2 || e.LengthM < 750 || e.LengthM > 850 {
		t.Errorf("extent %+v", e)
	}
}

// Random closures, again and again, on real roads: the router answers like
// Dijkstra's algorithm on a network that was never open there.
func TestClosuresAgreeWithDijkstra(t *testing.T) {
	t.Parallel()
	n := LoadExtract(t, "liechtenstein")
	router, err := Prepare(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(17, 19))
	for round := range uint64(4) {
		var c Conditions
		for m := range c.Closed {
			for s := range uint32(n.Segments()) {
				if r.IntN(12) == 0 {
					c.Closed[m] = append(c.Closed[m], s)
				}
			}
		}
		if round == 3 {
			c = Conditions{} // and all open again
		}
		if err := router.Impose(t.Context(), c, round+2); err != nil {
			t.Fatal(err)
		}
		for m := range Mode(Modes) {
			compareAll(t, router, n.reweighted(m, n.under(m, c.Closed[m])), m, r)
		}
	}
}
