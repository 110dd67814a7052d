package grid_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/grid"
	"github.com/twpayne/go-geom"
	"pgregory.net/rapid"
)

func mustIndex(t testing.TB, grids []grid.Grid) *grid.Index {
	t.Helper()
	ix, err := grid.New(grids)
	if err != nil {
		t.Fatal(err)
	}
	return ix
}

func claimAll(int) bool { return true }

// lattice is a point of a lattice so coarse that points meet vertices and edges
// all the time.
func lattice(t *rapid.T, name string) geom.Coord {
	return latticeAt(rapid.IntRange(0, 12).Draw(t, name+"x"), rapid.IntRange(0, 12).Draw(t, name+"y"))
}

func latticeAt(x, y int) geom.Coord {
	const step = 1.0 / (1 << 14)
	return geom.Coord{121.25 + step*float64(x), 28.5 + step*float64(y)}
}

// sides is how many sides a ring has once it is closed; points in one place make none.
func sides(ring []geom.Coord) (n int) {
	for i, at := range ring {
		if !at.Equal(geom.XY, ring[(i+1)%len(ring)]) {
			n++
		}
	}
	return n
}

// TestContainsAgainstTheTwin throws any rings at all, self-crossing ones too, at
// points that are often on a vertex or an edge.
func TestContainsAgainstTheTwin(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var coords [][][]geom.Coord
		for range rapid.IntRange(1, 2).Draw(t, "polygons") {
			var polygon [][]geom.Coord
			for range rapid.IntRange(1, 2).Draw(t, "rings") {
				var ring []geom.Coord
				for range rapid.IntRange(3, 8).Draw(t, "points") {
					ring = append(ring, lattice(t, "ring"))
				}
				for sides(ring) < 3 { // not a ring yet: on to where it neither begins nor ends
					ring = append(ring, rapid.SampledFrom(slices.DeleteFunc([]geom.Coord{latticeAt(0, 0), latticeAt(12, 0), latticeAt(0, 12)}, func(c geom.Coord) bool {
						return c.Equal(geom.XY, ring[0]) || c.Equal(geom.XY, ring[len(ring)-1])
					})).Draw(t, "on to"))
				}
				polygon = append(polygon, append(ring, ring[0]))
			}
			coords = append(coords, polygon)
		}
		mp := geom.NewMultiPolygon(geom.XY).MustSetCoords(coords)
		ix, err := grid.New([]grid.Grid{{Code: "a", Geom: mp}})
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			at := lattice(t, "p")
			p := geo.Point{Lon: at.X(), Lat: at.Y()}
			if got, want := ix.Find(p, nil) == 0, holds(mp, p) >= 0; got != want {
				t.Fatalf("%v in %v: %v, want %v", p, coords, got, want)
			}
		}
	})
}

func TestFindAgainstTheTwin(t *testing.T) {
	t.Parallel()
	for name, grids := range map[string][]grid.Grid{"patchwork": patchwork(6, 40, 1), "liechtenstein": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if grids == nil {
				grids = liechtenstein(t)
			}
			ix := mustIndex(t, grids)
			rnd := rand.New(rand.NewPCG(1, 2))
			wrong := 0
			for range 3000 {
				p := somewhere(rnd, grids)
				if got, want := ix.Find(p, nil), twinFind(grids, p, nil); got != want {
					wrong++
					t.Errorf("%v: grid %d, the twin says %d", p, got, want)
				}
				if wrong > 5 {
					t.FailNow()
				}
			}
		})
	}
}

// somewhere is a point near a border half of the time: from half a millimetre to
// 50 m, on either side.
func somewhere(rnd *rand.Rand, grids []grid.Grid) geo.Point {
	mp := grids[rnd.IntN(len(grids))].Geom
	if rnd.IntN(2) == 0 {
		b := mp.Bounds()
		return geo.Point{Lon: b.Min(0) + rnd.Float64()*(b.Max(0)-b.Min(0)), Lat: b.Min(1) + rnd.Float64()*(b.Max(1)-b.Min(1))}
	}
	ring := mp.Polygon(rnd.IntN(mp.NumPolygons())).LinearRing(0)
	i := rnd.IntN(ring.NumCoords() - 1)
	f := rnd.Float64()
	a, b := ring.Coord(i), ring.Coord(i+1)
	dx, dy := b.X()-a.X(), b.Y()-a.Y()
	off := math.Pow(10, -8.3+5*rnd.Float64()) / math.Hypot(dx, dy)
	if rnd.IntN(2) == 0 {
		off = -off
	}
	return geo.Point{Lon: a.X() + f*dx - off*dy, Lat: a.Y() + f*dy + off*dx}
}

