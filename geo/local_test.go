package geo_test

import (
	"math"
	"testing"

	"github.com/gridpatrol/gridpatrol/geo"
	"pgregory.net/rapid"
)

func TestLocalMetres(t *testing.T) {
	t.Parallel()
	// A degree of the ellipsoid at 47 degrees north, from the geodesy tables.
	l := geo.NewLocal(geo.Point{Lon: 9.5, Lat: 47})
	x, y := l.XY(geo.Point{Lon: 10.5, Lat: 48})
	if math.Abs(x-76055) > 5 || math.Abs(y-111170) > 15 {
		t.Errorf("a degree is %.0f m by %.0f m", x, y)
	}
	rapid.Check(t, func(t *rapid.T) {
		l := geo.NewLocal(geo.Point{Lon: rapid.Float64Range(-170, 170).Draw(t, "lon"), Lat: rapid.Float64Range(-80, 80).Draw(t, "lat")})
		x, y := rapid.Float64Range(-2000, 2000).Draw(t, "x"), rapid.Float64Range(-2000, 2000).Draw(t, "y")
		p := l.Point(x, y)
		gotX, gotY := l.XY(p)
		if math.Abs(gotX-x) > 1e-6 || math.Abs(gotY-y) > 1e-6 {
			t.Fatalf("%v, %v came back as %v, %v", x, y, gotX, gotY)
		}
		flat, round := math.Hypot(x, y), geo.DistanceM(l.Origin, p)
		if math.Abs(flat-round) > 0.008*flat+0.001 {
			t.Fatalf("%g m on the flat map, %g m on the sphere", flat, round)
		}
		if !l.Box(flat + 0.001).Contains(p) {
			t.Fatalf("%v is not in the box of %g m", p, flat)
		}
	})
}

func TestBearing(t *testing.T) {
	t.Parallel()
	from := geo.Point{Lon: 121, Lat: 28}
	for name, row := range map[string]struct {
		to   geo.Point
		want float64
	}{
		"north": {geo.Point{Lon: 121, Lat: 28.1}, 0}, "south": {geo.Point{Lon: 121, Lat: 27.9}, 180},
		"east": {geo.Point{Lon: 121.001, Lat: 28}, 90}, "west": {geo.Point{Lon: 120.999, Lat: 28}, 270}, "here": {from, 0},
	} {
		if got := geo.BearingDeg(from, row.to); math.Abs(got-row.want) > 0.01 {
			t.Errorf("%s: %g, want %g", name, got, row.want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		// A metre away at least: what is nearer has no direction.
		x := rapid.Float64Range(-2000, 2000).Draw(t, "x")
		y := rapid.Float64Range(math.Sqrt(max(0, 1-x*x)), 2000).Draw(t, "y")
		if rapid.Bool().Draw(t, "south") {
			y = -y
		}
		got := geo.BearingDeg(from, geo.NewLocal(from).Point(x, y))
		want := math.Mod(math.Atan2(x, y)*180/math.Pi+360, 360)
		if d := math.Abs(got - want); (d > 0.5 && d < 359.5) || got < 0 || got >= 360 {
			t.Fatalf("bearing %g, on the flat map %g", got, want)
		}
	})
}
