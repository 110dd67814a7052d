package geo_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/gridpatrol/gridpatrol/geo"
)

// Whatever lies around a place lies in exactly one of the boxes, over the antimeridian
// and the poles too.
func TestTheBoxesAroundAPlaceHoldAllOfIt(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a := geo.Around{Center: geo.Point{
			Lon: rapid.OneOf(rapid.Float64Range(-180, 180), rapid.SampledFrom([]float64{-180, 180, 179.9999, -179.9, 0, 121.38})).Draw(t, "lon"),
			Lat: rapid.OneOf(rapid.Float64Range(-90, 90), rapid.SampledFrom([]float64{-90, 90, 89.9, -89.999, 0, 28.58})).Draw(t, "lat")},
			ToM: rapid.SampledFrom([]float64{0, 1, 500, 20_000, 100_000, 2e6}).Draw(t, "to")}
		a.FromM = rapid.Float64Range(0, a.ToM).Draw(t, "from")
		p := geo.Beyond(a.Center, rapid.OneOf(rapid.Float64Range(0, 360), rapid.SampledFrom([]float64{0, 90, 180, 270})).Draw(t, "bearing"),
			rapid.OneOf(rapid.Float64Range(0, 2*a.ToM), rapid.SampledFrom([]float64{a.FromM, a.ToM, 0.99999 * a.ToM})).Draw(t, "distance"))
		d := geo.DistanceM(a.Center, p)
		if want := d >= a.FromM && d <= a.ToM; a.Contains(p) != want {
			t.Fatalf("%v at %g m: %v", p, d, !want)
		}
		in := 0
		for _, b := range a.Boxes() {
			if b.Contains(p) {
				in++
			}
		}
		if a.Contains(p) && in != 1 || in > 1 {
			t.Fatalf("%v, %g m from %v, lies in %d of %v", p, d, a.Center, in, a.Boxes())
		}
	})
}
