package cell_test

import (
	"testing"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/cell"
	"github.com/twpayne/go-geom"
	"pgregory.net/rapid"
)

func anyPoint(t *rapid.T) geo.Point {
	return geo.Point{Lon: rapid.Float64Range(-180, 180).Draw(t, "lon"), Lat: rapid.Float64Range(-90, 90).Draw(t, "lat")}
}

func TestAt(t *testing.T) {
	t.Parallel()
	// H3's own documentation gives this one.
	if got := cell.At(geo.Point{Lon: -122.4186, Lat: 37.7754}, 9).String(); got != "8928308280fffff" {
		t.Errorf("cell = %s", got)
	}
	for name, p := range map[string]geo.Point{
		"north of the pole": {Lon: 1, Lat: 91}, "nowhere": {Lon: nan(), Lat: 1}, "too far east": {Lon: 181, Lat: 1},
	} {
		if got := cell.At(p, 9); got != 0 {
			t.Errorf("%s: cell %v, want none", name, got)
		}
	}
	if got := cell.At(geo.Point{Lon: 1, Lat: 1}, 16); got != 0 {
		t.Errorf("resolution 16: cell %v, want none", got)
	}
}

func nan() float64 { zero := 0.0; return zero / zero }

func TestAFamilyOfCells(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := anyPoint(t)
		res := rapid.IntRange(1, cell.MaxRes).Draw(t, "res")
		c := cell.At(p, res)
		if c.Resolution() != res || !c.Valid() {
			t.Fatalf("%v has resolution %d, want %d", c, c.Resolution(), res)
		}
		back, err := cell.Parse(c.String())
		if err != nil || back != c {
			t.Fatalf("Parse(%s) = %v, %v", c, back, err)
		}
		text, err := c.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		var again cell.Cell
		if err := again.UnmarshalText(text); err != nil || again != c {
			t.Fatalf("UnmarshalText(%s) = %v, %v", text, again, err)
		}
		if up := c.Parent(res - 1); up.Resolution() != res-1 {
			t.Fatalf("parent of %v is %v", c, up)
		}
		center, err := c.Center()
		if err != nil || cell.At(center, res) != c {
			t.Fatalf("the centre of %v lies in %v (%v)", c, cell.At(center, res), err)
		}
		corners, err := c.Boundary()
		if err != nil || len(corners) < 5 {
			t.Fatalf("%v has %d corners (%v)", c, len(corners), err)
		}
		disk, err := c.Disk(2)
		if err != nil || len(disk) < 16 || len(disk) > 19 {
			t.Fatalf("%d cells within 2 steps (%v)", len(disk), err)
		}
	})
}

// TestCoverMissesNothing holds the pre-filter to its promise, and shows that the
// covering by centres would break it.
func TestCoverMissesNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		at := geo.Point{Lon: rapid.Float64Range(121, 122).Draw(t, "lon"), Lat: rapid.Float64Range(28, 29).Draw(t, "lat")}
		w := rapid.Float64Range(1e-6, 0.02).Draw(t, "w")
		h := rapid.Float64Range(1e-6, 0.02).Draw(t, "h")
		poly := geom.NewPolygonFlat(geom.XY, []float64{
			at.Lon, at.Lat, at.Lon + w, at.Lat + h/3, at.Lon + w/2, at.Lat + h, at.Lon, at.Lat,
		}, []int{8})
		cover, err := cell.Cover(poly, 9)
		if err != nil {
			t.Fatal(err)
		}
		in := map[cell.Cell]bool{}
		for _, c := range cover {
			in[c] = true
		}
		u, v := rapid.Float64Range(0, 1).Draw(t, "u"), rapid.Float64Range(0, 1).Draw(t, "v")
		if u+v > 1 {
			u, v = 1-u, 1-v
		}
		p := geo.Point{Lon: at.Lon + u*w + v*w/2, Lat: at.Lat + u*h/3 + v*h}
		if !in[cell.At(p, 9)] {
			t.Fatalf("%v lies in the polygon, its cell %v is not in the cover of %d", p, cell.At(p, 9), len(cover))
		}
		inside, err := cell.Inside(poly, 9)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range inside {
			if !in[c] {
				t.Fatalf("%v is inside but not in the cover", c)
			}
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add("8928308280fffff")
	f.Add("")
	f.Add("zz")
	f.Add("ffffffffffffffffff")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := cell.Parse(s)
		if err == nil && (!c.Valid() || c.Resolution() > cell.MaxRes) {
			t.Errorf("Parse(%q) = %v, which is no cell", s, c)
		}
	})
}

func BenchmarkAt(b *testing.B) {
	b.ReportAllocs()
	p := geo.Point{Lon: 121.37, Lat: 28.58}
	for b.Loop() {
		p.Lon += 1e-9
		_ = cell.At(p, cell.Res)
	}
}