// TestBorderBelongsToTheLowerCode asks for points on shared borders, vertices and
// rounded points between them.
func TestBorderBelongsToTheLowerCode(t *testing.T) {
	t.Parallel()
	grids := patchwork(5, 24, 3)
	ix := mustIndex(t, grids)
	rnd := rand.New(rand.NewPCG(5, 6))
	for range 2000 {
		ref := rnd.IntN(len(grids))
		ring := grids[ref].Geom.Polygon(0).LinearRing(0)
		i := rnd.IntN(ring.NumCoords() - 1)
		f := float64(rnd.IntN(5)) / 4
		a, b := ring.Coord(i), ring.Coord(i+1)
		p := geo.Point{Lon: a.X() + f*(b.X()-a.X()), Lat: a.Y() + f*(b.Y()-a.Y())}
		want := ref
		for other, g := range grids { // whoever has this edge (or this vertex)
			r := g.Geom.Polygon(0).LinearRing(0)
			hasA, hasB := false, false
			for k := range r.NumCoords() {
				hasA = hasA || r.Coord(k).Equal(geom.XY, a)
				hasB = hasB || r.Coord(k).Equal(geom.XY, b)
			}
			if ((hasA && hasB) || (f == 0 && hasA) || (f == 1 && hasB)) && g.Code < grids[want].Code {
				want = other
			}
		}
		if got := ix.Find(p, nil); got != want {
			t.Fatalf("%v on the border of %s: %d, want %d", p, grids[ref].Code, got, want)
		}
	}
}

func TestSharesAgainstTheTwin(t *testing.T) {
	t.Parallel()
	for name, grids := range map[string][]grid.Grid{"patchwork with specials": withSpecials(patchwork(3, 24, 2)), "liechtenstein": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tries := 100
			if grids == nil {
				grids = liechtenstein(t)
				tries = 12 // the twin is slow on 1,000 vertices
			}
			ix := mustIndex(t, grids)
			rnd := rand.New(rand.NewPCG(3, 4))
			for range tries {
				p := somewhere(rnd, grids)
				radius := math.Pow(10, 1+2.2*rnd.Float64())
				var overrides func(int) bool
				if rnd.IntN(3) > 0 {
					overrides = claimAll
				}
				got := ix.Locate(p, radius, overrides)
				want := twinShares(grids, p, radius, overrides)
				sum := 0.0
				for _, s := range got.Shares {
					sum += s.Share
					if math.Abs(s.Share-want[s.Ref]) > 0.002 {
						t.Fatalf("%v within %.0f m: grid %d has %.4f, the twin says %.4f\n%v\n%v", p, radius, s.Ref, s.Share, want[s.Ref], got.Shares, want)
					}
					delete(want, s.Ref)
				}
				for ref, share := range want {
					if share > 0.002 {
						t.Fatalf("%v within %.0f m: grid %d has no share, the twin says %.4f", p, radius, ref, share)
					}
				}
				if math.Abs(sum-1) > 1e-5 {
					t.Fatalf("shares sum to %v", sum)
				}
				if got.Basis == grid.Inside && got.Responsible.Ref != twinFind(grids, p, overrides) {
					t.Fatalf("%v: responsible %d, the twin says %d", p, got.Responsible.Ref, twinFind(grids, p, overrides))
				}
			}
		})
	}
}

// withSpecials lays two special grids over the general ones: one across a border,
// one with a hole whose outer ring follows the borders of a grid exactly.
func withSpecials(grids []grid.Grid) []grid.Grid {
	a := grids[0].Geom.Polygon(0).LinearRing(0).Coord(0)
	square := func(x, y, side float64) []geom.Coord {
		return []geom.Coord{{x, y}, {x + side, y}, {x + side, y + side}, {x, y + side}, {x, y}}
	}
	copied := grids[4].Geom.Polygon(0).LinearRing(0).Coords()
	mid := grids[4].Geom.Bounds()
	hole := square((mid.Min(0)+mid.Max(0))/2, (mid.Min(1)+mid.Max(1))/2, 0.001)
	return append(grids,
		grid.Grid{Code: "S1", Special: true, Geom: geom.NewMultiPolygon(geom.XY).MustSetCoords([][][]geom.Coord{{square(a.X()+0.0055, a.Y()+0.001, 0.003)}})},
		grid.Grid{Code: "S2", Special: true, Geom: geom.NewMultiPolygon(geom.XY).MustSetCoords([][][]geom.Coord{{copied, hole}})})
}

