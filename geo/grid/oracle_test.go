package grid_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/gridpatrol/gridpatrol/geo"
	"github.com/gridpatrol/gridpatrol/geo/geotest"
	"github.com/gridpatrol/gridpatrol/geo/grid"
	"github.com/twpayne/go-geom"
)

// The slow, obvious twin: rational numbers for points, thin strips for discs. It
// shares no code with the package.

// holds is exact: -1 outside, 0 on an edge, 1 inside.
func holds(mp *geom.MultiPolygon, p geo.Point) int {
	x, y := new(big.Rat).SetFloat64(p.Lon), new(big.Rat).SetFloat64(p.Lat)
	inside := -1
	for _, polygon := range mp.Coords() {
		for _, ring := range polygon {
			for i := 1; i < len(ring); i++ {
				if a, b := ring[i-1], ring[i]; max(a.Y(), b.Y()) < p.Lat || min(a.Y(), b.Y()) > p.Lat || max(a.X(), b.X()) < p.Lon {
					continue // comparisons are exact; this only saves time
				}
				ax, ay := new(big.Rat).SetFloat64(ring[i-1].X()), new(big.Rat).SetFloat64(ring[i-1].Y())
				bx, by := new(big.Rat).SetFloat64(ring[i].X()), new(big.Rat).SetFloat64(ring[i].Y())
				side := new(big.Rat).Sub(
					new(big.Rat).Mul(new(big.Rat).Sub(bx, ax), new(big.Rat).Sub(y, ay)),
					new(big.Rat).Mul(new(big.Rat).Sub(by, ay), new(big.Rat).Sub(x, ax)))
				between := func(v, a, b *big.Rat) bool {
					return v.Cmp(a)*v.Cmp(b) <= 0
				}
				if side.Sign() == 0 && between(x, ax, bx) && between(y, ay, by) {
					return 0
				}
				if (ay.Cmp(y) > 0) != (by.Cmp(y) > 0) && (side.Sign() > 0) == (by.Cmp(ay) > 0) {
					inside = -inside
				}
			}
		}
	}
	return inside
}

// twinFind scans all grids.
func twinFind(grids []grid.Grid, p geo.Point, overrides func(int) bool) int {
	best := grid.None
	for _, special := range []bool{true, false} {
		for ref, g := range grids {
			if g.Special != special || (special && (overrides == nil || !overrides(ref))) || holds(g.Geom, p) < 0 {
				continue
			}
			if best == grid.None || g.Code < grids[best].Code {
				best = ref
			}
		}
		if best != grid.None {
			return best
		}
	}
	return best
}

type span struct{ from, to float64 }

// spansAt answers the stretches of the line at height y (metres from p) that lie in the grid.
func spansAt(mp *geom.MultiPolygon, p geo.Point, y float64) []span {
	lonM, latM := metresPerDegree(p.Lat)
	var xs []float64
	for _, polygon := range mp.Coords() {
		for _, ring := range polygon {
			for i := 1; i < len(ring); i++ {
				ax, ay := (ring[i-1].X()-p.Lon)*lonM, (ring[i-1].Y()-p.Lat)*latM
				bx, by := (ring[i].X()-p.Lon)*lonM, (ring[i].Y()-p.Lat)*latM
				if (ay > y) != (by > y) {
					xs = append(xs, ax+(y-ay)/(by-ay)*(bx-ax))
				}
			}
		}
	}
	slices.Sort(xs)
	var out []span
	for i := 0; i+1 < len(xs); i += 2 {
		out = append(out, span{xs[i], xs[i+1]})
	}
	return out
}

func metresPerDegree(lat float64) (lonM, latM float64) {
	phi := lat * math.Pi / 180
	latM = 111132.92 - 559.82*math.Cos(2*phi) + 1.175*math.Cos(4*phi)
	lonM = 111412.84*math.Cos(phi) - 93.5*math.Cos(3*phi) + 0.118*math.Cos(5*phi)
	return lonM, latM
}

