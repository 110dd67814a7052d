package road

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/twpayne/go-geom"

	"github.com/gridpatrol/gridpatrol/geo"
)

// randomShapes draws lines across and areas over what roads there are.
func randomShapes(n *Network, r *rand.Rand, count int) (shapes []geom.T) {
	for _, p := range randomPoints(n, r, count) {
		wide := 0.0005 + r.Float64()*0.004
		if r.IntN(2) == 0 {
			shapes = append(shapes, geom.NewLineStringFlat(geom.XY, []float64{p.Lon - wide, p.Lat - wide/2, p.Lon + wide, p.Lat + wide/2}).SetSRID(4326))
			continue
		}
		flat := []float64{p.Lon - wide, p.Lat - wide, p.Lon + wide, p.Lat - wide, p.Lon + wide, p.Lat + wide, p.Lon - wide, p.Lat - wide}
		shapes = append(shapes, geom.NewPolygonFlat(geom.XY, flat, []int{len(flat)}).SetSRID(4326))
	}
	return shapes
}

// Whatever one question avoids, with closures in force besides: its answers are those
// of Dijkstra's algorithm on a network that was never open there, and everybody else
// is answered as before.
func TestAvoidingAgreesWithDijkstra(t *testing.T) {
	t.Parallel()
	for _, extract := range []string{"monaco", "liechtenstein"} {
		t.Run(extract, func(t *testing.T) {
			t.Parallel()
			n := LoadExtract(t, extract)
			router, err := Prepare(t.Context(), n)
			if err != nil {
				t.Fatal(err)
			}
			var roads Switch
			roads.Set(router, 1)
			r := rand.New(rand.NewPCG(23, 29))
			changed := 0
			for round := range uint64(3) {
				var c Conditions
				if round > 0 {
					c = randomClosures(n, r)
				}
				if err := router.Impose(t.Context(), c, round+2); err != nil {
					t.Fatal(err)
				}
				for m := range Mode(Modes) {
					shapes := randomShapes(n, r, 12)
					around, err := Avoiding(t.Context(), &roads, m, shapes)
					if err != nil {
						t.Fatal(err)
					}
					shutting := slices.Clone(c.Closed[m])
					for _, s := range shapes {
						covered, err := n.Covered(s)
						if err != nil {
							t.Fatal(err)
						}
						shutting = append(shutting, covered...)
					}
					oracle := n.reweighted(m, n.under(m, shutting))
					from, to := randomPoints(n, r, 25), randomPoints(n, r, 6)
					before, err := roads.ManyToOne(t.Context(), m, from, to[0])
					if err != nil {
						t.Fatal(err)
					}
					table, small := tableOf(t, around, m, from, to), tableOf(t, around, m, from, to[:2])
					for k, goal := range to {
						want, err := oracle.ManyToOne(t.Context(), m, from, goal)
						if err != nil {
							t.Fatal(err)
						}
						as(router, m, want)
						got, err := around.ManyToOne(t.Context(), m, from, goal)
						if err != nil {
							t.Fatal(err)
						}
						for i := range from {
							way, err := around.Route(t.Context(), m, from[i], goal)
							if err != nil {
								t.Fatal(err)
							}
							if got[i] != want[i] || table[i][k] != want[i] || way.DurationS != want[i].DurationS || way.DistanceM != want[i].DistanceM || way.Reachable != want[i].Reachable || k < 2 && small[i][k] != want[i] {
								t.Errorf("%v from %v to %v: %+v, by table %+v, by route %+v, Dijkstra says %+v", m, from[i], goal, got[i], table[i][k], way.Time, want[i])
							}
							if k == 0 && want[i] != before[i] {
								changed++
							}
						}
					}
					after, err := roads.ManyToOne(t.Context(), m, from, to[0])
					if err != nil || !slices.Equal(before, after) {
						t.Errorf("%v: others were answered otherwise meanwhile (%v)", m, err)
					}
				}
			}
			if changed < 20 {
				t.Errorf("only %d ways had to go round: the shapes are too poor", changed)
			}
		})
	}
}

func tableOf(t *testing.T, e Engine, m Mode, from, to []geo.Point) [][]Time {
	t.Helper()
	rows := make([][]Time, len(from))
	if err := Matrix(t.Context(), e, m, from, to, func(i int, times []Time) error { rows[i] = times; return nil }); err != nil {
		t.Fatal(err)
	}
	return rows
}

func TestAvoidingGoesRoundABridge(t *testing.T) {
	t.Parallel()
	n := riverTown(t)
	router, err := Prepare(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	from, to := geo.Point{Lon: 121.382, Lat: 28.5818}, geo.Point{Lon: 121.382, Lat: 28.5854}
	bridge := geom.NewLineStringFlat(geom.XY, []float64{121.3818, 28.5836, 121.3822, 28.5836}).SetSRID(4326)
	around, err := Avoiding(t.Context(), router, Car, []geom.T{bridge})
	if err != nil {
		t.Fatal(err)
	}
	open, err := router.Route(t.Context(), Car, from, to)
	if err != nil {
		t.Fatal(err)
	}
	round, err := around.Route(t.Context(), Car, from, to)
	if err != nil || round.DistanceM < open.DistanceM+1000 {
		t.Errorf("%.0f m round, %.0f m before (%v)", round.DistanceM, open.DistanceM, err)
	}
	if _, err := around.Route(t.Context(), Foot, from, to); !errors.Is(err, ErrMode) {
		t.Errorf("another mode: %v", err)
	}
	if same, err := Avoiding(t.Context(), router, Car, nil); err != nil || same != Engine(router) {
		t.Errorf("nothing to avoid: %v, %v", same, err)
	}
	if _, err := Avoiding(t.Context(), Straight{}, Car, []geom.T{bridge}); !errors.Is(err, ErrNoAvoid) {
		t.Errorf("no roads: %v", err)
	}
	if _, err := Avoiding(t.Context(), router, Car, []geom.T{geom.NewPointFlat(geom.XY, []float64{121.38, 28.58})}); !errors.Is(err, ErrShape) {
		t.Errorf("a point: %v", err)
	}
}
