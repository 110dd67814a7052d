// Package roadtest is the suite that every implementation of road.Engine passes,
// so that one may stand in for another.
package roadtest

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/road"
)

// Run asks an engine about places within a box where it has roads, or where it
// claims to know its way without any.
func Run(t *testing.T, engine road.Engine, within geo.Box) { run(t, engine, within, false) }

// RunLoose is Run of a server that searches a table and a route in different ways, so
// that they differ by up to a tenth and a unit: Valhalla's routes are not always the
// quickest, and its tables hold whole seconds and metres.
func RunLoose(t *testing.T, engine road.Engine, within geo.Box) { run(t, engine, within, true) }

func run(t *testing.T, engine road.Engine, within geo.Box, loose bool) {
	t.Run("answers are sound", func(t *testing.T) { sound(t, engine, within) })
	t.Run("a route takes what many-to-one says", func(t *testing.T) { sameAsRoute(t, engine, within, loose) })
	t.Run("the same question has the same answer", func(t *testing.T) { deterministic(t, engine, within) })
	t.Run("company changes nothing", func(t *testing.T) { alone(t, engine, within) })
	t.Run("nobody asks", func(t *testing.T) { nobody(t, engine, within) })
	t.Run("who is there need not go", func(t *testing.T) { here(t, engine, within) })
	t.Run("bad places are named", func(t *testing.T) { badPlaces(t, engine, within) })
	t.Run("an ended context ends the search", func(t *testing.T) { cancelled(t, engine, within) })
	t.Run("many ask at once", func(t *testing.T) { concurrent(t, engine, within) })
}

func places(within geo.Box, seed uint64, n int) []geo.Point {
	r := rand.New(rand.NewPCG(seed, 1))
	points := make([]geo.Point, n)
	for i := range points {
		points[i] = geo.Point{
			Lon: within.West + r.Float64()*(within.East-within.West),
			Lat: within.South + r.Float64()*(within.North-within.South),
		}
	}
	return points
}

func ask(t *testing.T, e road.Engine, m road.Mode, from []geo.Point, to geo.Point) []road.Time {
	t.Helper()
	times, err := e.ManyToOne(t.Context(), m, from, to)
	if err != nil {
		t.Fatal(err)
	}
	if len(times) != len(from) {
		t.Fatalf("%d places, %d answers", len(from), len(times))
	}
	return times
}

func sound(t *testing.T, e road.Engine, within geo.Box) {
	from := places(within, 1, 50)
	to := places(within, 2, 1)[0]
	for m := range road.Mode(road.Modes) {
		reachable := 0
		for i, a := range ask(t, e, m, from, to) {
			if a.Kind != road.KindRoad && a.Kind != road.KindStraight {
				t.Errorf("%v: kind %q", m, a.Kind)
			}
			if a.SnapFromM < 0 || a.SnapToM < 0 {
				t.Errorf("%v: walks of %g and %g m", m, a.SnapFromM, a.SnapToM)
			}
			if !a.Reachable {
				if a.DurationS != 0 || a.DistanceM != 0 {
					t.Errorf("%v: unreachable, yet %+v", m, a)
				}
				continue
			}
			reachable++
			// No way is shorter than the straight line; the sphere may err by half a percent.
			if straight := geo.DistanceM(from[i], to); a.DistanceM < straight*0.994-1 || a.DurationS <= 0 || math.IsInf(a.DurationS, 0) {
				t.Errorf("%v from %v to %v, %.0f m apart: %+v", m, from[i], to, straight, a)
			}
			if speed := a.DistanceM / a.DurationS; speed > 50 {
				t.Errorf("%v: %.0f m/s", m, speed)
			}
		}
		if reachable == 0 {
			t.Errorf("%v: nothing is reachable from anywhere", m)
		}
	}
}

func sameAsRoute(t *testing.T, e road.Engine, within geo.Box, loose bool) {
	from := places(within, 3, 20)
	to := places(within, 4, 1)[0]
	for m := range road.Mode(road.Modes) {
		for i, told := range ask(t, e, m, from, to) {
			r, err := e.Route(t.Context(), m, from[i], to)
			if err != nil {
				t.Fatal(err)
			}
			if !sameWay(r.Time, told, loose) {
				t.Errorf("%v: the route takes %+v, many-to-one said %+v", m, r.Time, told)
			}
			if !r.Reachable {
				if r.Geometry != nil || len(r.Steps) != 0 {
					t.Errorf("%v: unreachable, yet there is a way", m)
				}
				continue
			}
			checkWay(t, r, from[i], to)
		}
	}
}

// sameWay says that a route is as long as many-to-one said, and walks no less than to
// the nearest road.
func sameWay(route, told road.Time, loose bool) bool {
	walks := route.SnapFromM >= told.SnapFromM-0.01 && route.SnapToM >= told.SnapToM-0.01
	route.SnapFromM, route.SnapToM = told.SnapFromM, told.SnapToM
	near := func(a, b float64) bool { return math.Abs(a-b) <= 1.001+0.1*max(a, b) }
	if loose && near(route.DurationS, told.DurationS) && near(route.DistanceM, told.DistanceM) {
		route.DurationS, route.DistanceM = told.DurationS, told.DistanceM
	}
	return walks && route == told
}

