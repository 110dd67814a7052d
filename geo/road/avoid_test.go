package road

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/twpayne/go-geom"
	"pgregory.net/rapid"

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

// In small towns with turn restrictions, private ground and one-way streets, where
// whoever finds all that goes on avoided has to turn round.
func TestAvoidingAgreesInSmallTowns(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := drawSurvey(t)
		n, err := Build(context.Background(), s, "drawn")
		if err != nil {
			return // nothing usable was drawn
		}
		router, err := Prepare(context.Background(), n)
		if err != nil {
			t.Fatal(err)
		}
		m := Mode(rapid.IntRange(0, Modes-1).Draw(t, "mode"))
		var shutting []uint32
		for s := range uint32(n.Segments()) {
			if rapid.IntRange(0, 4).Draw(t, "avoided") == 0 {
				shutting = append(shutting, s)
			}
		}
		durationMS := n.under(m, shutting)
		around, oracle := &detours{router: router, mode: m, durationMS: durationMS}, n.reweighted(m, durationMS)
		coordinate := rapid.IntRange(-20000, 80000)
		var points []geo.Point
		for range 6 {
			points = append(points, geo.Point{
				Lon: (1213800000 + float64(coordinate.Draw(t, "lon"))) / 1e7,
				Lat: (285800000 + float64(coordinate.Draw(t, "lat"))) / 1e7,
			})
		}
		for _, to := range points {
			want, err := oracle.ManyToOne(context.Background(), m, points, to)
			if err != nil {
				t.Fatal(err)
			}
			got, err := around.ManyToOne(context.Background(), m, points, to)
			if err != nil {
				t.Fatal(err)
			}
			for i := range want {
				got[i].Version, want[i].Version = Version{}, Version{}
				if got[i] != want[i] {
					t.Fatalf("%v from %v to %v: %+v, Dijkstra says %+v", m, points[i], to, got[i], want[i])
				}
			}
		}
	})
}

// A turn is forbidden, and the road that one would go along to turn round farther on
// is avoided behind its next junction: so one turns round there.
func TestWhoFindsAllAvoidedTurnsRound(t *testing.T) {
	t.Parallel()
	node := func(x, y float64) Node { return NodeAt(geo.Point{Lon: 121.38 + 0.01*x, Lat: 28.58 + 0.009*y}) }
	s := &Survey{Nodes: []Node{node(0, 0), node(1, 0), node(2, 0), node(1, 1), node(3, 0)}}
	for _, ends := range [][]uint32{{0, 1}, {1, 2}, {1, 3}, {2, 4}} {
		w := Way{Nodes: ends, Class: Residential}
		w.Travel[Car] = Travel{ForwardMS: 10, BackwardMS: 10}
		s.Ways = append(s.Ways, w)
	}
	s.Restrictions = []Restriction{{From: 0, To: 2, Via: 1, Modes: SetOf(Car)}}
	n, err := Build(t.Context(), s, "test")
	if err != nil {
		t.Fatal(err)
	}
	router, err := Prepare(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	from, to := s.Nodes[0].Point(), s.Nodes[3].Point()
	end := s.Nodes[4].Point()
	avoided := geom.NewLineStringFlat(geom.XY, []float64{end.Lon - 0.005, end.Lat - 0.001, end.Lon - 0.005, end.Lat + 0.001})
	around, err := Avoiding(t.Context(), router, Car, []geom.T{avoided})
	if err != nil {
		t.Fatal(err)
	}
	far, err := router.Route(t.Context(), Car, from, to)
	if err != nil {
		t.Fatal(err)
	}
	near, err := around.Route(t.Context(), Car, from, to)
	if err != nil || !near.Reachable || near.DistanceM > far.DistanceM-1500 {
		t.Errorf("%+v with the end avoided, %+v before (%v)", near.Time, far.Time, err)
	}
}