func TestLocate(t *testing.T) {
	t.Parallel()
	square := func(west, east float64) *geom.MultiPolygon {
		return geom.NewMultiPolygon(geom.XY).MustSetCoords([][][]geom.Coord{{{{west, 28}, {east, 28}, {east, 28.01}, {west, 28.01}, {west, 28}}}})
	}
	// Two grids side by side, a market in the first, a third grid beyond a gap of a kilometre.
	grids := []grid.Grid{
		{Code: "13", Geom: square(121.01, 121.02)}, {Code: "12", Geom: square(121, 121.01)},
		{Code: "M", Special: true, Geom: square(121.002, 121.004)}, {Code: "14", Geom: square(121.03, 121.04)},
	}
	ix := mustIndex(t, grids)
	market := func(ref int) bool { return ref == 2 }
	for name, row := range map[string]struct {
		p         geo.Point
		accuracyM float64
		overrides func(int) bool
		basis     string
		ref       int
		share     float64
		runnerUp  int
		distanceM float64
		assumed   bool
	}{
		"deep inside":              {geo.Point{Lon: 121.007, Lat: 28.005}, 10, nil, grid.Inside, 1, 1, grid.None, 0, false},
		"no accuracy":              {geo.Point{Lon: 121.007, Lat: 28.005}, 0, nil, grid.Inside, 1, 1, grid.None, 0, true},
		"accuracy is no number":    {geo.Point{Lon: 121.007, Lat: 28.005}, math.NaN(), nil, grid.Inside, 1, 1, grid.None, 0, true},
		"on the border":            {geo.Point{Lon: 121.01, Lat: 28.005}, 10, nil, grid.Inside, 1, 0.5, 0, 0, false},
		"market not claimed":       {geo.Point{Lon: 121.003, Lat: 28.005}, 10, nil, grid.Inside, 1, 1, grid.None, 0, false},
		"market claimed":           {geo.Point{Lon: 121.003, Lat: 28.005}, 10, market, grid.Inside, 2, 1, grid.None, 0, false},
		"market's border, claimed": {geo.Point{Lon: 121.004, Lat: 28.005}, 10, market, grid.Inside, 2, 0.5, 1, 0, false},
		"gap, a kilometre away":    {geo.Point{Lon: 121.0250, Lat: 28.005}, 10, nil, grid.Nearest, 0, 0, grid.None, 491.4, false},
		"gap, the disc reaches":    {geo.Point{Lon: 121.0201, Lat: 28.005}, 20, nil, grid.Nearest, 0, 0.2000, grid.None, 9.83, false},
		"nowhere near":             {geo.Point{Lon: 121.1, Lat: 28.005}, 10, nil, grid.Nowhere, grid.None, 0, grid.None, 0, false},
		"no position":              {geo.Point{}, 10, nil, grid.Nowhere, grid.None, 0, grid.None, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := ix.Locate(row.p, row.accuracyM, row.overrides)
			if got.Basis != row.basis || got.Responsible.Ref != row.ref || got.RunnerUp.Ref != row.runnerUp || got.AccuracyAssumed != row.assumed {
				t.Errorf("%+v", got)
			}
			if math.Abs(got.Responsible.Share-row.share) > 0.005 || math.Abs(got.DistanceM-row.distanceM) > 1 {
				t.Errorf("share %.4f, distance %.2f m: %+v", got.Responsible.Share, got.DistanceM, got)
			}
		})
	}
	if a := ix.Locate(geo.Point{Lon: 121.0201, Lat: 28.005}, 20, nil); a.Shares[len(a.Shares)-1].Ref != grid.None {
		t.Errorf("the part outside every grid comes last: %+v", a.Shares)
	}
}