// checkWay compares the line and the steps with the whole.
func checkWay(t *testing.T, r road.Route, from, to geo.Point) {
	t.Helper()
	if r.Geometry == nil || r.Geometry.SRID() != 4326 || r.Geometry.NumCoords() < 2 {
		t.Fatalf("geometry %v", r.Geometry)
	}
	flat := r.Geometry.FlatCoords()
	first, last := geo.Point{Lon: flat[0], Lat: flat[1]}, geo.Point{Lon: flat[len(flat)-2], Lat: flat[len(flat)-1]}
	if first != from || last != to {
		t.Errorf("the line runs from %v to %v, not from %v to %v", first, last, from, to)
	}
	var s, m float64
	for _, step := range r.Steps {
		s += step.DurationS
		m += step.DistanceM
	}
	if math.Abs(s-r.DurationS) > 0.01 || math.Abs(m-r.DistanceM) > 0.1 {
		t.Errorf("the steps take %.2f s and %.1f m, the way %.2f s and %.1f m", s, m, r.DurationS, r.DistanceM)
	}
}

func deterministic(t *testing.T, e road.Engine, within geo.Box) {
	from := places(within, 5, 30)
	to := places(within, 6, 1)[0]
	for m := range road.Mode(road.Modes) {
		first := ask(t, e, m, from, to)
		for range 3 {
			for i, again := range ask(t, e, m, from, to) {
				if again != first[i] {
					t.Fatalf("%v: %+v, then %+v", m, first[i], again)
				}
			}
		}
	}
}

func alone(t *testing.T, e road.Engine, within geo.Box) {
	from := places(within, 7, 20)
	to := places(within, 8, 1)[0]
	for i, together := range ask(t, e, road.Car, from, to) {
		if single := ask(t, e, road.Car, from[i:i+1], to)[0]; single != together {
			t.Errorf("alone %+v, in company %+v", single, together)
		}
	}
}

func nobody(t *testing.T, e road.Engine, within geo.Box) {
	if times := ask(t, e, road.Foot, nil, places(within, 9, 1)[0]); len(times) != 0 {
		t.Errorf("nobody asked, %v", times)
	}
}

func here(t *testing.T, e road.Engine, within geo.Box) {
	for m := range road.Mode(road.Modes) {
		for _, p := range places(within, 10, 10) {
			a := ask(t, e, m, []geo.Point{p}, p)[0]
			if a.Reachable && (a.DurationS != 0 || a.DistanceM != 0) {
				t.Errorf("%v: from %v to itself: %+v", m, p, a)
			}
		}
	}
}

func badPlaces(t *testing.T, e road.Engine, within geo.Box) {
	good := places(within, 11, 3)
	for name, c := range map[string]struct {
		bad  geo.Point
		want error
	}{
		"not a number": {geo.Point{Lon: math.NaN(), Lat: 28}, geo.ErrCoordinate},
		"infinite":     {geo.Point{Lon: 121, Lat: math.Inf(1)}, geo.ErrCoordinate},
		"swapped":      {geo.Point{Lon: 28.5, Lat: 121.4}, geo.ErrCoordinate},
		"null island":  {geo.Point{}, geo.ErrNullIsland},
	} {
		var pe *road.PointError
		_, err := e.ManyToOne(t.Context(), road.Car, []geo.Point{good[0], c.bad, good[1]}, good[2])
		if !errors.Is(err, c.want) || !errors.As(err, &pe) || pe.Index != 1 {
			t.Errorf("%s as a start: %v", name, err)
		}
		_, err = e.ManyToOne(t.Context(), road.Car, good[:1], c.bad)
		if !errors.Is(err, c.want) || !errors.As(err, &pe) || pe.Index != -1 {
			t.Errorf("%s as the destination: %v", name, err)
		}
		if _, err = e.Route(t.Context(), road.Car, c.bad, good[0]); !errors.Is(err, c.want) {
			t.Errorf("%s as the start of a route: %v", name, err)
		}
	}
	if _, err := e.Route(t.Context(), road.Modes, good[0], good[1]); !errors.Is(err, road.ErrMode) {
		t.Errorf("an unknown mode: %v", err)
	}
}

func cancelled(t *testing.T, e road.Engine, within geo.Box) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p := places(within, 12, 2)
	if _, err := e.ManyToOne(ctx, road.Car, p[:1], p[1]); !errors.Is(err, context.Canceled) {
		t.Errorf("many-to-one: %v", err)
	}
	if _, err := e.Route(ctx, road.Car, p[0], p[1]); !errors.Is(err, context.Canceled) {
		t.Errorf("route: %v", err)
	}
}

func concurrent(t *testing.T, e road.Engine, within geo.Box) {
	from := places(within, 13, 10)
	goals := places(within, 14, 8)
	want := make([][]road.Time, len(goals))
	for i, to := range goals {
		want[i] = ask(t, e, road.Mode(i%road.Modes), from, to)
	}
	var wg sync.WaitGroup
	for i, to := range goals {
		wg.Go(func() {
			got, err := e.ManyToOne(t.Context(), road.Mode(i%road.Modes), from, to)
			if err != nil {
				t.Errorf("%v", err)
				return
			}
			for k := range got {
				if got[k] != want[i][k] {
					t.Errorf("in a crowd %+v, before %+v", got[k], want[i][k])
				}
			}
		})
	}
	wg.Wait()
}