// twinShares cuts the disc into strips and measures on their middle lines, by
// points between all crossings.
func twinShares(grids []grid.Grid, p geo.Point, radiusM float64, overrides func(int) bool) map[int]float64 {
	const strips = 800
	out := map[int]float64{}
	for i := range strips {
		y := radiusM * (2*(float64(i)+0.5)/strips - 1)
		half := math.Sqrt(radiusM*radiusM - y*y)
		cuts := []float64{-half, half}
		spans := make([][]span, len(grids))
		for ref, g := range grids {
			spans[ref] = spansAt(g.Geom, p, y)
			for _, s := range spans[ref] {
				for _, x := range []float64{s.from, s.to} {
					if x > -half && x < half {
						cuts = append(cuts, x)
					}
				}
			}
		}
		slices.Sort(cuts)
		for k := 1; k < len(cuts); k++ {
			mid := (cuts[k-1] + cuts[k]) / 2
			owner, special := grid.None, false
			for ref, g := range grids {
				if g.Special && (overrides == nil || !overrides(ref)) {
					continue
				}
				in := slices.ContainsFunc(spans[ref], func(s span) bool { return s.from <= mid && mid <= s.to })
				if in && (owner == grid.None || (g.Special && !special) || (g.Special == special && g.Code < grids[owner].Code)) {
					owner, special = ref, g.Special
				}
			}
			out[owner] += (cuts[k] - cuts[k-1]) * 2 * radiusM / strips / (math.Pi * radiusM * radiusM)
		}
	}
	return out
}

// liechtenstein reads the communes, exclaves and all, without the product's reader.
func liechtenstein(t testing.TB) []grid.Grid {
	raw, err := os.ReadFile(geotest.Data(t, "liechtenstein-communes.geojson"))
	if err != nil {
		t.Fatal(err)
	}
	var in struct {
		Features []struct {
			Properties struct{ Code string }
			Geometry   struct {
				Type        string
				Coordinates json.RawMessage
			}
		}
	}
	if err := json.Unmarshal(raw, &in); err != nil {
		t.Fatal(err)
	}
	var out []grid.Grid
	for _, f := range in.Features {
		var coords [][][]geom.Coord
		if f.Geometry.Type == "Polygon" {
			coords = make([][][]geom.Coord, 1)
			err = json.Unmarshal(f.Geometry.Coordinates, &coords[0])
		} else {
			err = json.Unmarshal(f.Geometry.Coordinates, &coords)
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, grid.Grid{Code: f.Properties.Code, Geom: geom.NewMultiPolygon(geom.XY).MustSetCoords(coords)})
	}
	return out
}

// patchwork makes n by n grids whose ragged borders share their vertices exactly,
// as a district's do, about vertices of them to a grid. Codes run against the
// order of the slice.
func patchwork(n, vertices int, seed uint64) []grid.Grid {
	rnd := rand.New(rand.NewPCG(seed, 7))
	const west, south, side = 121.2, 28.4, 0.007
	between := max(vertices/4, 1)
	corner := make([][]geom.Coord, n+1)
	for i := range corner {
		for j := range n + 1 {
			corner[i] = append(corner[i], geom.Coord{
				west + side*(float64(i)+0.3*rnd.Float64()), south + side*(float64(j)+0.3*rnd.Float64())})
		}
	}
	ragged := func(a, b geom.Coord) []geom.Coord { // a included, b not
		out := []geom.Coord{a}
		for k := 1; k < between; k++ {
			f := float64(k) / float64(between)
			wave := side * 0.3 / float64(between)
			out = append(out, geom.Coord{a[0] + f*(b[0]-a[0]) + wave*(rnd.Float64()-0.5), a[1] + f*(b[1]-a[1]) + wave*(rnd.Float64()-0.5)})
		}
		return out
	}
	right, up := map[[2]int][]geom.Coord{}, map[[2]int][]geom.Coord{}
	for i := range n + 1 {
		for j := range n + 1 {
			if i < n {
				right[[2]int{i, j}] = ragged(corner[i][j], corner[i+1][j])
			}
			if j < n {
				up[[2]int{i, j}] = ragged(corner[i][j], corner[i][j+1])
			}
		}
	}
	back := func(side []geom.Coord, end geom.Coord) []geom.Coord {
		out := append(slices.Clone(side), end)
		slices.Reverse(out)
		return out[:len(out)-1]
	}
	var out []grid.Grid
	for i := range n {
		for j := range n {
			var ring []geom.Coord
			ring = append(ring, right[[2]int{i, j}]...)
			ring = append(ring, up[[2]int{i + 1, j}]...)
			ring = append(ring, back(right[[2]int{i, j + 1}], corner[i+1][j+1])...)
			ring = append(ring, back(up[[2]int{i, j}], corner[i][j+1])...)
			ring = append(ring, ring[0])
			out = append(out, grid.Grid{Code: fmt.Sprintf("G%05d", 99999-len(out)), Geom: geom.NewMultiPolygon(geom.XY).MustSetCoords([][][]geom.Coord{{ring}})})
		}
	}
	return out
}
