package road

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/twpayne/go-geom"

	"github.com/gridpatrol/gridpatrol/geo"
)

// fleetOf registers points as the movers 1, 2, 3, ...
func fleetOf(t testing.TB, roads *Switch, points []geo.Point) (*Fleet, []Fix) {
	t.Helper()
	f := NewFleet(roads)
	fixes := fixesOf(points)
	for i := range fixes {
		fixes[i].Who = Mover{byte(i >> 8), byte(i), 1}
	}
	keep(t, f, fixes, Kept{Movers: len(points), Renewed: len(points)})
	return f, fixes
}

func keep(t testing.TB, f *Fleet, fixes []Fix, want Kept) {
	t.Helper()
	keepAtMost(t, f, fixes, 1<<20, want)
}

func keepAtMost(t testing.TB, f *Fleet, fixes []Fix, atMost int, want Kept) {
	t.Helper()
	moving := make([]Moving, len(fixes))
	for i := range fixes {
		moving[i] = Moving{Fix: fixes[i], Mode: Car}
	}
	got, err := f.Keep(t.Context(), moving, atMost)
	if err != nil || got != want {
		t.Fatalf("%+v, want %+v (%v)", got, want, err)
	}
}

// A fleet's answer is that of a fresh question, whoever has a stand, had one, or never
// had.
func TestFleetAnswersLikeAFreshQuestion(t *testing.T) {
	t.Parallel()
	n := LoadExtract(t, "liechtenstein")
	router, err := Prepare(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	roads := &Switch{}
	roads.Set(router, 7)
	r := rand.New(rand.NewPCG(23, 29))
	fleet, fixes := fleetOf(t, roads, randomPoints(n, r, 60))
	check := func(m Mode) {
		t.Helper()
		for _, to := range randomPoints(n, r, 4) {
			want, err := router.FixesToOne(t.Context(), m, fixes, to)
			if err != nil {
				t.Fatal(err)
			}
			got, err := fleet.FixesToOne(t.Context(), m, fixes, to)
			if err != nil {
				t.Fatal(err)
			}
			for i := range want {
				if got[i] != want[i] || got[i].Version.Network != 7 {
					t.Fatalf("%v from %+v to %v: %+v, a fresh question says %+v", m, fixes[i], to, got[i], want[i])
				}
			}
		}
	}
	check(Car)
	check(Foot) // their stands are for cars
	for i, p := range randomPoints(n, r, 20) {
		fixes[i].Point = p
	}
	fixes[20].AccuracyM, fixes[21].SpeedMS, fixes[21].Headed = 50, 10, true
	check(Car)
	if err := router.Impose(t.Context(), randomClosures(n, r), 2); err != nil {
		t.Fatal(err)
	}
	check(Car) // no stand is of these roads
	keep(t, fleet, fixes, Kept{Movers: 60, Renewed: 60})
	check(Car)
	other, err := Prepare(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	router = other
	roads.Set(other, 7)
	check(Car)
}

func TestFleetRenewsWhoMoved(t *testing.T) {
	t.Parallel()
	n := riverTown(t)
	router, err := Prepare(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	roads := &Switch{}
	fleet := NewFleet(roads)
	points := randomPoints(n, rand.New(rand.NewPCG(1, 1)), 10)
	keep(t, fleet, fixesOf(points), Kept{}) // straight lines, and nobody's
	roads.Set(router, 1)
	fleet, fixes := fleetOf(t, roads, points)
	keep(t, fleet, fixes, Kept{Movers: 10})
	fixes[3].Lon += 0.0001
	keep(t, fleet, fixes, Kept{Movers: 10, Renewed: 1})
	keep(t, fleet, fixes[:4], Kept{Movers: 4})
	keep(t, fleet, fixes, Kept{Movers: 10, Renewed: 6})
	// The bound falls on who was renewed last: 0 to 3 have stood longest, 4 to 9 not.
	for i := range fixes {
		fixes[i].Lat += 0.0001
	}
	keepAtMost(t, fleet, fixes, 3, Kept{Movers: 3, Renewed: 3, Waiting: 7})
	keepAtMost(t, fleet, fixes, 3, Kept{Movers: 6, Renewed: 3, Waiting: 4})
	stands := *fleet.stands.Load()
	for i, f := range fixes {
		if renewed := stands[f.Who].fix == f; renewed != (i < 6) {
			t.Errorf("mover %d renewed: %v", i, renewed)
		}
	}
	keepAtMost(t, fleet, fixes, 9, Kept{Movers: 10, Renewed: 4})
}

// While conditions change and the fleet is kept, every answer of every kind is that of
// Dijkstra's algorithm on the roads of the version it carries, for all its parts.
func TestAnswersWhileConditionsChange(t *testing.T) {
	t.Parallel()
	n := riverTown(t)
	router, err := Prepare(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	bridges, err := n.Covered(geom.NewLineStringFlat(geom.XY, []float64{121.37, 28.5836, 121.41, 28.5836}))
	if err != nil {
		t.Fatal(err)
	}
	states := []Conditions{{}, {Closed: [Modes][]uint32{Car: bridges[:1]}}, {Closed: [Modes][]uint32{Car: bridges[1:]}}, {Closed: [Modes][]uint32{Car: bridges}}}
	from := randomPoints(n, rand.New(rand.NewPCG(1, 1)), 30)
	to := geo.Point{Lon: 121.384, Lat: 28.5871}
	var valid [][]Time
	for _, c := range states {
		times, err := n.reweighted(Car, n.under(Car, c.Closed[Car])).ManyToOne(t.Context(), Car, from, to)
		if err != nil {
			t.Fatal(err)
		}
		valid = append(valid, times)
	}
	roads := &Switch{}
	roads.Set(router, 5)
	fleet, fixes := fleetOf(t, roads, from)
	asks := map[string]func(ctx context.Context) ([]Time, error){
		"many to one":  func(ctx context.Context) ([]Time, error) { return fleet.ManyToOne(ctx, Car, from, to) },
		"fleet to one": func(ctx context.Context) ([]Time, error) { return fleet.FixesToOne(ctx, Car, fixes, to) },
		"route": func(ctx context.Context) ([]Time, error) {
			way, err := fleet.Route(ctx, Car, from[0], to)
			way.SnapFromM, way.SnapToM = valid[0][0].SnapFromM, valid[0][0].SnapToM
			return []Time{way.Time}, err
		},
		"matrix": func(ctx context.Context) (column []Time, err error) {
			err = Matrix(ctx, roads, Car, from, []geo.Point{to}, func(i int, row []Time) error {
				column = append(column, row[0])
				return nil
			})
			return column, err
		},
	}
	stop := make(chan struct{})
	var asking, changing sync.WaitGroup
	for name, ask := range asks {
		asking.Go(func() {
			seen := map[int]int{}
			for {
				select {
				case <-stop:
					if len(seen) < 2 {
						t.Errorf("%s saw the states %v only", name, seen)
					}
					return
				default:
				}
				times, err := ask(context.Background())
				if err != nil {
					t.Error(err)
					return
				}
				version := times[0].Version
				state := 0
				if version.Conditions > 1 {
					state = int(version.Conditions-2) % len(states)
				}
				seen[state]++
				for i, got := range times {
					want := valid[state][i]
					want.Version = Version{Network: 5, Conditions: version.Conditions}
					if got != want {
						t.Errorf("%s, place %d: %+v, Dijkstra says %+v at that version", name, i, got, want)
						return
					}
				}
			}
		})
	}
	changing.Go(func() {
		for i := range 400 {
			if err := router.Impose(context.Background(), states[i%len(states)], uint64(i+2)); err != nil {
				t.Error(err)
			}
		}
	})
	changing.Go(func() {
		moving := make([]Moving, len(fixes))
		for i := range fixes {
			moving[i] = Moving{Fix: fixes[i], Mode: Car}
		}
		for range 300 {
			if _, err := fleet.Keep(context.Background(), moving, 1000); err != nil {
				t.Error(err)
			}
		}
	})
	changing.Wait()
	close(stop)
	asking.Wait()
}