func TestNearestAgainstTheTwin(t *testing.T) {
	t.Parallel()
	grids := patchwork(3, 24, 9)
	grids = append(grids[:4], grids[5:]...) // a hole in the middle
	ix := mustIndex(t, grids)
	rapid.Check(t, func(t *rapid.T) {
		p := geo.Point{Lon: rapid.Float64Range(121.17, 121.26).Draw(t, "lon"), Lat: rapid.Float64Range(28.37, 28.46).Draw(t, "lat")}
		got := ix.Locate(p, 5, nil)
		want, wantM, next := grid.None, math.Inf(1), math.Inf(1) // next: the second nearest grid
		for ref, g := range grids {
			mineM := math.Inf(1)
			ring := g.Geom.Polygon(0).LinearRing(0).Coords()
			for i := 1; i < len(ring); i++ {
				for k := range 101 {
					f := float64(k) / 100
					q := geo.Point{Lon: ring[i-1].X() + f*(ring[i].X()-ring[i-1].X()), Lat: ring[i-1].Y() + f*(ring[i].Y()-ring[i-1].Y())}
					mineM = min(mineM, geo.DistanceM(p, q))
				}
			}
			if mineM < wantM {
				want, wantM, next = ref, mineM, wantM
			} else {
				next = min(next, mineM)
			}
		}
		if in := twinFind(grids, p, nil); in != grid.None {
			if got.Basis != grid.Inside || got.Responsible.Ref != in || got.DistanceM != 0 {
				t.Fatalf("%v: %+v, the twin says %d", p, got, in)
			}
			return
		}
		if (got.Basis == grid.Nearest) != (wantM <= grid.NearestM) && math.Abs(wantM-grid.NearestM) > 15 {
			t.Fatalf("%v: %+v, the nearest grid is %.0f m away", p, got, wantM)
		}
		if got.Basis != grid.Nearest {
			return
		}
		// The twin walks in steps of a metre and measures on the sphere.
		slackM := 0.007*wantM + 1.5
		if math.Abs(got.DistanceM-wantM) > slackM || (got.Responsible.Ref != want && next-wantM > 2*slackM) {
			t.Fatalf("%v: grid %d at %.1f m, the twin says %d at %.1f m", p, got.Responsible.Ref, got.DistanceM, want, wantM)
		}
	})
}

func TestNewNamesEveryGridAtFault(t *testing.T) {
	t.Parallel()
	good := patchwork(1, 8, 1)[0].Geom
	line := geom.NewMultiPolygonFlat(geom.XY, []float64{1, 1, 2, 2, 1, 1}, [][]int{{6}})
	far := geom.NewMultiPolygonFlat(geom.XY, []float64{1, 1, 2, 200, 3, 1, 1, 1}, [][]int{{8}})
	_, err := grid.New([]grid.Grid{{Code: "a", Geom: good}, {Code: "a", Geom: good}, {Code: "b"}, {Code: "c", Geom: line}, {Code: "d", Geom: far}})
	if !errors.Is(err, grid.ErrGrids) {
		t.Fatalf("%v", err)
	}
	for _, want := range []string{`"a" comes twice`, `"b": has no polygon`, `"c": has a ring of 2 sides`, `"d": bad coordinate`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in %v", want, err)
		}
	}
}

func TestNoGrids(t *testing.T) {
	t.Parallel()
	ix := mustIndex(t, nil)
	if got := ix.Locate(geo.Point{Lon: 121, Lat: 28}, 10, nil); got.Basis != grid.Nowhere || ix.Len() != 0 {
		t.Errorf("%+v", got)
	}
}

func BenchmarkFind622x300(b *testing.B) {
	grids := patchwork(25, 300, 1)[:622]
	ix := mustIndex(b, grids)
	rnd := rand.New(rand.NewPCG(1, 1))
	points := make([]geo.Point, 4096)
	for i := range points {
		points[i] = geo.Point{Lon: 121.2 + rnd.Float64()*0.175, Lat: 28.4 + rnd.Float64()*0.175}
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		ix.Find(points[i&4095], nil)
		i++
	}
}

func BenchmarkLocate622x300(b *testing.B) {
	grids := patchwork(25, 300, 1)[:622]
	ix := mustIndex(b, grids)
	rnd := rand.New(rand.NewPCG(1, 1))
	b.ReportAllocs()
	for b.Loop() {
		ix.Locate(geo.Point{Lon: 121.2 + rnd.Float64()*0.175, Lat: 28.4 + rnd.Float64()*0.175}, 20, nil)
	}
}

func BenchmarkNew622x300(b *testing.B) {
	grids := patchwork(25, 300, 1)[:622]
	for b.Loop() {
		mustIndex(b, grids)
	}
}
